"""Coupling of dots to films: regions, zeros and maximum of known curves, with honest errors and no false discovery."""

import dataclasses

import numpy as np
import pytest

from analysis.spectra import OwnLight, boost_ratio, coupling, ratio_at
from tests.analysis.simulated_spectra import (
    PLE_NM,
    film_spectrum,
    measured_absorption,
    measured_coupling,
    ple_curve,
    true_alpha_d,
    true_ds,
    true_reference,
)

SEEDS = 100
FINE_NM = np.arange(400, 560, 1e-2)


@pytest.fixture(scope="module")
def measured():
    """The couplings that many experiments on each sample come to."""
    return {name: [measured_coupling(name, seed) for seed in range(SEEDS)] for name in ("A", "B", "null")}


def check(pulls):
    """Pulls of unit width about zero: four standard errors of their mean and width, and what first order leaves."""
    assert abs(np.mean(pulls)) < 0.15 + 4 / np.sqrt(len(pulls))
    assert abs(np.std(pulls) - 1) < 0.05 + 3 / np.sqrt(2 * len(pulls))


def zeros_of(ds):
    """Where the sign changes; from 550 nm on there is no coupling."""
    inner = FINE_NM < 548
    return FINE_NM[inner][1:][np.diff(np.sign(ds[inner]) >= 0)]


@pytest.mark.parametrize("sample", ["A", "B", "null"])
@pytest.mark.parametrize("region", [0, 1, 2])
def test_the_means_of_the_regions_have_honest_errors(measured, sample, region):
    regions = [c.regions[region] for c in measured[sample]]
    inside = (regions[0].low_nm <= PLE_NM) & (regions[0].high_nm > PLE_NM)
    truth = true_ds(sample, PLE_NM)[inside].mean()
    check([(r.mean - truth) / r.mean_err for r in regions])
    assert regions[0].n_points == inside.sum()


@pytest.mark.parametrize("sample", ["A", "B", "null"])
@pytest.mark.parametrize("wavelength_nm", [405, 445, 515, 575])
def test_delta_s_has_honest_errors_everywhere(measured, sample, wavelength_nm):
    near = np.abs(PLE_NM - wavelength_nm) <= 2.5
    truth = true_ds(sample, PLE_NM)[near].mean()
    values = np.array([c.at(wavelength_nm) for c in measured[sample]])
    check((values[:, 0] - truth) / values[:, 1])


def test_the_signs_are_those_of_the_paper(measured):
    assert all([r.sign for r in c.regions] == [-1, -1, -1] for c in measured["A"])
    assert all([r.sign for r in c.regions] == [-1, 1, -1] for c in measured["B"])
    assert all(abs(r.significance) > 5 for name in "AB" for c in measured[name] for r in c.regions)


def test_no_coupling_is_zero_within_errors(measured):
    """Beyond three errors comes once in 370; three regions of each film share their baseline and normalisation."""
    assert sum(any(r.sign for r in c.regions) for c in measured["null"]) <= 4
    assert not any(c.crossings for c in measured["null"])
    assert not any(np.isfinite(c.maximum) for c in measured["null"])


def test_light_of_the_film_itself_is_not_taken_for_coupling():
    """Up to 4 % of the dots where the film absorbs all; without an allowance for it region II would be positive."""
    naive = [measured_coupling("null", seed, leak=0.04) for seed in range(10)]
    honest = [measured_coupling("null", seed, leak=0.04, leak_err=0.02) for seed in range(10)]
    assert sum(c.regions[1].mean for c in naive) > 10 * naive[0].regions[1].mean_err
    assert not any(r.sign for c in honest for r in c.regions)
    assert not any(c.crossings or np.isfinite(c.maximum) for c in honest)


def test_coming_close_to_zero_is_not_crossing_it(measured):
    assert not any(c.crossings for c in measured["A"])
    assert not any(np.isfinite(c.maximum) for c in measured["A"])


def test_the_zeros_of_sample_b_have_honest_errors(measured):
    assert all([c.rising for c in coupled.crossings] == [True, False] for coupled in measured["B"])
    for index, truth in enumerate((490, 530)):
        found = [coupled.crossings[index] for coupled in measured["B"]]
        check([(c.wavelength_nm - truth) / c.err_nm for c in found])
        assert all(c.err_nm < 0.8 for c in found)


def test_the_maximum_of_sample_b_is_not_the_highest_of_the_noise(measured):
    values = np.array([(c.maximum, c.maximum_err, c.maximum_nm, c.maximum_err_nm) for c in measured["B"]])
    check((values[:, 0] - 1.5) / values[:, 1])
    assert values[:, 0].mean() == pytest.approx(1.5, abs=0.012)
    assert np.mean([np.nanmax(c.ds) for c in measured["B"]]) > 1.515
    assert values[:, 2].mean() == pytest.approx(521, abs=1)
    assert (np.abs(values[:, 2] - 521) < 4 * values[:, 3]).all()


@pytest.mark.parametrize(("shift_nm", "stretch"), [(-8.0, 0.2), (8.0, 1.67), (-8.0, 1.0), (8.0, 0.5)])
def test_other_boundaries_and_boosts_are_found_where_they_are(shift_nm, stretch):
    ds = true_ds("B", FINE_NM, shift_nm=shift_nm, stretch=stretch)
    for seed in range(5):
        found = measured_coupling("B", seed, shift_nm=shift_nm, stretch=stretch)
        assert len(found.crossings) == 2
        for crossing, truth in zip(found.crossings, zeros_of(ds)[[0, -1]], strict=True):
            assert abs(crossing.wavelength_nm - truth) < 4 * crossing.err_nm + 0.1
        assert abs(found.maximum - ds.max()) < 4 * found.maximum_err


def test_both_spectra_have_the_same_mean_in_the_transparent_window(measured):
    window = (PLE_NM >= 550) & (PLE_NM <= 600)
    for c in measured["B"][:10]:
        assert c.s[window].mean() == pytest.approx(c.reference[window].mean(), abs=1e-12)
        assert abs(c.window.mean) < 4 * c.window.mean_err + 1e-3
        assert c.window.mean_err < 0.3 * c.ds_err[window].mean() / np.sqrt(window.sum()) + 2e-3


def test_it_is_equation_2(measured):
    c = measured["B"][0]
    np.testing.assert_allclose(c.ds, (c.s - c.s0) / c.s0)
    np.testing.assert_allclose(c.s0, c.reference * c.factor)


def test_too_much_absorption_is_too_much_coupling():
    """30 % too much alpha d takes 11 % off S0 at 405 nm; what alpha d is not sure of is in the error."""
    rng = np.random.default_rng(0)
    ple = ple_curve(film_spectrum(0 * PLE_NM), rng, uid="ple", peak_cps=1e6)
    bare = ple_curve(true_reference(PLE_NM), rng, uid="reference", peak_cps=1e6)
    film = measured_absorption(rng)
    wrong = dataclasses.replace(film, alpha_d=1.3 * film.alpha_d)
    s0, s0_wrong = (coupling(ple, bare, a).s0[5] for a in (film, wrong))
    assert s0_wrong / s0 - 1 == pytest.approx(-0.11, abs=0.01)
    doubtful = dataclasses.replace(film, covariance=film.covariance + np.outer(0.3 * film.alpha_d, 0.3 * film.alpha_d))
    assert coupling(ple, bare, doubtful, leak_err=0).at(405)[1] == pytest.approx(0.12, abs=0.02)


def test_the_dark_count_is_part_of_the_error():
    """A film of 300 cps on 1000 cps of dark, known to 3 %."""
    values = []
    for seed in range(150):
        rng = np.random.default_rng(seed)
        ple = ple_curve(film_spectrum(0 * PLE_NM), rng, uid="ple", peak_cps=1000, dark_cps=1000, dark_s=1, dwell_s=5)
        bare = ple_curve(true_reference(PLE_NM), rng, uid="reference", peak_cps=1e6)
        values.append(coupling(ple, bare, ABSORBED, leak_err=0).at(405))
    pulls = [value / err for value, err in values]
    assert 0.8 < np.std(pulls) < 1.25
    assert abs(np.mean(pulls)) < 0.5


def test_the_ratio_of_two_films_is_that_of_their_couplings(measured):
    """(1 - 0.58) / (1 - 0.82) at 405 nm, (1 - 0.27) / (1 - 0.80) at 445 nm."""
    pairs = list(zip(measured["B"], measured["A"][1:] + measured["A"][:1], strict=True))  # of different seeds
    for wavelength_nm, function in ((405, ratio_at), (405, boost_ratio), (445, boost_ratio)):
        near = np.abs(PLE_NM - wavelength_nm) <= 2.5
        truth = (1 + true_ds("B", PLE_NM)[near].mean()) / (1 + true_ds("A", PLE_NM)[near].mean())
        values = np.array([function(b, a, wavelength_nm) for b, a in pairs])
        check((values[:, 0] - truth) / values[:, 1])


def test_a_shared_reference_cancels_in_the_ratio():
    rng = np.random.default_rng(1)
    bare = ple_curve(true_reference(PLE_NM), rng, uid="reference", peak_cps=500)
    ple = ple_curve(film_spectrum(0 * PLE_NM), rng, uid="ple", peak_cps=1e6)
    result = coupling(ple, bare, ABSORBED)
    value, err = boost_ratio(result, result, 445)
    assert value == 1
    assert err < 0.1 * result.at(445)[1]


@pytest.mark.parametrize("dead_nm", [(485, 512), (520, 540)])
def test_a_sign_change_in_the_dark_is_told_but_not_placed(dead_nm):
    result = measured_coupling("B", 3, dead_nm=dead_nm)
    assert len(result.crossings) == 1
    assert any("the sign changes in the dark" in warning for warning in result.warnings)
    assert np.isnan(result.ds[(dead_nm[0] < PLE_NM) & (dead_nm[1] > PLE_NM)]).all()


@pytest.mark.parametrize("dead_nm", [(400, 420), (497, 511), (560, 590)])
@pytest.mark.parametrize("sample", ["A", "null"])
def test_a_dead_sector_invents_nothing(sample, dead_nm):
    result = measured_coupling(sample, 4, dead_nm=dead_nm)
    assert not result.crossings and not np.isfinite(result.maximum)
    assert [r.sign for r in result.regions] == ([-1] * 3 if sample == "A" else [0] * 3)
    assert any("no lamp light between" in warning for warning in result.warnings)


@pytest.mark.parametrize("dead_nm", [(513, 527), (520, 529), (508, 522)])
def test_a_maximum_in_the_dark_has_no_height(dead_nm):
    """What is highest then is the edge of the dark sector."""
    result = measured_coupling("B", 7, dead_nm=dead_nm)
    assert np.isnan([result.maximum, result.maximum_err, result.maximum_nm, result.maximum_err_nm]).all()
    assert any("the maximum is at" in warning and "dark" in warning for warning in result.warnings)


def test_a_dark_sector_beside_the_maximum_leaves_it_where_it_is():
    result = measured_coupling("B", 7, dead_nm=(502, 512))
    assert abs(result.maximum - 1.5) < 4 * result.maximum_err < 0.2


def test_a_region_in_the_dark_has_no_sign():
    region = measured_coupling("A", 5, dead_nm=(529, 551)).regions[2]
    assert (region.sign, region.n_points) == (0, 0) and np.isnan(region.mean)


def test_a_dark_normalisation_window_is_refused():
    with pytest.raises(ValueError, match=r"known together at 400-548 nm: 0 points lie.*The lamp was dark there: give"):
        measured_coupling("A", 6, dead_nm=(548, 610))


def test_a_scan_that_does_not_reach_the_normalisation_window_is_refused():
    rng = np.random.default_rng(2)
    bare, short = ple_curve(true_reference(PLE_NM), rng, uid="reference", peak_cps=2e4), PLE_NM < 540
    cut = {
        name: getattr(bare, name)[short] for name in ("wavelength_nm", "value", "err", "counts", "scale", "background")
    }
    with pytest.raises(ValueError, match=r"known together at 400-539 nm: 0 points lie.*Scan both up to 600 nm"):
        coupling(dataclasses.replace(bare, **cut), bare, ABSORBED)


def test_no_photons_are_refused():
    rng = np.random.default_rng(2)
    nothing = ple_curve(1e-12 * PLE_NM, rng, uid="ple", peak_cps=0, dark_cps=0)
    bare = ple_curve(true_reference(PLE_NM), rng, uid="reference", peak_cps=2e4)
    with pytest.raises(ValueError, match="nothing to scale by"):
        coupling(nothing, bare, ABSORBED)


def test_a_faint_reference_says_nothing_rather_than_much():
    rng = np.random.default_rng(3)
    ple = ple_curve(film_spectrum(0 * PLE_NM), rng, uid="ple", peak_cps=2e4)
    faint = ple_curve(true_reference(PLE_NM), rng, uid="reference", peak_cps=60, dark_s=1000)
    result = coupling(ple, faint, ABSORBED)
    assert np.isnan(result.ds).sum() > 20 and result.ds_err[result.lit].min() > 0.1
    assert all(r.sign == 0 for r in result.regions) and not result.crossings


def test_a_reference_on_another_axis_is_interpolated():
    rng = np.random.default_rng(4)
    ple = ple_curve(film_spectrum(true_ds("B", PLE_NM)), rng, uid="ple", peak_cps=2e4)
    bare = ple_curve(true_reference(PLE_NM + 0.4), rng, uid="reference", peak_cps=2e4)
    shifted = dataclasses.replace(bare, wavelength_nm=bare.wavelength_nm + 0.4)
    result = coupling(ple, shifted, ABSORBED)
    assert not result.lit[0]
    assert result.regions[1].mean == pytest.approx(true_ds("B", np.arange(490, 530)).mean(), abs=0.04)


def test_it_knows_where_it_comes_from(measured):
    result = measured["A"][0]
    assert result.uids == ("ple", "reference", "film", "blank")
    assert result.n_photons == pytest.approx(np.nansum(result.s) / result.s[0] * 4e3, rel=1)


ABSORBED = measured_absorption(np.random.default_rng(99))


def test_light_of_the_film_itself_is_subtracted_if_its_luminescence_tells_it():
    """The same leak as above, known to a twentieth at 405 nm: nothing is left of it, and no allowance is needed."""
    found = []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        alpha_d = true_alpha_d(PLE_NM)
        dots = film_spectrum(np.zeros(len(PLE_NM)))
        film = 0.04 * dots[150:].mean() * (1 - np.exp(-alpha_d))
        per_cps = 2e4 / (dots + film).max()
        ple = ple_curve(dots + film, rng, uid="ple", peak_cps=2e4)
        bare = ple_curve(true_reference(PLE_NM), rng, uid="reference", peak_cps=2e4)
        level = film[PLE_NM == 405][0] * per_cps
        own = OwnLight(level * (1 + 0.05 * rng.standard_normal()), 0.05 * level, 405.0, ("pl",))
        film_absorbs = measured_absorption(rng)
        found.append(coupling(ple, bare, film_absorbs, own=own))
        allowed = coupling(ple, bare, film_absorbs)
    means, errs = (np.array([[getattr(r, key) for r in c.regions] for c in found]) for key in ("mean", "mean_err"))
    assert np.all(np.abs((means / errs).mean(axis=0)) < 0.7)
    assert np.all((means / errs).std(axis=0) < 1.5)
    assert errs[-1, 1] < 0.75 * allowed.regions[1].mean_err
    assert "pl" in found[0].uids
