"""Ensemble spectroscopy on the twin, from the plan to the derived run; everything again from uids alone."""

import logging
import threading
import time

import numpy as np
import pytest
from bluesky.utils import FailedStatus

from analysis.formats.fluoracle import write_fluoracle
from analysis.formats.photons import Spectrum
from lab.spectra.derivation import Derivation
from lab.spectra.results import AbsorptionResult, PleResult, PlResult
from plans import absorption, blank, calibrate, import_scan, pl, ple
from plans.stubs import PlanError


@pytest.fixture(scope="module")
def calibrated(session):
    return session.RE(calibrate(session.fs5))


@pytest.fixture(scope="module")
def film(session, calibrated):
    """Blank, absorption, reference and excitation spectrum of B."""
    RE, fs5 = session.RE, session.fs5
    return {
        "blank": RE(blank(fs5, sample="B")),
        "absorption": RE(absorption(fs5, sample="B")),
        "reference": RE(ple(fs5, sample="bare_qds")),
        "ple": RE(ple(fs5, sample="B")),
    }


@pytest.fixture(scope="module")
def luminescence(session, calibrated):
    return session.RE(pl(session.fs5, sample="A", regions=[1, 3], repeats=2, start_nm=480, dwell_ms=100))


def start_of(documents):
    return next(doc for name, doc in documents if name == "start")


def test_the_offsets_of_both_monochromators_are_found(session, calibrated):
    offsets = calibrated.calibration.offsets
    truth = {"excitation": 0.2, "emission": -0.15}  # of the built-in presets
    for side, offset_nm in truth.items():
        found, err = (getattr(offsets, f"{side}_offset{part}_nm") for part in ("", "_err"))
        assert found == pytest.approx(offset_nm, abs=max(0.05, 5 * err)) and err < 0.05
        assert getattr(session.fs5, f"{side}_offset_nm").get() == found
    assert session.fs5.calibration_uid.get() == calibrated.uid
    assert session.notes["calibration"]["calibration_uid"] == calibrated.uid


def test_the_calibration_is_remembered_by_the_next_session(session, calibrated):
    fs5, kept = session.fs5, session.fs5.excitation_offset_nm.get()
    fs5.calibration_uid.put("")
    fs5.excitation_offset_nm.put(0.0)
    session.remembered.restore_calibration()
    assert fs5.calibration_uid.get() == calibrated.uid and fs5.excitation_offset_nm.get() == kept


def test_every_result_is_one_screen_of_text(film, luminescence, calibrated):
    for result in (*film.values(), luminescence, calibrated):
        lines = repr(result).splitlines()
        assert len(lines) <= 20 and result.uid[:8] in lines[0] and result.start["plan_name"] in lines[0]
        assert max(len(line) for line in lines if "WARNING" not in line) <= 130
        assert "next" in lines[-1]


def test_the_film_absorbs_as_its_exciton_says(film):
    result = film["absorption"]
    assert isinstance(result, AbsorptionResult) and result.start["blank_uid"] == film["blank"].uid
    found = result.absorption
    assert found.peak_nm == pytest.approx(520, abs=1) and found.peak_absorbance == pytest.approx(0.268, abs=0.02)


def test_the_coupling_of_b_changes_its_sign_twice(film):
    result = film["ple"]
    assert isinstance(result, PleResult)
    assert result.start["reference_uid"] == film["reference"].uid
    assert result.start["absorption_uid"] == film["absorption"].uid
    assert [region.sign for region in result.coupling.regions] == [-1, 1, -1]
    assert [round(crossing.wavelength_nm / 10) * 10 for crossing in result.coupling.crossings] == [490, 530]
    assert result.coupling.maximum == pytest.approx(1.5, abs=0.15)


def test_regions_and_repeats_are_one_run(session, luminescence):
    assert isinstance(luminescence, PlResult) and [region.number for region in luminescence.regions] == [1, 3]
    session.ingester.flush()
    table = session.db[luminescence.uid].table()
    assert len(table) == luminescence.start["num_points"] == 271 * 4
    assert set(table["fs5_region"]) == {1, 3} and set(table["fs5_repeat"]) == {1, 2}
    assert len(session.db[luminescence.uid].table("dark")) == 1
    assert luminescence.fit.peak_nm == pytest.approx(540, abs=4)


def test_the_analysis_is_a_run_of_its_own(session, film, luminescence):
    session.ingester.flush()
    derived = session.db[film["ple"].derived_uid]
    blank_uid, linked = film["blank"].uid, (film["reference"].uid, film["absorption"].uid)
    assert set(derived.start["analysis_of"]) == {film["ple"].uid, blank_uid, *linked}
    assert derived.start["parameters"]["reference_uid"] == film["reference"].uid
    stored = np.squeeze(session.db.array(derived.uid, "coupling_ds")[:])
    np.testing.assert_array_equal(stored, film["ple"].coupling.ds)
    for result in (*film.values(), luminescence):
        assert session.db.derived(result.uid).start["analysis_of"][0] == result.uid


def test_everything_is_computed_again_from_uids_alone(session, film, luminescence):
    derivation = Derivation(session.db.documents)
    again = derivation.of(film["ple"].uid)
    np.testing.assert_array_equal(again.coupling.ds, film["ple"].coupling.ds)
    np.testing.assert_array_equal(again.coupling.covariance, film["ple"].coupling.covariance)
    np.testing.assert_array_equal(derivation.of(luminescence.uid).fit.centre_nm, luminescence.fit.centre_nm)
    with pytest.raises(ValueError, match="is a irf, not one of"):
        derivation.of(session.microscope.irf_uid.get())


def test_a_stored_spectrum_replays_bit_for_bit(session, film, luminescence):
    again = session.replay(luminescence.uid)
    np.testing.assert_array_equal(again.curve.value, luminescence.curve.value)
    np.testing.assert_array_equal(again.fit.covariance, luminescence.fit.covariance)
    assert again.derived_uid != luminescence.derived_uid
    again = session.replay(film["absorption"].uid)
    np.testing.assert_array_equal(again.absorption.alpha_d, film["absorption"].absorption.alpha_d)


def test_a_series_puts_samples_on_one_scale(session, luminescence):
    other = session.RE(pl(session.fs5, sample="B", start_nm=480, dwell_ms=100))
    found = session.pl_series([luminescence.uid, other.uid])
    assert found.series.names == ("A", "B") and found.series.narrowest == "B"
    assert found.series.qd_height[1] > found.series.qd_height[0] and "linearity" in repr(found)
    session.ingester.flush()
    assert session.db[found.derived_uid].start["analysis_of"] == [luminescence.uid, other.uid]
    with pytest.raises(ValueError, match="runs of the plan pl"):
        session.pl_series([])


def test_without_runs_that_fit_the_command_is_told(session, film, documents):
    refused = [
        (absorption(session.fs5, sample="B", step_nm=0.5), 'RE(blank(fs5, sample="glass", step_nm=0.5)) first'),
        (absorption(session.fs5, sample="B", start_nm=380), 'RE(blank(fs5, sample="glass", start_nm=380)) first'),
        (ple(session.fs5, sample="B", slit_nm=2), 'RE(ple(fs5, sample="bare_qds", slit_nm=2)) first'),
        (ple(session.fs5, sample="C"), 'RE(absorption(fs5, sample="C")) first'),
        (absorption(session.fs5, sample="B", blank="nonsense"), "there is no such run"),
        (absorption(session.fs5, sample="B", blank=film["ple"].uid), "that is a run of the plan ple"),
    ]
    for plan, message in refused:
        with pytest.raises(PlanError) as why:
            session.RE(plan)
        assert message in str(why.value)
    assert documents == []


def test_a_blank_with_a_wider_range_serves_and_may_be_named_by_its_first_letters(session, film, documents):
    result = session.RE(absorption(session.fs5, sample="B", start_nm=450, blank=film["blank"].uid[:8]))
    assert start_of(documents)["blank_uid"] == film["blank"].uid and result.absorption is not None


def test_an_unfinished_blank_is_not_taken(session, film, documents):
    session.RE(blank(session.fs5, sample="B"))
    newest = start_of(documents)["uid"]
    path = session.journal.path_of(newest)
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:-1]))  # as after a crash
    needs = {key: start_of(documents)["scan"][key] for key in ("kind", "start_nm", "stop_nm", "step_nm")}
    found = session.fs5.find_run("blank", "glass", needs)
    path.write_text("".join(lines))
    assert found == film["blank"].uid and session.fs5.find_run("blank", "glass", needs) == newest


def test_a_run_is_refused_by_the_instrument_before_it_opens(session, documents):
    with pytest.raises(PlanError, match=r"excitation_nm = 210.*the instrument reaches 230"):
        session.RE(pl(session.fs5, sample="A", excitation_nm=210, start_nm=300))
    assert documents == []


def test_the_record_of_a_sample_links_both_instruments(session, luminescence):
    session.ingester.flush()
    assert luminescence.uid in [run.start["uid"] for run in session.samples["A"].runs]


def exported(path, wavelength_nm, counts, **header):
    about = {
        "Type": "Emission Scan", "Start": wavelength_nm[0], "Stop": wavelength_nm[-1], "Step": 1.0,
        "Fixed/Offset": 405.0, "Xaxis": "Wavelength", "Yaxis": "Counts", "Scan Corr. by File": "False",
        "Corr. by Ref. Det.": "False", "Fixed/Offset Corr. by File": "False", "Repeats": 1, "Dwell Time": 0.3,
        "Scan Slit": 1.0, "Fixed/Offset Slit": 1.0, "Labels": "A",
    }  # fmt: skip
    write_fluoracle(path, Spectrum(wavelength_nm, np.atleast_2d(counts), {**about, **header}))
    return path


def test_an_exported_file_becomes_a_run(session, tmp_path, documents):
    axis = np.arange(480.0, 751.0)
    expected = 2e4 * np.exp(-4 * np.log(2) * ((axis - 541) / 30) ** 2) + 20
    path = exported(tmp_path / "A.txt", axis, np.random.default_rng(5).poisson(expected))
    result = session.RE(import_scan(session.fs5, path, sample="A"))
    assert result.fit.peak_nm == pytest.approx(541, abs=0.5) and result.start["backend"] == "file"
    assert start_of(documents)["twin"] is False and result.start["scan"]["fixed_nm"] == 405
    again = session.replay(result.uid)
    np.testing.assert_array_equal(again.fit.centre_nm, result.fit.centre_nm)


def test_a_truncated_or_missing_file_is_refused_before_a_run_opens(session, tmp_path, documents):
    axis = np.arange(480.0, 751.0)
    path = exported(tmp_path / "A.txt", axis, np.full(axis.size, 100.0))
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(PlanError, match="truncated"):
        session.RE(import_scan(session.fs5, path, sample="A"))
    path.write_bytes(whole)
    refused = [
        (import_scan(session.fs5, tmp_path / "none.txt", sample="A"), "none.txt"),
        (import_scan(session.fs5, path, sample="Z"), "sample='Z'"),
        (import_scan(session.fs5, path, sample="A", plan_name="ple"), "plan_name='ple'"),
        (import_scan(session.fs5, path, sample="A", counts_are="cps"), "counts_are='cps'"),
    ]
    for plan, message in refused:
        with pytest.raises(PlanError) as why:
            session.RE(plan)
        assert message in str(why.value)
    assert documents == []


def test_a_spectrum_that_tells_less_than_was_wanted_is_shown_as_it_is(session, film, caplog):
    """A blank that was named by hand ends before the transparent window: no absorption, a curve and the reason."""
    short = session.RE(blank(session.fs5, sample="B", stop_nm=500))
    result = session.RE(absorption(session.fs5, sample="B", blank=short.uid))
    assert result.absorption is None and result.curve.lit.sum() == 301
    assert "transparent window" in repr(result) and "none: could not be computed" in repr(result)


def test_a_failed_analysis_leaves_the_run_and_a_line_in_the_log(session, film, caplog, monkeypatch):
    monkeypatch.setattr("lab.spectra.derivation.choose_curve", lambda curve: 1 / 0)
    with caplog.at_level(logging.ERROR):
        uids = session.RE(pl(session.fs5, sample="B", start_nm=600, stop_nm=620))
    assert "is stored, but its spectrum could not be analysed" in caplog.text and uids


def test_panic_ends_a_flight_in_the_dark(session, film):
    """What the lamp was doing stops, the run fails with its reason, and the next one needs no more than the reset."""
    fs5 = session.fs5
    threading.Thread(target=panic_in_flight, args=(session,), daemon=True).start()
    with pytest.raises(FailedStatus, match="stopped"):
        session.RE(pl(fs5, sample="B", step_nm=0.1, regions=25))
    assert fs5.shutter.get() == "closed"
    session.ingester.flush(timeout_s=10)
    assert session.db[-1].exit_status == "fail"
    session.microscope.shutter.reset()
    assert session.RE(pl(fs5, sample="B", start_nm=600, stop_nm=620)).exit_status == "success"


def panic_in_flight(session):
    while not session.fs5.in_flight:
        time.sleep(0.005)
    session.panic()
