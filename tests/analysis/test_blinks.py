"""Blinking traces from their segments: ON fractions within a point, gaps, dead times, bleaching, photons and bins."""

import numpy as np
import pytest

from analysis.blinks import BlinkRun
from tests.analysis.simulated_emitters import BIN_S, mean_level, on_share, refocus_event, switching


@pytest.fixture
def rng():
    return np.random.default_rng(21)


def start(kind="bins", **more):
    return {
        "uid": "trace",
        "sample_name": "film",
        "emitter": "film-001",
        "excitation": {"laser": "CW 561", "intensity_w_cm2": 2500.0},
        "record": {"kind": kind, "bin_s": BIN_S, "segment_s": 5.0, "macrotime_unit_s": 1e-7},
        "dead_time_ns": [0.0, 0.0],
        "duration_s": 60.0,
    } | more


def trace(rng, seconds, on_fraction, signal_cps, background_cps, *, ends_s=np.inf, **switches):
    """Counts (n, 2) in 1 ms bins, and the share of the time before ends_s, when it bleaches, that it was bright."""
    edges, levels = switching(rng, seconds, on_fraction, **switches)
    grid = np.arange(round(seconds / BIN_S) + 1) * BIN_S
    level = np.where(grid[1:] > ends_s, 0.0, mean_level(edges, levels, grid))
    counts = rng.poisson((signal_cps * level + background_cps)[:, None] * BIN_S / 2, (level.size, 2))
    return counts, on_share(edges, levels, min(ends_s, seconds))


def recorded(rng, counts, background_cps, *, segment=5000, every=6, **more):
    """The run of a trace in segments, with a gap of 2 s for every re-centring."""
    run, at_s = BlinkRun(start(**more)), 0.0
    for k in range(0, len(counts), segment):
        if (k // segment) % every == 0:
            at_s += 2.0
            if np.isfinite(background_cps):
                run.add_refocus(refocus_event(rng, background_cps, 0.02 * background_cps + 100))
        part = counts[k : k + segment]
        seconds = len(part) * BIN_S
        run.add_bins(part, {"counters_started": at_s, "counters_elapsed": seconds, "counters_lit": 1.0})
        at_s += seconds
    return run


@pytest.mark.parametrize(
    "signal_cps, background_cps, rms_points",
    [(700e3, 100e3, 0.6), (88e3, 12e3, 0.6), (20e3, 25e3, 0.7), (4.4e3, 600, 0.7), (2.2e3, 2.8e3, 1.0)],
)
@pytest.mark.parametrize("on_fraction", [0.9, 0.96, 0.99])
def test_on_fractions_are_right_within_a_point(rng, signal_cps, background_cps, rms_points, on_fraction):
    """From 5 to 800 kcps, with grey states; the trace may end in a dark period, which bleaching may explain too."""
    away = []
    for _ in range(6):
        counts, truth = trace(rng, 60.0, on_fraction, signal_cps, background_cps)
        found = recorded(rng, counts, background_cps).estimate()
        away.append(100 * (found.on.value - truth))
        assert not found.observed and found.survival_s == pytest.approx(60.0)
    assert np.sqrt(np.mean(np.square(away))) < rms_points


def test_bright_rate_and_background_come_back(rng):
    counts, _ = trace(rng, 60.0, 0.95, 88e3, 12e3)
    found = recorded(rng, counts, 12e3).estimate()
    assert found.rate_on_cps == pytest.approx(100e3, abs=4 * found.rate_on_err_cps)
    assert found.rate_off_cps < 35e3
    assert found.background_cps == pytest.approx(12e3, rel=0.05)
    assert found.dose_kj_cm2 == pytest.approx(150)
    assert found.n_photons == counts.sum()


def test_a_trace_that_never_switches_off_is_on(rng):
    for rate in (5e3, 800e3):
        counts, _ = trace(rng, 60.0, 1.0, 0.9 * rate, 0.1 * rate)
        found = recorded(rng, counts, 0.1 * rate).estimate()
        assert found.on.value == 1.0 and not found.observed
        assert found.off_times_s.size == 0


def test_a_baseline_that_drifts_is_no_blinking(rng):
    counts, truth = trace(rng, 120.0, 0.95, 88e3, 12e3)
    counts = rng.binomial(counts, np.linspace(1, 0.75, len(counts))[:, None])
    assert recorded(rng, counts, 12e3).estimate().on.value == pytest.approx(truth, abs=0.01)


@pytest.mark.parametrize("ends_s", [1.5, 4.0, 30.0])
@pytest.mark.parametrize("signal_cps, background_cps", [(88e3, 12e3), (4.4e3, 600)])
def test_the_tail_after_bleaching_is_not_off(rng, ends_s, signal_cps, background_cps):
    """It bleaches while bright; the recording goes on for 6 s."""
    shape = {"grey": 0.3, "high_s": 0.05}
    counts, truth = trace(rng, ends_s + 6, 0.95, signal_cps, background_cps, ends_s=ends_s, **shape)
    found = recorded(rng, counts, background_cps).estimate()
    assert found.observed and found.bleached
    assert found.survival_s == pytest.approx(ends_s, abs=0.15)
    assert found.on.value == pytest.approx(truth, abs=0.04)
    assert found.numbers()["bleached_at_s"] == found.on.bleached_at_s == found.survival_s


def test_dark_periods_of_two_seconds_are_no_bleaching(rng):
    counts = rng.poisson(np.repeat([50.0, 6.0, 50.0, 6.0], [8000, 2000, 3000, 2000])[:, None], (15000, 2))
    assert not recorded(rng, counts, 12e3).estimate().observed


def test_gaps_are_declared_and_cut_periods(rng):
    counts = rng.poisson(np.repeat([50.0, 6.0, 50.0], [9000, 2000, 9000])[:, None], (20000, 2))
    found = recorded(rng, counts, 12e3, every=2).estimate()
    assert found.gaps_s == pytest.approx(np.array([[10.0, 12.0]]))
    assert found.live_s == pytest.approx(20.0)
    assert found.time_s[-1] == pytest.approx(22.0 - BIN_S)
    assert found.off_times_s == pytest.approx([1.0, 1.0], abs=0.01)
    assert not found.off_complete.any() and not found.on_complete.any()
    assert found.on.value == pytest.approx(0.9, abs=0.002)


def test_counters_miss_photons_in_their_dead_time_and_the_rate_says_so(rng):
    """400 kcps on each SPAD, 45 and 32 ns: 1.8 and 1.3 % are missing."""
    lost = 1 / (1 + 400e3 * np.array([45e-9, 32e-9]))
    counts = rng.binomial(rng.poisson(400, (20000, 2)), lost)
    found = recorded(rng, counts, 1e3, dead_time_ns=[45.0, 32.0]).estimate()
    assert found.rate_on_cps == pytest.approx(800e3, rel=2e-3)
    assert found.max_rate_cps == pytest.approx(800e3, rel=2e-2)


def records_of(times_s, route, n):
    """Time tags (n,) of a T3R record, zeros behind them; and how many there are."""
    ticks = (times_s * 1e7).astype(np.int64)
    words = (ticks & 0xFFFF).astype(np.uint32) | route.astype(np.uint32) << 28 | np.uint32(0x40000000)
    turns = np.repeat(np.arange(ticks.size), np.diff(ticks >> 16, prepend=0))
    words = np.insert(words, turns, np.uint32(0x0800FFFF))
    return np.append(words, np.zeros(n - words.size, np.uint32)), words.size


def photon_run(rng, rate_cps, seconds, levels, dead_s=350e-9):
    """A run of records, one segment of 1 s after the other; levels : of each."""
    run, n = BlinkRun(start("photons")), int(2.5 * rate_cps)
    run.add_refocus(refocus_event(rng, 0.02 * rate_cps))
    for k, level in zip(range(seconds), levels, strict=True):
        waits = rng.exponential(1 / (rate_cps * level), int(1.2 * rate_cps * level) + 50) + dead_s
        times = np.cumsum(waits)
        times = times[times < 1.0]
        words, n_records = records_of(times, rng.integers(0, 2, times.size), n)
        facts = {"n_records": n_records, "elapsed": 1.0, "started": float(k), "lit": 1.0, "overrun": int(k == 2)}
        run.add_records(words, {f"timeharp_{name}": value for name, value in facts.items()})
    return run


def test_photons_behind_one_converter_are_corrected_for_its_dead_time(rng):
    """800 kcps read as 625 kcps with 350 ns."""
    found = photon_run(rng, 800e3, 4, [1.0] * 4).estimate()
    assert found.n_photons / found.live_s == pytest.approx(625e3, rel=3e-3)
    assert found.rate_on_cps == pytest.approx(800e3, rel=3e-3)
    assert found.n_overrun == 1 and any("memory of the card" in text for text in found.warnings)


def test_photons_have_levels_when_the_run_is_over(rng):
    run = photon_run(rng, 20e3, 9, [1.0, 1.0, 0.05, 1.0, 1.0, 0.05, 1.0, 1.0, 1.0])
    assert run.estimate().levels is None
    found = run.estimate(with_levels=True)
    assert found.levels is not None and found.levels.n_states == 2
    assert found.levels.on_fraction().value == pytest.approx(7 / 9, abs=0.002)
    assert found.on.value == pytest.approx(7 / 9, abs=0.005)


def test_dark_segments_are_left_out_and_a_repeated_one_counts_once(rng):
    run, part = BlinkRun(start()), np.full((1000, 2), 40)
    for index, (at_s, lit) in enumerate([(0.0, 1.0), (1.0, 0.3), (2.0, 1.0)]):
        run.add_bins(part, {"counters_started": at_s, "counters_elapsed": 1.0, "counters_lit": lit}, index)
    run.add_bins(part, {"counters_started": 3.0, "counters_elapsed": 1.0, "counters_lit": 1.0}, 2)
    found = run.estimate()
    assert (found.n_segments, found.live_s) == (2, 2.0)
    assert any("1 segments were left out" in text for text in found.warnings)


def test_nothing_recorded_is_said_so():
    found = BlinkRun(start()).estimate()
    assert np.isnan(found.numbers()["on_fraction"]) and found.numbers()["bleached"] == 0
    assert "no segment was recorded" in found.warnings


def test_an_unknown_kind_of_record_is_refused():
    with pytest.raises(ValueError, match="'movie'"):
        BlinkRun(start("movie"))
