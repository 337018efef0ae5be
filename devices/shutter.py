"""The shutter: opens only for a running plan, closes for every reason there is."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from ophyd import Component as Cpt
from ophyd import EpicsSignal
from ophyd.status import Status

from devices.signals import PUT_TIMEOUT_S, CommandError, Instrument, in_background, put_and_wait, reading, setting

PATIENCE_S = 1.0  # of a closing for an opening that is under way


class Shutter(Instrument):
    """`set("open")` and `set("closed")` finish when the shutter itself says so.

    Whoever closes has the last word: an opening that was asked for before does not happen after.

    Pausing a plan closes it; the plan opens it again at its next line. The IOC closes it without being asked when
    the RunEngine falls silent for `dead_man_s`, when the interlock opens, when a detector is overloaded, or when the
    bench no longer tells what filters stand there; it then stays latched until `reset()`. Open for `open_idle_s` while
    nothing is measured, it closes as well, without a latch.
    """

    state = reading("State", kind="normal", string=True)
    interlock = reading("Interlock", kind="config", string=True)
    reason = reading("Reason", kind="omitted", string=True)
    latch = reading("Latch", kind="config", string=True)
    dead_man_s = reading("DeadMan", kind="config")
    open_idle_s = setting("OpenIdle")
    open_s = reading("OpenTime", kind="normal")
    command = Cpt(EpicsSignal, "Command", kind="omitted", string=True)
    trip = Cpt(EpicsSignal, "Trip", kind="omitted", string=True)
    owner = Cpt(EpicsSignal, "Owner", kind="omitted", string=True)
    beat = Cpt(EpicsSignal, "Beat", kind="omitted", string=True)
    to_rest = Cpt(EpicsSignal, "Rest", kind="omitted")
    acknowledge = Cpt(EpicsSignal, "Reset", kind="omitted")

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self._turn, self._closings = threading.Lock(), 0

    def set(self, value: str) -> Status:
        if value not in ("open", "closed"):
            raise ValueError(f"a shutter is 'open' or 'closed', not {value!r}")
        closings = self._closings
        return in_background(self, self.close if value == "closed" else lambda: self.open(closings))

    @contextmanager
    def alone(self, patience_s: float = -1) -> Iterator[None]:
        """One command at a time; after `patience_s`, without waiting any longer."""
        mine = self._turn.acquire(timeout=patience_s)
        try:
            yield
        finally:
            if mine:
                self._turn.release()

    def open(self, closings: int | None = None):
        """Open and see it open, or raise CommandError with the IOC's reason.

        closings : how often it had been closed when this was asked for; nothing is done if it has been since
        """
        with self.alone():
            if closings in (None, self._closings):
                self.open_now()

    def open_now(self):
        boot_id = self.boot_id.get()
        put_and_wait(self.command, "open", PUT_TIMEOUT_S)
        self.object_if_failed(boot_id, self.command)
        if self.state.get() != "open":
            raise CommandError(f"{self.name}: commanded open, its readback says {self.state.get()!r}")

    def close(self):
        """Close and see it closed; if that fails, trip it, which also puts the lasers on standby."""
        self._closings += 1
        with self.alone(PATIENCE_S):
            self.close_now()

    def close_now(self):
        try:
            put_and_wait(self.command, "closed", PUT_TIMEOUT_S)
            if self.state.get() == "closed":
                return
        except Exception as why:
            first = why
        else:
            first = CommandError("the readback stayed open")
        put_and_wait(self.trip, f"the session could not close it: {first}", PUT_TIMEOUT_S)
        if self.state.get() != "closed":
            raise CommandError(f"{self.name}: DOES NOT CLOSE ({first}); switch the laser off at its key")

    def reset(self):
        """Acknowledge a latch; refused while its cause persists."""
        boot_id = self.boot_id.get()
        put_and_wait(self.acknowledge, 1, PUT_TIMEOUT_S)
        self.object_if_failed(boot_id, self.acknowledge)

    def hold(self):
        """Dark, now; the plan opens it again at its next line."""
        self.close()

    def rest(self):
        """Dark, after a plan, and both lasers on standby."""
        self.close()
        put_and_wait(self.to_rest, 1, PUT_TIMEOUT_S)

    def pause(self):
        self.close()

    def stop(self, *, success: bool = False):
        self.close()
