"""A night: a queue of plans, examined as a whole before the first photon, then carried out whatever fails."""

import re
import time
from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bluesky import preprocessors as bpp
from bluesky.utils import Msg, MsgGenerator, RunEngineControlException, plan

from plans.forecast import forecast as forecast_of
from plans.item import DONE, FAILED, INTERRUPTED, SKIPPED, STOP, Item, as_item, md_reserved
from plans.moments import moment_of
from plans.outlook import reasons
from plans.review import Forecaster, Review, reviewed
from plans.stubs import PlanError, md_problem, outside, require
from plans.unattended import Shift, log, parked, settled, told

MOST_FAILURES = 3  # items in a row, for the same reason
MOST_ITEMS = 1000


@dataclass(frozen=True, repr=False)
class NightOutcome:
    """What a night has come to.

    done : titles of the items; failed, skipped : titles with the reasons
    stopped_by : "finished", "stop" or "until", `reason` says why; runs : uids of all measurements
    """

    name: str
    done: tuple[str, ...]
    failed: dict[str, str]
    skipped: dict[str, str]
    stopped_by: str
    runs: tuple[str, ...]
    reason: str = ""

    def __repr__(self) -> str:
        why = f": {self.reason}" if self.reason else ""
        head = f"night {self.name}, {self.stopped_by}{why}: {len(self.done)} done, {len(self.failed)} failed, "
        lines = [f"{head}{len(self.skipped)} left out, {len(self.runs)} runs"]
        lines += [f"  failed      {title}: {reason}" for title, reason in self.failed.items()]
        return "\n".join(lines + [f"  left out    {title}: {reason}" for title, reason in self.skipped.items()])


@plan
def night(
    items: Iterable[Any],
    *,
    ledger: Any,
    devices: Mapping[str, Any],
    forecast: Forecaster = forecast_of,
    name: str | None = None,
    until: Any = None,
    max_time_s: float | None = None,
    md: dict | None = None,
) -> MsgGenerator:
    """Carry out a queue of plans through the night; what fails is noted, and the next one begins.

    All items are examined before anything moves, each as the ones before it will leave the lab. What is cut off by a
    process that died goes on where it was. The same night, begun again after its session died, goes on as well.

    Parameters
    ----------
    items : called plans, `item(...)` with policies and conditions, or dictionaries of the arguments of `item`
    ledger, devices : where progress is kept; the instruments by name ("microscope", "fs5")
    until, max_time_s : a night that is expected to take longer is refused; what cannot end by `until` is left out

    Returns a `NightOutcome`. In the end it is dark, the lasers rest and the stage stands in the middle.
    """
    now_s = time.time()
    queue, problems = as_queue(items, now_s)
    until_s, wrong = moment_of("until", until, now_s)
    longest = None if max_time_s is None else outside("max_time_s", max_time_s, 1e-3, 1e9)
    require([*problems, wrong, longest, md_problem(md), md_reserved(md)])
    going_on = continued(ledger.unfinished(), queue)
    limits = {"until_s": until_s, "max_time_s": max_time_s, "forecast": forecast}
    review = yield from examined(queue, going_on, devices, now_s=now_s, **limits)
    require(review.all_problems)
    expected_s = [preview.expected_s for preview in review.previews]
    begun = ledger.begin(queue, name=name, until=until_s, expected_s=expected_s)
    shift = Shift(ledger, devices, begun.name, until_s=begun.until, md=dict(md or {}), forecast=forecast)
    return (yield from bpp.finalize_wrapper(carried_out(shift), parked(shift)))


def as_queue(items: Any, now_s: float) -> tuple[list[Item], list[str]]:
    """The items, and what is wrong with them one by one."""
    if isinstance(items, (str, bytes, Mapping, Item)) or not isinstance(items, Iterable):
        return [], [f"items={items!r}"[:80] + ": must be a list of called plans, item(...) or dictionaries"]
    queue, problems = [], []
    for index, element in enumerate(items):
        try:
            queue.append(as_item(element, now_s))
        except (PlanError, TypeError) as why:
            problems += [f"item {index + 1}: {reason}" for reason in reasons(why)]
    if not queue and not problems:
        problems = ["the night has no items: give at least one, such as flim_raster(microscope, sample='A')"]
    if len(queue) > MOST_ITEMS:
        problems = [f"{len(queue)} items: at most {MOST_ITEMS} in one night"]
    return queue, problems


def continued(unfinished: Any, queue: Sequence[Item]) -> Any:
    """The unfinished night if it is this one, else None; times do not count, "02:00" is another moment tomorrow."""
    same = unfinished is not None and [each.item.work for each in unfinished.entries] == [each.work for each in queue]
    return unfinished if same else None


def examined(
    queue: Sequence[Item], going_on: Any, devices: Mapping[str, Any], **limits: Any
) -> Generator[Msg, Any, Review]:
    """What is left of a night, examined; the items of one that goes on keep the times they were begun with."""
    if going_on is None:
        return (yield from reviewed(queue, devices, **limits))
    entries = going_on.entries
    left = {each.index: each.item for each in entries if not each.finished}
    done = [each.item for each in entries if each.state == DONE]
    begun = [each.index for each in entries if each.attempts and not each.finished]
    return (yield from reviewed(left, devices, done=done, begun=begun, going_on=True, **limits))


def carried_out(shift: Shift) -> Generator[Msg, Any, NightOutcome]:
    """Item after item; the night is over when none is left, one ends it, or time is up."""
    stopped_by, reason, failures = "finished", "", []
    for left in shift.night.left:
        if shift.is_over:
            stopped_by, reason = "until", "the time of the night is up"
            break
        entry = yield from guarded(shift, left)
        if entry.state == DONE:
            failures = []
        if entry.state != FAILED:
            continue
        failures.append(alike(entry.reason))
        if entry.item.on_failure == STOP or same_again(failures):
            stopped_by, reason = "stop", f"{shift.title(entry)} failed: {entry.reason}"
            break
    for entry in shift.night.left:
        shift.ledger.note(shift.name, entry.index, SKIPPED, f"the night ended before: {reason}")
    log.info("the night %s is over (%s) %s", shift.name, stopped_by, reason)
    return outcome(shift.ledger.finish(shift.name, stopped_by), reason)


def guarded(shift: Shift, entry: Any) -> Generator[Msg, Any, Any]:
    """Settle an item; if the night itself cannot go on, that is noted and the item stays unfinished."""

    def cut_off(error: Exception) -> MsgGenerator:
        by_user = isinstance(error, RunEngineControlException)
        reason = "stopped by the user" if by_user else told(error)
        shift.ledger.note(shift.name, entry.index, INTERRUPTED, reason, interruption=True)
        if by_user:
            shift.ledger.finish(shift.name, "abort")
        log.warning("the night %s is cut off at %s: %s", shift.name, shift.title(entry), reason)
        yield from ()
        raise error

    return (yield from bpp.contingency_wrapper(settled(shift, entry), except_plan=cut_off, auto_raise=False))


def same_again(failures: Sequence[str]) -> bool:
    """Whether the last items failed one like the other."""
    last = failures[-MOST_FAILURES:]
    return len(last) == MOST_FAILURES and len(set(last)) == 1


def alike(reason: str) -> str:
    """A reason without its numbers and uids.

    >>> alike("line 7 of 3fa85f64 was dark") == alike("line 12 of 9b2c1d00 was dark")
    True
    """
    return re.sub(r"\b[0-9a-f-]*\d[0-9a-f.-]*\b", "#", reason)


def outcome(finished: Any, reason: str = "") -> NightOutcome:
    """What the plan returns."""
    titles = {each.index: f"{each.index + 1} {each.item.title}" for each in finished.entries}
    of = {
        state: {titles[each.index]: each.reason for each in finished.entries if each.state == state}
        for state in (DONE, FAILED, SKIPPED)
    }
    runs = tuple(uid for each in finished.entries for uid in each.runs)
    return NightOutcome(finished.name, tuple(of[DONE]), of[FAILED], of[SKIPPED], finished.stopped_by, runs, reason)
