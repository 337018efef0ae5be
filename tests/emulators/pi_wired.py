"""A driver of a PI stage, and the controller it is wired to."""

import contextlib
import threading
import time

from devices.iocs.drivers.piezo.pi_gcs import PiOptions, PiStage
from devices.iocs.drivers.piezo.pi_options import LineOptions
from devices.iocs.drivers.wires.wire import WireError
from tests.emulators.wires import on_tcp

QUICK = {"timeout_s": 0.5, "move_timeout_s": 2.0}


@contextlib.contextmanager
def stage_at(controller, **options):
    """A driver connected to this controller by TCP, and the cable."""
    with on_tcp(controller) as cable:
        stage = PiStage(PiOptions(**{"port": cable.url, **QUICK, **options}))
        try:
            yield stage, cable
        finally:
            stage.close()


def unplug(stage, cable):
    """Pull the cable, and see that the driver has noticed."""

    def is_noticed():
        try:
            stage.position_um()
        except WireError:
            return True
        return False

    cable.unplug()
    until(is_noticed)


def said(controller, word):
    return [command for command in controller.heard if command.split(" ")[0] == word]


def line_options(**changed):
    return LineOptions(**{"servo_period_s": 50e-6, "trigger_output": 1, **changed})


@contextlib.contextmanager
def later(seconds, act):
    """Do something while the block runs."""
    timer = threading.Timer(seconds, act)
    timer.start()
    try:
        yield
    finally:
        timer.join()


def until(true, patience_s=5.0):
    """Wait for a fact; AssertionError if it does not come true."""
    give_up = time.monotonic() + patience_s
    while not true():
        assert time.monotonic() < give_up
        threading.Event().wait(0.002)
