"""How a campaign goes from dot to dot, and on after any interruption."""

import logging
import math
from collections.abc import Generator
from dataclasses import dataclass, replace
from typing import Any

from bluesky import preprocessors as bpp
from bluesky.utils import Msg, MsgGenerator

from devices.microscope import Microscope
from plans.dots import begin_on, begin_part, settled, standing
from plans.job import DONE, FAILED, LOST, REJECTED, Job, searched, unfit
from plans.stubs import MeasurementError, read

log = logging.getLogger(__name__)

FRESH_S = 200.0  # an older image is taken again: drift may have led dots out of their patches
MOST_FAILURES = 3  # in a row
MOST_LOST = 2  # in a row: the sample has moved, a new image tells where


@dataclass(frozen=True)
class Round:
    """One call of a campaign.

    uid : of the image in use; tried : dots that this call has come to; lost, failures : in a row, up to now
    since_image : dots that were measured with this image
    """

    uid: str
    tried: frozenset[str] = frozenset()
    lost: tuple[str, ...] = ()
    failures: int = 0
    since_image: int = 0

    def after(self, dot: str, state: str, reason: str) -> "Round":
        lost = (*self.lost, dot) if reason == LOST else ()
        failed = state == FAILED and reason != LOST
        return replace(
            self,
            tried=self.tried | {dot},
            lost=lost,
            failures=self.failures + 1 if failed else 0,
            since_image=self.since_image + (state in (DONE, REJECTED)),
        )


@dataclass(frozen=True)
class CampaignOutcome:
    """What a campaign has come to, in all its calls.

    done : ids of the dots that are known as well as wished; rejected, failed : those that are not, with the reasons
    left : those that the next call begins with
    spent_s : instrument time; stopped_by : "finished", "max_time_s" or "max_emitters"
    """

    name: str
    sample: str
    done: tuple[str, ...]
    rejected: dict[str, str]
    failed: dict[str, str]
    left: tuple[str, ...]
    spent_s: float
    stopped_by: str


def carried_out(microscope: Microscope, job: Job) -> Generator[Msg, Any, CampaignOutcome]:
    """Dot after dot, nearest first, until none is left or a budget is spent."""
    job = replace(job, step=(yield from read(microscope.sample.step)))
    now = Round((yield from current_image(microscope, job)))
    report_start(microscope, job, now)
    while left := remaining(microscope, job, now):
        dot = nearest(microscope, job, now, left)
        if stopped_by := spent(microscope, job, dot):
            return outcome_of(microscope, job, left, stopped_by)
        yield from begin_on(microscope, job, dot.id)
        microscope.emitters.note(job.name, last_dot=dot.id)
        state, reason = yield from timed(microscope, job, settled(microscope, job, dot))
        now = now.after(dot.id, state, reason)
        if now.failures >= MOST_FAILURES:
            raise MeasurementError(
                f"{now.failures} dots in a row failed, the last one because of: {reason}. Remove the cause; "
                f"the same command goes on with campaign {job.name!r}"
            )
        if len(now.lost) >= MOST_LOST and now.since_image:
            uid = yield from new_image(microscope, job, image_number(microscope, job) + 1)
            now = Round(uid, tried=now.tried - {*now.lost})
    microscope.emitters.finish(job.name)
    return outcome_of(microscope, job, [], "finished")


def image_number(microscope: Microscope, job: Job) -> int:
    """Which image of the campaign is in use, or was begun last, from 1 on."""
    return microscope.emitters.campaign(job.name).facts.get("image_number", 1)


def current_image(microscope: Microscope, job: Job) -> Generator[Msg, Any, str]:
    """The uid of the last image, if dots are still where they were then; else of a new one."""
    facts, registry = microscope.emitters.campaign(job.name).facts, microscope.emitters
    here = yield from state_of_the_table(microscope)
    same = all(facts.get(key) == here[key] for key in ("boot_ids", "mounted")) and here["mounted"] == job.sample
    if facts.get("image_uid") and same:
        apart_s = (registry.clock() - facts["time_s"], here["instrument_s"] - facts["instrument_s"])
        if all(-1 <= seconds < FRESH_S for seconds in apart_s):
            return facts["image_uid"]
    return (yield from timed(microscope, job, new_image(microscope, job, image_number(microscope, job))))


def new_image(microscope: Microscope, job: Job, number: int) -> Generator[Msg, Any, str]:
    """Image the field, for the time `number` or once more for that time; its uid.

    What the campaign knows of the field must be found again.
    """
    registry = microscope.emitters
    registry.note(job.name, image_number=number)
    again = yield from begin_part(microscope, job, f"image-{number}")
    result = yield from searched(microscope, job)
    uid = getattr(result, "uid", result)
    try:
        registry.in_run(uid)
    except LookupError as why:
        raise MeasurementError(f"the image {uid[:8]} was measured, but its dots have no names: {why.args[0]}") from why
    registry.note(job.name, image_uid=uid)
    if again and (stood := standing(microscope, job)):  # the image of long ago, not of where the sample lies now
        registry.put_back(job.sample, stood["known"])
    measured = [dot.emitter for dot in registry.campaign(job.name).dots if dot.facts]
    if measured and not any(is_known(registry, dot) for dot in measured):
        raise MeasurementError(
            f"the dots of campaign {job.name!r} are not recognised in the image {uid[:8]}: bring back the field, or "
            f"begin another with campaign='...'"
        )
    return uid


def is_known(registry, emitter: str) -> bool:
    """Whether the place of an emitter is known now."""
    try:
        registry.where(emitter)
    except LookupError:
        return False
    return True


def state_of_the_table(microscope: Microscope) -> Generator[Msg, Any, dict[str, Any]]:
    """What must not have changed since the last image, and the time of the instruments."""
    seconds, boot_ids = [0.0], []
    for device in (microscope.scanner, microscope.timeharp, microscope.counters):
        started, elapsed = (yield from read(device.started)), (yield from read(device.elapsed))
        seconds.append(float(started) + float(elapsed))
    for device in (microscope.piezo, microscope.timeharp):
        boot_ids.append((yield from read(device.boot_id)))
    mounted = yield from read(microscope.sample.mounted)
    return {"instrument_s": max(seconds), "boot_ids": boot_ids, "mounted": mounted}


def timed(microscope: Microscope, job: Job, step: MsgGenerator) -> MsgGenerator:
    """Run a step of the campaign; its instrument time is spent, however it ends.

    Where the sample lies is known at its end, unless it was broken off.
    """
    registry = microscope.emitters
    before = yield from state_of_the_table(microscope)

    def booked() -> Generator[Msg, Any, dict[str, Any]]:
        after = yield from state_of_the_table(microscope)
        facts = registry.campaign(job.name).facts
        # Instruments that were just started do not tell the time yet.
        began_s = before["instrument_s"] or facts.get("instrument_s", after["instrument_s"])
        spent_s = facts.get("spent_s", 0.0) + max(after["instrument_s"] - began_s, 0.0)
        registry.note(job.name, spent_s=spent_s)
        return after

    def broken_off(error: Exception) -> MsgGenerator:
        try:
            yield from booked()
        except Exception as why:
            log.warning("how long the last step took is not known: %s", why)

    result = yield from bpp.contingency_wrapper(step, except_plan=broken_off)
    registry.note(job.name, **(yield from booked()), time_s=registry.clock())
    return result


def remaining(microscope: Microscope, job: Job, now: Round) -> list:
    """The dots of the image that are still to be measured; those that never will are noted with the reason."""
    registry = microscope.emitters
    known = {dot.emitter: dot for dot in registry.campaign(job.name).dots}
    elsewhere = registry.measured(job.sample, job.settings, ("hbt", "blinking", "intensity_w_cm2"))
    left = []
    for dot in registry.in_run(now.uid):
        finished = dot.id in now.tried or dot.id in elsewhere or (dot.id in known and known[dot.id].finished)
        if not finished and (reason := unfit(job, dot)):
            registry.note_dot(job.name, dot.id, REJECTED, reason)
        elif not finished:
            left.append(dot)
    return left


def nearest(microscope: Microscope, job: Job, now: Round, left: list) -> Any:
    """The dot that is nearest to the one begun last, or to the centre of the field; wherever the stage stands now."""
    registry = microscope.emitters
    places = {dot.id: (dot.x_um, dot.y_um) for dot in registry.in_run(now.uid)}
    centre = job.search["centre_um"] or [sum(axis.limits) / 2 for axis in (microscope.piezo.x, microscope.piezo.y)]
    x_um, y_um = places.get(registry.campaign(job.name).facts.get("last_dot", ""), centre)
    return min(left, key=lambda dot: math.hypot(dot.x_um - x_um, dot.y_um - y_um))


def spent(microscope: Microscope, job: Job, dot) -> str:
    """The budget that does not allow for another dot, or nothing."""
    campaign = microscope.emitters.campaign(job.name)
    if len(campaign.of_state(DONE)) >= job.max_emitters:
        return "max_emitters"
    if campaign.facts.get("spent_s", 0.0) + job.expected_s(dot) > job.max_time_s:
        return "max_time_s"
    return ""


def report_start(microscope: Microscope, job: Job, now: Round) -> None:
    """How much there is to do."""
    found, left = microscope.emitters.in_run(now.uid), remaining(microscope, job, now)
    minutes = sum(map(job.expected_s, left)) / 60
    log.info(
        "campaign %s on %s: %d dots found, %d left to measure, about %.0f min",
        job.name,
        job.sample,
        len(found),
        len(left),
        minutes,
    )


def outcome_of(microscope: Microscope, job: Job, left: list, stopped_by: str) -> CampaignOutcome:
    """What the plan returns."""
    campaign = microscope.emitters.campaign(job.name)
    reasons = {state: {dot.emitter: dot.reason for dot in campaign.of_state(state)} for state in (REJECTED, FAILED)}
    return CampaignOutcome(
        name=job.name,
        sample=job.sample,
        done=tuple(dot.emitter for dot in campaign.of_state(DONE)),
        rejected=reasons[REJECTED],
        failed=reasons[FAILED],
        left=tuple(dot.id for dot in left),
        spent_s=campaign.facts.get("spent_s", 0.0),
        stopped_by=stopped_by,
    )
