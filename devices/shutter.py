"""The shutter: opens only for a running plan, closes for every reason there is."""

from ophyd import Component as Cpt
from ophyd import EpicsSignal
from ophyd.status import Status

from devices.signals import PUT_TIMEOUT_S, CommandError, Instrument, in_background, put_and_wait, reading


class Shutter(Instrument):
    """`set("open")` and `set("closed")` finish when the shutter itself says so.

    Pausing a plan closes it; the plan opens it again at its next line. The IOC closes it without being asked when
    the RunEngine falls silent for `dead_man_s`, when the interlock opens, or when a detector is overloaded; it then
    stays latched until `reset()`.
    """

    state = reading("State", kind="normal", string=True)
    interlock = reading("Interlock", kind="config", string=True)
    reason = reading("Reason", kind="omitted", string=True)
    latch = reading("Latch", kind="config", string=True)
    dead_man_s = reading("DeadMan", kind="config")
    open_s = reading("OpenTime", kind="normal")
    command = Cpt(EpicsSignal, "Command", kind="omitted", string=True)
    trip = Cpt(EpicsSignal, "Trip", kind="omitted", string=True)
    owner = Cpt(EpicsSignal, "Owner", kind="omitted", string=True)
    beat = Cpt(EpicsSignal, "Beat", kind="omitted", string=True)
    acknowledge = Cpt(EpicsSignal, "Reset", kind="omitted")

    def set(self, value: str) -> Status:
        if value not in ("open", "closed"):
            raise ValueError(f"a shutter is 'open' or 'closed', not {value!r}")
        return in_background(self, self.open if value == "open" else self.close)

    def open(self):
        """Open and see it open, or raise CommandError with the IOC's reason."""
        boot_id = self.boot_id.get()
        put_and_wait(self.command, "open", PUT_TIMEOUT_S)
        self.object_if_failed(boot_id, self.command)
        if self.state.get() != "open":
            raise CommandError(f"{self.name}: commanded open, its readback says {self.state.get()!r}")

    def close(self):
        """Close and see it closed; if that fails, trip it, which also puts the lasers on standby."""
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
        """Dark, after a plan."""
        self.close()

    def pause(self):
        self.close()

    def stop(self, *, success: bool = False):
        self.close()
