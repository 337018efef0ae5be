"""What a PI stage survives: noise, silence, a cable that is out, a controller that restarts."""

import contextlib
import socket

import pytest

from devices.iocs.drivers.piezo.pi_gcs import StageError
from devices.iocs.drivers.wires.wire import WireError
from tests.emulators.pi import PiController, PlainStage
from tests.emulators.pi_wired import later, said, stage_at, unplug, until


@pytest.mark.parametrize("kind", ["silent", "garbled", "cut"])
@pytest.mark.parametrize("nth", ["first reply", "reply to the move", "position"])
def test_a_spoilt_reply_costs_time_and_nothing_else(kind, nth):
    controller = PiController()
    with stage_at(controller, timeout_s=0.15) as (stage, _):
        if nth != "first reply":
            stage.move(1, 1, 1)
        setattr(controller.mischief, kind, 1)
        if nth == "reply to the move":
            assert stage.move(2, 3, 4)
            assert len(said(controller, "MOV")) == 2
        assert stage.position_um() == {"first reply": (50, 50, 10), "position": (1, 1, 1)}.get(nth, (2, 3, 4))


def test_babble_is_no_position():
    controller = PiController()
    with stage_at(controller) as (stage, _):
        stage.move(1, 2, 3)
        for babble in (b"1=99.0 \n", b"7=1.0\n", b"\xff\x00", b"1=99.0 \n2=99.0 \n3=9.0\n"):
            controller.mischief.babble = babble
            at = stage.position_um()
            assert at == (1, 2, 3) or babble.startswith(b"1=99.0 \n2")


def test_a_late_reply_is_not_the_answer_to_another_question():
    controller = PiController()
    with stage_at(controller, timeout_s=0.15) as (stage, _):
        stage.move(1, 2, 3)
        controller.mischief.delay_s = 0.2
        with contextlib.suppress(WireError):
            stage.position_um()
        controller.mischief.delay_s = 0
        assert stage.session.numbers("MOV?", ["2"]) == (2,)
        assert stage.session.numbers("TMX?", ["3"]) == (20,)


def test_a_cable_that_was_out_does_not_end_the_session():
    controller = PiController()
    with stage_at(controller) as (stage, cable):
        stage.move(1, 1, 1)
        unplug(stage, cable)
        with pytest.raises(WireError):
            stage.move(2, 2, 2)
        cable.plug()
        assert stage.move(3, 3, 3)
        assert stage.position_um() == (3, 3, 3)


def test_a_controller_that_was_switched_off_and_on_is_not_set_up_unseen():
    controller = PiController()
    with stage_at(controller) as (stage, cable):
        stage.move(1, 1, 1)
        unplug(stage, cable)
        controller.power_cycle()
        cable.plug()
        assert stage.position_um() == (1, 1, 1)
        with pytest.raises(StageError, match="it was on: the controller was switched off"):
            stage.move(2, 2, 2)
        assert len(said(controller, "SVO")) == 1


def test_a_wire_that_breaks_in_mid_move_does_not_lose_it():
    controller = PiController(stage=PlainStage(move_s=0.3))
    with stage_at(controller, move_timeout_s=5) as (stage, _):

        def hang_up():
            until(lambda: said(controller, "ONT?"))
            stage.wire.port.socket.shutdown(socket.SHUT_RDWR)

        with later(0, hang_up):
            assert stage.move(2, 2, 2)
        assert stage.position_um() == (2, 2, 2)
        assert stage.wire.openings == 2


def test_a_controller_that_restarts_in_mid_move_has_not_arrived():
    controller = PiController(stage=PlainStage(move_s=0.3), servo_on=True)
    with stage_at(controller, move_timeout_s=5) as (stage, _):

        def restart():
            until(lambda: said(controller, "ONT?"))
            controller.settle()
            controller.power_cycle()
            stage.wire.port.socket.shutdown(socket.SHUT_RDWR)

        with later(0, restart), pytest.raises(WireError, match="the target was lost"):
            stage.move(2, 2, 2)


def test_a_position_that_no_sensor_can_see_is_refused():
    controller = PiController()
    with stage_at(controller) as (stage, _):
        stage.move(12.5, 2, 3)
        controller.stage.at[0] = 12500000.0  # as a lost decimal point would make it
        with pytest.raises(WireError, match="cannot be: the axis goes from 0 to 100 um"):
            stage.position_um()
