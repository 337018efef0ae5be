"""Section 3.4 of the paper as the demo measures it: which emitters, in which order."""

import logging
from typing import Any

import numpy as np
from bluesky import plan_stubs as bps

from lab.emitters.groups import CampaignResult, CohortResult, PowerResult
from lab.emitters.results import BlinkingResult, EmittersResult, HbtResult
from lab.report.course import Course
from lab.report.paper import FILMS, GLASS, SingleEmitters
from lab.session import Session
from plans import blinking, find_emitters, hbt, power_series, qd_campaign, time_zero

log = logging.getLogger(__name__)

EXAMPLE, BRIGHT = "example_qd", "bright_qd"
FIELD_UM, PIXEL_UM = 14.0, 0.1  # of a campaign: room for as many emitters as the paper has
N_RISE = {"film": 47, "glass": 14}  # rise times in the paper
N_TRACES = {"film": 11, "film2": 11, "film3": 11, "glass": 12}  # blinking traces in the paper
ERROR_NS = {"film": 1.0, "film2": 2.0, "film3": 2.0, "glass": 2.0}  # of each rise time
RUN_S = 8.0  # of integrations between two looks
TRACE = {"duration_s": 60.0, "segment_s": 30.0}
BRIGHT_W_CM2 = 28_000.0
QUICK = 12  # dots of a campaign at most, when there is little time
NOT_FOUND = "the search before it found no dot that stands alone, or was not made"


def measure_single_emitters(session: Session, course: Course, *, quick: bool = False) -> SingleEmitters:
    """Everything of section 3.4; quick : a dozen dots instead of as many as in the paper."""
    scope, step = session.microscope, course.step
    session.RE(bps.mv(scope.timeharp.wiring, "hbt"))
    step("time zero", time_zero, scope)
    field = step("search image", find_emitters, scope, sample=FILMS["film"])
    campaigns = {role: step(f"dots of {role}", campaign, session, role, quick=quick) for role in (*FILMS, "glass")}
    dip, power = measure_example(session, course)
    trace = measure_bright(session, course)
    return SingleEmitters(
        field=of_kind(field, EmittersResult),
        campaigns={role: one.uids for role, one in campaigns.items() if isinstance(one, CampaignResult)},
        traces=traces_of(session, campaigns),
        example=of_kind(dip, HbtResult),
        power=of_kind(power, PowerResult),
        bright=of_kind(trace, BlinkingResult),
        cohort=cohort_of(session, [FILMS["film"]]),
        films=cohort_of(session, list(FILMS.values())),
    )


def measure_example(session: Session, course: Course) -> tuple[Any, Any]:
    """Antibunching of the example dot, and its power series."""
    scope, names = session.microscope, ("antibunching of the example", "power series of the example")
    emitter = brightest(session, course, "the example dot", EXAMPLE)
    if emitter is None:
        return course.skip(names[0], NOT_FOUND), course.skip(names[1], NOT_FOUND)
    dip = course.step(names[0], hbt, scope, emitter=emitter, target_err_ns=0.4, run_s=RUN_S, max_time_s=900)
    return dip, course.step(names[1], power_series, scope, emitter=emitter, target_err_ns=0.6)


def measure_bright(session: Session, course: Course) -> Any:
    """The blinking trace of a bright dot."""
    emitter = brightest(session, course, "the bright dot", BRIGHT)
    if emitter is None:
        return course.skip("trace of the bright dot", NOT_FOUND)
    light = {"intensity_w_cm2": BRIGHT_W_CM2, "duration_s": 30}
    return course.step("trace of the bright dot", blinking, session.microscope, emitter=emitter, **light)


def of_kind(result: Any, kind: type) -> Any:
    """A result, if it is one: of a run that could not be analysed there is only a uid."""
    return result if isinstance(result, kind) else None


def campaign(session: Session, role: str, *, quick: bool = False):
    """The campaign of a sample: as many emitters as in the paper, of each a rise time and a trace."""
    most = max(N_RISE.get(role, 0), N_TRACES[role])
    field = {"extent_um": FIELD_UM, "search": {"n_pixels": round(FIELD_UM / PIXEL_UM)}}
    pairs = {"target_err_ns": ERROR_NS[role], "run_s": RUN_S}
    more = {"hbt": pairs, "blinking": TRACE, "max_emitters": min(most, QUICK) if quick else most}
    return qd_campaign(session.microscope, sample=FILMS.get(role, GLASS), **field, **more)


def brightest(session: Session, course: Course, name: str, sample: str) -> str | None:
    """The brightest emitter of a sample that stands alone, by its id; None if there is none."""
    found = course.step(name, find_emitters, session.microscope, sample=sample)
    if not isinstance(found, EmittersResult):
        return None
    alone = np.flatnonzero(found.field.emitters.isolated)
    return found.ids[int(alone[0])] if alone.size else None


def traces_of(session: Session, campaigns: dict[str, Any]) -> list[BlinkingResult]:
    """The blinking traces of all campaigns."""
    uids = [uid for one in campaigns.values() if isinstance(one, CampaignResult) for uid in one.uids]
    results = [session.analyses.emitters.result_of(uid, drawn=False) for uid in uids]
    return [one for one in results if isinstance(one, BlinkingResult)]


def cohort_of(session: Session, films: list[str]) -> CohortResult | None:
    """Films against glass, if both were measured.

    All emitters count whose numbers are known, also those that bleached too early for the error that was asked: slow
    ones take longer, and leaving them out would make the rest look fast.
    """
    try:
        return session.cohort(film=films, glass=GLASS)
    except (LookupError, ValueError) as why:
        log.error("no cohort: %s", why)
        return None
