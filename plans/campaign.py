"""A campaign over the dots of a field: each is measured until it is known well enough, and none twice."""

import inspect
from collections.abc import Generator, Mapping
from dataclasses import replace
from typing import Any

from bluesky.utils import Msg, MsgGenerator, plan

from devices.microscope import Microscope
from plans.antibunching import hbt as measure_hbt
from plans.finding import find_emitters
from plans.intermittency import blinking as watch_blinking
from plans.job import SHORTEST_S, Job, correlated, searched, watched
from plans.single import INTENSITY_W_CM2, cw_problem
from plans.stubs import PlanError, md_problem, outside, plain, require
from plans.tcspc import chosen_sample
from plans.tour import carried_out

LOOKS = ("read", "locate", "null")  # messages that change nothing
OWN = ("microscope", "at_um", "emitter", "sample", "intensity_w_cm2", "decide", "md")  # what the campaign decides
LONGEST_NAME = 100
NUMBERS = ("target_err_ns", "target_contrast_err", "max_time_s")
OF_SEARCH = (*OWN, "extent_um", "centre_um")


@plan
def qd_campaign(
    microscope: Microscope,
    *,
    sample: str | None = None,
    extent_um: float = 10.0,
    centre_um: tuple[float, float] | None = None,
    hbt: Mapping[str, Any] | None = None,
    blinking: Mapping[str, Any] | None = None,
    search: Mapping[str, Any] | None = None,
    intensity_w_cm2: float = INTENSITY_W_CM2,
    campaign: str | None = None,
    max_time_s: float | None = None,
    max_dose_kj_cm2: float | None = None,
    max_emitters: int | None = None,
    md: dict | None = None,
) -> MsgGenerator:
    """Find the dots of a field and measure each, nearest first, until its numbers are known as well as wished.

    A dot that is decided not to be single, too dim to be measured in time, or bleached is left at once, with the
    reason. One that fails is noted, and the next one is measured; after `MOST_FAILURES` in a row the campaign stops.
    The same command goes on after any interruption: without `campaign` the newest unfinished one with the same
    sample, field and settings is continued; dots that are done in any campaign with these settings are not repeated.
    With the name of a campaign and no options, its own settings are taken.

    Parameters
    ----------
    hbt, blinking, search : options of the plans hbt, blinking and find_emitters. hbt=None asks for errors of 1 ns;
        blinking=None records no blinking
    max_time_s : budget of instrument time, of this and all earlier calls; no dot is begun that would not be finished
    max_dose_kj_cm2 : of light for each dot

    Returns a `CampaignOutcome`.
    """
    limits = {"max_time_s": max_time_s, "max_dose_kj_cm2": max_dose_kj_cm2, "max_emitters": max_emitters}
    known = {key: plain(value) for key, value in limits.items() if value is not None}
    name, problem = yield from chosen_sample(microscope, sample)
    problems = [md_problem(md), problem, cw_problem(microscope, intensity_w_cm2), name_problem(campaign)]
    problems += [outside(key, value, 1e-3, 1e9) for key, value in known.items()]
    if microscope.emitters is None:
        problems.append("a campaign needs the registry of emitters: start it in a session of the lab")
    options = {"hbt": {"target_err_ns": 1.0} if hbt is None else hbt, "blinking": blinking}
    options["search"] = {} if search is None else search
    require([*problems, *options_problems(options)])
    given = {key: None if value is None else {k: plain(v) for k, v in value.items()} for key, value in options.items()}
    where = {"extent_um": plain(extent_um), "centre_um": as_list(centre_um)}
    job = Job(
        name,
        **given | {"search": {**(search or {}), **where}},
        **known,
        intensity_w_cm2=plain(intensity_w_cm2),
        md=dict(md or {}),
    )
    if campaign is not None and hbt is None and blinking is None and search is None:
        job = as_begun(microscope, job, campaign)
    require((yield from refusals(microscope, job)))
    job = replace(job, name=opened(microscope, job, campaign))
    return (yield from carried_out(microscope, job))


def name_problem(name: Any) -> str | None:
    """The problem with the name of a campaign, or None."""
    if name is None or (isinstance(name, str) and name.strip() and name.isprintable() and len(name) <= LONGEST_NAME):
        return None
    given = f"{name[:20]!r}..." if isinstance(name, str) and len(name) > LONGEST_NAME else repr(name)
    return f"campaign={given}: must be a name of 1..{LONGEST_NAME} letters, or None for the one that is not finished"


def as_list(centre_um: Any) -> Any:
    """A pair as documents hold it; anything else as it is, find_emitters refuses it."""
    return [*map(plain, centre_um)] if isinstance(centre_um, (tuple, list)) else plain(centre_um)


def options_problems(options: Mapping[str, Any]) -> list[str | None]:
    """What is wrong with the options of the plans of a campaign, before these plans look at them."""
    allowed = {"hbt": (measure_hbt, OWN), "blinking": (watch_blinking, OWN), "search": (find_emitters, OF_SEARCH)}
    found = [options_problem(key, value, *allowed[key]) for key, value in options.items() if value is not None]
    if any(found):
        return found
    hbt, blinking = options["hbt"], options["blinking"] or {}
    numbers = {**{key: hbt.get(key) for key in NUMBERS}, "duration_s": blinking.get("duration_s")}
    found = [outside(key, value, 1e-4, 1e5) for key, value in numbers.items() if value is not None]
    if hbt.get("target_err_ns") is None and hbt.get("target_contrast_err") is None:
        found.append("hbt: give target_err_ns or target_contrast_err, to which each dot is measured")
    return found


def options_problem(name: str, options: Any, of_plan, decided: tuple[str, ...]) -> str | None:
    """The problem with options that are handed on to another plan, or None."""
    words = [key for key in inspect.signature(of_plan).parameters if key not in decided]
    if not isinstance(options, Mapping) or not all(isinstance(key, str) for key in options):
        return f"{name}={options!r}: must be a dictionary of options, such as {{{words[0]!r}: ...}}"
    if unknown := [key for key in options if key not in words]:
        reason = "the campaign decides it" if unknown[0] in decided else f"there are {', '.join(words)}"
        return f"{name} has the key {unknown[0]!r}: {reason}"
    return None


def refusals(microscope: Microscope, job: Job) -> Generator[Msg, Any, list[str]]:
    """What the plans of the campaign would refuse: each is begun, and left before it does anything."""
    if problem := (yield from rehearsed(searched(microscope, job))):
        return [problem]
    if job.longest_s < SHORTEST_S:
        return [
            f"max_dose_kj_cm2={job.max_dose_kj_cm2:g}: that is {job.longest_s:.2g} s of light; allow {SHORTEST_S:g} s"
        ]
    middle = [sum(axis.limits) / 2 for axis in (microscope.piezo.x, microscope.piezo.y)]
    here = {"at_um": tuple(job.search["centre_um"] or middle), "sample": job.sample}
    found = {"hbt": (yield from rehearsed(correlated(microscope, job, job.longest_s, **here)))}
    if job.blinking is not None:
        found["blinking"] = yield from rehearsed(watched(microscope, job, job.blinking, **here))
    return [f"{name}: {problem}" for name, problem in found.items() if problem]


def rehearsed(begun) -> Generator[Msg, Any, str]:
    """Why a plan refuses to start, "" if it does not: it runs up to the first message that would change anything."""
    answer = None
    try:
        while True:
            message = begun.send(answer)
            if message.command not in LOOKS:
                return ""
            answer = yield message
    except StopIteration:
        return ""
    except PlanError as why:
        return "; ".join(line.removeprefix("  - ") for line in str(why).splitlines()[1:])
    finally:
        begun.close()


def as_begun(microscope: Microscope, job: Job, name: str) -> Job:
    """With the settings of a campaign that is known: nothing but its name was given."""
    if name not in microscope.emitters.names():
        return job
    known = microscope.emitters.campaign(name)
    return replace(job, **known.settings) if known.sample == job.sample else job


def opened(microscope: Microscope, job: Job, name: str | None) -> str:
    """The name of the campaign that is continued or begun."""
    registry = microscope.emitters
    if name is None:
        known = registry.unfinished(job.sample, job.settings)
        return (known or registry.begin(job.sample, job.settings)).name
    if name not in registry.names():
        return registry.begin(job.sample, job.settings, name).name
    known = registry.campaign(name)
    same = (known.sample, as_given(known.settings)) == (job.sample, as_given(job.settings))
    begun = f"campaign={name!r} was begun on {known.sample!r} with {known.settings}"
    require([f"campaign={name!r} is finished: choose another name" if known.finished else None])
    require([None if same else f"{begun}: give the same settings, or choose another name"])
    return name


def as_given(settings: Mapping[str, Any]) -> Any:
    """Settings as documents hold them, tuples as lists."""
    if isinstance(settings, Mapping):
        return {key: as_given(value) for key, value in settings.items()}
    return [as_given(value) for value in settings] if isinstance(settings, (tuple, list)) else settings
