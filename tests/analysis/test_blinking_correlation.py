"""Intensity autocorrelation: closed forms, photon noise left out, and what exponents it can tell."""

import numpy as np
import pytest

from analysis.blinking import correlation_exponent, intensity_autocorrelation


def telegraph(rng, n_bins, on_bins, off_bins):
    """Bright share of each bin of an emitter with exponential bright and dark periods."""
    n = 50 + int(3 * n_bins / (on_bins + off_bins))
    edges = np.cumsum(np.stack([rng.exponential(on_bins, n), rng.exponential(off_bins, n)], axis=1).ravel())
    return _light(np.append(0, edges), n_bins)


def heavy(rng, n_bins, on_bins, m, longest_bins):
    """Short exponential bright periods, power-law dark ones; the beginning is left out."""
    n = 30_000
    u = rng.random(n)
    off = (1 + u * (longest_bins ** (1 - m) - 1)) ** (1 / (1 - m))
    edges = np.append(0, np.cumsum(np.stack([rng.exponential(on_bins, n), off], axis=1).ravel()))
    return _light(edges - longest_bins, n_bins)


def _light(edges, n_bins):
    bright = np.append(0, np.cumsum(np.diff(edges) * (np.arange(edges.size - 1) % 2 == 0)))
    return np.diff(np.interp(np.arange(n_bins + 1), edges, bright))


def test_a_telegraph_decays_with_the_sum_of_its_rates_and_has_honest_errors():
    pulls = []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        trace = rng.poisson(5 + 50 * telegraph(rng, 60_000, 30, 20))
        found = intensity_autocorrelation(trace, bin_s=1e-3, max_lag_s=0.05)
        share = 50 * 0.6 / (5 + 50 * 0.6)
        rate = (1 / 30 + 1 / 20) * 1e3
        binned = 2 * (np.cosh(rate * 1e-3) - 1) / (rate * 1e-3) ** 2  # both bins are averages
        fine = found.lag_s < 0.0155
        truth = share**2 * (0.4 / 0.6) * np.exp(-rate * found.lag_s[fine]) * binned
        pulls.append(((found.value[fine] - truth) / found.err[fine])[[0, 5, 12]])
    assert 0.8 < np.std(pulls) < 1.3
    assert abs(np.mean(pulls)) < 0.4


def test_constant_light_has_no_correlation_at_any_lag():
    found = intensity_autocorrelation(np.random.default_rng(0).poisson(3, 100_000), bin_s=1e-3)
    assert abs(np.mean(found.value / found.err)) < 0.6
    assert np.std(found.value / found.err) < 1.6
    assert found.lag_s[0] == 1e-3 and 6 < found.lag_s[-1] <= 12.5


def test_the_lags_agree_with_all_pairs_counted_one_by_one():
    rng = np.random.default_rng(1)
    trace = rng.poisson(20 * telegraph(rng, 4096, 40, 40))
    found = intensity_autocorrelation(trace, bin_s=1.0)
    for k in (1, 7, 15):
        pairs = [trace[i] * trace[i + k] for i in range(trace.size - k)]
        direct = np.mean(pairs) / (trace[:-k].mean() * trace[k:].mean()) - 1
        assert found.value[found.lag_s == k] == pytest.approx(direct, abs=0.01)


def test_rare_bright_periods_show_the_exponent_of_the_dark_ones():
    found = []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        correlation = intensity_autocorrelation(rng.poisson(20 * heavy(rng, 200_000, 1.0, 1.5, 30_000)), bin_s=1e-3)
        found.append(correlation_exponent(correlation, min_lag_s=0.02, max_lag_s=0.5))
    exponent, error = np.array([(f.exponent, f.exponent_err) for f in found]).T
    assert np.mean(exponent) == pytest.approx(1.5, abs=0.12)
    assert 0.4 < np.std(exponent) / np.median(error) < 2.5


def test_a_mostly_bright_emitter_has_no_such_power_law():
    rng = np.random.default_rng(0)
    correlation = intensity_autocorrelation(rng.poisson(50 * telegraph(rng, 60_000, 500, 20)), bin_s=1e-3)
    found = correlation_exponent(correlation, min_lag_s=0.001, max_lag_s=0.05, cutoff=True)
    assert found.cutoff_s == pytest.approx(0.0192, rel=0.5)


@pytest.mark.parametrize("trace", [[], [5], np.zeros(1000), np.ones(10)])
def test_too_little_gives_an_empty_result(trace):
    found = intensity_autocorrelation(trace, bin_s=1e-3)
    assert found.lag_s.size == found.value.size == found.err.size == 0
    assert np.isnan(correlation_exponent(found, min_lag_s=0.01, max_lag_s=1).exponent)


def test_nonsense_is_refused():
    with pytest.raises(ValueError, match="negative"):
        intensity_autocorrelation([-1.0], bin_s=1)
    with pytest.raises(ValueError, match="bin_s is 0"):
        intensity_autocorrelation([1], bin_s=0)
    found = intensity_autocorrelation(np.arange(1000), bin_s=1)
    with pytest.raises(ValueError, match="make no range"):
        correlation_exponent(found, min_lag_s=2, max_lag_s=1)
