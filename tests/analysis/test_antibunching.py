"""Antibunching: the paper's dot, simulated emitters on both kinds of card, honest errors, and decisions that hold.

Two simulators that know nothing of the fit: single photons of a pumped two-level emitter behind a splitter, jitter,
dead times and a start-stop card; and Poisson counts of a histogram integrated numerically.
"""

import re

import numpy as np
import pytest

from analysis.correlation import (
    coincidences,
    corrected_contrast,
    decide,
    first_stop_correct,
    fit_antibunching,
    fit_time_zero,
)

SIGMA_NS = 0.35
DELAY_NS = np.arange(-250, 250, 0.5) + 0.25


@pytest.fixture
def rng():
    return np.random.default_rng(23)


def g2_of(t, tau_ns, contrast, t0_ns, sigma_ns):
    """eqn (4) behind a Gaussian response, by brute-force convolution."""
    if sigma_ns == 0:
        return 1 - contrast * np.exp(-np.abs(t - t0_ns) / tau_ns)
    late = np.linspace(-6, 6, 241) * sigma_ns
    weight = np.exp(-0.5 * (late / sigma_ns) ** 2)
    shifted = np.exp(-np.abs(t[..., None] - t0_ns - late) / tau_ns)
    return 1 - contrast * shifted @ (weight / weight.sum())


def light_per_bin(delay_ns, *, tau_ns=17.7, contrast=0.77, t0_ns=3.3, sigma_ns=SIGMA_NS):
    """Mean g2 of each bin."""
    fine = np.linspace(-0.5, 0.5, 21)[:-1] + 0.025
    width = delay_ns[1] - delay_ns[0]
    return g2_of(delay_ns[:, None] + fine * width, tau_ns, contrast, t0_ns, sigma_ns).mean(axis=1)


def pair_counts(rng, per_bin, n, **emitter):
    """All-pairs histograms (n, n_bins)."""
    return rng.poisson(per_bin * light_per_bin(DELAY_NS, **emitter), (n, DELAY_NS.size))


def photons(rng, duration_s, signal_cps, *, tau_ns=17.7, n_emitters=1, background=0.0, efficiency=0.02):
    """Detection times (ns, sorted) of emitters whose population recovers with tau_ns after each photon, and their arm.

    background : share of all photons that come at random
    """
    duration_ns, streams = duration_s * 1e9, []
    excitation = signal_cps / n_emitters * 1e-9 / efficiency  # emitted per ns: k g / (k + g)
    root = np.sqrt(1 - 4 * excitation * tau_ns)
    slow, fast = 2 * tau_ns / (1 + root), 2 * tau_ns / (1 - root)  # 1 / k and 1 / g, with k + g = 1 / tau
    for _ in range(n_emitters):
        n = int(1.02 * duration_ns * signal_cps / n_emitters * 1e-9 + 200)
        cycles = rng.geometric(efficiency, n)
        times = np.cumsum(rng.gamma(cycles) * slow + rng.gamma(cycles) * fast)
        streams.append(times[times < duration_ns])
    n_random = rng.poisson(sum(map(len, streams)) * background / (1 - background))
    times = np.sort(np.concatenate([*streams, rng.uniform(0, duration_ns, n_random)]))
    return times, rng.random(times.size) < 0.5


def detected(rng, times, *, jitter_ns=0.25, dead_ns=30.0):
    """Times of one detector: jitter, and blind for dead_ns after each count."""
    times = np.sort(times + rng.normal(0, jitter_ns, times.size))
    while (np.diff(times) < dead_ns).any():
        close = np.flatnonzero(np.diff(times) < dead_ns) + 1
        times = np.delete(times, close[np.append(True, np.diff(close) > 1)])
    return times


def start_stop_card(starts, stops, *, cable_ns=120.0, blind_ns=20.0, bin_ns=0.576, n_bins=1000, busy_ns=350.0):
    """Histogram of the first stop after each start, and the number of armed starts."""
    stops = stops + cable_ns
    first = np.searchsorted(stops, starts + blind_ns)
    first = np.minimum(first, stops.size - 1)
    raw = stops[first] - starts
    hit = (raw >= blind_ns) & (raw < n_bins * bin_ns)
    ready = starts + np.where(hit, raw, n_bins * bin_ns) + busy_ns
    following, armed, i = np.searchsorted(starts, ready).tolist(), [], 0
    while i < starts.size:
        armed.append(i)
        i = following[i]
    raw = raw[armed][hit[armed]]
    return np.bincount((raw / bin_ns).astype(int), minlength=n_bins), len(armed)


def pulls(fits, name, truth):
    error = re.sub(r"(_ns|_cps)?$", r"_err\1", name, count=1)
    return np.array([(getattr(fit, name) - truth) / getattr(fit, error) for fit in fits])


def test_the_papers_dot_comes_back_with_the_papers_error(rng):
    """Fig. 6c: 17.7 ± 0.4 ns, C = 0.77; at 775 coincidences per ns on a card from -100 to +470 ns."""
    delay = np.arange(-100, 470, 0.288)
    counts = rng.poisson(775 * 0.288 * light_per_bin(delay), (12, delay.size))
    fits = [fit_antibunching(delay, n, irf_sigma_ns=SIGMA_NS, estimator="all_pairs") for n in counts]
    assert np.mean([fit.tau_ns for fit in fits]) == pytest.approx(17.7, abs=0.4)
    assert np.mean([fit.tau_err_ns for fit in fits]) == pytest.approx(0.4, abs=0.1)
    assert np.mean([fit.contrast for fit in fits]) == pytest.approx(0.77, abs=0.01)
    assert np.mean([fit.contrast_err for fit in fits]) == pytest.approx(0.008, abs=0.002)
    assert all(decide(fit).single for fit in fits)


def test_errors_are_those_of_the_cramer_rao_bound(rng):
    """The bound from numerical derivatives of a numerically integrated model; t0 does not mix with the others."""
    truth = {"tau_ns": 17.7, "contrast": 0.77}

    def model(level, tau_ns, contrast):
        return level * light_per_bin(DELAY_NS, tau_ns=tau_ns, contrast=contrast)

    x, step = np.array([25, 17.7, 0.77]), np.array([0.1, 0.05, 0.005])
    slopes = np.array([(model(*(x + d)) - model(*(x - d))) / (2 * d.sum()) for d in np.diag(step)])
    bound = np.sqrt(np.diag(np.linalg.inv((slopes / model(*x)) @ slopes.T)))[1:]
    fits = [
        fit_antibunching(DELAY_NS, n, irf_sigma_ns=SIGMA_NS, estimator="all_pairs")
        for n in pair_counts(rng, 25, 160, **truth)
    ]
    estimates = np.array([(fit.tau_ns, fit.contrast) for fit in fits])
    assert estimates.std(axis=0) == pytest.approx(bound, rel=0.17)
    assert np.all(np.abs(estimates.mean(axis=0) - x[1:]) < 0.3 * bound)
    assert np.mean([(fit.tau_err_ns, fit.contrast_err) for fit in fits], axis=0) == pytest.approx(bound, rel=0.05)


@pytest.mark.parametrize(("per_bin", "bias"), [(2.5, 0.035), (1.2, 0.09)])
def test_errors_are_honest_down_to_few_coincidences(rng, per_bin, bias):
    fits = [
        fit_antibunching(DELAY_NS, n, irf_sigma_ns=SIGMA_NS, estimator="all_pairs")
        for n in pair_counts(rng, per_bin, 180)
    ]
    fits = [fit for fit in fits if fit.identified]
    assert len(fits) > 140
    for name, truth in (("tau_ns", 17.7), ("contrast", 0.77)):
        pull = pulls(fits, name, truth)
        assert 0.82 < pull.std() < 1.2
        assert 0.6 < np.mean(np.abs(pull) < 1) < 0.79
        assert np.mean([getattr(fit, name) for fit in fits]) == pytest.approx(truth, rel=bias)
    assert 0.58 < np.mean(np.abs(pulls(fits, "t0_ns", 3.3)) < 1) < 0.78


def test_a_known_time_zero_is_used(rng):
    counts = pair_counts(rng, 2.0, 1)[0]
    free = fit_antibunching(DELAY_NS, counts, irf_sigma_ns=SIGMA_NS, estimator="all_pairs")
    known = fit_antibunching(DELAY_NS, counts, irf_sigma_ns=SIGMA_NS, estimator="all_pairs", t0_ns=3.3)
    assert (known.t0_ns, known.t0_err_ns) == (3.3, 0.0)
    assert known.p_flat < free.p_flat
    assert known.contrast_err < free.contrast_err


@pytest.mark.parametrize("sigma_ns", [0.0, 2.0])
def test_the_response_is_taken_out(rng, sigma_ns):
    """A short dip behind a broad response keeps its depth, and the curve fits where the dip is filled."""
    counts = pair_counts(rng, 300, 1, tau_ns=4.0, contrast=0.9, sigma_ns=sigma_ns)[0]
    fit = fit_antibunching(DELAY_NS, counts, irf_sigma_ns=sigma_ns or None, estimator="all_pairs")
    assert abs(fit.tau_ns - 4.0) < 3.5 * fit.tau_err_ns
    assert abs(fit.g2_zero - 0.1) < 3.5 * fit.g2_zero_err
    assert fit.deviance == pytest.approx(1, abs=0.15)
    assert fit.g2(fit.t0_ns) == pytest.approx(fit.g2_zero)
    truth = 300 * light_per_bin(DELAY_NS, tau_ns=4.0, contrast=0.9, sigma_ns=sigma_ns)
    assert np.max(np.abs(fit.model(DELAY_NS) - truth) / np.sqrt(truth)) < 4
    assert np.isnan(fit.model([-1e3]))
    assert fit.covariance[0, 0] == pytest.approx(fit.tau_err_ns**2)


def first_stop_counts(rng, n_starts, stop_cps, width_ns=0.576, cable_ns=120.0, blind_ns=20.0, **emitter):
    """Multinomial counts of one-stop cards, by the survival of each start."""
    raw = (np.arange(1000) + 0.5) * width_ns
    hazard = stop_cps * 1e-9 * width_ns * light_per_bin(raw - cable_ns, **emitter)
    hazard[raw < blind_ns] = 0
    survive = np.exp(-np.append(0, np.cumsum(hazard)))
    p = -np.diff(survive)
    return raw - cable_ns, rng.multinomial(n_starts, np.append(p, 1 - p.sum()))[:-1]


def test_first_stops_are_fitted_with_their_exact_likelihood(rng):
    stop_cps, fits = 1.5e6, {}
    for n_starts in rng.poisson(40_000, 60):
        delay, counts = first_stop_counts(rng, n_starts, stop_cps)
        for known in ({}, {"n_starts": n_starts}, {"stop_cps": stop_cps}):
            fit = fit_antibunching(delay, counts, irf_sigma_ns=SIGMA_NS, **known)
            fits.setdefault(tuple(known), []).append(fit)
    for known, group in fits.items():
        truths = {"tau_ns": 17.7, "contrast": 0.77, "stop_cps": stop_cps, "baseline": 40_000 * stop_cps * 0.576e-9}
        for name in set(truths) - ({"baseline"} if "n_starts" in known else {"stop_cps"} & set(known)):
            pull = pulls(group, name, truths[name])
            assert abs(pull.mean()) < 0.4, (known, name)
            assert 0.75 < pull.std() < 1.25, (known, name)
    assert np.mean([fit.stop_err_cps for fit in fits[("n_starts",)]]) < 0.25 * np.mean(
        [f.stop_err_cps for f in fits[()]]
    )


def test_a_single_emitter_on_a_start_stop_card(rng):
    """800 kcps per detector: the raw baseline falls by a fifth over the window, the corrected one is flat."""
    times, arm = photons(rng, 1.6, 1.6e6 * 0.94, background=0.06, efficiency=0.15)
    a, b = detected(rng, times[arm]), detected(rng, times[~arm])
    counts, n_starts = start_stop_card(a, b)
    delay = (np.arange(counts.size) + 0.5) * 0.576 - 120
    far = [(delay > -95) & (delay < -70), (delay > 100) & (delay < 400)]
    raw = [counts[side].mean() for side in far]
    assert raw[1] < 0.9 * raw[0]
    corrected = first_stop_correct(counts, n_starts)
    flat = [corrected.stops[side].mean() for side in far]
    assert flat[1] == pytest.approx(flat[0], rel=0.025)
    fits = [
        fit_antibunching(delay, counts, irf_sigma_ns=SIGMA_NS, **known)
        for known in ({}, {"n_starts": n_starts}, {"blind_ns": 20.0})
    ]
    for fit in fits:
        assert abs(fit.tau_ns - 17.7) < 3 * fit.tau_err_ns + 0.2
        assert abs(fit.contrast - 0.94**2) < 3 * fit.contrast_err + 0.01
        assert abs(fit.t0_ns) < 3 * fit.t0_err_ns + 0.05
        assert fit.stop_cps == pytest.approx(8e5, rel=0.1)
        assert decide(fit).single is True


def test_time_tags_and_the_card_agree(rng):
    times, arm = photons(rng, 6, 1e5)
    a, b = detected(rng, times[arm]), detected(rng, times[~arm])
    tags = [np.floor(t * 1000).astype(np.int64) for t in (a, b)]
    pairs = coincidences(*tags, unit_s=1e-12, bin_ns=2.0, window_ns=400)
    fit = fit_antibunching(pairs.delay_ns, pairs.counts, irf_sigma_ns=SIGMA_NS, estimator="all_pairs")
    counts, _ = start_stop_card(a, b, bin_ns=2.0, n_bins=290)
    delay = np.arange(290) * 2.0 + 1 - 120
    card = fit_antibunching(delay, counts, irf_sigma_ns=SIGMA_NS)
    assert fit.baseline == pytest.approx(np.median(pairs.expected), rel=0.1)
    for found in (fit, card):
        assert abs(found.tau_ns - 17.7) < 3.5 * found.tau_err_ns
        assert abs(found.contrast - 1) < 3.5 * found.contrast_err


@pytest.mark.parametrize(("n_emitters", "verdict"), [(1, True), (2, False), (5, False)])
def test_emitters_are_told_apart_where_the_background_is_known(rng, n_emitters, verdict):
    times, arm = photons(rng, 12, 1.4e5, n_emitters=n_emitters, background=0.1)
    tags = [np.floor(detected(rng, t) * 1000).astype(np.int64) for t in (times[arm], times[~arm])]
    pairs = coincidences(*tags, unit_s=1e-12, bin_ns=1.0, window_ns=250)
    fit = fit_antibunching(pairs.delay_ns, pairs.counts, irf_sigma_ns=SIGMA_NS, estimator="all_pairs")
    assert abs(fit.contrast - 0.81 / n_emitters) < 3.5 * fit.contrast_err
    decision = decide(fit, signal_fraction=0.9, signal_fraction_err=0.01)
    assert decision.single is verdict, decision.reason
    emitter, _ = corrected_contrast(fit.contrast, fit.contrast_err, 0.9, 0.01)
    assert 1 / emitter == pytest.approx(n_emitters, rel=0.4)


def test_no_emitter_is_recognised(rng):
    verdicts = []
    for counts in rng.poisson(25, (12, DELAY_NS.size)):
        fit = fit_antibunching(DELAY_NS, counts, irf_sigma_ns=SIGMA_NS, estimator="all_pairs")
        verdicts.append(decide(fit).single)
        assert np.isnan(fit.tau_err_ns) == (not fit.identified)
    assert verdicts.count(False) >= 9
    assert True not in verdicts
    assert "no antibunching" in decide(fit).reason
    assert "no antibunching" in str(fit)


def test_noise_passes_for_a_dip_as_often_as_stated(rng):
    chance = [
        fit_antibunching(DELAY_NS, counts, irf_sigma_ns=SIGMA_NS, estimator="all_pairs").p_flat
        for counts in rng.poisson(4, (200, DELAY_NS.size))
    ]
    assert np.mean(np.array(chance) < 0.1) < 0.17
    assert np.mean(np.array(chance) < 0.01) < 0.035
    assert min(chance) > 1e-5


def test_a_decision_errs_as_often_as_asked(rng):
    """Light exactly at the boundary, two equal emitters: 5 % are called single, 5 % are called not, about."""
    verdicts = [
        decide(fit_antibunching(DELAY_NS, n, irf_sigma_ns=SIGMA_NS, estimator="all_pairs"), false_alarm=0.05).single
        for n in pair_counts(rng, 12, 200, contrast=0.5)
    ]
    assert 0.015 < verdicts.count(True) / 200 < 0.10
    assert 0.015 < verdicts.count(False) / 200 < 0.10


def test_looking_often_needs_more_significance(rng):
    fit = fit_antibunching(DELAY_NS, pair_counts(rng, 25, 1)[0], irf_sigma_ns=SIGMA_NS, estimator="all_pairs")
    assert decide(fit).threshold_sigma == pytest.approx(3.0, abs=1e-3)
    # Brownian motion from t = 1 to 100, standardised, crosses this level with the stated probability.
    level = decide(fit, data_growth=100, false_alarm=0.05).threshold_sigma
    walk = np.cumsum(rng.normal(size=(4000, 3000)), axis=1)[:, 29:]
    crossed = (walk / np.sqrt(np.arange(30, 3001)) > level).any(axis=1).mean()
    assert 0.02 < crossed < 0.06
    assert decide(fit, data_growth=100).threshold_sigma > 3.5


def test_background_correction_propagates_errors():
    """C = 0.77 of a dot with rho = 0.877 is a perfect single-photon source."""
    value, error = corrected_contrast(0.77, 0.008, 0.877, 0.01)
    assert value == pytest.approx(1.001, abs=1e-3)
    assert error == pytest.approx(np.hypot(0.008 / 0.877**2, 2 * 0.01 / 0.877 * value))
    draws = np.random.default_rng(1).normal([0.77, 0.877], [0.008, 0.01], (20_000, 2))
    assert error == pytest.approx(np.std(draws[:, 0] / draws[:, 1] ** 2), rel=0.03)


def test_first_stop_correction_is_exact_and_honest(rng):
    rate = 0.04 * np.array([1.0, 0.2, 0.6, 1.0, 1.4, 1.0])
    p = -np.diff(np.exp(-np.append(0, np.cumsum(rate))))
    exact = first_stop_correct(np.rint(p * 10**9).astype(int), 10**9)
    assert exact.stops == pytest.approx(rate, rel=1e-6)
    pull = []
    for _ in range(400):
        found = first_stop_correct(rng.multinomial(3000, np.append(p, 1 - p.sum()))[:-1], 3000)
        pull.append((found.stops - rate) / found.stops_err)
    assert np.std(pull, axis=0) == pytest.approx(np.ones(6), abs=0.13)
    assert np.abs(np.mean(pull, axis=0)).max() < 0.25


def test_first_stop_correction_of_nothing_and_of_everything():
    empty = first_stop_correct([0, 0], 100)
    assert empty.stops.tolist() == [0, 0]
    assert empty.stops_err == pytest.approx([0.01, 0.01], rel=0.01)
    full = first_stop_correct([60, 40, 0], 100)
    assert np.isinf(full.stops[1])
    assert np.isnan(full.stops[2])
    with pytest.raises(ValueError, match="less than the 101 stops"):
        first_stop_correct([60, 41], 100)
    with pytest.raises(ValueError, match="one histogram"):
        first_stop_correct([[1]], 100)


def test_time_zero_and_response_from_a_split_pulse(rng):
    found = []
    for _ in range(120):
        delay = np.concatenate([rng.normal(121.3, 0.5, 400), rng.uniform(0, 570, 300)])
        counts, edges = np.histogram(delay, np.arange(0, 570, 0.144))
        found.append(fit_time_zero((edges[1:] + edges[:-1]) / 2, counts))
    for name, truth in (("t0_ns", 121.3), ("sigma_ns", 0.5)):
        pull = pulls(found, name, truth)
        assert abs(pull.mean()) < 0.35
        assert 0.8 < pull.std() < 1.2
    assert np.mean([zero.t0_err_ns for zero in found]) == pytest.approx(0.5 / np.sqrt(400), rel=0.1)
    dark = fit_time_zero(DELAY_NS, np.ones(DELAY_NS.size, int))
    assert np.isnan(dark.t0_err_ns)
    assert np.isnan(fit_time_zero(DELAY_NS, np.zeros(DELAY_NS.size, int)).t0_err_ns)


@pytest.mark.parametrize("estimator", ["start_stop", "all_pairs"])
@pytest.mark.parametrize("where", [[], [400], [0], [999], [3, 700]])
def test_hardly_any_counts_give_no_numbers(estimator, where):
    counts = np.zeros(DELAY_NS.size, int)
    counts[where] = 1
    fit = fit_antibunching(DELAY_NS, counts, estimator=estimator)
    assert not fit.identified
    assert np.isnan([fit.tau_err_ns, fit.contrast_err, fit.t0_err_ns, fit.g2_zero_err]).all()
    assert fit.n_coincidences == len(where)
    assert decide(fit).single is None


def test_where_tau_is_unknowable_none_is_given(rng):
    """A tenth of a count per bin: the Cramer-Rao bound of tau is longer than tau."""
    for counts in pair_counts(rng, 0.1, 15):
        assert not fit_antibunching(DELAY_NS, counts, irf_sigma_ns=SIGMA_NS, estimator="all_pairs").identified


def test_a_bright_card_saturates_gracefully(rng):
    """Every start is stopped: the fit still returns, and the known starts keep the level right."""
    delay, counts = first_stop_counts(rng, 200_000, 2e7)
    fit = fit_antibunching(delay, counts, irf_sigma_ns=SIGMA_NS, n_starts=200_000)
    assert fit.stop_cps == pytest.approx(2e7, rel=0.05)
    assert abs(fit.tau_ns - 17.7) < 4 * fit.tau_err_ns


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"counts": [1, 2]}, "same bins"),
        ({"counts": -np.ones(1000)}, "negative"),
        ({"counts": np.full(1000, 0.5)}, "whole numbers"),
        ({"counts": np.full(1000, np.nan)}, "NaN"),
        ({"delay_ns": DELAY_NS**3}, "equal steps"),
        ({"delay_ns": DELAY_NS[::-1]}, "equal steps"),
        ({"irf_sigma_ns": -1.0}, "irf_sigma_ns is -1.0"),
        ({"estimator": "stop_start"}, "stop_start"),
        ({"n_starts": 5}, "less than the 1000 coincidences"),
        ({"n_starts": 1e6, "stop_cps": 1e5}, "give one"),
        ({"estimator": "all_pairs", "n_starts": 1e6}, "leave it out"),
        ({"stop_cps": np.nan}, "stop_cps is nan"),
        ({"stop_err_cps": 1e3}, "stop_err_cps is 1000.0"),
        ({"stop_cps": 1e5, "stop_err_cps": -1.0}, "stop_err_cps is -1.0"),
        ({"blind_ns": 600.0}, "blind_ns 600.0"),
        ({"t0_ns": 1e4}, "outside the live delays"),
        ({"tau_bounds_ns": (5, 2)}, "0 < low < high"),
        ({"irf_sigma_ns": 50.0, "tau_bounds_ns": (1, 5)}, "hide the dip"),
    ],
)
def test_nonsense_is_refused_in_words(change, says):
    good = {"delay_ns": DELAY_NS, "counts": np.ones(1000, int)}
    with pytest.raises(ValueError, match=says):
        fit_antibunching(**{**good, **change})


def test_nonsense_decisions_are_refused():
    fit = fit_antibunching(DELAY_NS, np.ones(1000, int))
    for change, says in (
        ({"false_alarm": 0.0}, "false_alarm is 0.0"),
        ({"data_growth": 0.5}, "data_growth is 0.5"),
        ({"signal_fraction": 1.2}, "signal_fraction is 1.2"),
    ):
        with pytest.raises(ValueError, match=says):
            decide(fit, **change)
    with pytest.raises(ValueError, match="signal_fraction is 0"):
        corrected_contrast(0.5, 0.1, 0.0)
    with pytest.raises(ValueError, match="equal steps"):
        fit_time_zero(DELAY_NS**3, np.ones(1000, int))
    with pytest.raises(ValueError, match="under 8 bins"):
        fit_time_zero([1.0], [1])


@pytest.mark.parametrize("estimator", ["all_pairs", "start_stop"])
@pytest.mark.parametrize("shape", ["peak", "flash"])
def test_light_that_bunches_or_flashes_is_never_called_single(estimator, shape, rng):
    """A peak or crosstalk at zero delay is no dip elsewhere in the window."""
    delay_ns = (np.arange(400) - 200) * 0.5
    expected = 50 * (1 + 0.8 * np.exp(-np.abs(delay_ns) / 17)) if shape == "peak" else np.full(400, 50.0)
    for _ in range(10):
        counts = rng.poisson(expected)
        counts[200] += 5000 * (shape == "flash")
        fit = fit_antibunching(delay_ns, counts, estimator=estimator)
        assert decide(fit).single is not True
        assert not (fit.fits and fit.identified)
