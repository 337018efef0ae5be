"""Lines that the controller times itself: what is programmed, what is read back, what is refused."""

import math
import socket
import threading

import numpy as np
import pytest

from devices.iocs.drivers.piezo.gcs import GcsError
from devices.iocs.drivers.wires.wire import WireError
from tests.emulators.pi import PiController
from tests.emulators.pi_wired import later, line_options, said, stage_at, until


def test_a_line_is_played_by_the_clock_of_the_controller():
    controller = PiController()
    x_um, y_um = np.linspace(10, 20, 11), np.linspace(30, 31, 11)
    with stage_at(controller, lines=line_options()) as (stage, _):
        line = stage.run_line(x_um, y_um, 0.01, z_um=5.0)
        assert stage.move(50, 50, 5)
    assert line.is_complete
    assert line.dwell_s == pytest.approx(0.01)
    np.testing.assert_allclose([line.x_um, line.y_um], [x_um, y_um], atol=1e-5)
    assert controller.waves.pulses == [(1, point) for point in range(1, 45, 4)]
    assert said(controller, "WTR") == ["WTR 0 50 0"]
    assert all(len(command.split()) <= 33 for command in controller.heard)


def test_the_measured_positions_are_those_of_the_sensors():
    controller = PiController()
    controller.waves.lag_s = 2e-3
    x_um = np.linspace(10, 20, 11)
    with stage_at(controller, lines=line_options()) as (stage, _):
        line = stage.run_line(x_um, x_um, 0.01)
    assert np.all(line.x_um[1:] < x_um[1:] - 0.05)


def test_a_sweep_begins_and_ends_half_a_step_outside():
    controller = PiController()
    x_um = np.linspace(10, 20, 11)
    with stage_at(controller, lines=line_options(sweeps=True)) as (stage, _):
        line = stage.run_line(x_um, np.full(11, 5.0), 0.01)
        with pytest.raises(ValueError, match=r"x = -0.5 um"):
            stage.run_line(np.linspace(0, 10, 11), np.full(11, 5.0), 0.01)
        with pytest.raises(ValueError, match="evenly spaced"):
            stage.run_line([1, 2, 4], [1, 1, 1], 0.01)
    np.testing.assert_allclose(line.x_um, x_um, atol=0.15)  # of steps of 1 um, sampled as each of 4 points begins
    assert said(controller, "WAV")[0] == "WAV 1 X LIN 44 11.000000 9.500000 44 0 0"


def test_a_stopped_line_leaves_the_stage_free():
    controller, stop = PiController(), threading.Event()
    with stage_at(controller, lines=line_options()) as (stage, _):

        def stop_it():
            until(lambda: said(controller, "WGO"))
            stop.set()

        with later(0, stop_it):
            line = stage.run_line([1, 2, 3], [1, 2, 3], 10.0, stop=stop)
        assert not line.is_complete
        assert np.isnan(line.x_um).all()
        assert stage.move(4, 4, 4)
    assert "WGO 1 0 2 0" in controller.heard


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (([1, 2], [1, 2], 0.01003), "a multiple of 0.0002 s, such as 0.01"),
        (([1, 101], [1, 2], 0.01), "x from 1.0 to 101.0 um: allowed 0 to 100"),
        (([1, math.nan], [1, 2], 0.01), "x from nan"),
        (([], [], 0.01), "not empty"),
        (([1], [1], math.nan), "dwell_s = nan: above 0"),
    ],
)
def test_a_line_that_cannot_be_is_refused_before_anything_moves(line, why):
    controller = PiController()
    with stage_at(controller, lines=line_options()) as (stage, _), pytest.raises(ValueError, match=why):
        stage.run_line(*line)
    assert not said(controller, "MOV")


def test_lines_need_the_servo_period():
    with stage_at(PiController()) as (stage, _), pytest.raises(ValueError, match="servo_period_s is not given"):
        stage.run_line([1], [1], 0.01)


def test_a_refused_start_frees_the_generators_and_a_running_one_is_told():
    controller = PiController(refuses={"WGO": 17})
    with stage_at(controller, lines=line_options()) as (stage, _):
        with pytest.raises(GcsError, match="error 17"):
            stage.run_line([1, 2], [1, 2], 0.01)
        assert "WGO 1 0 2 0" in controller.heard
        controller.waves.wav("3", "X", "PNT", "1", "2", "1", "2")
        controller.waves.obey("WSL", ["3", "3"])
        controller.waves.obey("WTR", ["0", "200000", "0"])
        controller.waves.obey("WGO", ["3", "1"])
        with pytest.raises(GcsError, match="error 73: a wave generator is running"):
            stage.move(1, 1, 1)


def test_trigger_points_can_be_told_one_by_one():
    controller = PiController()
    with stage_at(controller, lines=line_options(switches_per_tws=1)) as (stage, _):
        stage.run_line([1, 2], [1, 2], 0.01)
    assert said(controller, "TWS") == ["TWS 1 1 1", "TWS 1 2 0", "TWS 1 5 1", "TWS 1 6 0"]
    assert controller.waves.pulses == [(1, 1), (1, 5)]


def test_a_wire_that_breaks_during_a_line_stops_it():
    controller = PiController()
    with stage_at(controller, lines=line_options()) as (stage, _):

        def hang_up():
            until(lambda: said(controller, "WGO") and "\x09" in controller.heard)
            stage.wire.port.socket.shutdown(socket.SHUT_RDWR)

        with later(0, hang_up), pytest.raises(WireError, match="the wire broke during a line"):
            stage.run_line([1, 2, 3], [1, 2, 3], 0.5)
        assert stage.move(4, 4, 4)
    assert not controller.waves.running_bits()
