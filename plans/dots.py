"""One dot of a campaign: measured until it is known well enough, or not worth more light."""

import logging
from collections.abc import Generator
from dataclasses import asdict, replace
from typing import Any

from bluesky import plan_stubs as bps
from bluesky import preprocessors as bpp
from bluesky.utils import Msg, MsgGenerator, RunEngineControlException

from devices.microscope import Microscope
from plans.job import BEGUN, DONE, FAILED, LOST, REJECTED, SHORTEST_S, Job, correlated, watched, within_dose
from plans.lost import was_lost
from plans.outcomes import HbtOutcome
from plans.stubs import read

log = logging.getLogger(__name__)


def settled(microscope: Microscope, job: Job, dot) -> Generator[Msg, Any, tuple[str, str]]:
    """Measure one dot; (state, reason). An error is noted and the campaign goes on, unless the user said stop.

    A dot whose instruments were lost meanwhile has not failed: it stays begun, and the error ends this call.
    """
    registry = microscope.emitters

    def failed(error: Exception) -> MsgGenerator:
        if isinstance(error, RunEngineControlException) or was_lost(error):
            raise error
        log.error("%s failed", dot.id, exc_info=error)
        yield from ()
        return FAILED, f"{type(error).__name__}: {error}"

    measured = bpp.contingency_wrapper(measured_fully(microscope, job, dot), except_plan=failed, auto_raise=False)
    state, reason = yield from measured
    report(job, registry.note_dot(job.name, dot.id, state, reason))
    stand(microscope, job)
    return state, reason


def measured_fully(microscope: Microscope, job: Job, dot) -> Generator[Msg, Any, tuple[str, str]]:
    """HBT, then blinking; a step that was finished before an interruption is not repeated."""
    registry = microscope.emitters
    known = registry.campaign(job.name).dot(dot.id)
    facts = known.facts if known else {}
    if "hbt" not in facts:
        registry.note_dot(job.name, dot.id, BEGUN)
        longest_s = min(job.longest_s, job.most_light_s - light_s(registry, job, dot.id))
        if longest_s < SHORTEST_S:
            return REJECTED, f"max_dose_kj_cm2={job.max_dose_kj_cm2:g} was spent on what was broken off"
        found = yield from decided(microscope, job, dot, longest_s)
        state, reason = verdict(registry, job, found)
        if state == FAILED:
            return state, reason
        facts = registry.note_dot(job.name, dot.id, BEGUN, hbt=asdict(found), verdict=[state, reason]).facts
        stand(microscope, job)
    state, reason = facts["verdict"]
    if state == REJECTED:
        return state, reason
    had_s = max(facts["hbt"]["live_s"], light_s(registry, job, dot.id))
    if "blinking" not in facts and (options := within_dose(job, had_s)) is not None:
        yield from begin_on(microscope, job, f"{dot.id}/blinking")
        found = yield from watched(microscope, job, options, emitter=dot.id)
        registry.note_dot(job.name, dot.id, BEGUN, blinking=asdict(found))
    return DONE, ""


def begin_part(microscope: Microscope, job: Job, name: str) -> Generator[Msg, Any, bool]:
    """Say that a part of the present step begins, if there is one; whether all stands as when it was begun first."""
    if not job.step:
        return False
    yield from bps.mv(microscope.sample.step, f"{job.step}/{name}")
    return bool((yield from read(microscope.sample.again)))


def begin_on(microscope: Microscope, job: Job, name: str) -> MsgGenerator:
    """Begin a part on a dot. Where all stands as when it was begun first, what was seen since is not known yet."""
    again = yield from begin_part(microscope, job, name)
    if not again:
        stand(microscope, job, name)
    elif standing(microscope, job).get("part") == name:
        microscope.emitters.put_back(job.sample, standing(microscope, job)["known"])


def stand(microscope: Microscope, job: Job, part: str = "") -> None:
    """Note what is known of the sample at the beginning of a part; "": at the end of the one before."""
    if job.step:
        registry = microscope.emitters
        registry.note(job.name, standing={"part": part, "known": registry.whereabouts(job.sample)})


def standing(microscope: Microscope, job: Job) -> dict[str, Any]:
    """What `stand` noted last."""
    return microscope.emitters.campaign(job.name).facts.get("standing", {})


def light_s(registry, job: Job, emitter: str) -> float:
    """Seconds of light that a dot has had in this campaign, also in runs that were broken off."""
    runs = [run for run in registry[emitter].runs if run["campaign"] == job.name and run["kind"] in ("hbt", "blinking")]
    return sum(run["facts"].get("dose_kj_cm2", 0.0) for run in runs) * 1e3 / job.intensity_w_cm2


def decided(microscope: Microscope, job: Job, dot, longest_s: float) -> Generator[Msg, Any, HbtOutcome]:
    """HBT to the target; if that comes before it is decided whether the dot is single, on until it is."""
    found = yield from correlated(microscope, job, longest_s, emitter=dot.id)
    left_s = longest_s - found.live_s
    if found.stopped_by == "target" and found.single < 0 and left_s > SHORTEST_S:
        more = yield from correlated(microscope, job, left_s, targets=False, emitter=dot.id)
        live_s, bleached = found.live_s + more.live_s, more.bleached
        found = replace(found, single=more.single, live_s=live_s, bleached=bleached, jumps=found.jumps + more.jumps)
    return found


def verdict(registry, job: Job, found: HbtOutcome) -> tuple[str, str]:
    """What an HBT measurement says of its dot; (state, reason)."""
    if found.jumps and registry.near(job.sample, (found.x_um, found.y_um)) not in ("", found.emitter):
        return FAILED, "another dot was measured instead"
    if found.single == 0:
        return REJECTED, "not single"
    if found.stopped_by == "target":
        return (DONE, "") if found.single == 1 else (REJECTED, f"not decided in {found.live_s:.0f} s")
    if found.bleached:
        return REJECTED, "bleached"
    if found.stopped_by == LOST:
        return FAILED, LOST
    return REJECTED, f"dim: +- {found.tau_err_ns:.2g} ns after {found.live_s:.0f} s"


def report(job: Job, dot) -> None:
    """One line of the live table."""
    hbt, blinking = dot.facts.get("hbt"), dot.facts.get("blinking")
    words = [f"{job.name}: {dot.emitter}  {dot.state}", dot.reason]
    if hbt:
        words.append(f"tau {hbt['tau_ns']:.1f} +- {hbt['tau_err_ns']:.1f} ns, C {hbt['contrast']:.2f}")
        words.append(f"{hbt['live_s']:.0f} s")
    if blinking:
        words.append(f"ON {blinking['on_fraction']:.3f}")
    log.info("%s", "  ".join(word for word in words if word))
