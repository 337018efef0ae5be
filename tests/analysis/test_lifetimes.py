"""Lifetime distributions: the numbers of a known mixture, against scipy, with honest errors."""

import numpy as np
import pytest
from scipy import stats

from analysis.lifetimes import bandwidth, distribution

GAUSSIAN_FWHM = 2 * np.sqrt(2 * np.log(2))


@pytest.fixture
def pixels():
    """Lifetimes (ns) and photons of a skewed image."""
    rng = np.random.default_rng(3)
    return rng.gamma(20, 0.5, 4000), rng.poisson(rng.lognormal(6, 0.5, 4000))


def test_the_density_is_that_of_scipy(pixels):
    tau, weights = pixels
    result = distribution(tau, weights, bandwidth_ns=0.35, n_boot=0)
    theirs = stats.gaussian_kde(tau, 0.35 / np.sqrt(np.cov(tau, aweights=weights)), weights=weights)
    np.testing.assert_allclose(result.density, theirs(result.grid_ns), atol=1e-5 * result.density.max())
    assert np.trapezoid(result.density, result.grid_ns) == pytest.approx(1, abs=1e-6)
    assert result.n_photons == weights.sum()


def test_equal_weights_give_the_moments_of_scipy(pixels):
    result = distribution(pixels[0], np.ones(4000), n_boot=0)
    assert result.skewness == pytest.approx(stats.skew(pixels[0]))
    assert result.excess_kurtosis == pytest.approx(stats.kurtosis(pixels[0]))
    assert result.median_ns == pytest.approx(np.median(pixels[0]))


def test_a_weight_of_three_counts_as_three_pixels(pixels):
    tau = pixels[0][:300]
    once = distribution(np.repeat(tau, 3), np.ones(900), bandwidth_ns=0.4, n_boot=0)
    thrice = distribution(tau, np.full(300, 3), bandwidth_ns=0.4, n_boot=0)
    for name in ("mode_ns", "fwhm_ns", "skewness", "excess_kurtosis"):
        assert getattr(thrice, name) == pytest.approx(getattr(once, name), rel=1e-6)
    assert thrice.median_ns == pytest.approx(once.median_ns, abs=0.02)


def test_two_pixels_by_hand():
    result = distribution([10, 20], [3, 1], bandwidth_ns=1, n_boot=0)
    assert result.skewness == pytest.approx(2 / np.sqrt(3))  # (1 - 2p) / sqrt(p q), p = 1/4
    assert result.excess_kurtosis == pytest.approx(-2 / 3)  # (1 - 6 p q) / (p q)
    assert result.share_above(15) == 0.25
    assert result.mode_ns == pytest.approx(10, abs=1e-3)
    assert result.fwhm_ns == pytest.approx(GAUSSIAN_FWHM, abs=1e-3)


def test_the_bandwidth_is_silvermans_with_the_effective_number_of_pixels():
    tau = np.random.default_rng(0).normal(10, 2, 100_000)
    assert bandwidth(tau, np.ones(tau.size)) == pytest.approx(0.9 * 2 * 100_000**-0.2, rel=0.02)
    weights = np.where(np.arange(tau.size) < 1000, 1.0, 1e-9)  # only 1000 pixels matter
    assert bandwidth(tau, weights) == pytest.approx(0.9 * 2 * 1000**-0.2, rel=0.1)
    outliers = np.append(tau, np.full(200, 1000.0))
    assert bandwidth(outliers, np.ones(outliers.size)) == pytest.approx(0.9 * 2 * 100_000**-0.2, rel=0.02)


def test_a_gaussian_image_has_honest_errors():
    sigma, h = 0.8, 0.35
    truth = {"median_ns": 12.5, "mode_ns": 12.5, "fwhm_ns": GAUSSIAN_FWHM * np.hypot(sigma, h), "skewness": 0.0}
    truth |= {"central_skewness": 0.0, "excess_kurtosis": 0.0}
    pulls = []
    for seed in range(150):
        rng = np.random.default_rng(seed)
        result = distribution(
            rng.normal(12.5, sigma, 2000), rng.poisson(2000, 2000), bandwidth_ns=h, n_boot=40, seed=1000 + seed
        )
        errors = (getattr(result, name.replace("_ns", "_err_ns") if "_ns" in name else f"{name}_err") for name in truth)
        pulls.append([(getattr(result, n) - t) / e for (n, t), e in zip(truth.items(), errors, strict=True)])
    assert np.abs(np.mean(pulls, axis=0)).max() < 0.35
    assert (np.std(pulls, axis=0) > 0.75).all() and (np.std(pulls, axis=0) < 1.25).all()


def test_the_share_beyond_a_limit_has_an_honest_error():
    pulls = []
    for seed in range(300):
        rng = np.random.default_rng(seed)
        result = distribution(rng.exponential(5, 3000), rng.poisson(50, 3000), n_boot=0)
        pulls.append((result.share_above(10) - np.exp(-2)) / result.share_above_err(10))
    assert abs(np.mean(pulls)) < 0.2
    assert 0.85 < np.std(pulls) < 1.15


def test_a_few_outliers_skew_the_image_but_not_its_centre():
    tau = np.append(np.random.default_rng(1).normal(12.5, 0.8, 5000), np.full(20, 60.0))
    result = distribution(tau, np.ones(tau.size), n_boot=0)
    assert result.skewness > 5
    assert abs(result.central_skewness) < 0.2
    assert result.share_above(20) == pytest.approx(20 / 5020)


def test_pixels_without_a_lifetime_are_dropped_and_counted():
    tau = np.array([[8.0, np.nan, 9.0], [np.inf, 8.5, 8.2]])
    result = distribution(tau, [[10, 5, 0], [3, 7, np.nan]], n_boot=0)
    assert (result.n_pixels, result.n_dropped, result.n_photons) == (2, 4, 17)
    assert result.share_above(8.2) == pytest.approx(7 / 17)


@pytest.mark.parametrize(("tau", "weights"), [([], []), ([np.nan, 5], [3, 0]), (np.zeros((2, 0)), np.zeros((2, 0)))])
def test_nothing_gives_nan(tau, weights):
    result = distribution(tau, weights)
    assert result.n_pixels == 0 and result.grid_ns.size == 0
    assert np.isnan([result.mode_ns, result.median_err_ns, result.share_above(5), result.share_above_err(5)]).all()


def test_one_pixel_has_a_place_but_no_shape():
    result = distribution([7.5], [100])
    assert result.mode_ns == pytest.approx(7.5) and result.median_ns == 7.5
    assert np.isnan([result.skewness, result.median_err_ns]).all()


def test_the_same_seed_gives_the_same_errors(pixels):
    first, again, other = (distribution(*pixels, n_boot=20, seed=s) for s in (1, 1, 2))
    assert first.mode_err_ns == again.mode_err_ns != other.mode_err_ns


def test_what_does_not_fit_together_is_refused():
    with pytest.raises(ValueError, match="do not go with"):
        distribution([1, 2], [1])
    with pytest.raises(ValueError, match="bandwidth"):
        distribution([1, 2], [1, 1], bandwidth_ns=0)
    with pytest.raises(ValueError, match=r"lifetimes reach 1e.300"):
        distribution([1e300, 1], [1, 1])
    with pytest.raises(ValueError, match=r"weights reach 1e.200"):
        distribution([2, 1], [1e200, 1])
