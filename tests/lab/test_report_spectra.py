"""The rows on spectra are the numbers of the results, and say missed where the paper is missed."""

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from analysis.spectra import coupling, film_absorption, fit_curve
from lab import report
from lab.report.absorption import peak_within
from lab.report.evidence import BEHIND
from tests.simulated_spectra import BOOSTED, QUENCHED, blank, excitation, luminescence, transmission

DOPING = {"A": 0.025, "B": 0.1, "C": 0.5, "D": 1.0, "single": 0.01}
HEIGHTS = {"A": 0.0383, "B": 0.16, "C": 0.68, "D": 1.28}
EMISSION = {"fixed_nm": 405, "dwell_s": 0.3, "step_nm": 1, "emission_slit_nm": 1}
EXCITATION = {"fixed_nm": 650, "dwell_s": 1.0, "step_nm": 1, "excitation_slit_nm": 1}
RATIOS = (0.12, 0.2, 0.32)


def series_of(heights=HEIGHTS, *, centre_nm=638.0, fwhm_nm=43.0, narrowest="B"):
    """A series as `pl_series` returns it, with chosen numbers, errors of one per cent."""
    height = np.array([heights[role] for role in "ABCD"])
    doping = np.array([DOPING[role] for role in "ABCD"])
    rescaled, ones = height * DOPING["B"] / doping, np.ones(4)
    film = np.where(np.array(list("ABCD")) == narrowest, 1.0, 0.97)
    return SimpleNamespace(
        names=tuple("ABCD"), doping_percent=doping, narrowest=narrowest, reference="B",
        perovskite_height=film, perovskite_height_err=0.01 * film, qd_height=height, qd_height_err=0.01 * height,
        qd_centre_nm=centre_nm * ones, qd_centre_err_nm=np.array([0.4, 0.1, 0.1, 0.1]),
        qd_fwhm_nm=fwhm_nm * ones, qd_fwhm_err_nm=0.2 * ones,
        rescaled_height=rescaled, rescaled_height_err=0.01 * rescaled,
        fits=tuple(fit_curve(luminescence(HEIGHTS[role], seed=i), n_bands=3) for i, role in enumerate("BCD")),
    )  # fmt: skip


def emitted(fit=None, regions=(), scan=EMISSION, sample="A"):
    return SimpleNamespace(fit=fit, regions=regions, start={"scan": scan, "sample_name": sample})


@pytest.fixture(scope="module")
def results():
    """Everything the demo measures, as the paper has it."""
    films = {"undoped": 150 / 88, "A": 1.0, "B": 1.0}
    absorbed = {
        role: film_absorption(transmission(thickness, seed=i, noise=5e-4), blank(seed=9, noise=5e-4))
        for i, (role, thickness) in enumerate(films.items())
    }
    regions = [
        SimpleNamespace(fit=fit_curve(luminescence(0.0, ratio=ratio, seed=i), n_bands=2))
        for i, ratio in enumerate(RATIOS)
    ]
    bare = fit_curve(luminescence(1.0, film=0.0, qd_nm=634.0), n_bands=1)
    pl = {role: emitted(sample=role) for role in "ABCD"} | {
        "undoped": emitted(fit_curve(luminescence(0.0, seed=8), n_bands=2), regions, sample="undoped"),
        "bare": emitted(bare, sample="bare_qds"),
    }
    dots = excitation(20_000, seed=3)
    coupled = {
        "A": coupling(excitation(5_000, QUENCHED, seed=4), dots, absorbed["A"]),
        "B": coupling(excitation(20_000, BOOSTED, seed=5), dots, absorbed["B"]),
        "bare": None,
    }
    return {
        "absorption": {role: SimpleNamespace(absorption=one) for role, one in absorbed.items()},
        "pl": pl,
        "ple": {role: SimpleNamespace(coupling=one, start={"scan": EXCITATION}) for role, one in coupled.items()},
        "series": series_of(),
        "doping_percent": DOPING,
    }


def by_id(results, **others) -> dict[str, report.Row]:
    return {row.id: row for row in report.measure_spectra(**{**results, **others})}


TOGETHER = {"QD-04", "QD-05"}  # reported with the series, which needs all four films
NOTHING = {"absorption": {}, "pl": {}, "ple": {}, "series": None, "doping_percent": {}}


# --- the published side ------------------------------------------------------------------------------------


def test_every_number_on_spectra_is_there():
    ids = [f"ABS-{i:02}" for i in range(1, 6)] + [f"PL-{i:02}" for i in range(1, 12)]
    ids += [f"DOP-{which}" for which in "ABCDSR"] + [f"QD-{i:02}" for i in range(1, 10)]
    assert list(report.published(report.SPECTRA)) == ids + [f"PLE-{i:02}" for i in range(1, 19)]


def test_printed_values_lie_within_their_own_tolerances():
    for entry in report.published(report.SPECTRA).values():
        if "value" in entry and entry["id"] != "PL-10":
            assert report.within(entry["value"], entry), entry["id"]


# --- the measured side -------------------------------------------------------------------------------------


def test_a_lab_like_the_paper_s_misses_nothing(results):
    found = by_id(results)
    assert {name for name, row in found.items() if row.verdict not in ("ok", "setting")} == set()
    assert sum(row.verdict == "setting" for row in found.values()) == 19


def test_numbers_are_those_of_the_results_with_their_errors(results):
    found = by_id(results)
    b, film = results["ple"]["B"].coupling, results["absorption"]["undoped"].absorption
    for name, value, error in [
        ("ABS-01", film.peak_nm, film.peak_err_nm),
        ("ABS-05", film.valley_ratio, film.valley_ratio_err),
        ("PLE-08", b.crossings[0].wavelength_nm, b.crossings[0].err_nm),
        ("PLE-13", b.maximum, b.maximum_err),
        ("PLE-14", 1 + b.maximum, b.maximum_err),
    ]:
        assert (found[name].measured, found[name].error) == (value, error)
    assert found["QD-06"].measured == pytest.approx(4 * 0.0383 / 0.16)
    assert found["QD-06"].error == pytest.approx(4 * 0.0383 / 0.16 * 0.01 * np.sqrt(2))
    assert (found["QD-07"].measured, found["QD-08"].measured) == pytest.approx((20.0, 1.28 / 0.97))
    assert abs(found["QD-03"].measured - 4) < 4 * found["QD-03"].error


def test_settings_are_those_the_runs_were_made_with(results):
    found = by_id(results)
    assert (found["PL-07"].measured, found["PLE-02"].measured, found["PL-09"].measured) == (300, 650, 500)
    slow = {role: emitted(scan={**EMISSION, "dwell_s": 0.5}, sample=role) for role in "ABCD"}
    changed = by_id(results, pl=slow)["PL-07"]
    assert (changed.measured, changed.verdict) == (500, "missed")
    mixed = by_id(results, pl={**results["pl"], "A": slow["A"]})["PL-07"]
    assert (mixed.measured, mixed.verdict, mixed.note) == (None, "missed", "differs from run to run: 300, 500")


def test_the_contradiction_of_the_paper_is_told(results):
    row = by_id(results)["PLE-01"]
    assert (row.measured, row.published, row.verdict) == (650, "645 nm", "setting")
    assert "contradicts" in row.note
    at_600 = {role: SimpleNamespace(coupling=None, start={"scan": {**EXCITATION, "fixed_nm": 600}}) for role in "AB"}
    assert {by_id(results, ple=at_600)[name].verdict for name in ("PLE-01", "PLE-02")} == {"missed"}


def test_doping_is_that_of_the_records(results):
    other = by_id(results, doping_percent={**DOPING, "C": 0.4, "D": 2.0})
    assert [other[f"DOP-{role}"].verdict for role in "ABCDSR"] == ["setting"] * 2 + ["missed"] * 2 + [
        "setting",
        "missed",
    ]
    assert other["DOP-R"].measured == pytest.approx(80)


# --- samples unlike the paper's ----------------------------------------------------------------------------


def test_a_film_without_coupling_has_no_sign_no_crossing_no_boost(results):
    film, dots = results["absorption"]["B"].absorption, excitation(20_000, seed=3)
    null = coupling(excitation(20_000, lambda wavelength_nm: 0 * wavelength_nm, seed=6), dots, film)
    found = by_id(results, ple={**results["ple"], "B": SimpleNamespace(coupling=null, start={"scan": EXCITATION})})
    assert {found[name].verdict for name in ("PLE-08", "PLE-09", "PLE-12", "PLE-13", "PLE-14")} == {"missed"}
    assert [found[name].measured for name in ("PLE-08", "PLE-09", "PLE-13")] == [None] * 3
    assert abs(found["PLE-12"].measured) < 4
    assert found["PLE-15"].verdict == "ok"


def test_one_band_is_not_reported_as_two(results):
    single = fit_curve(luminescence(0.0, ratio=0.0), n_bands=1)
    pl = {"undoped": emitted(single, [SimpleNamespace(fit=single)] * 3)}
    found = by_id(results, pl=pl, series=None)
    assert [(found[name].measured, found[name].verdict) for name in ("PL-03", "PL-04")] == [(None, "missed")] * 2
    assert found["PL-05"].verdict == "not measured"
    assert found["PL-01"].measured == pytest.approx(544, abs=0.1)


def test_regions_alike_do_not_vary(results):
    fits = [SimpleNamespace(fit=fit_curve(luminescence(0.0, seed=i), n_bands=2)) for i in range(4)]
    found = by_id(results, pl={"undoped": emitted(fits[0].fit, fits)}, series=None)["PL-05"]
    assert found.verdict == "missed" and found.measured < 3


def test_other_dots_are_missed(results):
    heights = {**HEIGHTS, "A": 0.06, "D": 0.8}
    found = by_id(results, series=series_of(heights, centre_nm=625.0, fwhm_nm=50.0, narrowest="A"))
    for name in ("QD-01", "QD-02", "QD-06", "QD-07", "QD-08", "PL-11"):
        assert found[name].verdict == "missed", name


def test_an_absorbing_defect_is_a_peak_of_its_own(results):
    film = results["absorption"]["undoped"].absorption
    assert peak_within(film, 535, 550) < 4
    bump = 0.03 * np.exp(-0.5 * ((film.wavelength_nm - 544) / 2) ** 2)
    with_defects = replace(film, alpha_d=film.alpha_d + bump)
    assert peak_within(with_defects, 535, 550) > 4
    absorbed = {**results["absorption"], "undoped": SimpleNamespace(absorption=with_defects)}
    assert by_id(results, absorption=absorbed)["ABS-04"].verdict == "missed"


# --- what can be missing -----------------------------------------------------------------------------------


def test_without_results_nothing_is_measured():
    found = by_id(NOTHING)
    assert {name: row.verdict for name, row in found.items() if row.verdict != "not measured"} == {
        "PL-10": "setting",
        "PLE-06": "setting",
        "PLE-07": "setting",
    }


@pytest.mark.parametrize("missing", ["absorption", "pl", "ple", "series", "doping_percent"])
def test_what_is_there_is_reported_though_something_is_missing(results, missing):
    whole, found = by_id(results), by_id(results, **{missing: NOTHING[missing]})
    lost = [name for name in whole if found[name].verdict == "not measured"]
    assert lost and len(lost) < len(whole) - 15
    json.loads(report.to_json(found.values()))


def test_no_quantity_is_cut(results):
    rows = report.measure_spectra(**results)
    text = report.table(rows)
    assert max(map(len, text.splitlines())) <= 120
    assert all(row.quantity in text and row.published in text for row in rows)


@pytest.mark.parametrize("kind", ["absorption", "pl", "ple"])
def test_a_number_needs_the_results_it_names_and_no_other(results, kind):
    whole, records = by_id(results), {name for name in BEHIND if name.startswith("DOP-")}
    for role in results[kind]:
        found = by_id(results, **{kind: {key: one for key, one in results[kind].items() if key != role}})
        lost = {name for name in whole if found[name] != whole[name]}
        named = {name for name, roles in BEHIND.items() if f"{kind} {role}" in roles}
        assert lost - TOGETHER <= named, (role, lost - named)
        same = {name for name in named if whole[name].verdict == "setting"} | records | TOGETHER
        assert named - same <= lost, (role, named - lost)
