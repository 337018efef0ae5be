"""Cohorts of rise times: hand-computed numbers, spreads without errors of measurement, and the paper's prediction."""

import numpy as np
import pytest

from analysis.cohorts import cohort, predicted, ratio

MEDIUM = {"film_index": 2.10, "substrate_index": 1.515, "thickness_nm": 88.0}


@pytest.fixture
def rng():
    return np.random.default_rng(2)


def test_hand_computed_numbers():
    found = cohort([9.0, 11.0, 12.0, 16.0], [1.0, 1.0, 1.0, 1.0])
    assert (found.n, found.mean, found.median) == (4, 12.0, 11.5)
    assert found.scatter**2 == pytest.approx(26 / 3)
    assert found.spread**2 == pytest.approx(26 / 3 - 1)
    assert found.mean_err == pytest.approx(found.scatter / 2)


def test_the_median_of_eleven_lies_between_the_second_and_the_tenth():
    """Binomial: P(fewer than 2 of 11 below the median) = 12 / 2048, P(fewer than 3) = 67 / 2048 > 2.5 %."""
    found = cohort(np.arange(1.0, 12.0))
    assert (found.median_low, found.median_high) == (2.0, 10.0)
    assert cohort(np.arange(5.0)).median_low == -np.inf


def test_mean_and_spread_come_back_with_honest_errors(rng):
    found = []
    for _ in range(200):
        err = rng.uniform(1, 3, 47)
        found.append(cohort(rng.normal(12, 4, 47) + err * rng.normal(size=47), err, n_boot=200))
    mean = np.array([(f.mean - 12) / f.mean_err for f in found])
    spread = np.array([(f.spread - 4) / f.spread_err for f in found])
    assert abs(mean.mean()) < 0.25 and 0.85 < mean.std() < 1.2
    assert abs(spread.mean()) < 0.35 and 0.8 < spread.std() < 1.3


def test_what_was_not_measured_is_left_out():
    assert cohort([10.0, np.nan, 14.0], [1.0, np.nan, 1.0]).n == 2
    nothing, one = cohort([]), cohort([3.0])
    assert nothing.n == 0 and np.isnan(nothing.mean) and np.isnan(nothing.spread)
    assert one.mean == 3.0 and np.isnan(one.mean_err)


def test_film_over_glass(rng):
    """The paper: 12 over 39."""
    found = ratio(cohort(rng.normal(12, 4, 47)), cohort(rng.normal(39, 14, 14)))
    assert found.value == pytest.approx(12 / 39, abs=4 * found.err)
    assert 0.015 < found.err < 0.06


def test_the_papers_prediction(rng):
    """EMI-01: 39 ns become 11.4 ns at all heights and 10.2 ns in the middle; 14 ns of spread about 4.5 ns."""
    z = rng.normal(size=400)
    tau = 39 + 14 * (z - z.mean()) / z.std(ddof=1)
    found = predicted(cohort(tau[tau > 5], n_boot=2), **MEDIUM)
    assert found.middle_ns == pytest.approx(10.2, abs=0.2)
    assert found.mean_ns == pytest.approx(11.6, abs=0.5)
    assert found.spread_ns == pytest.approx(4.5, abs=0.7)
    assert np.trapezoid(found.density, found.grid_ns) == pytest.approx(1, abs=0.01)


def test_a_film_like_the_substrate_changes_little():
    found = predicted(cohort([38.0, 40.0]), film_index=1.515, substrate_index=1.515, thickness_nm=1.0)
    assert found.ratio == pytest.approx(1.0, abs=0.05)


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: cohort([1.0, 2.0], [1.0]), "2 values do not go with 1"),
        (lambda: cohort([1.0], [-1.0]), "errors down to -1"),
        (lambda: predicted(cohort([]), **MEDIUM), "no emitters"),
    ],
)
def test_nonsense_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
