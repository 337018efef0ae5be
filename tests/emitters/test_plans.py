"""The plans of single emitters on the twin: what they measure is true, and pauses neither lose nor double anything."""

import threading
import time
from collections import Counter

import event_model
import numpy as np
import pytest
from bluesky.utils import RunEngineInterrupted

from plans import blinking, find_emitters, hbt, recentre


@pytest.fixture(scope="module")
def places(single_lab):
    """Where isolated emitters are, brightest first."""
    single_lab.RE(find_emitters(single_lab.microscope, sample="example_qd", extent_um=6, n_pixels=60))
    uid = single_lab.microscope.field.run_uid.get()
    here = [one for one in single_lab.emitters.in_run(uid) if one.isolated]
    return [(one.x_um, one.y_um) for one in sorted(here, key=lambda one: -one.rate_cps)]


def events(seen, stream):
    names = {doc["uid"]: doc["name"] for name, doc in seen if name == "descriptor"}
    return [doc for name, doc in seen if name == "event" and names[doc["descriptor"]] == stream]


def is_dark(microscope):
    return microscope.shutter.state.get() == "closed" and microscope.cw.emission.get() == "standby"


def test_the_documents_of_a_measurement_are_valid_and_complete(single_lab, seen, places):
    single_lab.RE(hbt(single_lab.microscope, at_um=places[0], target_err_ns=2.0, recentre_s=10))
    for name, doc in seen:
        event_model.schema_validators[event_model.DocumentNames[name]].validate(doc)
    assert Counter(name for name, _ in seen)["start"] >= 1
    rows, looks = events(seen, "primary"), events(seen, "estimate")
    assert [doc["seq_num"] for doc in rows] == list(range(1, len(rows) + 1))
    assert looks[-1]["data"]["g2_stopped_by"] == "target" and looks[-1]["data"]["g2_tau_err_ns"] <= 2.0
    assert all(doc["data"]["g2_stopped_by"] == "" for doc in looks[:-1])
    assert events(seen, "refocus") and is_dark(single_lab.microscope)


def test_a_known_emitter_comes_out_as_it_is(single_lab, places):
    """17.7 ns, C = 0.77 at the light of the paper."""
    g2 = single_lab.microscope.g2
    single_lab.RE(hbt(single_lab.microscope, at_um=places[0], target_err_ns=1.0))
    assert g2.tau_err_ns.get() <= 1.0
    assert abs(g2.tau_ns.get() - 17.7 / 1.04) < 5 * g2.tau_err_ns.get()
    assert abs(g2.contrast.get() - 0.77) < 5 * g2.contrast_err.get() + 0.02
    assert g2.single.get() == 1 and g2.stopped_by.get() == "target"


def test_an_empty_place_is_given_up_in_the_dark(single_lab, seen):
    single_lab.RE(recentre(single_lab.microscope, at_um=(10.0, 10.0)))
    assert next(doc for name, doc in seen if name == "stop")["exit_status"] == "success"
    assert is_dark(single_lab.microscope)


def paused_at(session, plan, n_messages):
    """Run a plan and pause it while it does its n-th message; whether it could be paused."""
    count = 0

    def hook(msg):
        nonlocal count
        count += 1
        if count == n_messages:
            threading.Timer(0.004, session.RE.request_pause, args=(False,)).start()

    session.RE.msg_hook = hook
    try:
        session.RE(plan)
    except RunEngineInterrupted:
        return True
    finally:
        session.RE.msg_hook = None
    return False


@pytest.mark.parametrize("n_messages", [60, 111, 142, 163])
@pytest.mark.parametrize("plan", [hbt, blinking])
def test_a_pause_goes_dark_and_resume_loses_and_doubles_nothing(single_lab, seen, places, plan, n_messages):
    settings = {hbt: {"max_time_s": 5, "target_err_ns": 0.01}, blinking: {"duration_s": 5, "segment_s": 1}}[plan]
    if paused_at(single_lab, plan(single_lab.microscope, at_um=places[1], recentre_s=2, **settings), n_messages):
        deadline = time.monotonic() + 2
        while single_lab.microscope.shutter.state.get() == "open" and time.monotonic() < deadline:
            time.sleep(0.02)
        assert single_lab.microscope.shutter.state.get() == "closed"
        single_lab.RE.resume()
    rows = {doc["seq_num"]: doc["data"] for doc in events(seen, "primary")}
    key = "timeharp" if plan is hbt else "counters"
    assert list(rows) == [1, 2, 3, 4, 5] and all(row[f"{key}_lit"] == 1 for row in rows.values())
    started = np.array([row[f"{key}_started"] for row in rows.values()])
    assert np.all(np.diff(started) >= 1.0 - 1e-6)  # one after the other, none twice
    assert is_dark(single_lab.microscope)


def test_an_abort_keeps_what_was_measured_and_ends_dark(single_lab, seen, places):
    measured = hbt(single_lab.microscope, at_um=places[1], max_time_s=100, target_err_ns=0.01)
    assert paused_at(single_lab, measured, 300)
    single_lab.RE.abort()
    assert is_dark(single_lab.microscope) and events(seen, "primary")
    assert next(doc for name, doc in seen if name == "stop")["exit_status"] == "abort"
    filters = single_lab.microscope.filters
    assert filters.splitter.get() == "dichroic" and single_lab.microscope.timeharp.mode.get() == "point"
