"""The FLIM raster, run for real on the twin: documents, refusals, pause, abort."""

import re
import threading
import time
from collections import Counter

import event_model
import numpy as np
import pytest
from bluesky import plan_stubs as bps
from bluesky import preprocessors as bpp
from bluesky.utils import RunEngineInterrupted

from devices.iocs.twin.beam import set_interlock
from plans import flim_raster, irf, park
from plans.stubs import PlanError
from plans.tcspc import range_code_for
from tests.conftest import is_line

SMALL = {"extent_um": 6.0, "n_pixels": 6, "dwell_ms": 50, "n_scans": 2}


def lines(documents):
    return [doc["data"]["scanner_line"] for name, doc in documents if name == "event" and is_line(doc)]


def start_of(documents):
    return next(doc for name, doc in documents if name == "start")


def is_dark(microscope):
    return microscope.shutter.state.get() == "closed" and microscope.pulsed.emission.get() == "standby"


def test_a_raster_is_one_event_per_line_and_its_documents_are_valid(session, documents):
    session.RE(flim_raster(session.microscope, sample="A", **SMALL))
    for name, doc in documents:
        event_model.schema_validators[event_model.DocumentNames[name]].validate(doc)
    assert lines(documents) == list(range(12))
    counts = Counter(name for name, _ in documents)
    assert counts["start"] == counts["stop"] == 1
    assert next(doc for name, doc in documents if name == "stop")["exit_status"] == "success"
    assert is_dark(session.microscope)


def test_the_start_document_tells_light_detection_sample_and_response(session, documents):
    session.RE(flim_raster(session.microscope, sample="B", **SMALL))
    start = start_of(documents)
    assert start["sample_name"] == "B" and start["sample"]["doping_percent"] == 0.1
    assert start["excitation"]["intensity_w_cm2"] == 150 and start["excitation"]["wavelength_nm"] == 445
    assert start["detection"]["perovskite"]["filter"] == "532/10+OD1"
    assert start["irf_uid"] == session.microscope.irf_uid.get()
    assert start["tcspc"]["period_ns"] == 500 and start["purpose"] == "measurement"
    assert start["twin"] == {"preset": "A", "seed": 1}


def test_events_hold_what_the_file_holds(session, documents):
    session.RE(flim_raster(session.microscope, sample="A", **SMALL, snake=True))
    events = [doc["data"] for name, doc in documents if name == "event" and is_line(doc)]
    cube = session.db.array(start_of(documents)["uid"], "scanner_histograms")
    assert cube.shape == (12, 6, 2, 4096)
    for route, key in enumerate(("scanner_perovskite_counts", "scanner_qd_counts")):
        np.testing.assert_array_equal(cube[:].sum(axis=-1)[:, :, route], [event[key] for event in events])
    # Positions ascend in every line, also in those that ran backwards, and follow the raster.
    x = np.array([event["scanner_x"] for event in events])
    np.testing.assert_allclose(x, np.tile(50 + np.arange(-2.5, 3), (12, 1)), atol=0.06)


def test_a_dark_frame_is_counted_with_the_shutter_closed(session, documents):
    result = session.RE(flim_raster(session.microscope, sample="A", **SMALL, dark_frame=True))
    names = {doc["uid"]: doc["name"] for name, doc in documents if name == "descriptor"}
    dark = next(doc["data"] for name, doc in documents if name == "event" and names[doc["descriptor"]] == "dark")
    assert dark["timeharp_lit"] == 0
    np.testing.assert_allclose(result.map.dark_cps, [8, 40], atol=6 * np.sqrt(40 / 30))


REFUSED = [
    ({"dwell_ms": -1}, "dwell_ms=-1: must be a number 1.."),
    ({"dwell_ms": float("nan")}, "dwell_ms=nan"),
    ({"n_pixels": 0}, "n_pixels=0: must be a whole number 1..2048"),
    ({"n_pixels": 2.5}, "n_pixels=2.5"),
    ({"n_pixels": True}, "n_pixels=True"),
    ({"n_scans": 0}, "n_scans=0"),
    ({"settle_ms": float("inf")}, "settle_ms=inf"),
    ({"extent_um": 500}, "leaves the travel 0..100 um"),
    ({"centre_um": (99.0, 50.0)}, "leaves the travel"),
    ({"centre_um": "middle"}, "must be a pair"),
    ({"centre_um": (50.0, float("nan"))}, "centre_um (y)=nan"),
    ({"intensity_w_cm2": 0}, "intensity_w_cm2=0"),
    ({"sample": "a"}, "Did you mean 'A'?"),
    ({"sample": "Z"}, "there are A, B, C, D"),
    ({"range_code": 1}, "cuts the laser period of 500 ns; use 2"),
    ({"range_code": 3}, "RE(irf(microscope, range_code=3)) first"),
    ({"range_code": 7}, "range_code=7: must be a whole number 0..5"),
    ({"n_pixels": 2048, "n_scans": 10_000}, "GB are free"),
]


@pytest.mark.parametrize(("change", "message"), REFUSED, ids=[str(change) for change, _ in REFUSED])
def test_bad_input_is_refused_before_anything_moves(session, documents, change, message):
    before = session.microscope.piezo.x.get(), session.microscope.sample.mounted.get()
    with pytest.raises(PlanError) as refusal:
        session.RE(flim_raster(session.microscope, **{"sample": "A", **SMALL, **change}))
    assert message in str(refusal.value)
    assert documents == []
    assert before == (session.microscope.piezo.x.get(), session.microscope.sample.mounted.get())
    assert is_dark(session.microscope)


def test_without_an_instrument_response_no_raster_starts(session, documents):
    uid = session.microscope.irf_uid.get()
    session.microscope.irf_uid.put("")
    try:
        with pytest.raises(PlanError, match=r"RE\(irf\(microscope\)\)"):
            session.RE(flim_raster(session.microscope, sample="A", **SMALL))
    finally:
        session.microscope.irf_uid.put(uid)
    assert documents == []


def test_a_raster_needs_its_wiring(session, documents):
    wiring = session.microscope.timeharp.wiring
    session.RE(bps.mv(wiring, "hbt"))
    try:
        with pytest.raises(PlanError, match="cabled for 'hbt'"):
            session.RE(flim_raster(session.microscope, sample="A", **SMALL))
    finally:
        session.RE(bps.mv(wiring, "raster"))
    assert documents == []


def test_an_open_interlock_is_told_before_anything_moves(session, documents):
    beam = session.config.folders.run / "beam.bin"
    set_interlock(beam, False)
    try:
        time.sleep(0.3)
        with pytest.raises(PlanError, match="interlock is open: close the enclosure"):
            session.RE(flim_raster(session.microscope, sample="A", **SMALL))
    finally:
        set_interlock(beam, True)
        time.sleep(0.3)
    assert documents == []


def test_an_interlock_that_opens_in_a_run_ends_it_dark_and_told(session, documents):
    beam = session.config.folders.run / "beam.bin"

    def open_the_door(name, doc):
        if is_line(doc) and doc["seq_num"] == 3:
            set_interlock(beam, False)

    token = session.RE.subscribe(open_the_door, "event")
    try:
        with pytest.raises(Exception, match=r"interlock|went out"):
            session.RE(flim_raster(session.microscope, sample="A", **{**SMALL, "n_scans": 200}))
    finally:
        session.RE.unsubscribe(token)
        set_interlock(beam, True)
        time.sleep(0.3)
        session.microscope.shutter.reset()
    assert next(doc for name, doc in documents if name == "stop")["exit_status"] == "fail"
    assert is_dark(session.microscope)


def paused_after(session, plan, n_lines):
    """Run a plan and pause it once it has emitted `n_lines` lines."""
    seen = 0

    def pause(name, doc):
        nonlocal seen
        if is_line(doc):
            seen += 1
            if seen == n_lines:
                threading.Thread(target=session.RE.request_pause, args=(False,)).start()

    token = session.RE.subscribe(pause, "event")
    try:
        with pytest.raises(RunEngineInterrupted):
            session.RE(plan)
    finally:
        session.RE.unsubscribe(token)


@pytest.mark.parametrize("save", [2, 4])
def test_a_pause_between_reading_and_saving_a_line_loses_none_of_its_documents(session, documents, save):
    saves = 0

    def pausing(msg):
        nonlocal saves
        saves += msg.command == "save"
        return (bpp.pchain(bps.pause(), single(msg)), None) if msg.command == "save" and saves == save else (None, None)

    def single(msg):
        return (yield msg)

    with pytest.raises(RunEngineInterrupted):
        session.RE(bpp.plan_mutator(flim_raster(session.microscope, sample="A", **SMALL), pausing))
    session.RE.resume()
    rows = [doc["indices"] for name, doc in documents if name == "stream_datum"]
    assert [row["start"] for row in rows] == list(range(12)) and lines(documents) == list(range(12))
    assert sum(name == "stream_resource" for name, _ in documents) == 1


def test_pause_goes_dark_and_resume_loses_and_doubles_nothing(session, documents):
    paused_after(session, flim_raster(session.microscope, sample="A", **SMALL), 5)
    deadline = time.monotonic() + 2
    while session.microscope.shutter.state.get() == "open" and time.monotonic() < deadline:
        time.sleep(0.05)
    assert session.microscope.shutter.state.get() == "closed"
    result = session.RE.resume()
    assert lines(documents) == list(range(12))
    assert result.exit_status == "success" and (result.map.coverage > 0).all()
    start = start_of(documents)
    assert session.db.array(start["uid"], "scanner_histograms").shape[0] == 12


def test_abort_keeps_what_was_measured_and_ends_dark(session, documents):
    paused_after(session, flim_raster(session.microscope, sample="A", **SMALL), 7)
    session.RE.abort()
    assert is_dark(session.microscope)
    assert next(doc for name, doc in documents if name == "stop")["exit_status"] == "abort"
    session.ingester.flush()
    run = session.db[start_of(documents)["uid"]]
    assert len(run.table()) == len(lines(documents)) >= 7


def test_the_response_is_narrow_and_prompt(session):
    result = session.RE(irf(session.microscope, min_counts=20_000))
    counts = result.response.counts
    assert counts.shape == (2, 4096) and (counts.sum(axis=1) >= 20_000).all()
    width_ns = re.search(r"perovskite .* FWHM (\S+) ns", repr(result))
    assert width_ns is not None and float(width_ns[1]) == pytest.approx(1.005, abs=0.03)  # jitter and pulse


def test_park_is_dark_and_in_the_middle(session):
    session.RE(park(session.microscope))
    assert is_dark(session.microscope)
    assert session.microscope.piezo.z_rbv.get() == pytest.approx(10, abs=0.05)


def test_the_range_holds_one_period():
    codes = {repetition: range_code_for(1e9 / repetition, 36.0) for repetition in (20e6, 4e6, 2e6, 1e6, 500e3)}
    assert codes == {20e6: 0, 4e6: 1, 2e6: 2, 1e6: 3, 500e3: 4}
