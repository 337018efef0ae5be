"""Photons under continuous light: gaps, antibunching, arms and seams, against simulations emission by emission."""

import numpy as np
import pytest

from devices.iocs.twin.cw_light import CwLight, Source
from devices.iocs.twin.photons import TICKS_PER_NS
from devices.iocs.twin.streams import TICKS_PER_S, CwPhotons

NS = 1e-9


def emitter(*, pump_hz=2e7, tau_ns=20.0, efficiency=0.05, pair=0.0, n=1):
    row = np.ones(n)
    return Source(1, row * pump_hz, row / (tau_ns * NS), row * efficiency, pair)


def cw_light(*sources, seconds=1.0, share=(0.5, 0.5), flat_cps=0.0, n=1):
    return CwLight(np.linspace(0, seconds, n + 1), sources, np.array(share), np.full((n, len(share)), float(flat_cps)))


def photons(light, rng, *, jitter_ns=0.0, ends_s=None):
    """Sorted times of each route in ticks, in one piece or in several."""
    stream = CwPhotons(light, np.full(len(light.share), jitter_ns), rng)
    pieces = [stream.until(round(end * TICKS_PER_S)) for end in (ends_s or [light.duration_s])]
    return [np.sort(np.concatenate(route)) for route in zip(*pieces, strict=True)]


def g2(a, b, rate_a, rate_b, seconds, lags_ns):
    """All pairs b - a in bins of lag over what random light would have."""
    edges = np.round(np.asarray(lags_ns) * TICKS_PER_NS).astype(np.int64)
    near = np.searchsorted(b, a[:, None] + edges[[0, -1]])
    counts, later = np.zeros(len(edges) - 1), near[:, 0]
    while (some := later < near[:, 1]).any():
        a, near, later = a[some], near[some], later[some]
        counts += np.histogram(b[later] - a, edges)[0]
        later = later + 1
    expected = rate_a * rate_b * seconds * np.diff(lags_ns) * NS
    return counts / expected, np.sqrt(np.maximum(counts, 1)) / expected


def test_gaps_are_those_of_a_two_level_emitter(rng):
    """Against four million excitations and emissions, each seen with a chance of 5 %."""
    pump_hz, tau_ns, seen = 2e7, 20.0, 0.05
    cycles_ns = rng.exponential(1e9 / pump_hz, 4_000_000) + rng.exponential(tau_ns, 4_000_000)
    brute = np.diff(np.cumsum(cycles_ns)[rng.random(4_000_000) < seen])
    (times,) = photons(cw_light(emitter(), seconds=0.3, share=[1.0]), rng)
    gaps = np.diff(times) / TICKS_PER_NS
    assert gaps.mean() == pytest.approx(brute.mean(), rel=4 * np.sqrt(1 / len(gaps) + 1 / len(brute)))
    assert gaps.std() == pytest.approx(brute.std(), rel=4 * np.sqrt(2 / len(gaps) + 2 / len(brute)))
    for short_ns in (5.0, 20.0, 100.0):
        ours, theirs = (gaps < short_ns).mean(), (brute < short_ns).mean()
        assert ours == pytest.approx(theirs, abs=4 * np.sqrt(theirs / len(gaps) + theirs / len(brute)))


@pytest.mark.parametrize(("background_cps", "pump_hz"), [(0.0, 2e6), (2e5, 2e6), (0.0, 2e7)])
def test_dip_of_one_emitter_in_random_light(rng, background_cps, pump_hz):
    light = cw_light(emitter(pump_hz=pump_hz, efficiency=0.3), seconds=1.0, flat_cps=background_cps)
    a, b = photons(light, rng)
    rate = light.signal_cps[0] + background_cps
    assert len(a) == pytest.approx(rate[0], abs=4 * np.sqrt(rate[0]))
    lags_ns = np.linspace(-100, 100, 41)
    found, error = g2(a, b, *rate, 1.0, lags_ns)
    rise_ns, contrast = 1e9 / (pump_hz + 5e7), np.prod(light.signal_cps[0] / rate)
    fine = np.linspace(-100, 100, 4001)
    dip = 1 - contrast * np.exp(-np.abs(fine[:-1] + 0.025) / rise_ns)
    pull = (found - dip.reshape(40, 100).mean(axis=1)) / error
    assert np.abs(pull).max() < 4.5
    assert (pull**2).sum() < 75


def test_two_emitters_at_one_place_have_half_the_contrast(rng):
    light = cw_light(emitter(efficiency=0.2), emitter(efficiency=0.2), seconds=1.0)
    a, b = photons(light, rng)
    found, error = g2(a, b, *light.signal_cps[0], 1.0, np.array([-0.5, 0.5]))
    assert found[0] == pytest.approx(0.5, abs=4 * error[0] + 0.01)


def test_pairs_of_photons_fill_the_dip(rng):
    """Second photons come a lifetime after the first: a peak p (k + G) / k exp(-G |t|) / (1 + p)^2 on the dip."""
    pump_hz, pair = 5e6, 0.04
    light = cw_light(emitter(pump_hz=pump_hz, efficiency=0.4, pair=pair), seconds=2.0)
    a, b = photons(light, rng)
    rate = light.signal_cps[0]
    assert len(a) == pytest.approx(2 * rate[0], abs=5 * np.sqrt(2 * rate[0]))
    found, error = g2(a, b, *rate, 2.0, np.array([-2.0, 2.0]))
    floor = pair * (pump_hz + 5e7) / pump_hz / (1 + pair) ** 2
    assert found[0] == pytest.approx(floor + 0.04, abs=4 * error[0] + 0.04)
    assert found[0] > floor / 2


def test_arms_share_as_told_and_the_rest_is_lost(rng):
    light = cw_light(emitter(), seconds=0.5, share=[0.3, 0.6])
    counts = np.array([len(route) for route in photons(light, rng)])
    emitted = light.sources[0].rate_cps[0] * 0.5
    assert counts == pytest.approx(emitted * light.share, abs=4 * np.sqrt(emitted))
    bright = cw_light(emitter(), seconds=0.5, share=[0.9, 0.6])
    counts = np.array([len(route) for route in photons(bright, rng)])
    assert counts == pytest.approx(emitted * bright.share, abs=4 * np.sqrt(emitted))


def test_background_belongs_to_its_route_and_is_random(rng):
    light = CwLight(np.array([0.0, 1.0]), (), np.array([0.5, 0.5]), np.array([[3e5, 1e5]]))
    a, b = photons(light, rng)
    assert [len(a), len(b)] == pytest.approx([3e5, 1e5], abs=2200)
    gaps = np.diff(a) / TICKS_PER_S
    assert gaps.std() == pytest.approx(gaps.mean(), rel=0.02)


def test_jitter_is_the_width_told(rng):
    """Of the difference of photons that come together: both jitters in quadrature."""
    light = cw_light(emitter(pump_hz=1e3, tau_ns=1e-3, efficiency=0.9, pair=1.0), seconds=30.0)
    a, b = photons(light, rng, jitter_ns=0.4)
    after = np.searchsorted(b, a - 10 * TICKS_PER_NS)
    near = (b[np.minimum(after, len(b) - 1)] - a) / TICKS_PER_NS
    assert np.std(near[np.abs(near) < 10]) == pytest.approx(0.4 * np.sqrt(2), rel=0.05)


def test_seams_leave_no_trace(rng):
    """Rates and dip stay where stretches of 20 ns and pieces of 0.5 us join: an emitter that began anew had no dip."""
    seconds, n = 0.002, 100_000
    light = cw_light(emitter(pump_hz=2e7, efficiency=0.5, n=n), seconds=seconds, n=n)
    ends_s = np.linspace(0, seconds, 4001)[1:].tolist()
    both = [photons(light, rng, ends_s=ends_s) for _ in range(10)]
    rate, total = light.signal_cps[0], light.signal_cps[0].sum() * seconds * 10
    times = np.concatenate([np.concatenate(one) for one in both])
    assert len(times) == pytest.approx(total, abs=4 * np.sqrt(total))
    found, error = np.mean([g2(a, b, *rate, seconds, np.array([-1.0, 1.0])) for a, b in both], axis=0)
    assert found[0] == pytest.approx(0.034, abs=4 * error[0] / np.sqrt(10))
    for seam_ns in (20, 500):
        phase = times % (seam_ns * TICKS_PER_NS)
        bins = np.bincount(phase * 20 // (seam_ns * TICKS_PER_NS), minlength=20)
        assert ((bins - bins.mean()) ** 2 / bins.mean()).sum() < 45


def test_blinking_and_a_change_of_rate_are_followed(rng):
    row = np.array([1.0, 1.0, 1.0, 1.0])
    source = Source(1, row * 2e7, row / (20 * NS), row * np.array([0.05, 0.0, 0.01, 0.05]))
    light = CwLight(np.array([0.0, 0.1, 0.3, 0.6, 0.7]), (source,), np.array([0.5, 0.5]), np.zeros((4, 2)))
    times = np.sort(np.concatenate(photons(light, rng))) / TICKS_PER_S
    counts = np.histogram(times, light.edges_s)[0]
    expected = source.rate_cps * np.diff(light.edges_s)
    assert counts[1] == 0
    assert counts == pytest.approx(expected, abs=4 * np.sqrt(expected.max()))


def test_dark_is_empty_and_the_seed_decides(rng):
    dark = cw_light(emitter(efficiency=0.0), seconds=10.0)
    assert [len(route) for route in photons(dark, rng)] == [0, 0]
    light = cw_light(emitter(), seconds=0.05, flat_cps=1e4)
    first, again, other = (photons(light, np.random.default_rng(seed), jitter_ns=0.4) for seed in (1, 1, 2))
    assert all(np.array_equal(x, y) for x, y in zip(first, again, strict=True))
    assert not np.array_equal(first[0][:100], other[0][:100])
