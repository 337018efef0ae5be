"""Survival: by hand, against two independent programs, with bounds that cover."""

import numpy as np
import pytest
from lifelines import CoxPHFitter, KaplanMeierFitter
from lifelines.statistics import logrank_test
from pandas import DataFrame
from scipy import stats

from analysis.blinking import compare_survival, survival

# 6-mercaptopurine in leukaemia: weeks in remission, Freireich et al., Blood 21, 699 (1963)
TREATED = [6, 6, 6, 7, 10, 13, 16, 22, 23, 6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35]
RELAPSED = [1] * 9 + [0] * 12
PLACEBO = [1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23]


@pytest.fixture
def rng():
    return np.random.default_rng(1)


def cohort(rng, n, median_s=60.0, end_s=150.0, tick_s=0.0):
    """Exponential lives, recordings that last at most end_s, both in whole ticks if asked."""
    life, end = rng.exponential(median_s / np.log(2), n), rng.uniform(0.2, 1, n) * end_s
    duration = np.minimum(life, end)
    return (np.ceil(duration / tick_s) * tick_s if tick_s else duration), life <= end


def test_the_leukaemia_trial_has_its_published_numbers():
    treated, placebo = survival(TREATED, RELAPSED), survival(PLACEBO, [1] * 21)
    assert treated.at([6, 10, 23]) == pytest.approx([0.857, 0.753, 0.448], abs=5e-4)
    assert (treated.median_s, placebo.median_s) == (23, 8)
    comparison = compare_survival(placebo, treated)
    assert comparison.chi2 == pytest.approx(16.79, abs=0.005)
    assert comparison.expected_a == pytest.approx(10.75, abs=0.005)
    assert comparison.hazard_ratio == pytest.approx(np.exp(1.572), rel=1e-3)


def test_four_emitters_by_hand():
    result = survival([10, 20, 20, 30], [1, 1, 0, 1])
    assert result.time_s.tolist() == [0, 10, 20, 30]
    assert result.n_at_risk.tolist() == [4, 4, 3, 1]
    assert result.survival == pytest.approx([1, 3 / 4, 1 / 2, 0])
    assert result.median_s == 20


@pytest.mark.parametrize("tick_s", [0.0, 10.0])
def test_lifelines_and_scipy_agree_to_the_last_digits(rng, tick_s):
    for n in (3, 12, 40, 300):
        duration, ended = cohort(rng, n, tick_s=tick_s)
        ours = survival(duration, ended)
        theirs = KaplanMeierFitter().fit(duration, ended)
        assert ours.survival == pytest.approx(theirs.survival_function_.to_numpy().ravel(), abs=1e-12)
        alive = ours.survival > 0
        bounds = theirs.confidence_interval_.to_numpy()[alive]
        assert np.column_stack([ours.low, ours.high])[alive] == pytest.approx(bounds, abs=1e-12)
        assert ours.median_s == theirs.median_survival_time_
        censored = stats.CensoredData(uncensored=duration[ended], right=duration[~ended])
        assert ours.at(duration) == pytest.approx(stats.ecdf(censored).sf.evaluate(duration), abs=1e-12)


def test_the_log_rank_test_and_the_hazard_ratio_are_those_of_lifelines(rng):
    for tick_s in (0.0, 5.0):
        (t_a, e_a), (t_b, e_b) = cohort(rng, 12, tick_s=tick_s), cohort(rng, 15, median_s=150, tick_s=tick_s)
        ours = compare_survival(survival(t_a, e_a), survival(t_b, e_b))
        theirs = logrank_test(t_a, t_b, e_a, e_b)
        assert ours.chi2 == pytest.approx(theirs.test_statistic, rel=1e-12)
        assert ours.p_value == pytest.approx(theirs.p_value, rel=1e-10)
        table = DataFrame({"t": np.append(t_a, t_b), "e": np.append(e_a, e_b), "a": [1.0] * 12 + [0.0] * 15})
        cox = CoxPHFitter().fit(table, "t", "e", fit_options={"precision": 1e-10})
        assert ours.hazard_ratio == pytest.approx(cox.hazard_ratios_["a"], rel=1e-4)
        assert ours.hazard_ratio_low < ours.hazard_ratio < ours.hazard_ratio_high


def test_bounds_cover_the_true_survival_and_the_true_median(rng):
    results = [survival(*cohort(rng, 60)) for _ in range(500)]
    at = np.array([np.searchsorted(r.time_s, 40.0, side="right") - 1 for r in results])
    truth = 2 ** (-40 / 60)
    inside = [r.low[i] <= truth <= r.high[i] for r, i in zip(results, at, strict=True)]
    assert 0.92 < np.mean(inside) < 0.98
    assert 0.92 < np.mean([r.median_low_s <= 60 <= r.median_high_s for r in results]) < 0.985
    assert np.median([r.median_s for r in results]) == pytest.approx(60, rel=0.05)


def test_hazard_ratios_have_honest_bounds_and_equal_groups_differ_at_chance(rng):
    truth = 2.5  # survival that is 150 % longer
    pairs = [
        compare_survival(survival(*cohort(rng, 30)), survival(*cohort(rng, 30, median_s=60 * truth)))
        for _ in range(300)
    ]
    assert 0.92 < np.mean([c.hazard_ratio_low <= truth <= c.hazard_ratio_high for c in pairs]) < 0.98
    assert np.median([c.hazard_ratio for c in pairs]) == pytest.approx(truth, rel=0.1)
    null = [compare_survival(survival(*cohort(rng, 20)), survival(*cohort(rng, 20))).p_value for _ in range(400)]
    assert 0.02 < np.mean(np.array(null) < 0.05) < 0.085


def test_none_one_and_only_censored():
    nothing = survival([], [])
    assert nothing.n == 0 and np.isnan([nothing.median_s, nothing.median_low_s, nothing.median_high_s]).all()
    one = survival([7.0], [True])
    assert one.survival.tolist() == [1, 0] and one.median_s == 7
    assert one.high.tolist() == [1, 1] and one.median_high_s == np.inf
    alive = survival([5.0, 300.0], [False, False])
    assert (alive.survival == 1).all() and alive.median_s == alive.median_low_s == np.inf
    assert np.isnan(alive.at(301)) and one.at(100) == 0
    at_once = survival([0.0, 0.0, 3.0], [True, True, True])
    assert at_once.survival == pytest.approx([1 / 3, 0])
    assert np.isnan(compare_survival(alive, alive).p_value)


def test_a_group_that_never_ends_has_an_infinite_ratio_with_a_finite_bound():
    dying, lasting = survival([10, 20, 30, 40], [1] * 4), survival([100] * 4, [0] * 4)
    comparison = compare_survival(dying, lasting)
    assert comparison.hazard_ratio == np.inf and comparison.hazard_ratio_high == np.inf
    assert 1 < comparison.hazard_ratio_low < 20
    assert compare_survival(lasting, dying).hazard_ratio == 0


def test_nonsense_is_refused():
    with pytest.raises(ValueError, match="-1"):
        survival([3, -1], [1, 1])
    with pytest.raises(ValueError, match="nan"):
        survival([np.nan], [1])
    with pytest.raises(ValueError, match="two lists alike"):
        survival([3, 4], [1])
    with pytest.raises(ValueError, match="other values"):
        survival([3, 4], [1, 2])
    with pytest.raises(ValueError, match="confidence"):
        survival([3], [1], confidence=95)
