"""The session: results, catalog, derived runs, replay; two sessions on one rig."""

from dataclasses import replace

import numpy as np
import pytest

from analysis.formats import Decays
from analysis.formats.timeharp import write_thd
from analysis.registration import LineDrift
from lab.flim.results import flim_arrays
from lab.lock import RigLocked
from lab.session import start
from lab.storage import recover
from lab.wording import within
from plans import flim_raster
from tests.test_docs import response_and_decay


@pytest.fixture(scope="module")
def result(session):
    return session.RE(flim_raster(session.microscope, sample="A", extent_um=10, n_pixels=12, dwell_ms=100, n_scans=3))


def test_a_raster_returns_its_lifetimes_on_one_screen(result):
    text = repr(result)
    assert len(text.splitlines()) <= 12 and max(map(len, text.splitlines())) <= 120
    assert "lifetime image of A" in text and "12 x 12 pixels" in text and "tau2" in text and result.uid[:8] in text


def test_its_numbers_have_flat_names(result):
    known = np.isfinite(result.tau2_ns)
    assert known.sum() == (result.map.trusted_photons > 0).sum() > 0
    np.testing.assert_array_equal(result.tau2_ns[known], result.map.fit.tau_ns[..., 1][known])
    np.testing.assert_array_equal(result.tau1_err_ns[known], result.map.fit.tau_err_ns[..., 0][known])
    median = within(result.tau2_median_ns, result.tau2_median_err_ns, "ns")
    assert f"tau2        median {median}" in repr(result) and f"{result.n_photons:,} perovskite" in repr(result)
    assert np.nanmin(result.tau2_ns) < result.tau2_median_ns < np.nanmax(result.tau2_ns)


def test_the_catalog_finds_the_run(session, result):
    assert session.db[-1].start["uid"] == result.uid
    assert session.db[result.uid[:8]].start["uid"] == result.uid
    assert result.uid in [run.start["uid"] for run in session.db(plan_name="flim_raster", sample_name="A")]
    assert len(session.db[result.uid].table()) == 36
    assert len(session.db[result.uid].table("baseline")) == 2


def test_the_histogram_cube_is_sliced_lazily(session, result):
    cube = session.db.array(result.uid, "scanner_histograms")
    assert cube.shape == (36, 12, 2, 4096)
    assert cube[3:5, :, 0].shape == (2, 12, 4096)


def test_the_analysis_is_a_run_of_its_own(session, result):
    derived = session.db.derived(result.uid)
    assert derived.start["analysis_of"] == [result.uid] and derived.start["purpose"] == "analysis"
    assert derived.start["parameters"]["irf_uid"] == session.microscope.irf_uid.get()
    assert derived.start["code_version"].startswith("0.")
    stored = session.db.array(derived.start["uid"], "tau_ns")[:]
    np.testing.assert_array_equal(np.squeeze(stored), result.map.fit.tau_ns)
    for key in ("tau_err_ns", "drift_px", "drift_err_px", "deviance", "coverage"):
        assert np.isfinite(session.db.array(derived.start["uid"], key)[:]).any()


def test_the_path_of_the_rows_is_stored_where_it_is_known(result):
    shift = np.arange(2.0 * 12 * 2).reshape(2, 12, 2)
    lines = LineDrift(shift, shift / 100, np.ones(2, bool), np.ones(2), np.full(2, 1e4))
    stored = flim_arrays(replace(result.map, line_drift=lines))
    np.testing.assert_array_equal(stored["line_drift_px"][0], shift)
    np.testing.assert_array_equal(stored["line_drift_err_px"][0], shift / 100)
    assert "line_drift_px" not in flim_arrays(replace(result.map, line_drift=None))


def test_storage_can_be_rebuilt_from_the_journal_in_one_go(session, result):
    path = session.journal.path_of(result.uid)
    path.with_suffix(".stored").unlink()
    assert recover(session.ingester._client, session.config.folders.journal) == [result.uid]
    assert len(session.db[result.uid].table()) == 36 and session.ingester.status().refused == ()


def test_a_stored_run_replays_bit_for_bit(session, result):
    again = session.replay(result.uid)
    for name in ("tau_ns", "tau_err_ns", "fraction", "background_fraction", "deviance", "n_photons"):
        np.testing.assert_array_equal(getattr(again.map.fit, name), getattr(result.map.fit, name))
    np.testing.assert_array_equal(again.map.drift.shift_px, result.map.drift.shift_px)
    assert (again.map.line_drift is None) == (result.map.line_drift is None)
    np.testing.assert_array_equal(again.map.qd_counts, result.map.qd_counts)


def test_a_second_session_is_refused_and_told_who_holds_the_rig(session):
    with pytest.raises(RigLocked, match="is held by"):
        start(session.config)


def test_old_files_become_runs_beside_new_ones(session, tmp_path):
    """What was not told is told to `refit`; the instrument response of today stays what it is."""
    tau_ns, today = 4.0, session.microscope.irf_uid.get()
    curves = response_and_decay(np.random.default_rng(8), [tau_ns], bin_ns=0.035, period_ns=100)
    write_thd(tmp_path / "decay.thd", Decays(curves, np.full(2, 0.035), sync_hz=np.full(2, 1e7)), version="6.0")
    imported = session.import_folder(tmp_path, sample="A", wiring="raster", curves=2)
    assert imported.storage == "" and "no instrument response" in repr(imported)
    (again,) = session.refit(imported.uids, irf=1)
    irf, decay = again.runs
    assert session.db[decay.uid].start["irf_uid"] == irf.uid and session.microscope.irf_uid.get() == today
    assert decay.uid in [run.start["uid"] for run in session.samples["A"].runs]
    stored = session.db.array(decay.derived_uid, "decay")[:]
    assert np.squeeze(stored)[:, 0].sum() == curves[1].sum()
    replayed = session.replay(decay.uid)
    assert replayed.lifetime.tau_ns == pytest.approx(tau_ns, abs=0.1) and replayed.derived_uid != decay.derived_uid
