"""A raster that was broken off goes on in a new run; what does not fit is refused before anything moves."""

import itertools

import numpy as np
import pytest
from bluesky import plan_stubs as bps
from bluesky import preprocessors as bpp

from plans import flim_raster
from plans.stubs import PlanError
from tests.conftest import is_line

SMALL = {"sample": "A", "extent_um": 6.0, "n_pixels": 6, "dwell_ms": 50, "n_scans": 2}


def broken_off(session, after: int, **options) -> str:
    """A raster that ends by an error after so many lines; its uid."""
    uids, told = [], itertools.count(1)
    token = session.RE.subscribe(lambda name, doc: uids.append(doc["uid"]), "start")

    def fail():
        yield from bps.null()
        raise RuntimeError("the cable fell out")

    def cut(message):
        line = message.command == "set" and message.obj is session.microscope.scanner
        return (fail(), None) if line and next(told) == after + 1 else (None, None)

    try:
        with pytest.raises(RuntimeError, match="the cable fell out"):
            session.RE(bpp.plan_mutator(flim_raster(session.microscope, **SMALL, **options), cut))
    finally:
        session.RE.unsubscribe(token)
    return uids[0]


def lines(documents) -> list[int]:
    return [doc["data"]["scanner_line"] for name, doc in documents if name == "event" and is_line(doc)]


@pytest.fixture(scope="module")
def first(session):
    """A raster with 4 of its 12 lines."""
    return broken_off(session, 4, dark_frame=True)


def test_a_chain_of_runs_is_one_raster(session, documents):
    uid = broken_off(session, 4)
    second = broken_off(session, 3, continues=uid)
    result = session.RE(flim_raster(session.microscope, **SMALL, continues=uid))  # the first of the chain will do
    starts = [doc for name, doc in documents if name == "start" and doc["plan_name"] == "flim_raster"]
    last = starts[-1]
    assert (last["continues"], last["earlier_runs"], last["first_line"]) == (second, [uid, second], 7)
    assert last["num_points"] == 5 and last["irf_uid"] == starts[0]["irf_uid"] and "warning" not in last
    assert lines(documents) == list(range(12))
    assert session.ingester.flush(60)
    cube = session.db.array(result.uid, "scanner_histograms")
    assert cube.shape[0] == 5 and len(session.db[result.uid].table()) == 5
    events = [doc["data"] for name, doc in documents if name == "event" and is_line(doc)]
    np.testing.assert_array_equal(cube[:, :, 0].sum(axis=-1), [one["scanner_perovskite_counts"] for one in events[7:]])
    total = sum(np.sum(one["scanner_perovskite_counts"]) for one in events)
    assert (result.map.coverage == 2).all() and result.map.perovskite_counts.sum() == total
    assert list(session.db[result.derived_uid].start["analysis_of"]) == [result.uid, uid, second]
    assert session.db[uid].derived().start["uid"] == result.derived_uid
    assert f"continued in {second[:8]}" in repr(session.db[uid])
    assert f"continued in {result.uid[:8]}" in repr(session.db[second])
    again = session.replay(result.uid).map
    np.testing.assert_array_equal(again.fit.tau_ns, result.map.fit.tau_ns)
    np.testing.assert_array_equal(again.compressed, result.map.compressed)


def test_the_first_rows_of_the_next_raster_are_lines_again(session, documents, first):
    session.RE(flim_raster(session.microscope, **SMALL, continues=first, dark_frame=True))
    result = session.RE(flim_raster(session.microscope, **SMALL))
    assert session.ingester.flush(60)
    assert session.db.array(result.uid, "scanner_histograms").shape[0] == 12
    assert (result.map.coverage == 2).all()


REFUSED = [
    ({"n_pixels": 7}, "n_pixels=7: the run"),
    ({"n_scans": 3, "dwell_ms": 60}, "dwell_ms=60: the run"),
    ({"sample": "B", "intensity_w_cm2": 50.0}, "sample='B': the run"),
    ({"intensity_w_cm2": 49.0}, "intensity_w_cm2=49.0: the run"),
    ({"centre_um": (50, 51)}, "centre_um=(50, 51): the run"),
    ({"range_code": 3}, "range_code=3: the run"),
    ({"snake": True}, "snake=True: the run"),
    ({"continues": "no-such-run"}, "the journal has no such run, or several"),
    ({"continues": 7}, "the journal has no such run, or several"),
    ({"continues": ""}, "the journal has no such run, or several"),
]


@pytest.mark.parametrize(("changes", "said"), REFUSED)
def test_what_does_not_fit_is_refused(session, documents, first, changes, said):
    with pytest.raises(PlanError) as refused:
        session.RE(flim_raster(session.microscope, **{**SMALL, "continues": first, **changes}))
    assert said in str(refused.value) and not documents


def test_only_rasters_go_on(session, documents):
    uid = session.microscope.irf_uid.get()
    with pytest.raises(PlanError, match="that run is of the plan 'irf': only a flim_raster"):
        session.RE(flim_raster(session.microscope, **SMALL, continues=uid))
    assert not documents


def test_without_a_journal_nothing_can_be_continued(session, documents, first, monkeypatch):
    monkeypatch.setattr(session.microscope, "unfinished", None)
    with pytest.raises(PlanError, match="start one, or begin anew"):
        session.RE(flim_raster(session.microscope, **SMALL, continues=first))


def test_a_line_in_the_dark_or_without_its_row_is_missing(session, documents):
    import h5py

    uid = broken_off(session, 4)
    path = next(doc["uri"] for name, doc in documents if name == "stream_resource").removeprefix("file://localhost")
    assert session.microscope.unfinished(uid).first_line == 4
    session.analyses.result_of(uid)  # it has read its file by then
    with h5py.File(path, "r+", libver="latest", locking=False) as file:
        file["written"][2] = 0
    assert session.microscope.unfinished(uid[:8]).first_line == 2
    session.RE(flim_raster(session.microscope, **SMALL, continues=uid))
    assert lines(documents) == [0, 1, 2, 3, *range(2, 12)]
    assert session.microscope.unfinished(uid).first_line == 12


def test_a_raster_without_gaps_is_not_measured_again(session, documents):
    result = session.RE(flim_raster(session.microscope, **SMALL))
    count = len(documents)
    assert session.RE(flim_raster(session.microscope, **SMALL, continues=result.uid)) == result.uid
    assert len(documents) == count and session.microscope.shutter.state.get() == "closed"


def test_the_warning_of_a_response_that_is_not_of_this_card(session, documents, first):
    session.microscope.irf_boot_id.put("another")
    try:
        session.RE(flim_raster(session.microscope, **SMALL, continues=broken_off_again(session)))
    finally:
        session.microscope.irf_boot_id.put(session.microscope.timeharp.boot_id.get())
    starts = [doc for name, doc in documents if name == "start" and "continues" in doc]
    assert "the card was restarted" in starts[-1]["warning"]


def broken_off_again(session) -> str:
    """A raster broken off while the session has a response of this card."""
    session.microscope.irf_boot_id.put(session.microscope.timeharp.boot_id.get())
    uid = broken_off(session, 2)
    session.microscope.irf_boot_id.put("another")
    return uid
