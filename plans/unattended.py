"""One item of a night: waited for, measured, begun again where it was cut off, tried again or given up."""

import logging
import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any

from bluesky import plan_stubs as bps
from bluesky import preprocessors as bpp
from bluesky.utils import Msg, MsgGenerator, RunEngineControlException

from devices.signals import CommandError
from plans.forecast import forecast as forecast_of
from plans.item import DONE, FAILED, INTERRUPTED, RUNNING, SKIPPED, WAITING, Item
from plans.known import PLANS, device_of
from plans.moments import clock_of
from plans.outlook import reasons
from plans.parking import park
from plans.restored import restored
from plans.review import Forecaster, late
from plans.runs import with_runs_told
from plans.stubs import MeasurementError, PlanError, dark, recover

log = logging.getLogger(__name__)

MOST_INTERRUPTIONS = 20  # of one item, without progress
LOOK_S = 1.0  # while waiting
ASIDE = "-"  # the step of what does not belong to the night: recovery, parking a night that is cut off
OF_THE_LOSS = ("dead-man", "bench:")  # reasons of darkness that a lost process leaves


@dataclass(frozen=True)
class Shift:
    """What all items of a night share.

    ledger, devices, name : where progress is kept, the instruments by name, the name of the night
    until_s : Unix time, None: as long as it takes; md : for the start documents of all runs
    """

    ledger: Any
    devices: Mapping[str, Any]
    name: str
    until_s: float | None = None
    md: Mapping[str, Any] = field(default_factory=dict)
    forecast: Forecaster = forecast_of
    clock: Callable[[], float] = time.time
    repeated: set[tuple[str, str]] = field(default_factory=set)  # calibrations, with the boot they were repeated in

    @property
    def night(self) -> Any:
        return self.ledger.night(self.name)

    @property
    def is_over(self) -> bool:
        return self.until_s is not None and self.clock() >= self.until_s

    @property
    def microscope(self) -> Any:
        return self.devices["microscope"]

    def title(self, entry: Any) -> str:
        return f"item {entry.index + 1} ({entry.item.title})"

    def step(self, entry: Any, attempts: int) -> str:
        """The label of an attempt: the first one has no number."""
        return f"{self.name}/{entry.index}" + (f"/{attempts}" if attempts > 1 else "")

    def about(self, index: int, **more: Any) -> dict[str, Any]:
        """For the start documents of an item."""
        return {**self.md, "night": self.name, "item": index, **more}


def settled(shift: Shift, entry: Any) -> Generator[Msg, Any, Any]:
    """Wait for the time of an item, then try until it is done or has failed as often as allowed."""
    if not entry.attempts and (reason := (yield from awaited(shift, entry))):
        log.info("%s is left out: %s", shift.title(entry), reason)
        return shift.ledger.note(shift.name, entry.index, SKIPPED, reason)
    while not entry.finished:
        entry = yield from attempted(shift, entry)
    log.info("%s: %s %s", shift.title(entry), entry.state, entry.reason)
    return entry


def awaited(shift: Shift, entry: Any) -> Generator[Msg, Any, str]:
    """Wait in the dark until the item may begin; why it is left out, or nothing."""
    item, expected_s = entry.item, entry.expected_s if entry.expected_s > 0 else 0.0
    begins_s = max(shift.clock(), item.not_before or 0.0)
    ends = [moment_s for moment_s in (item.until, shift.until_s) if moment_s is not None]
    if ends and (reason := late(min(ends), begins_s + expected_s, shift.clock())):
        return reason
    if begins_s > shift.clock():
        told_until = f"waits until {clock_of(begins_s, shift.clock())}"
        shift.ledger.note(shift.name, entry.index, WAITING, told_until)
        yield from dark(shift.microscope)
    while (left_s := begins_s - shift.clock()) > 0:
        yield from bps.checkpoint()
        yield from bps.sleep(min(left_s, LOOK_S))
    return ""


def attempted(shift: Shift, entry: Any) -> Generator[Msg, Any, Any]:
    """One attempt, begun again as often as a process dies, as long as it comes forward."""
    cut_off = entry.state in (RUNNING, INTERRUPTED) and entry.attempts > 0
    attempts = entry.attempts if cut_off else entry.attempts + 1
    fruitless, mark, began = 0, None, ""
    while True:
        shift.ledger.note(shift.name, entry.index, RUNNING, began, attempts=attempts)
        if (now := progress(shift, entry)) != mark:
            fruitless, mark = 0, now
        error = yield from caught(measured(shift, entry, attempts))
        if error is None:
            return shift.ledger.note(shift.name, entry.index, DONE)
        lost = yield from lost_with(shift, error)
        if not lost:
            return given_up(shift, entry, attempts, error)
        fruitless, began = fruitless + 1, f"{lost}: {told(error)}"
        if fruitless >= MOST_INTERRUPTIONS:
            return given_up(shift, entry, attempts, MeasurementError(f"cut off {fruitless} times in a row, {began}"))
        log.warning("%s was cut off (%s) and goes on", shift.title(entry), began)
        shift.ledger.note(shift.name, entry.index, INTERRUPTED, began, interruption=True)


def given_up(shift: Shift, entry: Any, attempts: int, error: Exception) -> Any:
    """The attempt failed: another one is waited for, or it was the last. What is wrong by itself stays wrong."""
    again = attempts <= entry.item.retries and not isinstance(error, PlanError)
    reason = told(error)
    log.error("%s failed, attempt %d: %s", shift.title(entry), attempts, reason)
    return shift.ledger.note(shift.name, entry.index, WAITING if again else FAILED, reason, attempts=attempts)


def caught(inner: MsgGenerator) -> Generator[Msg, Any, Exception | None]:
    """The error that ended a plan, None if it went well; stop and abort of the user go on."""

    def kept(error: Exception) -> MsgGenerator:
        if isinstance(error, RunEngineControlException):
            raise error
        yield from ()
        return error

    def whole():
        yield from inner

    return (yield from bpp.contingency_wrapper(whole(), except_plan=kept, auto_raise=False))


def lost_with(shift: Shift, error: Exception) -> Generator[Msg, Any, str]:
    """What was lost when the error came, once it is back; nothing if all was there. CommandError if it stays away."""
    restarted = yield from recover()
    yield from bps.mv(shift.microscope.sample.step, ASIDE)
    if restarted:
        return f"{', '.join(restarted)} restarted"
    vanished = any(isinstance(each, TimeoutError) or "Disconnected" in type(each).__name__ for each in chain(error))
    went_dark = any(word in told(error) for word in OF_THE_LOSS)
    return "an instrument was silent" if vanished or went_dark else ""


def measured(shift: Shift, entry: Any, attempts: int) -> MsgGenerator:
    """The plan of an item, in its step, with the calibrations that a restart took."""
    index, item = entry.index, entry.item
    extra = shift.ledger.continuation(shift.name, index)
    arguments = {**item.arguments, **extra}
    yield from restored(shift, entry, arguments)
    yield from bps.mv(shift.microscope.sample.step, shift.step(entry, attempts))
    begun = called(shift, item, arguments)
    yield from with_runs_told(
        begun, shift.about(index), lambda uid: shift.ledger.note(shift.name, index, RUNNING, run=uid)
    )
    yield from bps.mv(shift.microscope.sample.step, "")


def called(shift: Shift, item: Item, arguments: Mapping[str, Any]) -> MsgGenerator:
    """The plan of an item, called with the device it takes."""
    return PLANS[item.plan](shift.devices[device_of(item.plan)], **arguments)


def progress(shift: Shift, entry: Any) -> Any:
    """What changes when an item comes forward: where it would go on, and how many dots of its campaign are settled."""
    extra = shift.ledger.continuation(shift.name, entry.index)
    name = extra.get("campaign") or entry.item.arguments.get("campaign")
    registry = getattr(shift.microscope, "emitters", None)
    if not name or registry is None or name not in registry.names():
        return extra
    return extra, sum(dot.finished for dot in registry.campaign(name).dots)


def chain(error: BaseException) -> list[BaseException]:
    """An error and what it came from."""
    found = [error]
    while (before := found[-1].__cause__ or found[-1].__context__) is not None and before not in found:
        found.append(before)
    return found


def told(error: BaseException) -> str:
    """Why an item failed, for people: what went wrong first, if that is known."""
    if isinstance(error, PlanError):
        return "; ".join(reasons(error))
    known = [each for each in chain(error) if isinstance(each, (CommandError, MeasurementError))]
    first = known[-1] if known else error
    return str(first) or type(first).__name__


def parked(shift: Shift) -> MsgGenerator:
    """Dark, lasers at rest, stage in the middle, in no step of the night; what cannot be reached is logged."""
    step = "" if shift.night.finished else ASIDE
    for tidy in (lambda: bps.mv(shift.microscope.sample.step, step), lambda: park(shift.microscope)):
        error = yield from caught(tidy())
        if error is not None:
            log.error("after the night: %s", told(error))
