"""A PI stage over byte-exact wires: where it goes, what it refuses, and what it survives."""

import math
import threading

import numpy as np
import pytest

from devices.iocs.drivers.piezo.gcs import ERRORS, GcsError
from devices.iocs.drivers.piezo.pi_gcs import PiOptions, PiStage, StageError
from devices.iocs.drivers.wires.wire import WireError
from devices.iocs.twin import preset as presets
from devices.iocs.twin.clock import Clock
from devices.iocs.twin.piezo import TwinStage
from tests.emulators.pi import PiController, PlainStage
from tests.emulators.pi_wired import QUICK, later, line_options, said, stage_at
from tests.emulators.wires import on_pty, on_tcp


@pytest.mark.parametrize("on_wire", ["pty", "tcp"])
def test_stage_goes_where_it_is_told(on_wire):
    controller = PiController(stage=PlainStage(move_s=0.05))
    serve = on_pty if on_wire == "pty" else on_tcp
    with serve(controller) as where:
        port = where if on_wire == "pty" else where.url
        stage = PiStage(PiOptions(port=port, baudrate=115200, settle_s=0.01, **QUICK))
        try:
            assert stage.limits_um == ((0, 100), (0, 100), (0, 20))
            assert stage.move(12.5, 8.25, 3.0)
            assert stage.position_um() == (12.5, 8.25, 3.0)
        finally:
            stage.close()
    assert said(controller, "MOV") == ["MOV 1 12.500000 2 8.250000 3 3.000000"]


def test_axes_have_the_names_of_the_controller_and_z_may_be_missing():
    controller = PiController(axes=("A", "B"), stage=PlainStage())
    with stage_at(controller, axes={"y": "B", "x": "A"}) as (stage, _):
        assert stage.limits_um == ((0, 100), (0, 100), (0, 0))
        assert stage.move(1, 2, 0)
        assert stage.position_um() == (1, 2, 0)
        with pytest.raises(ValueError, match="z = 1 um: the stage goes from 0 to 0 um"):
            stage.move(1, 2, 1)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -0.001, 100.001])
def test_nothing_moves_outside_the_limits(bad):
    controller = PiController()
    with stage_at(controller) as (stage, _), pytest.raises(ValueError, match=r"y = .* from 0 to 100 um"):
        stage.move(1, bad, 1)
    assert not said(controller, "MOV")
    assert not said(controller, "SVO")


def test_limits_can_be_narrowed_but_not_widened():
    with stage_at(PiController(), travel_um={"x": (10, 90)}) as (stage, _):
        assert stage.limits_um[0] == (10, 90)
        with pytest.raises(ValueError, match="from 10 to 90"):
            stage.move(5, 5, 5)
    with stage_at(PiController(), travel_um={"x": (10, 200)}) as (stage, _), pytest.raises(WireError, match="wider"):
        stage.position_um()


def test_another_controller_is_refused():
    with stage_at(PiController(), idn="E-517") as (stage, _), pytest.raises(WireError, match=r'E-727.*not "E-517"'):
        stage.position_um()


@pytest.mark.parametrize("code", ERRORS)
def test_every_documented_error_is_a_sentence_with_its_code(code):
    controller = PiController(refuses={"MOV": code})
    with stage_at(controller) as (stage, _):
        with pytest.raises(GcsError, match=rf"error {code}: \w+") as refused:
            stage.move(1, 1, 1)
        assert refused.value.code == code
        assert stage.move(1, 1, 1)


def test_an_unknown_axis_is_told_with_the_error_of_the_controller():
    with (
        stage_at(PiController(axes=("A", "B", "C")), timeout_s=0.15) as (stage, _),
        pytest.raises(GcsError, match="error 15"),
    ):
        stage.position_um()


def test_channels_are_put_online_first():
    controller = PiController(needs_online=True)
    with stage_at(controller, needs_online=True) as (stage, _):
        assert stage.move(1, 1, 1)
    assert said(controller, "ONL") == ["ONL 1 1 2 1 3 1"]


def test_a_servo_that_is_off_is_switched_on_only_with_leave():
    controller = PiController()
    with stage_at(controller, switches_servo_on=False) as (stage, _):
        with pytest.raises(StageError, match="servo of axis 1, 2, 3 is off"):
            stage.move(1, 1, 1)
        assert not said(controller, "SVO")
        controller.servo = dict.fromkeys(controller.axes, True)
        assert stage.move(1, 1, 1)


def test_stop_leaves_the_stage_where_it_is():
    controller, stop = PiController(stage=PlainStage(move_s=30)), threading.Event()
    with stage_at(controller) as (stage, _), later(0.1, stop.set):
        assert not stage.move(1, 1, 1, stop)
        assert stage.position_um() == (50, 50, 10)
        controller.stage.move_s = 0
        assert stage.move(2, 2, 2)  # the error that tells of the stop is not told again
    assert "\x18" in controller.heard


def test_a_stop_before_the_move_moves_nothing():
    controller, stop = PiController(), threading.Event()
    stop.set()
    with stage_at(controller) as (stage, _):
        assert not stage.move(1, 1, 1, stop)
    assert not said(controller, "MOV")


def test_a_move_that_never_arrives_is_stopped_and_says_where():
    controller = PiController(never_on_target=True)
    with (
        stage_at(controller, move_timeout_s=0.1) as (stage, _),
        pytest.raises(StageError, match=r"x \(axis 1\) stands at 4 um, told 4 um"),
    ):
        stage.move(4, 5, 6)
    assert "\x18" in controller.heard


def test_a_busy_controller_is_waited_for():
    controller = PiController()
    controller.busy.set()
    with stage_at(controller) as (stage, _), later(0.1, controller.busy.clear):
        assert stage.move(1, 1, 1)
    controller.busy.set()
    with stage_at(controller, move_timeout_s=0.1) as (stage, _), pytest.raises(StageError, match=r"busy for 0.1 s"):
        stage.move(1, 1, 1)


def test_a_controller_that_becomes_busy_gets_the_command_again():
    controller = PiController()
    with stage_at(controller) as (stage, _):
        assert stage.move(1, 1, 1)
        controller.busy.set()
        with later(0.1, controller.busy.clear):
            assert stage.move(2, 2, 2)


def test_a_controller_that_does_not_tell_whether_it_is_ready_is_used():
    with stage_at(PiController(knows_ready=False), timeout_s=0.15) as (stage, _):
        assert stage.move(1, 1, 1)
        assert stage.move(2, 2, 2)


def test_check_looks_and_touches_nothing():
    controller = PiController()
    with stage_at(controller, lines=line_options()) as (stage, _):
        found = {one.what: one for one in stage.check()}
    assert found["identity"].state == "unverified"
    assert "E-727.3CDA" in found["identity"].found
    assert found["servo"].found == "off for axis 1, 2, 3"
    assert found["command set"].state == "ok"
    assert found["errors"].state == "ok"
    assert not [one for one in controller.heard if one.split(" ")[0] in ("SVO", "MOV", "ONL", "WGO")]
    assert all(one.to_do for one in found.values() if one.state != "ok")


def test_check_tells_of_errors_that_stay_and_of_a_dead_port():
    controller = PiController(keeps_errors=True, error_at_start=7)
    with stage_at(controller) as (stage, _):
        assert {one.what: one for one in stage.check()}["errors"].state == "failed"
    dead = PiStage(PiOptions(port="socket://127.0.0.1:9", **QUICK))
    assert [one.state for one in dead.check()] == ["failed"]


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"port": "COM3"}, "baudrate"),
        ({"port": ""}, "port"),
        ({"axes": {"x": "1"}}, "axes"),
        ({"axes": {"x": "1", "y": "1"}}, "different name"),
        ({"axes": {"x": "1 2", "y": "3"}}, "axes"),
        ({"travel_um": {"q": (0, 1)}}, "travel_um"),
        ({"travel_um": {"x": (1, 0)}}, "lower limit first"),
        ({"settle_s": math.nan}, "settle_s"),
        ({"move_timeout_s": 0}, "move_timeout_s"),
    ],
)
def test_options_that_make_no_sense_are_refused(options, why):
    with pytest.raises(ValueError, match=why):
        PiOptions(**{"port": "socket://127.0.0.1:50000", **options})


def test_the_stage_of_the_twin_stands_behind_the_wire():
    twin = TwinStage(presets.load("A").instrument.piezo, Clock(), 1)
    with stage_at(PiController(stage=twin)) as (stage, _):
        assert stage.limits_um == twin.limits_um
        assert stage.move(10, 20, 5)
        assert twin.at_um == (10, 20, 5)
        np.testing.assert_allclose(stage.position_um(), (10, 20, 5), atol=0.05)
