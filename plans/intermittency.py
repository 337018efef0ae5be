"""How one emitter blinks, and how long it lives (paper, section 3.4, Fig. 6d)."""

import logging
import math
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

from bluesky import plan_stubs as bps
from bluesky.utils import Msg, MsgGenerator, plan

from devices.microscope import Microscope
from plans.course import Course, answer, ask, judge, look
from plans.exposure import exposure_problem, standing_dose
from plans.outcomes import BlinkingOutcome
from plans.refocus import Sight, refocus
from plans.single import (
    INTENSITY_W_CM2,
    about_emitter,
    cw_problem,
    dead_times_ns,
    lit_row,
    on_one_emitter,
    planned_emitter,
)
from plans.stubs import (
    counters_problem,
    light_problem,
    lit,
    outside,
    plain,
    read,
    require,
    staged,
    unknown,
    wiring_problem,
)
from plans.tcspc import cw_metadata, with_card

log = logging.getLogger(__name__)

RECORDS = ("auto", "bins", "photons")
MACROTIME_UNIT_S = 1e-7


@dataclass(frozen=True)
class Trace:
    """How a blinking trace is recorded: segments of whole bins, or of photon records."""

    kind: str
    duration_s: float
    segment_s: float
    bin_s: float
    recentre_s: float
    stop_on_bleach: bool

    @property
    def n_bins(self) -> int:
        """In a segment."""
        return max(1, round(self.segment_s / self.bin_s))

    @property
    def n_segments(self) -> int:
        return max(1, math.ceil(self.duration_s / self.segment_s - 1e-9))

    @property
    def facts(self) -> dict[str, Any]:
        """For the start document."""
        record = {"kind": self.kind, "bin_s": self.bin_s, "segment_s": self.segment_s}
        return {
            "record": record | {"macrotime_unit_s": MACROTIME_UNIT_S, "n_segments": self.n_segments},
            "duration_s": self.duration_s,
            "recentre_s": self.recentre_s,
            "stop_on_bleach": self.stop_on_bleach,
        }


def planned_trace(
    microscope: Microscope, record: Any, duration_s: Any, segment_s: Any, bin_ms: Any, recentre_s: Any, stop: Any
) -> Generator[Msg, Any, tuple[Trace | None, list[str | None]]]:
    """The trace, in segments of whole bins, and what is wrong with it."""
    wiring = yield from read(microscope.timeharp.wiring)
    problems = [
        unknown("record", record, RECORDS),
        outside("duration_s", duration_s, 0.1, 1e5),
        outside("segment_s", segment_s, 0.1, 300),
        outside("bin_ms", bin_ms, 0.01, 1000),
        outside("recentre_s", recentre_s, 1, 3600),
        None if isinstance(stop, bool) else f"stop_on_bleach={stop!r}: must be True or False",
    ]
    if any(problems):
        return None, problems
    if record == "photons":
        problems.append((yield from wiring_problem(microscope, "clock")))
    kind = record if record != "auto" else {"clock": "photons"}.get(str(wiring), "bins")
    duration_s, segment_s, bin_s = float(duration_s), float(segment_s), float(bin_ms) / 1e3
    n_bins = max(1, round(min(segment_s, duration_s) / bin_s))
    trace = Trace(kind, duration_s, round(n_bins * bin_s, 9), bin_s, float(recentre_s), stop)
    most = microscope.counters.n_bins.limits[1]
    if kind == "bins":
        problems.append((yield from counters_problem(microscope, n_bins)))
    if n_bins > most:
        problems.append(f"segment_s={segment_s:g} holds {n_bins} bins of {bin_ms:g} ms, {most:g} are allowed")
    return trace, problems


@plan
def blinking(
    microscope: Microscope,
    *,
    at_um: tuple[float, float] | None = None,
    emitter: str | None = None,
    sample: str | None = None,
    duration_s: float = 300.0,
    record: str = "auto",
    bin_ms: float = 1.0,
    segment_s: float = 5.0,
    intensity_w_cm2: float = INTENSITY_W_CM2,
    recentre_s: float = 30.0,
    stop_on_bleach: bool = True,
    md: dict | None = None,
) -> MsgGenerator:
    """The light of one emitter in time, for `duration_s` of light or until it has been bleached for 5 s.

    record : "bins" of `bin_ms` from the pulse counters, whatever is cabled to the card; "photons", each with its time
    to 100 ns, in the wiring "clock"; "auto": photons if the card is wired for them. Segments of `segment_s` follow each
    other; every `recentre_s` the emitter is centred, and the gap is declared. Returns a `BlinkingOutcome`.
    """
    name, sight, problems = yield from planned_emitter(microscope, sample, at_um, emitter, md)
    trace, trace_problems = yield from planned_trace(
        microscope, record, duration_s, segment_s, bin_ms, recentre_s, stop_on_bleach
    )
    problems += [*trace_problems, cw_problem(microscope, intensity_w_cm2), (yield from light_problem(microscope))]
    require(problems)
    assert trace is not None
    w_cm2, instrument = plain(intensity_w_cm2), microscope.timeharp if trace.kind == "photons" else microscope.counters
    require([(yield from exposure_problem(microscope, standing_dose(trace.duration_s, w_cm2)))])

    def describe():
        yield from set_record(microscope, trace)
        metadata = yield from cw_metadata(microscope, "blinking", w_cm2)
        facts = {**trace.facts, "dead_time_ns": (yield from dead_times_ns(microscope)), "detectors": [instrument.name]}
        return about_emitter(sight, md) | metadata | facts | {"num_points": trace.n_segments}

    def staging(measured):
        photons = trace.kind == "photons"
        return with_card(microscope, "records", measured) if photons else staged(instrument, measured)

    yield from bps.mv(microscope.blinking, {})
    uid, (stopped_by, seen, numbers) = yield from on_one_emitter(
        microscope,
        name,
        lambda: lit(microscope, microscope.cw, w_cm2, lambda: segments(microscope, sight, trace, instrument)),
        describe=describe,
        staging=staging,
    )
    return outcome(uid, stopped_by, seen, numbers)


def set_record(microscope: Microscope, trace: Trace) -> MsgGenerator:
    """Tell the instrument that records how long a segment is."""
    if trace.kind == "photons":
        yield from bps.mv(microscope.timeharp.integration_time, trace.segment_s)
    else:
        yield from bps.mv(microscope.counters.n_bins, trace.n_bins, microscope.counters.bin_width, trace.bin_s)


def segments(
    microscope: Microscope, sight: Sight, trace: Trace, instrument
) -> Generator[Msg, Any, tuple[str, Sight, dict[str, Any]]]:
    """Segments and re-centrings until there is a reason to stop; (reason, last sight, last numbers).

    What is known of a segment is asked for at once and heard after the next one: the analysis has time, and the light
    does not wait for it.
    """
    sight = yield from refocus(microscope, sight)
    course, numbers, stopped_by = Course(), {}, "" if sight.found else "lost"
    while not stopped_by:
        seconds, counts = yield from segment(microscope, instrument, course.row, trace.segment_s)
        course = course.after(seconds, counts, sight)
        if course.row > 1:
            numbers = yield from answer(microscope, microscope.blinking)
            stopped_by = yield from judge(microscope.blinking, numbers, verdict(trace, course))
        yield from ask(microscope.blinking)
        if not stopped_by and course.is_due(trace.recentre_s) and course.row < trace.n_segments:
            sight = yield from refocus(microscope, sight)
            course = course.recentred(sight)
        stopped_by = stopped_by or verdict(trace, course)({})
    numbers, _ = yield from look(microscope, microscope.blinking, lambda _: stopped_by)
    return stopped_by, sight, numbers


def verdict(trace: Trace, course: Course):
    """Why to stop, in the order in which reasons count."""

    def judged(numbers: dict[str, Any]) -> str:
        bleached = numbers.get("bleached", 0) or course.end == "bleached"
        if bleached and trace.stop_on_bleach:
            return "bleached"
        if course.end == "lost":
            return "lost"
        return "duration_s" if course.row >= trace.n_segments else ""

    return judged


def segment(microscope: Microscope, instrument, row: int, segment_s: float) -> Generator[Msg, Any, tuple[float, float]]:
    """One segment, one Event; how long it became, and the counts of both SPADs."""
    seen = yield from lit_row(microscope, instrument, row, "segment")
    if seen.get("overrun", 0):
        log.warning("segment %d ends early: the card's memory overran; less light, or record='bins'", row)
        segment_s = max(float(seen["elapsed"]), 1e-3)
    return segment_s, float(sum(seen.get("counts", [0.0])))


def outcome(uid: str, stopped_by: str, sight: Sight, numbers: dict[str, Any]) -> BlinkingOutcome:
    """What the plan returns."""
    known: dict[str, float] = {
        key: float(numbers.get(key, math.nan)) for key in ("live_s", "on_fraction", "on_fraction_err")
    }
    bleached = bool(numbers.get("bleached", 0)) or stopped_by == "bleached"
    return BlinkingOutcome(
        uid, stopped_by, sight.emitter, sight.x_um, sight.y_um, bleached=bleached, jumps=sight.jumps, **known
    )
