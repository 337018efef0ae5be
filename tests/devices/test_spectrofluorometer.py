"""The spectrofluorometer as a flyer: points while it scans, and no way to end that loses one, doubles one or shines."""

import time

import numpy as np
import pytest
from bluesky import plan_stubs as bps
from ophyd.utils import LimitError

from devices.signals import CommandError
from tests.conftest import house
from tests.devices.flights import N_POINTS, kill_the_session, one_after_the_other, scan
from tests.lab.crashes import in_own_process

EVERY_POINT = list(range(N_POINTS))


@pytest.fixture
def fs5(session):
    session.RE(bps.mv(session.fs5.warm, 1))
    return session.fs5


def test_a_run_of_two_flights_has_every_point_once_with_its_unit(session, fs5, documents):
    session.RE(scan(fs5, 2))
    pages = [doc for name, doc in documents if name == "event_page"]
    points = [point for page in pages for point in page["data"]["fs5_point"]]
    repeats = [repeat for page in pages for repeat in page["data"]["fs5_repeat"]]
    assert points == EVERY_POINT * 2 and repeats == [1] * N_POINTS + [2] * N_POINTS
    assert [n for page in pages for n in page["seq_num"]] == list(range(1, 2 * N_POINTS + 1))
    descriptor = next(doc for name, doc in documents if name == "descriptor" and doc["name"] == "primary")
    units = {key: entry.get("units") for key, entry in descriptor["data_keys"].items()}
    assert (units["fs5_wavelength"], units["fs5_counts"], units["fs5_reference"]) == ("nm", "counts", "uA")
    settings = descriptor["configuration"]["fs5"]
    assert settings["data"]["fs5_dwell"] == 0.3 and settings["data_keys"]["fs5_dwell"]["units"] == "s"
    assert settings["data"]["fs5_backend"] == "twin"
    assert documents[-1][1]["num_events"]["primary"] == 2 * N_POINTS


def test_the_baseline_holds_no_arrays(session, fs5, documents):
    session.RE(scan(fs5))
    baseline = next(doc for name, doc in documents if name == "descriptor" and doc["name"] == "baseline")
    ours = {key: entry for key, entry in baseline["data_keys"].items() if key.startswith("fs5_")}
    assert set(ours) == {"fs5_lamp_state", "fs5_warm_up", "fs5_shutter"}
    assert all(entry["dtype"] != "array" for entry in ours.values())


@pytest.mark.parametrize(
    ("name", "value"),
    [("dwell", 0.0), ("dwell", float("nan")), ("step", 0.0), ("scan_stop", 1e4), ("emission_slit", -1)],
)
def test_nothing_is_set_beyond_the_limits(session, fs5, name, value):
    signal_ = getattr(fs5, name)
    before = signal_.get()
    with pytest.raises(LimitError):
        session.RE(bps.mv(signal_, value))
    assert signal_.get() == before


def test_check_tells_what_is_wrong_and_nothing_moves(session, fs5):
    session.RE(bps.mv(fs5.scan_kind, "emission", fs5.scan_start, 700.0, fs5.scan_stop, 500.0))
    acquisition = fs5.acquisition.get()
    with pytest.raises(Exception, match="before its start at 700 nm"):
        session.RE(bps.mv(fs5.check, 1))
    assert fs5.acquisition.get() == acquisition


def test_light_is_only_for_a_running_plan(fs5):
    time.sleep(1.6)
    for status in (fs5.kickoff(), fs5.complete()):
        with pytest.raises(CommandError, match="nobody holds a live lease"):
            status.wait(5)
    fs5.unstage()
    with pytest.raises(CommandError, match="kickoff comes first"):
        fs5.complete().wait(5)


def test_a_second_session_is_told_who_drives(session, fs5):
    fs5.owner.put("a second session", wait=True)
    assert fs5.owner.get() == session.lease.token
    assert f"the lab is driven by '{session.lease.token}'" in fs5.error.get()


def test_dark_counts(session, fs5):
    session.RE(bps.mv(fs5.take_dark, 10.0))
    assert fs5.dark_time.get() == 10.0
    assert 0 < fs5.dark_counts.get() < 1e5


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    labs = [str(house(tmp_path_factory.mktemp(name))) for name in ("undisturbed", "disturbed")]
    return in_own_process(one_after_the_other, *labs)


def test_a_paused_scan_goes_on_at_the_next_point_and_measures_the_same(told):
    whole, parts = told["whole"], told["parts"]
    assert parts["at_pauses"] and all(at[:2] == ("stopped", "closed") for at in parts["at_pauses"])
    assert 0 < parts["at_pauses"][0][2] < parts["at_pauses"][-1][2] < N_POINTS
    for each in (whole, parts):
        assert each["columns"]["fs5_point"] == EVERY_POINT
        assert each["columns"]["seq_num"] == [i + 1 for i in EVERY_POINT]
        assert each["stop"]["exit_status"] == "success"
        assert each["stored"]["counts"] == each["columns"]["fs5_counts"] and each["stored"]["transmitted"]
    for key in ("fs5_counts", "fs5_reference"):  # the same photons, but for the drift of the lamp in broken-off points
        np.testing.assert_allclose(parts["columns"][key], whole["columns"][key], rtol=1e-3)


def test_a_spectrum_paused_while_it_counts_in_the_dark_goes_on(told):
    assert told["dark"] == {"dark_s": [10.0], "status": "success", "points": 11}


def test_an_aborted_wait_for_the_lamp_leaves_the_instrument_free(told):
    assert told["warm"] == "warming"


def test_however_a_scan_ends_its_points_are_kept_and_it_is_dark(told):
    reasons = {"abort": ("abort", ""), "by hand": ("fail", "stopped by command"), "hang": ("fail", "dead-man")}
    for name, (status, reason) in reasons.items():
        ended, failure, points, shutter = told[name]
        assert (ended, shutter) == (status, "closed") and reason in failure, (name, told[name])
        assert 0 < len(points) < 2 * N_POINTS and points == (EVERY_POINT * 2)[: len(points)]
    assert told["again"] == ("success", "", EVERY_POINT, "closed")


@pytest.mark.parametrize("name", ["SIGKILL", "SIGSTOP"])
def test_a_lost_ioc_never_looks_like_success(told, name):
    lost = told[name]
    assert lost["status"] == "fail" and lost["points"] == EVERY_POINT[: len(lost["points"])] and lost["points"]
    reason = "went away" if name == "SIGKILL" else "hangs"
    assert reason in lost["failure"] and reason in lost["reason"], lost
    assert lost["again"] == "success" and lost["points_again"] == EVERY_POINT


def test_a_killed_session_leaves_it_dark_within_two_seconds(tmp_path):
    config = house(tmp_path)
    config.write_text(config.read_text().replace("speed = inf", "speed = 1.0"))
    told = in_own_process(kill_the_session, str(config))
    assert told["before"] == "open" and told["dark_after_s"] < 2.0
    assert told["state"] == "stopped" and "no sign of a running plan" in told["why"]
