"""The spectrofluorometer against the sealed truth: two films no analysis has seen, from the plans to the numbers."""

from pathlib import Path

import numpy as np
import pytest

from analysis.spectra import doublet_spread, perovskite, qd, red_shift
from devices.iocs.twin import truth
from tests.conftest import house
from tests.lab.crashes import in_own_process

SHIFTED = """
base = "B"
name = "shifted"
[sample]
thickness_nm = 124
doping_percent = 0.07
[sample.spectra.absorption]
peak_nm = 515.4
alpha_peak_cm1 = 6.1e4
alpha_405_cm1 = 9.4e4
[sample.spectra.perovskite]
centre_nm = [528.6, 541.3]
ratio = 0.45
[sample.spectra.qd]
centre_nm = 627.2
[sample.spectra.coupling]
knots_nm = [400, 440, 470, 484, 492, 500, 509, 514, 519, 523, 528, 534, 542, 550, 600]
delta_s = [-0.7, -0.4, -0.2, 0, 0.5, 1.3, 1.9, 1.6, 0.8, 0, -0.2, -0.3, -0.2, 0, 0]
[instrument.fs5]
excitation_offset_nm = 0.66
emission_offset_nm = -0.58
[instrument.fs5.lamp]
dead_nm = [[571, 579]]
drift_per_h = 0.05
"""
NULL = """
base = "A"
name = "null"
[sample.spectra.absorption]
peak_nm = 524.3
[sample.spectra.perovskite]
tail = 1e-3
[sample.spectra.coupling]
strength = 0
"""
CROSSINGS_NM, MAXIMUM, MAXIMUM_NM = (484, 523), 1.9, 509
PLACES_NM = (410, 430, 450, 470, 490, 500, 509, 515, 520, 530, 540, 545)


def measure(config: str, sealed: str) -> dict:
    """Every plan on both films, in a session of its own; the results of the plans by name."""
    from lab.session import start
    from plans import absorption, blank, calibrate, pl, ple

    lab = start(config, truth=Path(sealed))
    try:
        RE, fs5 = lab.RE, lab.fs5
        found = {"calibrate": RE(calibrate(fs5)), "blank": RE(blank(fs5, sample="shifted"))}
        found["bare"] = RE(pl(fs5, sample="bare_qds"))
        RE(ple(fs5, sample="bare_qds"))
        for name in ("shifted", "null"):
            found[f"{name} absorption"] = RE(absorption(fs5, sample=name))
            found[f"{name} pl"] = RE(pl(fs5, sample=name, regions=[1, 2, 3]))
            found[f"{name} ple"] = RE(ple(fs5, sample=name))
        return found
    finally:
        lab.close(stop_processes=True)


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """Results of the plans, and the truth about both films."""
    folder = tmp_path_factory.mktemp("films")
    for name, text in (("shifted", SHIFTED), ("null", NULL)):
        (folder / f"{name}.toml").write_text(text)
    config = house(folder / "house", preset=f"{folder / 'shifted.toml'},{folder / 'null.toml'}", seed=7)
    results = in_own_process(measure, str(config), str(folder / "truth.json"))
    sealed = truth.read(folder / "truth.json")
    return results, {name: entry["arrays"] for name, entry in sealed["spectra"].items()}


def at(true: dict, name: str, wavelength_nm):
    return np.interp(wavelength_nm, true["wavelength_nm"], true[name])


def places(curve, width_nm=2.5):
    """Points about each of the places, as `Coupling.at` takes them."""
    return [curve[np.abs(curve - place) <= width_nm + 1e-6] for place in PLACES_NM]


def test_both_monochromators_stand_where_the_preset_says(measured):
    offsets = measured[0]["calibrate"].calibration.offsets
    assert offsets.excitation_offset_nm == pytest.approx(0.66, abs=0.02)
    assert offsets.emission_offset_nm == pytest.approx(-0.58, abs=0.02)


@pytest.mark.parametrize(("film", "peak_nm"), [("shifted", 515.4), ("null", 524.3)])
def test_the_film_absorbs_what_it_absorbs(measured, film, peak_nm):
    results, true = measured
    found = results[f"{film} absorption"].absorption
    assert found.peak_nm == pytest.approx(peak_nm, abs=0.3)
    for place in (405, 445, 490, 530, 545):
        alpha_d, err = found.at(place)
        assert alpha_d == pytest.approx(at(true[film], "alpha_d", place), abs=4 * err + 0.005) and err < 0.02


def test_the_bands_are_where_they_are(measured):
    results, _ = measured
    whole = results["shifted pl"].fit
    np.testing.assert_allclose(whole.centre_nm, [528.6, 541.3, 627.2], atol=0.2)
    np.testing.assert_allclose(whole.fwhm_nm, [17, 34.5, 43], atol=0.5)
    assert qd(results["null pl"].fit).peak_nm == pytest.approx(638, abs=0.8)  # 4 % of the height of the film
    shift_nm, err = red_shift([whole], results["bare"].fit)
    assert shift_nm == pytest.approx(627.2 - 634, abs=0.3) and err < 0.1


def test_the_doublet_is_that_of_each_region(measured):
    results, true = measured
    regions = results["shifted pl"].regions
    spread = doublet_spread([region.fit for region in regions])
    np.testing.assert_allclose(spread.ratio, true["shifted"]["ratio"][:3], rtol=0.1)
    assert spread.varies
    for region in regions:
        sum_cps = true["shifted"]["perovskite_cps"][region.number - 1, :2].sum(axis=0)
        highest_nm = true["shifted"]["wavelength_nm"][sum_cps.argmax()]
        assert perovskite(region.fit).peak_nm == pytest.approx(highest_nm, abs=0.5)


@pytest.mark.parametrize("film", ["shifted", "null"])
def test_delta_s_is_the_truth_within_its_errors(measured, film):
    results, true = measured
    found = results[f"{film} ple"].coupling
    lit_nm = found.wavelength_nm[found.lit]
    for place, near in zip(PLACES_NM, places(lit_nm), strict=True):
        value, err = found.at(place)
        assert abs(value - at(true[film], "delta_s", near).mean()) < 4 * err
    known = np.ix_(found.lit, found.lit)
    rest = (found.ds - at(true[film], "delta_s", found.wavelength_nm))[found.lit]
    chi2 = rest @ np.linalg.solve(found.covariance[known], rest) / rest.size
    assert chi2 == pytest.approx(1, abs=0.35)


def test_the_signs_and_where_they_change(measured):
    found = measured[0]["shifted ple"].coupling
    assert [region.sign for region in found.regions] == [-1, 1, -1]
    assert [crossing.rising for crossing in found.crossings] == [True, False]
    np.testing.assert_allclose([crossing.wavelength_nm for crossing in found.crossings], CROSSINGS_NM, atol=1)
    assert found.maximum == pytest.approx(MAXIMUM, abs=0.08)
    assert found.maximum_nm == pytest.approx(MAXIMUM_NM, abs=1.5)


def test_a_film_without_coupling_shows_none(measured):
    found = measured[0]["null ple"].coupling
    assert [region.sign for region in found.regions] == [0, 0, 0]
    assert all(abs(region.mean) < 3 * region.mean_err < 0.1 for region in found.regions)
    assert not found.crossings and np.isnan(found.maximum)


def test_the_dead_sector_is_known_and_told(measured):
    results, _ = measured
    for name in ("shifted absorption", "shifted ple"):
        curve = results[name].curve
        assert not curve.lit[(curve.wavelength_nm > 572) & (curve.wavelength_nm < 578)].any()
        assert any("no lamp light between 572" in text for text in results[name].warnings())
    assert not any("lamp" in text for text in results["shifted pl"].warnings())  # it is lit at 405 nm alone
