"""The piezo stage: three axes in micrometres."""

from ophyd import Component as Cpt
from ophyd import EpicsSignal

from devices.signals import Instrument, Setting, Stoppable, nothing, reading

MOVE_TIMEOUT_S = 30.0


class Axis(Stoppable, Setting):
    """One axis: `set` finishes on target, fails outside the travel, when stopped, or when the IOC restarted."""

    def set(self, value, *, timeout: float | None = None, settle_time=None):
        return super().set(value, timeout=timeout or MOVE_TIMEOUT_S)

    def prove(self, value, timeout_s, meanwhile=nothing):
        self.unless_paused(lambda: Setting.prove(self, value, timeout_s, meanwhile))

    def stop(self, *, success: bool = False):
        self.stop_by(self.instrument.halt, success=success)


def axis(suffix: str) -> Cpt:
    return Cpt(Axis, suffix, kind="normal", limits=True)


class Piezo(Instrument):
    """Closed-loop positions; `x`, `y`, `z` move, `x_rbv`, `y_rbv`, `z_rbv` are measured."""

    x = axis("X")
    y = axis("Y")
    z = axis("Z")
    x_rbv = reading("X:RBV", kind="normal")
    y_rbv = reading("Y:RBV", kind="normal")
    z_rbv = reading("Z:RBV", kind="normal")
    halt = Cpt(EpicsSignal, "Stop", kind="omitted")

    def stop(self, *, success: bool = False):
        self.halt.put(1)
        super().stop(success=success)
