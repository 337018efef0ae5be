"""Durations of blinking: laws recovered with honest errors, exact or in bins, cut short or not."""

import numpy as np
import pytest
from scipy import stats

from analysis.blinking import (
    compare_laws,
    durations,
    durations_of_levels,
    fit_exponential,
    fit_power_law,
    fit_truncated_power_law,
)


def power_law(rng, n, m=1.5, shortest=0.01, longest=20.0):
    a, b = shortest ** (1 - m), longest ** (1 - m)
    return (a + rng.random(n) * (b - a)) ** (1 / (1 - m))


def truncated(rng, n, m=1.5, shortest=0.01, cutoff=1.0):
    drawn = power_law(rng, 60 * n, m, shortest, 1e3 * cutoff)
    return drawn[rng.random(drawn.size) < np.exp(-drawn / cutoff)][:n]


def in_bins(rng, time_s, bin_s):
    """Bins whose centre a run of this length covers, wherever it starts."""
    return np.floor(time_s / bin_s + rng.random(time_s.size)) * bin_s


def cramer_rao(n, m=1.5, ratio=2000.0):
    """Of the exponent of n exact durations within a known range: log t is a truncated exponential."""
    a, length = m - 1, np.log(ratio)
    return 1 / np.sqrt(n * (1 / a**2 - length**2 * np.exp(-a * length) / (1 - np.exp(-a * length)) ** 2))


def test_without_a_longest_duration_the_exponent_is_that_of_hill():
    time = power_law(np.random.default_rng(0), 40, longest=1e6)
    fit = fit_power_law(time, t_min_s=0.01, n_boot=0)
    assert fit.exponent == pytest.approx(1 + 40 / np.log(time / 0.01).sum(), rel=1e-6)
    assert fit.exponent_err == pytest.approx((fit.exponent - 1) / np.sqrt(40), rel=1e-5)
    density = stats.pareto(fit.exponent - 1, scale=0.01).logpdf(time).sum()
    assert fit.log_likelihood == pytest.approx(density, rel=1e-6)


def test_an_exponential_has_the_mean_beyond_the_shortest_and_counts_the_censored():
    time = np.array([1.0, 2.0, 3.0, 5.0, 8.0])
    fit = fit_exponential(time, t_min_s=1.0, n_boot=0)
    assert fit.cutoff_s == pytest.approx(np.mean(time - 1), rel=1e-6)
    assert fit.cutoff_err_s == pytest.approx(fit.cutoff_s / np.sqrt(5), rel=1e-5)
    cut = fit_exponential(time, t_min_s=1.0, observed=[1, 1, 1, 1, 0], n_boot=0)
    assert cut.cutoff_s == pytest.approx(np.sum(time - 1) / 4, rel=1e-6)
    assert (cut.n, cut.n_censored) == (5, 1)


@pytest.mark.parametrize("n", [50, 200, 1000])
def test_exponents_reach_the_cramer_rao_bound(n):
    draws = [power_law(np.random.default_rng(seed), n) for seed in range(300)]
    fits = [fit_power_law(time, t_min_s=0.01, t_max_s=20, n_boot=0) for time in draws]
    exponent, error = np.array([(f.exponent, f.exponent_err) for f in fits]).T
    assert abs(exponent.mean() - 1.5) < 0.01 + 2 * exponent.std() / np.sqrt(300)
    assert exponent.std() < 1.1 * cramer_rao(n)
    pulls = (exponent - 1.5) / error
    assert 0.9 < pulls.std() < 1.1 and abs(pulls.mean()) < 0.2


def test_whole_bins_do_not_bias_the_exponent():
    pulls = []
    for seed in range(200):
        rng = np.random.default_rng(seed)
        time = in_bins(rng, power_law(rng, 1500, longest=1e4), 0.01)
        time = time[(time > 0.019) & (time < 10)][:400]
        fit = fit_power_law(time, t_min_s=0.02, t_max_s=9.99, bin_s=0.01, n_boot=0)
        pulls.append((fit.exponent - 1.5) / fit.exponent_err)
    assert 0.9 < np.std(pulls) < 1.1 and abs(np.mean(pulls)) < 0.2


def test_exponent_and_cut_off_of_a_truncated_law_have_honest_errors():
    fits = [
        fit_truncated_power_law(truncated(np.random.default_rng(s), 400), t_min_s=0.01, n_boot=0) for s in range(150)
    ]
    m, m_err, cut, cut_err = np.array([(f.exponent, f.exponent_err, f.cutoff_s, f.cutoff_err_s) for f in fits]).T
    assert 0.85 < np.std((m - 1.5) / m_err) < 1.15 and abs(np.mean(m) - 1.5) < 0.02
    assert 0.85 < np.std(np.log(cut) / (cut_err / cut)) < 1.15
    assert np.median(cut) == pytest.approx(1.0, rel=0.1)


def test_durations_cut_by_the_end_of_recordings_do_not_bias():
    pulls = []
    for seed in range(150):
        rng = np.random.default_rng(seed)
        time, end = power_law(rng, 200, longest=100), rng.uniform(0.02, 5, 200)
        fit = fit_power_law(np.minimum(time, end), t_min_s=0.01, t_max_s=100, observed=time <= end, n_boot=0)
        pulls.append((fit.exponent - 1.5) / fit.exponent_err)
    assert 0.88 < np.std(pulls) < 1.12 and abs(np.mean(pulls)) < 0.25


def test_the_law_that_made_the_durations_has_the_least_bic():
    rng = np.random.default_rng(2)
    samples = {
        "power_law": power_law(rng, 500),
        "truncated_power_law": truncated(rng, 500, cutoff=0.5),
        "exponential": 0.01 + rng.exponential(0.2, 500),
    }
    for law, time in samples.items():
        assert compare_laws(time, t_min_s=0.01, t_max_s=20)[0].law == law


def test_a_cut_off_the_data_do_not_ask_for_is_infinite():
    time = power_law(np.random.default_rng(4), 300, m=0.9)
    fit = fit_truncated_power_law(time, t_min_s=0.01, t_max_s=20, n_boot=0)
    plain = fit_power_law(time, t_min_s=0.01, t_max_s=20, n_boot=0)
    assert fit.log_likelihood >= plain.log_likelihood - 1e-6
    assert fit.cutoff_s > 20


def test_p_values_are_even_for_the_right_law_and_small_for_a_wrong_one():
    fits = [
        fit_power_law(power_law(np.random.default_rng(s), 40), t_min_s=0.01, t_max_s=20, n_boot=30) for s in range(80)
    ]
    p = np.array([fit.p_value for fit in fits])
    assert stats.kstest(p, "uniform").pvalue > 1e-3
    wrong = [0.01 + np.random.default_rng(s).exponential(1, 60) for s in range(10)]
    assert np.median([fit_power_law(t, t_min_s=0.01, t_max_s=20, n_boot=40).p_value for t in wrong]) < 0.03
    rng = np.random.default_rng(5)
    time, end = in_bins(rng, power_law(rng, 200), 0.01), in_bins(rng, power_law(rng, 200, longest=500), 0.01)
    cut = {"observed": time <= end, "t_min_s": 0.02, "t_max_s": 21, "bin_s": 0.01}
    time = np.minimum(time, end)
    keep = time > 0
    cut["observed"] = cut["observed"][keep]
    assert fit_power_law(time[keep], n_boot=40, **cut).p_value > 0.02


def test_runs_of_a_trace_and_of_levels_are_the_same_durations():
    by_bins = durations([1, 1, 1, 0, 0, 1, 0], bin_s=0.5)
    by_levels = durations_of_levels([0, 1, 1.5, 2.5, 3, 3.5], [True, True, False, True, False])
    for trace in (by_bins, by_levels):
        assert trace.on_times_s.tolist() == [1.5, 0.5] and trace.off_times_s.tolist() == [1.0, 0.5]
        assert trace.on_observed.tolist() == [False, True] and trace.off_observed.tolist() == [True, False]
    empty = durations([], bin_s=1)
    assert empty.on_times_s.size == empty.off_times_s.size == 0
    assert durations([1, 1], bin_s=1).on_observed.tolist() == [False]


@pytest.mark.parametrize("fit", [fit_power_law, fit_truncated_power_law, fit_exponential])
def test_too_few_durations_give_nan(fit):
    for time, observed in (([], []), ([5.0], [0]), ([0.001], [1])):
        result = fit(time, t_min_s=0.01, observed=observed)
        assert np.isnan([result.exponent, result.exponent_err, result.p_value]).all()
    one = fit_power_law([0.5], t_min_s=0.01)
    assert one.n == 1 and one.exponent_err > 0
    assert np.isnan(fit_power_law([0.01] * 5, t_min_s=0.01, n_boot=0).exponent_err)


@pytest.mark.parametrize(
    ("time", "wrong", "message"),
    [
        ([0.0, 1.0], {}, "not positive"),
        ([np.nan], {}, "not positive"),
        ([1.0], {"t_min_s": 0}, "make no range"),
        ([1.0], {"t_max_s": 0.005}, "make no range"),
        ([1.0], {"observed": [1, 1]}, "two lists alike"),
        ([1.0], {"bin_s": 0.01}, "less than 2 bins"),
        ([0.015], {"bin_s": 0.01, "t_min_s": 0.02}, "not whole bins"),
        ([0.04], {"bin_s": 0.0}, "bin_s is 0.0"),
        ([0.04], {"bin_s": 0.01, "t_min_s": 0.02, "t_max_s": 0.025}, "no more than one bin"),
    ],
)
def test_nonsense_is_refused(time, wrong, message):
    with pytest.raises(ValueError, match=message):
        fit_power_law(time, **({"t_min_s": 0.01} | wrong))


def test_nonsense_traces_are_refused():
    with pytest.raises(ValueError, match="bin_s is 0"):
        durations([1], bin_s=0)
    with pytest.raises(ValueError, match="one value per bin"):
        durations([[1]], bin_s=1)
    with pytest.raises(ValueError, match="one more edge"):
        durations_of_levels([0, 1], [1, 0])
    with pytest.raises(ValueError, match="not ascending"):
        durations_of_levels([0, 2, 1], [1, 0])
