"""ON fraction: recovered with an honest error, bleaching kept apart, one level seen as one."""

import numpy as np
import pytest

from analysis.blinking import on_fraction, on_fraction_of_levels

BIN_S = 0.01
ON_CPS, BACKGROUND_CPS = 1e5, 1.2e4


def power_law(rng, n, m, shortest, longest):
    a, b = shortest ** (1 - m), longest ** (1 - m)
    return (a + rng.random(n) * (b - a)) ** (1 / (1 - m))


def levels(rng, on, duration_s, heavy):
    """Edges and brightness of an emitter that is on for a share of its time: exponential bright periods, and dark
    ones that follow a power law with grey ones among them, or are exponential and black."""
    n = 20 + int(2 * duration_s / 0.03)
    dark = power_law(rng, n, 1.6, 0.01, 2.0) if heavy else rng.exponential(0.15, n)
    mean_dark = 0.1148 if heavy else 0.15
    bright = rng.exponential(mean_dark * on / (1 - on), n)
    edges = np.append(0.0, np.cumsum(np.stack([bright, dark], axis=1).ravel()))
    height = np.stack([np.ones(n), np.where(rng.random(n) < 0.3 * heavy, 0.2, 0.0)], axis=1).ravel()
    last = np.searchsorted(edges, duration_s)
    return np.append(edges[:last], duration_s), height[:last]


def trace(rng, edges, height, on_cps=ON_CPS, bin_s=BIN_S):
    grid = np.arange(round(edges[-1] / bin_s) + 1) * bin_s
    light = np.diff(np.interp(grid, edges, np.append(0.0, np.cumsum(np.diff(edges) * height))))
    return rng.poisson(light * on_cps + BACKGROUND_CPS * bin_s)


def results(on, duration_s, n=120, heavy=False, **settings):
    rngs = [np.random.default_rng(seed) for seed in range(n)]
    return [on_fraction(trace(rng, *levels(rng, on, duration_s, heavy), **settings), bin_s=BIN_S) for rng in rngs]


def test_the_mean_of_the_power_law_is_what_the_simulator_says():
    assert power_law(np.random.default_rng(0), 400_000, 1.6, 0.01, 2.0).mean() == pytest.approx(0.1148, rel=0.02)


@pytest.mark.parametrize("on", [0.5, 0.9])
def test_the_error_contains_the_scatter_of_dwell_times(on):
    found = results(on, 120)
    value, err = np.array([(r.value, r.err) for r in found]).T
    pulls = (value - on) / err
    assert value.mean() == pytest.approx(on, abs=0.006)
    assert 0.8 < pulls.std() < 1.2 and abs(pulls.mean()) < 0.35
    binomial = np.sqrt(on * (1 - on) / 12_000)
    assert np.median(err) > 3 * binomial


def test_heavy_tails_and_grey_periods_are_still_covered():
    found = results(0.94, 120, heavy=True)
    inside = [abs(r.value - 0.94) < r.err for r in found]
    assert 0.58 < np.mean(inside) < 0.85


def test_time_is_counted_as_it_was_spent():
    for seed in range(20):
        rng = np.random.default_rng(seed)
        edges, height = levels(rng, 0.9, 60, heavy=True)
        spent = np.diff(edges) @ (height == 1) / edges[-1]
        assert on_fraction(trace(rng, edges, height), bin_s=BIN_S).value == pytest.approx(spent, abs=0.006)
        assert on_fraction_of_levels(edges, height * ON_CPS).value == pytest.approx(spent, abs=1e-9)


def test_levels_that_overlap_are_corrected_for():
    rng = np.random.default_rng(1)
    edges, height = levels(rng, 0.7, 60, heavy=False)
    spent = np.diff(edges) @ height / edges[-1]
    grid = np.searchsorted(edges, (np.arange(60_000) + 0.5) * 1e-3) - 1
    counts = rng.poisson(2 + 5 * height[grid])
    found = on_fraction(counts, bin_s=1e-3)
    assert found.value == pytest.approx(spent, abs=0.01)
    assert found.high_cps == pytest.approx(7000, rel=0.02) and found.low_cps == pytest.approx(2000, rel=0.05)


@pytest.mark.parametrize("bleached_at_s", [3.2345, 23.4567])
def test_a_bleached_tail_is_not_off(bleached_at_s):
    pulls = []
    for seed in range(30):
        rng = np.random.default_rng(seed)
        edges, height = np.array([0, bleached_at_s, 60]), np.array([1.0, 0.0])
        found = on_fraction(trace(rng, edges, height), bin_s=BIN_S)
        assert found.value == 1 and found.n_off_periods == 0
        pulls.append((found.bleached_at_s - bleached_at_s) / found.bleached_at_err_s)
    assert np.std(pulls) < 1.5 and abs(np.mean(pulls)) < 0.6


def test_blinking_before_bleaching_counts_alone():
    for seed in range(20):
        rng = np.random.default_rng(seed)
        edges, height = levels(rng, 0.8, 30, heavy=False)
        last = edges[np.flatnonzero(height == 1)[-1] + 1]
        spent = np.diff(edges) @ height / last
        counts = np.append(trace(rng, edges, height), rng.poisson(BACKGROUND_CPS * BIN_S, 1000))
        found = on_fraction(counts, bin_s=BIN_S)
        assert found.value == pytest.approx(spent, abs=0.01)
        assert found.bleached_at_s == pytest.approx(last, abs=0.03)
        assert found.bleach_p_value < 0.2


def test_a_dark_end_like_those_before_is_not_bleaching():
    counts = np.tile(np.repeat([1000, 100], [300, 500]), 6)
    found = on_fraction(counts, bin_s=BIN_S)
    assert np.isnan(found.bleached_at_s)
    assert found.value == pytest.approx(300 / 800)


@pytest.mark.parametrize("drift", [0.0, 0.2])
def test_an_emitter_that_never_blinks_has_one_level(drift):
    for seed in range(20):
        rng = np.random.default_rng(seed)
        found = on_fraction(rng.poisson(1000 * (1 + drift * np.linspace(-1, 1, 6000) / 2)), bin_s=BIN_S)
        assert (found.value, found.n_levels, found.err) == (1.0, 1, 1 / 6000**0.5)
        assert found.high_cps == pytest.approx(1e5, rel=0.01) and np.isnan(found.threshold)


@pytest.mark.parametrize(
    "drift",
    [lambda x: 1 + 0.2 * np.sin(12 * x), lambda x: 1 + 0.3 * np.cos(12 * x), lambda x: 1 - 0.4 * x, lambda x: 0.2**x],
)
@pytest.mark.parametrize("per_bin", [10, 1000])
def test_a_drift_is_no_blinking(drift, per_bin):
    for seed in range(5):
        counts = np.random.default_rng(seed).poisson(per_bin * drift(np.linspace(0, 1, 6000)))
        found = on_fraction(counts, bin_s=BIN_S)
        assert (found.value, found.n_levels) == (1.0, 1) and np.isnan(found.bleached_at_s)


@pytest.mark.parametrize("on", [0.6, 0.94])
def test_blinking_is_seen_through_a_drift(on):
    for seed in range(5):
        rng = np.random.default_rng(seed)
        edges, height = levels(rng, on, 60, heavy=True)
        spent = np.diff(edges) @ (height == 1) / edges[-1]
        time = np.linspace(0, 1, 6000)
        light = trace(rng, edges, height) - 120.0
        rising = on_fraction(np.rint(np.maximum(light, 0) + 100 + 700 * time), bin_s=BIN_S)
        fading = on_fraction(rng.poisson(np.maximum(light, 0) * (1 - 0.6 * time) + 20), bin_s=BIN_S)
        assert rising.value == pytest.approx(spent, abs=0.008)
        assert fading.value == pytest.approx(spent, abs=0.008)


@pytest.mark.parametrize(("high", "low", "dwell_bins"), [(10, 2, 200), (10, 2, 600), (1000, 300, 1500), (4, 1, 3000)])
def test_slow_switching_is_no_drift(high, low, dwell_bins):
    bright = np.arange(6000) // dwell_bins % 2 == 0
    for seed in range(5):
        counts = np.random.default_rng(seed).poisson(np.where(bright, high, low))
        found = on_fraction(counts, bin_s=BIN_S, bleached_after_s=1e3)
        assert found.n_levels == 2
        assert found.high_cps == pytest.approx(high / BIN_S, rel=0.05)


@pytest.mark.parametrize("n_flashes", [1, 3, 5])
def test_a_few_freak_bins_are_no_level(n_flashes):
    rng = np.random.default_rng(4)
    counts = rng.poisson(np.where(rng.random(600) < 0.88, 1000, 20))
    flashes = counts.copy()
    flashes[rng.choice(600, n_flashes, replace=False)] = 10**7
    before, after = on_fraction(counts, bin_s=BIN_S), on_fraction(flashes, bin_s=BIN_S)
    assert after.value == pytest.approx(before.value, abs=0.01)
    assert after.high_cps == pytest.approx(before.high_cps, rel=0.01)


@pytest.mark.parametrize(("on", "duration_s"), [(0.5, 60), (0.9, 60), (0.94, 60), (0.97, 60), (0.98, 180)])
def test_the_error_covers_what_few_dark_periods_hide(on, duration_s):
    pulls = np.array([(r.value - on) / r.err for r in results(on, duration_s, n=100, heavy=True)])
    assert pulls.std() < 1.35
    assert 0.57 < np.mean(abs(pulls) < 1) < 0.93


def test_without_dark_periods_one_may_have_been_missed():
    assert on_fraction(np.random.default_rng(0).poisson(1000, 6000), bin_s=BIN_S).err > 0.01
    assert on_fraction_of_levels([0, 60], [1e5]).err > 0.01


@pytest.mark.parametrize("tail_s", [0.6, 1.5, 3.0])
def test_a_short_bleached_end_is_not_off(tail_s):
    dark = np.tile(np.repeat([1000, 20], [400, 10]), 14)
    counts = np.append(dark, np.repeat([1000, 20], [60, round(tail_s / BIN_S)]))
    found = on_fraction(counts, bin_s=BIN_S)
    share = (14 * 400 + 60) / (14 * 410 + 60)
    assert found.value == pytest.approx(share) and found.bleached_at_s == pytest.approx(58, abs=0.02)
    edges = np.append(0, np.cumsum([4, 0.1] * 14 + [0.6, tail_s]))
    of_levels = on_fraction_of_levels(edges, [1e5, 2e3] * 15)
    assert of_levels.value == pytest.approx(share) and of_levels.bleached_at_s == pytest.approx(58)


def test_an_end_that_may_be_either_is_in_the_error():
    counts = np.repeat([1000, 20, 1000, 20, 1000, 20], [1500, 100, 1500, 30, 1500, 70])
    dark = on_fraction(counts, bin_s=BIN_S)
    longer = on_fraction(np.append(counts, np.full(50, 20)), bin_s=BIN_S)
    assert dark.value == pytest.approx(4500 / 4700) and longer.value == pytest.approx(4500 / 4630)
    assert np.isnan(dark.bleached_at_s) and np.isnan(longer.bleached_at_s)
    assert min(dark.err, longer.err) > 70 / 4700


def test_one_level_is_dark_if_it_is_the_background():
    counts = np.random.default_rng(0).poisson(120, 6000)
    assert on_fraction(counts, bin_s=BIN_S, background_cps=1.2e4).value == 0
    assert on_fraction(counts, bin_s=BIN_S, background_cps=3e3).value == 1
    assert on_fraction(np.zeros(100, int), bin_s=BIN_S).value == 0


def test_a_single_dark_bin_is_seen():
    counts = np.random.default_rng(0).poisson(1000, 6000)
    counts[1234] = 100
    found = on_fraction(counts, bin_s=BIN_S)
    assert found.value == pytest.approx(1 - 1 / 6000) and found.n_off_periods == 1
    assert 0.001 < found.err < 0.01


def test_rates_are_corrected_for_dead_time():
    counted = 8e5 / (1 + 8e5 * 45e-9)
    rng = np.random.default_rng(3)
    counts = rng.poisson(np.repeat([counted, 1e4], [300, 60])[np.arange(3600) % 360] * BIN_S)
    assert on_fraction(counts, bin_s=BIN_S, dead_time_s=45e-9).high_cps == pytest.approx(8e5, rel=1e-3)


def test_the_boundary_decides_whether_grey_is_bright():
    edges, rate = [0, 40, 50, 80, 90, 100], [1e5, 2e4, 1e5, 1e3, 1e5]
    assert on_fraction_of_levels(edges, rate).value == pytest.approx(0.8)
    assert on_fraction_of_levels(edges, rate, boundary=0.1).value == pytest.approx(0.9)
    assert on_fraction_of_levels([0, 10], [5e4]).value == 1
    assert on_fraction_of_levels([0, 10], [0]).value == 0
    bleached = on_fraction_of_levels([0, 20, 60], [1e5, 1e3])
    assert bleached.value == 1 and bleached.bleached_at_s == 20


@pytest.mark.parametrize(
    ("counts", "wrong", "message"),
    [
        ([], {}, "shape"),
        ([[1]], {}, "shape"),
        ([-1], {}, "negative"),
        ([0.5], {}, "fractional"),
        ([np.nan], {}, "missing"),
        ([1], {"bin_s": 0}, "bin_s is 0"),
        ([1], {"least_contrast": 1.5}, "least_contrast"),
        ([1000], {"dead_time_s": 1e-4}, "do not fit"),
    ],
)
def test_nonsense_counts_are_refused(counts, wrong, message):
    with pytest.raises(ValueError, match=message):
        on_fraction(counts, **({"bin_s": BIN_S} | wrong))


@pytest.mark.parametrize(
    ("edges", "rate", "boundary", "message"),
    [
        ([0, 1], [], 0.5, "one more edge"),
        ([0, 2, 1], [1, 2], 0.5, "not ascending"),
        ([0, 1], [np.nan], 0.5, "missing rates"),
        ([0, 1], [1], 2, "boundary is 2"),
    ],
)
def test_nonsense_levels_are_refused(edges, rate, boundary, message):
    with pytest.raises(ValueError, match=message):
        on_fraction_of_levels(edges, rate, boundary=boundary)
