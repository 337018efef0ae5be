"""How a measurement of one emitter goes: light in short rows, looks at the estimate, re-centring, and why it ends."""

import math
from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from typing import Any

from bluesky import plan_stubs as bps
from bluesky.utils import Msg, MsgGenerator

from devices.microscope import Microscope
from plans.refocus import Sight
from plans.stubs import dark, note, readings

LOOK_TIMEOUT_S = 300.0
DARK_S = 5.0  # an emitter that is dark for so long has bleached
DARK_SIGMA = 3.0
DIMMER = 0.7  # of the rate after the last re-centring: the emitter may have left the focus
MOST_MISSES = 3


@dataclass(frozen=True)
class Course:
    """How far it has come; times are seconds of light on the emitter, re-centring not counted.

    row : of the file, the next to be measured
    recentred_s : when it was re-centred last; reference_cps: rate of the emitter in the first row since
    dark_s : for how long it has been dark, to now
    misses : re-centrings in a row that did not find it
    """

    row: int = 0
    live_s: float = 0.0
    recentred_s: float = 0.0
    reference_cps: float = math.nan
    dark_s: float = 0.0
    dim: bool = False
    misses: int = 0

    def after(self, seconds: float, counts: float, sight: Sight) -> "Course":
        """One more row, with these counts of both SPADs."""
        signal_cps = counts / seconds - sight.background_cps
        err_cps = math.hypot(math.sqrt(max(counts, 1.0)) / seconds, sight.background_err_cps)
        first = math.isnan(self.reference_cps)
        reference_cps = signal_cps if first else self.reference_cps
        return replace(
            self,
            row=self.row + 1,
            live_s=self.live_s + seconds,
            reference_cps=reference_cps,
            dark_s=self.dark_s + seconds if signal_cps < DARK_SIGMA * err_cps else 0.0,
            dim=signal_cps < DIMMER * min(reference_cps, sight.rate_cps) - DARK_SIGMA * err_cps,
        )

    def recentred(self, sight: Sight) -> "Course":
        """After a re-centring."""
        dark_s, misses = (0.0, 0) if sight.found else (self.dark_s, self.misses + 1)
        return replace(self, recentred_s=self.live_s, reference_cps=math.nan, dim=False, dark_s=dark_s, misses=misses)

    def is_due(self, recentre_s: float) -> bool:
        """Whether to re-centre now: every `recentre_s`, ten times as often while it is dimmer, and before giving up."""
        if self.end == "bleached":
            return False
        since_s = self.live_s - self.recentred_s
        gone = self.dark_s >= DARK_S and since_s > 0
        return since_s >= recentre_s or gone or ((self.dim or self.dark_s > 0) and since_s >= recentre_s / 10)

    @property
    def end(self) -> str:
        """ "bleached" if it is dark, and not elsewhere; "lost" if it cannot be found; else nothing."""
        if self.dark_s >= DARK_S and self.misses:
            return "bleached"
        return "lost" if self.misses >= MOST_MISSES and self.dark_s == 0 else ""


def ask(estimate) -> MsgGenerator:
    """Have the analysis look at everything emitted so far, while the plan goes on."""
    yield from bps.trigger(estimate, group=estimate.name)


def answer(microscope: Microscope, estimate) -> Generator[Msg, Any, dict[str, Any]]:
    """What the analysis says to the last question. The light is off while it is waited for."""
    yield from dark(microscope)
    yield from bps.wait(estimate.name, timeout=LOOK_TIMEOUT_S)
    return (yield from readings(estimate))


def look(
    microscope: Microscope, estimate, verdict: Callable[[dict[str, Any]], str]
) -> Generator[Msg, Any, tuple[dict[str, Any], str]]:
    """The numbers now, and why to stop; both go into one Event of the stream "estimate"."""
    yield from dark(microscope)
    yield from bps.checkpoint()
    yield from ask(estimate)
    numbers = yield from answer(microscope, estimate)
    return numbers, (yield from judge(estimate, numbers, verdict))


def judge(estimate, numbers: dict[str, Any], verdict: Callable[[dict[str, Any]], str]) -> Generator[Msg, Any, str]:
    """Why to stop, or nothing; told in the estimate and its Event."""
    stopped_by = verdict(numbers)
    yield from bps.mv(estimate.stopped_by, stopped_by)
    yield from note("estimate", estimate)
    return stopped_by
