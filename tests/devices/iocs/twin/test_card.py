import math

import numpy as np
import pytest

from devices.iocs.twin import preset as presets
from devices.iocs.twin.card import CardSettings, conversions, delivered
from devices.iocs.twin.photons import TICKS_PER_NS, Expected, Slots, detections

PRESET = presets.load("A").instrument.card
PERIOD_NS = 500.0
PULSES = 100_000


def histogram(
    rng, *, cps=0.0, flat_cps=0.0, tau_ns=0.0, code=2, offset_ns=0.0, hz=2e6, n_routes=1, t0_ns=10.0, sigma_ns=0.0
):
    """Counts (n_routes, 4096) of equal routes in one pixel of 100 000 pulses."""
    slots = Slots.of(1, dwell_s=PULSES / hz, repetition_hz=hz, apart_ns=4000)
    one = Expected(np.array([[cps]]), np.array([[tau_ns]]), np.array([flat_cps]), t0_ns, sigma_ns)
    clicks = [detections(one, slots, rng) for _ in range(n_routes)]
    settings = CardSettings.of(PRESET, code, offset_ns)
    return delivered(conversions(clicks, slots, np.zeros(1, int), PRESET, settings), 1, n_routes)[0][0]


def test_prompt_light_is_in_its_channel_and_the_decay_runs_forwards(rng):
    prompt = histogram(rng, cps=20_000.0)[0]
    raw_ns = PERIOD_NS - 10
    assert prompt.argmax() == 4095 - math.floor(raw_ns / 0.144)
    decay = histogram(rng, cps=200_000.0, tau_ns=20.0)[0]
    peak = prompt.argmax()
    assert decay[peak : peak + 100].sum() > 1.5 * decay[peak + 100 : peak + 200].sum() > 0


def test_exactly_one_period_is_ever_occupied(rng):
    total = sum(histogram(rng, flat_cps=400_000.0)[0].astype(int) for _ in range(8))
    occupied = np.flatnonzero(total)
    assert abs(occupied.min() - (4095 - math.floor(520 / 0.144))) <= 2
    assert abs(occupied.max() - (4095 - math.ceil(20 / 0.144))) <= 2


@pytest.mark.parametrize("per_pulse", [0.015, 0.5, 3.0])
@pytest.mark.parametrize("n_routes", [1, 2])
def test_pile_up_keeps_one_photon_per_pulse_over_all_routes(rng, per_pulse, n_routes):
    counts = histogram(rng, cps=per_pulse * 2e6 / n_routes, n_routes=n_routes, sigma_ns=1.0)
    kept = 1 - np.exp(-per_pulse)
    assert counts.sum() == pytest.approx(PULSES * kept, abs=4 * np.sqrt(PULSES * kept * (1 - kept)) + 1)
    assert counts.sum(axis=1).min() > 0.3 * counts.sum() / n_routes


@pytest.mark.parametrize("flat_cps", [1e4, 1e6, 1e7])
def test_dead_time_of_the_converter(rng, flat_cps):
    """At 20 MHz every conversion is shorter than the dead time: measured = r / (1 + r dead)."""
    counts = histogram(rng, flat_cps=flat_cps, hz=20e6).sum()
    expected = flat_cps * PULSES / 20e6 / (1 + flat_cps * 350e-9)
    assert counts == pytest.approx(expected, abs=4 * np.sqrt(expected))


def test_a_short_window_truncates_and_the_offset_moves_it(rng):
    assert histogram(rng, cps=20_000.0, code=1).sum() == 0
    found = histogram(rng, cps=20_000.0, code=1, offset_ns=225.0)[0]
    assert found.argmax() == 4095 - math.floor((490 - 225) / 0.072)
    flat = histogram(rng, flat_cps=20_000.0, code=1).sum() / histogram(rng, flat_cps=20_000.0).sum()
    assert flat == pytest.approx((4096 * 0.072 - 20) / PERIOD_NS, rel=0.15)


def test_sixteen_bits_saturate_on_their_own_route():
    index = np.concatenate([np.full(70_000, 5), np.full(65_535, 4096 + 7)])
    histograms, overflow = delivered(index, 1, 2)
    assert histograms.dtype == np.uint16
    assert histograms[0, 0, 5] == histograms[0, 1, 7] == 65_535
    assert overflow.tolist() == [True, False]


def test_settings_are_those_of_the_card():
    settings = CardSettings.of(PRESET, 3, 101.0)
    assert settings.offset_ns == 100.0
    assert settings.bin_width_ns == pytest.approx(0.288)
    for code, offset_ns in ((6, 0), (-1, 0), (2, 2001), (2, -1), (2, math.nan)):
        with pytest.raises(ValueError, match=r"range_code|offset_ns"):
            CardSettings.of(PRESET, code, offset_ns)


def test_pixels_do_not_disturb_each_other():
    """A photon at the end of a pixel does not keep the card busy in the next."""
    slots = Slots.of(2, dwell_s=1e-5, repetition_hz=2e6, apart_ns=4000)
    times = np.array([slots.length - 1, slots.stride + 30 * TICKS_PER_NS])
    index = conversions([times], slots, np.arange(2), PRESET, CardSettings.of(PRESET, 2, 0))
    assert (index // 4096).tolist() == [0, 1]
