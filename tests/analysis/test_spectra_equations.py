"""The paper's equations: numbers by hand, limits, and what happens without light."""

import numpy as np
import pytest

from analysis.spectra import absorbance, absorption_factor, expected_ple, relative_difference
from analysis.spectra.equations import absorption_slope


def test_a_tenth_of_the_light_is_an_absorbance_of_one():
    np.testing.assert_allclose(absorbance([10.0, 1.0, 100.0], 100.0), [1, 2, 0], atol=1e-15)


def test_no_light_has_no_absorbance():
    assert np.isnan(absorbance([0.0, -1.0, 1.0, np.nan], [1.0, 1.0, 0.0, 1.0])).all()


def test_what_is_not_finite_is_not_compared():
    """Neither raises a warning, which would be an error here."""
    assert np.isnan(absorbance([np.inf, 1.0], [1.0, np.inf])).all()
    assert np.isnan(relative_difference([np.inf, 1.0], [np.inf, np.nan])).all()
    np.testing.assert_array_equal(absorption_factor([np.inf, -800.0]), [0, np.inf])
    assert not np.signbit(absorbance(3.0, 3.0))


@pytest.mark.parametrize("compare", [absorbance, expected_ple, relative_difference])
def test_spectra_of_different_length_are_refused_in_words(compare):
    with pytest.raises(ValueError, match=r"has shape \(3,\) and .* has shape \(2,\): give spectra on the same"):
        compare([1, 2, 3], [1, 2])


def test_the_mean_light_in_a_film_by_hand():
    np.testing.assert_allclose(absorption_factor([0.0, 1.0, -1.0]), [1, 1 - np.exp(-1), np.e - 1])


def test_a_film_of_88_nm_shades_its_dots_as_printed():
    """Absorption coefficients of 10.5, 8.8, 7.1, 7.0 1e4 per cm at 405, 445, 490, 520 nm."""
    alpha_d = np.array([10.5, 8.8, 7.1, 7.0]) * 1e4 * 88e-7
    np.testing.assert_allclose(absorption_factor(alpha_d), [0.653, 0.696, 0.744, 0.747], atol=1e-3)


def test_thirty_per_cent_too_much_absorption_takes_eleven_per_cent_off_what_is_expected_at_405_nm():
    alpha_d = 1.05e5 * 88e-7
    assert expected_ple(1.0, 1.3 * alpha_d) / expected_ple(1.0, alpha_d) - 1 == pytest.approx(-0.11, abs=0.005)


def test_a_thin_film_loses_half_of_what_it_absorbs():
    thin = np.array([1e-12, 1e-8, 1e-5, 1e-3])
    np.testing.assert_allclose(absorption_factor(thin), 1 - thin / 2, atol=2e-7)


@pytest.mark.parametrize("alpha_d", [-0.3, -1e-6, 0.0, 5e-5, 2e-4, 0.9, 5.0])
def test_the_slope_is_that_of_the_factor(alpha_d):
    step = 1e-4
    numerical = (absorption_factor(alpha_d + step) - absorption_factor(alpha_d - step)) / (2 * step)
    assert absorption_slope(alpha_d) == pytest.approx(numerical, abs=1e-6)


def test_a_film_without_coupling_differs_by_nothing():
    reference, alpha_d = np.array([3.0, 2.0, 1.0]), np.array([0.9, 0.5, 0.0])
    assert not relative_difference(expected_ple(reference, alpha_d), expected_ple(reference, alpha_d)).any()
    np.testing.assert_allclose(relative_difference([2.5, 0.2], 1.0), [1.5, -0.8])


def test_nothing_expected_is_no_comparison():
    assert np.isnan(relative_difference([1.0, 0.0], [0.0, 0.0])).all()
