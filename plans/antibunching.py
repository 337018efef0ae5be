"""Whether the light comes from one emitter, and how fast it can emit again: photon pairs of a Hanbury Brown and Twiss
interferometer on a start-stop card (paper, section 3.4).
"""

import logging
import math
from collections.abc import Generator, Iterable
from dataclasses import asdict, dataclass
from typing import Any

from bluesky import plan_stubs as bps
from bluesky.utils import Msg, MsgGenerator, plan

from devices.microscope import Microscope
from plans.course import Course, look
from plans.exposure import exposure_problem, standing_dose
from plans.outcomes import HbtOutcome
from plans.refocus import Sight, refocus
from plans.single import (
    INTENSITY_W_CM2,
    about_emitter,
    cw_problem,
    dead_times_ns,
    delay_facts,
    lit_row,
    on_one_emitter,
    planned_emitter,
)
from plans.stubs import (
    light_problem,
    lines_of,
    lit,
    outside,
    plain,
    read,
    require,
    wiring_problem,
)
from plans.tcspc import BLIND_START_NS, N_CHANNELS, cw_metadata, finest_range, with_card

log = logging.getLogger(__name__)

LONGEST_RUN_S = 10.0
KNOWN = 6.0  # rise times over their error, from which on the error can be trusted to end a measurement
GROWTH = 0.1  # a row is at most this share of what was measured before: no more is measured too long
AFTER_DELAY_NS = 350.0  # eight of the longest lifetimes
LEAST_DELAY_NS = 40.0
NUMBERS = (
    "live_s",
    "tau_ns",
    "tau_err_ns",
    "contrast",
    "contrast_err",
    "corrected_contrast",
    "corrected_contrast_err",
    "significance_sigma",
    "rate_cps",
    "background_cps",
)
WORDS = {1: "single", 0: "not single"}


@dataclass(frozen=True)
class StopRule:
    """When an antibunching measurement is done; the errors are absolute, one standard deviation."""

    target_err_ns: float | None
    target_contrast_err: float | None
    decide: bool
    max_time_s: float
    recentre_s: float
    run_s: float

    def problems(self) -> Iterable[str | None]:
        """What is wrong with it, if anything."""
        if self.target_err_ns is not None:
            yield outside("target_err_ns", self.target_err_ns, 1e-3, 100)
        if self.target_contrast_err is not None:
            yield outside("target_contrast_err", self.target_contrast_err, 1e-4, 1)
        if not isinstance(self.decide, bool):
            yield f"decide={self.decide!r}: must be True or False"
        wrong = outside("run_s", self.run_s, 0.1, LONGEST_RUN_S)
        yield wrong
        yield outside("max_time_s", self.max_time_s, self.run_s if wrong is None else 0.1, 1e5)
        yield outside("recentre_s", self.recentre_s, 1, 3600)

    def row_s(self, course: Course) -> float:
        """How long the next row is: short at first, then a small share of what is there."""
        left_s = self.max_time_s - course.live_s
        return round(max(min(max(GROWTH * course.live_s, self.run_s), LONGEST_RUN_S, left_s), 1e-3), 3)

    def reached(self, numbers: dict[str, Any]) -> str:
        """Why these numbers are enough, or nothing.

        With a target, a verdict ends the measurement only if it is "not single". An error of the rise time counts once
        it is a sixth of it: among many looks at few photons one always shows a dip far too narrow, with a small error.
        """
        single = int(numbers.get("single", -1))
        targets = {"tau_err_ns": self.target_err_ns, "contrast_err": self.target_contrast_err}
        wanted = {key: value for key, value in targets.items() if value is not None}
        if self.decide and single >= 0 and not (single and wanted):
            return WORDS[single]
        met = all(numbers.get(key, math.nan) <= value for key, value in wanted.items())
        lucky = "tau_err_ns" in wanted and not KNOWN * numbers["tau_err_ns"] <= numbers.get("tau_ns", math.nan)
        return "target" if wanted and met and not lucky and numbers.get("identified", 0) else ""


@plan
def hbt(
    microscope: Microscope,
    *,
    at_um: tuple[float, float] | None = None,
    emitter: str | None = None,
    sample: str | None = None,
    target_err_ns: float | None = None,
    target_contrast_err: float | None = None,
    decide: bool = False,
    max_time_s: float = 600.0,
    intensity_w_cm2: float = INTENSITY_W_CM2,
    run_s: float = 1.0,
    recentre_s: float = 30.0,
    md: dict | None = None,
) -> MsgGenerator:
    """Photon pairs of one emitter, until the rise time or the contrast is known well enough, or it is decided.

    Start-stop histograms of `run_s` to 10 s are summed; after each the estimate `microscope.g2` is looked at, in the
    dark. Ends when all targets that are given are reached ("target"; the rise time at least to a sixth of itself, or
    its error could not be trusted); with `decide`, once the emitter is known to be single ("single", unless there is a
    target to reach) or not ("not single"); when it has bleached, is lost, or has been measured for `max_time_s` of
    light. Without any target, `decide` is meant. The emitter is centred before the first row, every `recentre_s`, and
    when its rate falls. Needs the wiring "hbt". Returns an `HbtOutcome`.
    """
    name, sight, problems = yield from planned_emitter(microscope, sample, at_um, emitter, md)
    decide = True if decide is False and target_err_ns is None and target_contrast_err is None else decide
    rule = StopRule(target_err_ns, target_contrast_err, decide, max_time_s, recentre_s, run_s)
    problems += [*rule.problems(), cw_problem(microscope, intensity_w_cm2)]
    tcspc, range_problem = yield from pair_axis(microscope)
    table = [(yield from wiring_problem(microscope, "hbt")), (yield from light_problem(microscope))]
    require([*problems, range_problem, *table])
    rule, w_cm2 = StopRule(*map(plain, asdict(rule).values())), plain(intensity_w_cm2)
    require([(yield from exposure_problem(microscope, standing_dose(rule.max_time_s, w_cm2)))])

    def describe():
        yield from bps.mv(microscope.timeharp.range_code, tcspc["range_code"], microscope.timeharp.offset, 0.0)
        metadata = yield from cw_metadata(microscope, "hbt", w_cm2)
        pairs = yield from pair_metadata(microscope, tcspc)
        return about_emitter(sight, md) | metadata | pairs | {"stop_rule": asdict(rule)}

    yield from bps.mv(microscope.g2, {})
    uid, (stopped_by, seen, numbers) = yield from on_one_emitter(
        microscope,
        name,
        lambda: lit(microscope, microscope.cw, w_cm2, lambda: until_known(microscope, sight, rule)),
        describe=describe,
        staging=lambda measured: with_card(microscope, "hbt", measured),
    )
    return outcome(uid, stopped_by, seen, numbers)


def pair_axis(microscope: Microscope) -> Generator[Msg, Any, tuple[dict[str, Any], str | None]]:
    """The finest time axis that holds the cable delay and eight lifetimes behind it; (facts, problem)."""
    base_ps = yield from read(microscope.timeharp.base_resolution)
    codes = [int(code) for code in (yield from lines_of(microscope.timeharp.range_codes))]
    delay_ns = yield from read(microscope.timeharp.delay)
    code = finest_range(delay_ns + AFTER_DELAY_NS, base_ps, codes)
    width_ns = base_ps * 1e-3 * 2**code
    facts = {"range_code": code, "bin_width_ns": width_ns, "n_bins": N_CHANNELS, "offset_ns": 0.0}
    if delay_ns < LEAST_DELAY_NS:
        return facts, (
            f"the cable delay is declared as {delay_ns:g} ns: it must be {LEAST_DELAY_NS:g} or more, or the card does "
            f"not see the pairs; RE(bps.mv(microscope.timeharp.delay, ...))"
        )
    if N_CHANNELS * width_ns < delay_ns + AFTER_DELAY_NS:
        return (
            facts,
            f"the widest range of the card, {N_CHANNELS * width_ns:.0f} ns, does not hold the delay of {delay_ns:g} ns",
        )
    return facts, None


def pair_metadata(microscope: Microscope, tcspc: dict[str, Any]) -> Generator[Msg, Any, dict[str, Any]]:
    """How pairs are counted: estimator, axis, delay, what the card and the SPADs do not see."""
    delay = yield from delay_facts(microscope)
    if not delay["uid"]:
        log.warning(
            "time zero is not calibrated: it is fitted, and the response of the detectors is taken as short; "
            "RE(time_zero(microscope)) measures both"
        )
    return {
        "estimator": "start-stop",
        "tcspc": tcspc,
        "delay": delay,
        "blind_ns": BLIND_START_NS,
        "dead_time_ns": (yield from dead_times_ns(microscope)),
        "detectors": [microscope.timeharp.name],
    }


def until_known(
    microscope: Microscope, sight: Sight, rule: StopRule
) -> Generator[Msg, Any, tuple[str, Sight, dict[str, Any]]]:
    """Rows, looks and re-centrings until there is a reason to stop; (reason, last sight, last numbers)."""
    sight = yield from refocus(microscope, sight)
    course, numbers, stopped_by = Course(), {}, ""
    if not sight.found:
        numbers, stopped_by = yield from look(microscope, microscope.g2, lambda _: "lost")
    while not stopped_by:
        seconds = rule.row_s(course)
        counts = yield from integrate(microscope, course.row, seconds)
        course = course.after(seconds, counts, sight)
        numbers, stopped_by = yield from look(microscope, microscope.g2, verdict(rule, course))
        if not stopped_by and course.is_due(rule.recentre_s):
            sight = yield from refocus(microscope, sight)
            course = course.recentred(sight)
            if course.end:
                numbers, stopped_by = yield from look(microscope, microscope.g2, verdict(rule, course))
    return stopped_by, sight, numbers


def integrate(microscope: Microscope, row: int, seconds: float) -> Generator[Msg, Any, float]:
    """One row of the card, one Event; the counts of both SPADs."""
    card = microscope.timeharp
    yield from bps.mv(card.integration_time, seconds)
    seen = yield from lit_row(microscope, card, row, "integration")
    return float(sum(seen.get("counts", [0.0])))


def verdict(rule: StopRule, course: Course):
    """Why to stop after a look, in the order in which reasons count."""

    def judged(numbers: dict[str, Any]) -> str:
        late = "max_time_s" if course.live_s >= rule.max_time_s - 1e-6 else ""
        bleached = "bleached" if numbers.get("bleached", 0) else ""
        return rule.reached(numbers) or course.end or bleached or late

    return judged


def outcome(uid: str, stopped_by: str, sight: Sight, numbers: dict[str, Any]) -> HbtOutcome:
    """What the plan returns."""
    known = {"single": -1, **dict.fromkeys(NUMBERS, math.nan), **numbers}
    return HbtOutcome(
        uid=uid,
        stopped_by=stopped_by,
        emitter=sight.emitter,
        x_um=sight.x_um,
        y_um=sight.y_um,
        jumps=sight.jumps,
        single=int(known["single"]),
        bleached=bool(known.get("bleached", 0)) or stopped_by == "bleached",
        **{key: float(known[key]) for key in NUMBERS},
    )
