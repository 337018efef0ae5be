"""Absorption of films: the truth comes back from under the baseline, with honest errors."""

import dataclasses

import numpy as np
import pytest

from analysis.spectra import Curve, film_absorption
from tests.analysis.simulated_spectra import (
    ABSORPTION_NM,
    OFFSET,
    measured_absorption,
    transmission_run,
    true_alpha_d,
)

SEEDS = 200
FINE_NM = np.arange(500, 535, 1e-3)
PEAK_NM = FINE_NM[np.argmax(true_alpha_d(FINE_NM))]
VALLEY_NM = np.arange(PEAK_NM - 20, PEAK_NM - 5, 1e-3)


@pytest.fixture(scope="module")
def films():
    return [measured_absorption(np.random.default_rng(seed)) for seed in range(SEEDS)]


def check(pulls):
    """Pulls of unit width about zero: four standard errors of their mean and width, and what first order leaves."""
    assert abs(np.mean(pulls)) < 0.15 + 4 / np.sqrt(len(pulls))
    assert abs(np.std(pulls) - 1) < 0.05 + 3 / np.sqrt(2 * len(pulls))


@pytest.mark.parametrize("wavelength_nm", [400, 405, 445, 490, 520, 544, 650, 700])
def test_alpha_d_has_honest_errors_everywhere(films, wavelength_nm):
    truth = true_alpha_d(wavelength_nm)
    values = np.array([film.at(wavelength_nm) for film in films])
    check((values[:, 0] - truth) / values[:, 1])


def test_the_errors_of_neighbours_are_correlated_through_the_baseline(films):
    """The mean over 81 points is far less certain than 81 independent points would make it."""
    low, high = 400, 480
    inside = np.abs(ABSORPTION_NM - (low + high) / 2) <= (high - low) / 2
    values = np.array([film.mean(low, high) for film in films])
    check((values[:, 0] - true_alpha_d(ABSORPTION_NM)[inside].mean()) / values[:, 1])
    assert values[0, 1] > 3 * films[0].alpha_d_err[inside].mean() / np.sqrt(inside.sum())


def test_the_baseline_has_honest_errors(films):
    for index in (0, 150, 300):
        check([(film.offset[index] - OFFSET[index]) / film.offset_err[index] for film in films])
    assert np.mean([film.offset_chi2 for film in films]) == pytest.approx(1, abs=0.05)


def test_the_peak_has_honest_errors(films):
    check([(film.peak_nm - PEAK_NM) / film.peak_err_nm for film in films])
    truth = true_alpha_d(PEAK_NM) / np.log(10)
    check([(film.peak_absorbance - truth) / film.peak_absorbance_err for film in films])
    truth = true_alpha_d(PEAK_NM) / true_alpha_d(VALLEY_NM).min()
    check([(film.valley_ratio - truth) / film.valley_ratio_err for film in films])
    assert all(film.peak_err_nm < 0.15 for film in films)


@pytest.mark.parametrize(("shift_nm", "scale"), [(-6.0, 0.7), (6.0, 1.4)])
def test_another_film_is_found_where_it_is(shift_nm, scale):
    film = measured_absorption(np.random.default_rng(5), shift_nm=shift_nm, scale=scale)
    assert film.peak_nm == pytest.approx(PEAK_NM + shift_nm, abs=0.5)
    assert film.at(405)[0] == pytest.approx(true_alpha_d(405, shift_nm=shift_nm, scale=scale), rel=0.03)


def test_the_baseline_left_in_would_be_a_large_error(films):
    """0.02 + 0.005 (600 / 405 nm)^4 in the optical density are a tenth of alpha d at 405 nm."""
    naive = films[0].alpha_d + np.log(10) * films[0].offset
    assert naive[5] / true_alpha_d(405) > 1.1
    assert films[0].at(405)[0] == pytest.approx(true_alpha_d(405), rel=0.02)


def test_noise_that_nobody_told_of_shows_in_the_errors():
    quiet, loud = (measured_absorption(np.random.default_rng(1), noise=noise) for noise in (1e-4, 1e-2))
    assert loud.alpha_d_err[100] / quiet.alpha_d_err[100] == pytest.approx(100, rel=0.3)


def test_a_bent_baseline_widens_the_errors_and_is_told():
    rng = np.random.default_rng(2)
    ripple = 0.01 * np.sin(ABSORPTION_NM / 12)
    sample = transmission_run(true_alpha_d(ABSORPTION_NM) / np.log(10) + ripple, rng, uid="film").curve()
    film = film_absorption(sample, transmission_run(np.zeros(len(ripple)), rng, uid="blank").curve())
    assert film.offset_chi2 > 10
    assert film.alpha_d_err[50] > 0.012
    assert any("not flat" in warning for warning in film.warnings)


def test_glass_absorbs_nothing_and_has_no_peak():
    film = measured_absorption(np.random.default_rng(3), scale=0.0)
    assert abs(film.at(450)[0]) < 4 * film.at(450)[1]
    assert np.isnan([film.peak_nm, film.peak_absorbance, film.valley_ratio]).all()
    assert "no absorption peak stands out of the noise" in film.warnings


def test_an_edge_without_exciton_has_no_peak():
    rng = np.random.default_rng(4)
    edge = 0.4 / (1 + np.exp((ABSORPTION_NM - 520) / 6))
    blank = transmission_run(np.zeros(len(edge)), rng, uid="blank").curve()
    assert np.isnan(film_absorption(transmission_run(edge, rng, uid="film").curve(), blank).peak_nm)


def test_a_blank_on_another_axis_is_interpolated():
    rng = np.random.default_rng(6)
    film = transmission_run(true_alpha_d(ABSORPTION_NM) / np.log(10), rng, uid="film").curve()
    blank = transmission_run(np.zeros(len(ABSORPTION_NM)), rng, uid="blank").curve()
    shifted = dataclasses.replace(blank, wavelength_nm=blank.wavelength_nm + 0.4)
    result = film_absorption(film, shifted)
    assert result.wavelength_nm[0] == 401  # it is not extrapolated
    assert result.at(520)[0] == pytest.approx(true_alpha_d(520), abs=0.02)


def test_a_dead_lamp_sector_is_a_gap():
    film = measured_absorption(np.random.default_rng(7), dead_nm=(450, 470))
    assert np.isnan(film.at(460)).all()
    assert film.at(520)[0] == pytest.approx(true_alpha_d(520), abs=0.02)
    assert "no lamp light between 451 and 469 nm" in film.warnings


@pytest.mark.parametrize("dead_nm", [(509.5, 518.5), (513.5, 524.5), (520.5, 530.5)])
def test_an_exciton_in_the_dark_has_no_place(dead_nm):
    """What is highest then is the edge of the dark sector."""
    for seed in range(10):
        film = measured_absorption(np.random.default_rng(seed), dead_nm=dead_nm)
        assert np.isnan([film.peak_nm, film.peak_err_nm, film.peak_absorbance, film.valley_ratio]).all()
        assert any("or in the dark beside it" in text or "no absorption peak" in text for text in film.warnings)


def test_a_valley_in_the_dark_has_no_depth():
    film = measured_absorption(np.random.default_rng(8), dead_nm=(499.5, 508.5))
    assert film.peak_nm == pytest.approx(PEAK_NM, abs=0.5) and np.isnan(film.valley_ratio)


def test_a_few_points_in_the_dark_leave_the_peak_where_it_is():
    films = [measured_absorption(np.random.default_rng(seed), dead_nm=(518.5, 521.5)) for seed in range(60)]
    pulls = np.array([(film.peak_nm - PEAK_NM) / film.peak_err_nm for film in films])
    assert abs(pulls.mean()) < 0.6 and 0.7 < pulls.std() < 1.3


def test_a_scan_that_does_not_reach_the_transparent_window_is_refused():
    film, blank = (c.curve() for c in (_run(), _run()))
    short = film.wavelength_nm < 560
    cut = dataclasses.replace(film, **{n: getattr(film, n)[short] for n in ("wavelength_nm", "value", "err")})
    with pytest.raises(ValueError, match=r"400-559 nm: 0 points lie in the transparent window 570-700 nm.*Scan film"):
        film_absorption(cut, blank)


def test_a_scan_without_light_is_refused():
    dark = Curve(ABSORPTION_NM, np.full(301, np.nan), np.full(301, np.nan))
    with pytest.raises(ValueError, match="scan more"):
        film_absorption(dark, _run().curve())
    with pytest.raises(ValueError, match="scan more"):
        film_absorption(_run().curve(), dark)


def test_outside_the_scan_nothing_is_known():
    film = measured_absorption(np.random.default_rng(8))
    assert np.isnan(film.at(399)).all() and np.isnan(film.at(701)).all() and np.isnan(film.mean(710, 720)).all()


def _run():
    return transmission_run(np.zeros(len(ABSORPTION_NM)), np.random.default_rng(9), uid="blank")
