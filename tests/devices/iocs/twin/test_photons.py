import numpy as np
import pytest

from devices.iocs.twin.photons import TICKS_PER_NS, Expected, Slots, accepted, after_dead_time, detections

N_PIXELS = 20


def expected(cps, tau_ns, flat_cps=0.0, shift_ns=10.0, sigma_ns=0.0):
    row = np.ones((N_PIXELS, 1))
    return Expected(row * cps, row * np.array([tau_ns]), row[:, 0] * flat_cps, shift_ns, sigma_ns)


def slots(dwell_s=0.1, repetition_hz=2e6):
    return Slots.of(N_PIXELS, dwell_s=dwell_s, repetition_hz=repetition_hz, apart_ns=4000)


def test_numbers_are_poisson_and_times_in_order(rng):
    draws = [slots().counts(detections(expected(3000.0, 5.0, 500.0), slots(), rng)) for _ in range(50)]
    counts = np.array(draws)
    assert counts.mean() == pytest.approx(350, abs=4 * np.sqrt(350 / counts.size))
    assert counts.var() == pytest.approx(350, rel=4 * np.sqrt(2 / counts.size))
    times = detections(expected(3000.0, 5.0, 500.0), slots(), rng)
    assert np.all(np.diff(times) >= 0)


@pytest.mark.parametrize("tau_ns", [0.0, 4.0, 24.0, 400.0])
@pytest.mark.parametrize("dwell_s", [0.1, 1e-6])
def test_decays_wrap_around_the_period(rng, tau_ns, dwell_s):
    """The mean of exp(2 pi i t / T) over a wrapped decay is that of an unwrapped one, however short the dwell."""
    when = slots(dwell_s)
    times = detections(expected(2000.0 / dwell_s, tau_ns, sigma_ns=0.3), when, rng)
    angle = 2 * np.pi * (times % when.period) / when.period
    omega = 2 * np.pi / 500
    ideal = np.exp(1j * omega * 10 - (omega * 0.3) ** 2 / 2) / (1 - 1j * omega * tau_ns)
    assert abs(np.exp(1j * angle).mean() - ideal) < 4 / np.sqrt(len(times)) + 1e-6


def test_components_share_the_signal(rng):
    both = expected(np.array([[3000.0, 1000.0]]), (0.0, 50.0))
    times = detections(both, slots(), rng)
    late = ((times % slots().period) / TICKS_PER_NS > 10.001).mean()
    assert late == pytest.approx(0.25, abs=4 * np.sqrt(0.25 * 0.75 / len(times)))


def test_background_is_flat(rng):
    times = detections(expected(0.0, 1.0, 20_000.0), slots(), rng)
    counts = np.bincount((times % slots().period) * 50 // slots().period, minlength=50)
    chi_square = ((counts - counts.mean()) ** 2 / counts.mean()).sum()
    assert 20 < chi_square < 90


def test_nothing_expected_is_nothing_detected(rng):
    times = detections(expected(0.0, 5.0), slots(), rng)
    assert len(times) == len(after_dead_time(times, 350)) == 0


def test_acceptance_is_that_of_a_simple_loop(rng):
    for density in (0.01, 0.3, 5.0):
        times = np.sort(rng.integers(0, int(1e5 / density), 2000))
        busy_until = times + 100 + (-times) % 70
        taken, free_at = [], -1
        for time, end in zip(times, busy_until, strict=True):
            taken.append(time >= free_at)
            free_at = end if taken[-1] else free_at
        assert accepted(times, busy_until).tolist() == taken


def test_dead_time_loses_what_the_formula_says(rng):
    times = detections(expected(0.0, 1.0, 2e6), slots(dwell_s=0.01), rng)
    kept = len(after_dead_time(times, 45.0))
    assert kept == pytest.approx(len(times) / (1 + 2e6 * 45e-9), abs=4 * np.sqrt(kept))
