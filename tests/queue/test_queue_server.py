"""The real bluesky-queueserver around this lab's profile: what it refuses, runs, and loses."""

import time
from contextlib import closing

import pytest
from bluesky.utils import is_plan

import plans as plans_of_the_lab
from lab.night.ledger import Ledger
from tests.queue.operator import kill

pytestmark = pytest.mark.xdist_group("queue")

TINY = {"sample": "A", "extent_um": 4, "n_pixels": 4, "dwell_ms": 10, "n_scans": 1}
OF_THE_LAB = {name for name, each in vars(plans_of_the_lab).items() if is_plan(each)}
LONG = TINY | {"n_scans": 5000}


@pytest.fixture(autouse=True)
def clean(operator):
    operator.clear()
    operator.ready()


def dark_within(operator, seconds):
    deadline = time.monotonic() + seconds
    while operator.beam().read().lit:
        assert time.monotonic() < deadline, "there is still light"
        time.sleep(0.02)


def test_the_plans_of_the_lab_are_offered_with_what_they_may_be_given(operator):
    plans = operator.ask("plans_allowed", user_group="primary")["plans_allowed"]
    assert set(plans) == {*OF_THE_LAB, "night"}
    about = {each["name"]: each for each in plans["flim_raster"]["parameters"]}
    assert about["microscope"]["annotation"]["devices"] == {"Instrument": ["microscope"]}
    assert "A" in about["sample"]["annotation"]["enums"]["Sample"]
    assert (float(about["n_pixels"]["min"]), float(about["n_pixels"]["max"])) == (1, 2048)
    assert set(operator.ask("devices_allowed", user_group="primary")["devices_allowed"]) == {"microscope", "fs5"}


@pytest.mark.parametrize(
    ("name", "args", "kwargs", "about"),
    [
        ("flim_rastre", ["microscope"], {}, "flim_rastre"),
        ("flim_raster", [], {}, "microscope"),
        ("flim_raster", ["fs5"], {}, "microscope"),
        ("pl", ["microscope"], {}, "fs5"),
        ("flim_raster", ["microscope"], {"sample": "no such film"}, "sample"),
        ("flim_raster", ["microscope"], {"n_pixels": "many"}, "n_pixels"),
        ("flim_raster", ["microscope"], {"n_pixels": 0}, "n_pixels"),
        ("flim_raster", ["microscope"], {"dwell_ms": -1}, "dwell_ms"),
        ("flim_raster", ["microscope"], {"dwell": 10}, "dwell"),
        ("hbt", ["microscope"], {"at_um": "here"}, "at_um"),
        ("blinking", ["microscope"], {"record": "movie"}, "record"),
        ("power_series", ["microscope"], {"intensities_w_cm2": [100, -5]}, "intensities_w_cm2"),
        ("pl", ["fs5"], {"excitation_nm": 40}, "excitation_nm"),
        ("night", ["microscope"], {}, "items"),
        ("night", [[{"plan": "park"}]], {"max_time_s": -1}, "max_time_s"),
        ("start", [], {}, "start"),
    ],
)
def test_wrong_items_are_refused_when_they_are_added(operator, name, args, kwargs, about):
    answer = operator.add(name, *args, **kwargs)
    assert not answer["success"]
    assert about in answer["msg"]
    assert operator.names() == []


@pytest.mark.parametrize(
    ("request_", "parameters"),
    [
        ("script_upload", {"script": "open('taken', 'w')"}),
        ("permissions_set", {"user_group_permissions": {"user_groups": {"root": {"allowed_functions": [":.*"]}}}}),
        (
            "function_execute",
            {"item": {"item_type": "function", "name": "start"}, "user": "operator", "user_group": "primary"},
        ),
    ],
)
def test_no_other_code_than_the_plans_is_taken(operator, request_, parameters):
    assert not operator.ask(request_, **parameters)["success"]


def test_a_queue_is_measured_and_its_runs_are_in_the_journal(operator):
    assert operator.add("irf", "microscope")["success"]
    assert operator.add("flim_raster", "microscope", **TINY)["success"]
    history = operator.run()
    assert [(name, status) for name, status, *_ in history] == [("irf", "completed"), ("flim_raster", "completed")]
    for _, _, uids, _ in history:
        assert [operator.exit_status(uid) for uid in uids] == ["success"]
    assert operator.names() == []


def test_a_night_is_an_item_and_is_kept_in_the_ledger(operator):
    assert operator.add("night", [{"plan": "park"}, {"plan": "flim_raster", **TINY}], name="short")["success"]
    ((_, status, (uid,), _),) = operator.run()
    assert status == "completed"
    with closing(Ledger(operator.config.folders.data / "nights.sqlite")) as ledger:
        entries = [(entry.state, entry.runs) for entry in ledger.night("short").entries]
    assert entries == [("done", ()), ("done", (uid,))]
    assert operator.start_of(uid)["night"] == "short"


def test_a_night_with_an_item_that_is_wrong_moves_nothing(operator):
    operator.add("night", [{"plan": "park"}, {"plan": "flim_raster", "dwell_ms": -1}])
    ((_, status, uids, message),) = operator.run()
    assert (status, uids) == ("failed", [])
    assert "nothing has moved" in message
    assert "dwell_ms" in message


def test_a_plan_that_refuses_goes_back_to_the_front_and_stops_the_queue(operator):
    operator.add("hbt", "microscope", at_um=[50, 50], target_err_ns=1.0)  # this lab is cabled for rasters
    operator.add("park", "microscope")
    ((name, status, uids, message),) = operator.run()
    assert (name, status, uids) == ("hbt", "failed", [])
    assert "nothing has moved" in message
    assert operator.names() == ["hbt", "park"]


def test_pause_is_dark_and_an_aborted_item_goes_back_to_the_queue(operator):
    operator.add("flim_raster", "microscope", **LONG)
    uid = operator.begin()
    assert operator.ask("re_pause", option="deferred")["success"]
    operator.wait(lambda s: s["manager_state"] == "paused")
    dark_within(operator, 2.0)
    assert operator.ask("re_resume")["success"]
    operator.wait(lambda s: s["re_state"] == "running")
    assert operator.ask("re_pause", option="immediate")["success"]
    operator.wait(lambda s: s["manager_state"] == "paused")
    assert operator.ask("re_abort")["success"]
    operator.wait(lambda s: s["manager_state"] == "idle")
    ((_, status, uids, _),) = operator.history()
    assert (status, uids, operator.exit_status(uid)) == ("aborted", [uid], "abort")
    assert operator.names() == ["flim_raster"]


def test_neither_queue_nor_plan_is_lost_with_redis_or_the_manager(operator):
    operator.add("flim_raster", "microscope", **LONG)
    operator.add("park", "microscope")
    uid = operator.begin()
    kill(operator.server.redis.pid)
    operator.wait(lambda s: s.get("items_in_queue") == 1 and s["re_state"] == "running")
    kill(*operator.manager_processes())
    operator.wait(lambda s: s.get("manager_state") == "executing_queue" and s["re_state"] == "running")
    deadline = time.monotonic() + 30
    while operator.ask("queue_get").get("items") is None:
        assert time.monotonic() < deadline
    assert operator.names() == ["park"]
    operator.ask("re_pause", option="immediate")
    operator.wait(lambda s: s.get("manager_state") == "paused")
    assert operator.ask("re_stop")["success"]
    operator.wait(lambda s: s["manager_state"] == "idle")
    assert [uids for _, _, uids, _ in operator.history()] == [[uid]]
    operator.close()  # on a slow computer the worker was silent meanwhile, and its light is latched


def test_a_killed_worker_is_noticed_and_its_item_is_at_the_front(operator):
    operator.add("flim_raster", "microscope", **LONG)
    operator.add("park", "microscope")
    uid = operator.begin()
    operator.wait(lambda s: operator.beam().read().lit)
    kill(operator.worker)
    dark_within(operator, 5.0)
    operator.wait(lambda s: s.get("manager_state") == "idle" and not s["worker_environment_exists"])
    assert operator.names() == ["flim_raster", "park"]
    assert [status for _, status, *_ in operator.history()] == ["failed"]
    assert operator.is_interrupted(uid)
    operator.clear()
    operator.ready()
    assert not operator.is_interrupted(uid)
    assert operator.exit_status(uid) == "abort"


def test_the_queue_outlives_a_crash_of_everything_but_the_item_that_ran_is_only_in_the_history(operator):
    operator.add("flim_raster", "microscope", **LONG)
    operator.add("park", "microscope")
    operator.begin()
    operator.crash()
    operator.up()
    assert operator.names() == ["park"]
    assert [(name, status) for name, status, *_ in operator.history()] == [("flim_raster", "unknown")]
