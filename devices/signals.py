"""Signals and instruments that prove themselves: every set has a timeout, is read back, and fails with a reason."""

import math
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from ophyd import Component as Cpt
from ophyd import Device, EpicsSignal, EpicsSignalRO, Kind
from ophyd.signal import EpicsSignalBase
from ophyd.status import Status
from ophyd.utils import DisconnectedError, LimitError

PUT_TIMEOUT_S = 5.0
POLL_S = 0.1
FROZEN_S = 3.0


class CommandError(RuntimeError):
    """An instrument refused, failed or vanished; the message names it and says why."""


class LostError(CommandError, DisconnectedError):
    """A signal that was there cannot be read any more."""


class Outcome(Status):
    """A Status that says in a few words what became of it, and why it failed."""

    def __str__(self) -> str:
        if not self.done or self.obj is None:
            return super().__str__()
        return f"{self.obj.name}: done" if self.success else str(self.exception())

    __repr__ = __str__


def in_background(owner, work: Callable[[], None]) -> Status:
    """Run blocking `work` in a thread; the Status finishes with it, or fails with its exception."""
    status = Outcome(owner)

    def run():
        try:
            work()
        except Exception as why:
            status.set_exception(why)
        else:
            status.set_finished()

    threading.Thread(target=run, name=f"{owner.name} set", daemon=True).start()
    return status


def done(owner) -> Status:
    """A Status of what is over already."""
    status = Status(owner)
    status.set_finished()
    return status


def nothing():
    """Done meanwhile, unless told otherwise."""


class Stoppable:
    """Something that a pause may stop in the middle. That is no failure: a plan that goes on does it again."""

    stopped_by_pause = threading.Event()  # of what is under way

    def unless_paused(self, work: Callable[[], None]):
        """Do what may fail by being stopped; a failure counts unless a pause stopped it."""
        stopped = self.stopped_by_pause = threading.Event()
        try:
            work()
        except CommandError:
            if not stopped.is_set():
                raise

    def stop_by(self, halt: Any, *, success: bool):
        """Put 1 to the signal `halt`; the RunEngine says `success` when it pauses, and not when a plan has failed."""
        if success:
            self.stopped_by_pause.set()
        halt.put(1)


def put_and_wait(signal: EpicsSignal, value: Any, timeout_s: float, meanwhile: Callable[[], None] = nothing):
    """Put with completion; give up at once when the IOC goes away, not after the timeout.

    `meanwhile` is called at every look, ten times a second, as long as the IOC is there.
    """
    done, alive = threading.Event(), Pulse(signal)
    if not signal.connected:
        raise CommandError(f"{signal.name}: its IOC is not there; is it running? Type lab")
    signal.put(value, use_complete=True, callback=lambda **_: done.set())
    deadline = time.monotonic() + timeout_s
    while not done.wait(POLL_S):
        if not signal.connected:
            raise CommandError(f"{signal.name}: its IOC went away while setting {value!r}; is it running? Type lab")
        if not alive():
            raise CommandError(
                f"{signal.name}: its IOC hangs: no heartbeat for {FROZEN_S:.0f} s while setting {value!r}"
            )
        if time.monotonic() > deadline:
            raise CommandError(f"{signal.name}: no answer to {value!r} within {timeout_s:.0f} s")
        meanwhile()


class Pulse:
    """Whether the IOC behind a signal still beats; looks once a second, says no after `FROZEN_S` of silence."""

    def __init__(self, signal: EpicsSignal):
        self.heartbeat = getattr(signal.parent, "heartbeat", None)
        self.last, self.seen_s = None, time.monotonic()
        self.looked_s = self.seen_s

    def __call__(self) -> bool:
        now_s = time.monotonic()
        if self.heartbeat is None or now_s - self.looked_s < 1.0:
            return True
        self.looked_s = now_s
        try:
            beat = self.heartbeat.get(timeout=1.0)
        except Exception:
            beat = self.last
        if beat != self.last:
            self.last, self.seen_s = beat, time.monotonic()
        return time.monotonic() - self.seen_s < FROZEN_S


def same(wanted: Any, got: Any) -> bool:
    """Whether a readback is what was asked for."""
    if isinstance(wanted, str) or isinstance(got, str):
        return str(wanted) == str(got)
    return math.isclose(wanted, got, rel_tol=1e-6, abs_tol=1e-9)


class Told(EpicsSignalBase):
    """Says what it is if it cannot be read; each Channel Access layer has other words, as "status code: 192"."""

    def get(self, **how):
        try:
            return super().get(**how)
        except Exception as why:
            if not isinstance(why, (DisconnectedError, TimeoutError)) and type(why).__module__ != "epics.ca":
                raise
            raise LostError(f"{self.name}: its IOC went away or hangs ({why}); is it running? Type lab") from why


class Fact(Told, EpicsSignalRO):
    """What an instrument says of itself."""


class Setting(Told, EpicsSignal):
    """A setpoint: `set` completes when the IOC has taken it, and fails with the IOC's own words when it has not."""

    def __init__(self, *args, rounds: bool = False, **kwargs):
        super().__init__(*args, **kwargs)
        self.rounds = rounds

    def set(self, value, *, timeout: float | None = None, settle_time=None) -> Status:
        if isinstance(value, (bool, np.bool_)):
            raise LimitError(f"{self.name}: {value} is neither a number nor a word")
        if isinstance(value, (int, float, np.number)):
            self.check_value(value)
        return in_background(self, lambda: self.prove(value, timeout or PUT_TIMEOUT_S))

    @property
    def instrument(self) -> Any:
        """The device this signal is part of; anything else cannot object."""
        return self.parent

    def prove(self, value, timeout_s: float, meanwhile: Callable[[], None] = nothing):
        """Put, then compare the readback and ask the instrument for objections."""
        instrument = self.instrument
        boot_id = instrument.boot_id.get()
        put_and_wait(self, value, timeout_s, meanwhile)
        instrument.object_if_failed(boot_id, self)
        got = self.get()
        if not self.rounds and not same(value, got):
            raise CommandError(f"{self.name}: asked for {value!r}, it stayed at {got!r}")

    def describe(self):
        return described(super().describe(), self)


class Reading(Told, EpicsSignalRO):
    """A read-only value; arrays declare their type, so that storage keeps it."""

    def describe(self):
        return described(super().describe(), self)


def described(description: dict, signal: EpicsSignalRO | EpicsSignal) -> dict:
    """Add what ophyd leaves out, the numpy type of arrays, and drop the limits that text does not have."""
    entry = description[signal.name]
    if entry["dtype"] == "string":
        for limit in ("lower_ctrl_limit", "upper_ctrl_limit", "units", "precision"):
            entry.pop(limit, None)
    if entry["dtype"] == "array":
        value = np.asarray(signal.get())
        entry |= {"dtype_numpy": value.dtype.str, "shape": list(value.shape)}
    return description


def setting(suffix: str, *, kind: str = "config", string: bool = False, rounds: bool = False) -> Cpt:
    """Declare a setpoint; numeric ones refuse values outside the IOC's limits before anything is sent."""
    return Cpt(Setting, suffix, kind=kind, string=string, limits=not string, rounds=rounds)


def reading(suffix: str, *, kind: str = "normal", string: bool = False) -> Cpt:
    return Cpt(Reading, suffix, kind=kind, string=string)


class Instrument(Device):
    """Base of all devices: knows whether its IOC restarted, and why it last refused."""

    boot_id = Cpt(Fact, "BootId", kind=Kind.omitted, string=True)
    heartbeat = Cpt(Fact, "Heartbeat", kind=Kind.omitted)
    error = Cpt(Fact, "Error", kind=Kind.omitted, string=True)

    def object_if_failed(self, boot_id: str, signal: EpicsSignal):
        """Raise CommandError if the IOC refused the last put to `signal` or is not the process it was before."""
        if self.boot_id.get() != boot_id:
            raise CommandError(f"{self.name}: its IOC restarted during the command; nothing it did counts")
        why = str(self.error.get())
        if why.startswith(f"{signal.setpoint_pvname}:"):  # errors of other commands are not ours
            raise CommandError(f"{self.name}: {why}")
