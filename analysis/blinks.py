"""From segments of counts or photons to a blinking trace (paper, section 3.4 and Fig. 6d).

The same object serves a trace that is being recorded and one from storage: it is fed segments and re-centrings, and
gives the same numbers bit for bit. Times are seconds of light: what lies between two segments is left out, since the
emitter was not watched then.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from analysis.blink_trace import N_ROUTES, BlinkFacts, Segment, Trace, blink_facts, segment_of
from analysis.blinking import Levels, OnFraction, bleached_at, change_points, on_fraction
from analysis.blinking.resolution import bins_together
from analysis.blinking.watched import Periods, periods
from analysis.formats.records import decode_records
from analysis.refocus import Refocused

FULLY_LIT = 0.999
BLEACHING_BIN_S = 0.1
MOST_PHOTONS = 20_000_000  # for change points
NO_BACKGROUND = "the background was not measured: a trace of one level counts as bright"
NO_SEGMENT = "no segment was recorded"


@dataclass(frozen=True, eq=False)
class BlinkEstimate:
    """A blinking trace and what it says so far; `_err` is one standard deviation.

    time_s, counts : (n,) beginnings of the bins of `bin_s`, from the first segment on; counts of both SPADs as detected
    gaps_s : (n_gaps, 2) from when to when nothing was recorded between segments, on the axis of time_s
    on : ON fraction of the seconds of light before bleaching; `on.threshold` is in counts per bin of `bin_s`
    levels : from change points of photons, on the axis of seconds of light; None without photons, while the run goes
        on, or with more photons than can be searched
    rate_on_cps, rate_off_cps : of the bright and of the dark bins, dead time corrected, background included
    rate_cps : of all before bleaching; max_rate_cps : the highest held for 0.1 s; both dead time corrected
    background_cps : beside the emitter, both SPADs, dark counts included; NaN if not measured
    survival_s : seconds of light until it bleached (`observed`), or until the record ended
    on_times_s, off_times_s : uninterrupted periods before bleaching; on_complete, off_complete : False if a gap or an
        end cuts them
    live_s : seconds of light recorded; dose_kj_cm2 : in them, with segments that were left out
    n_overrun : segments that ended early because the card's memory was full
    """

    facts: BlinkFacts
    on: OnFraction
    levels: Levels | None
    time_s: np.ndarray = field(repr=False)
    counts: np.ndarray = field(repr=False)
    bin_s: float
    gaps_s: np.ndarray = field(repr=False)
    rate_on_cps: float
    rate_on_err_cps: float
    rate_off_cps: float
    rate_cps: float
    max_rate_cps: float
    background_cps: float
    background_err_cps: float
    survival_s: float
    observed: bool
    on_times_s: np.ndarray = field(repr=False)
    on_complete: np.ndarray = field(repr=False)
    off_times_s: np.ndarray = field(repr=False)
    off_complete: np.ndarray = field(repr=False)
    live_s: float
    dose_kj_cm2: float
    n_photons: int
    n_segments: int
    n_overrun: int
    warnings: tuple[str, ...]

    @property
    def bleached(self) -> bool:
        return self.observed

    @property
    def bleached_at_s(self) -> float:
        """Seconds of light until it bleached, NaN if it did not."""
        return self.survival_s if self.observed else float("nan")

    def numbers(self) -> dict[str, Any]:
        """For `microscope.blinking`, under the names of its signals."""
        return {
            "on_fraction": self.on.value,
            "on_fraction_err": self.on.err,
            "rate_on_cps": self.rate_on_cps,
            "rate_cps": self.rate_cps,
            "n_photons": self.n_photons,
            "live_s": self.live_s,
            "bleached": int(self.observed),
            "bleached_at_s": self.bleached_at_s,
        }


class BlinkRun:
    """Segments and re-centrings in, a blinking trace out. Segments come in any order; one given twice counts once."""

    def __init__(self, start: Mapping):
        self.facts = blink_facts(start)
        self.segments: dict[int, Segment] = {}
        self.refocused = Refocused()

    def add_bins(self, rows: np.ndarray, data: Mapping, index: int | None = None):
        """Take one segment of the pulse counters: rows (n_bins, 2), and its Event; by default the next one."""
        bin_s, elapsed_s = self.facts.bin_s, float(data["counters_elapsed"])
        n = min(len(rows), int(elapsed_s / bin_s + 1e-6))
        counts = np.asarray(rows)[:n].astype(np.int64)
        self._keep(segment_of(data, "counters", counts, n * bin_s, None), index)

    def add_records(self, records: np.ndarray, data: Mapping, index: int | None = None):
        """Take one segment of time tags (n,) uint32, padded with zeros, and its Event; by default the next one."""
        facts, tags = self.facts, decode_records(np.asarray(records)[: int(data["timeharp_n_records"])])
        seconds = float(data["timeharp_elapsed"])
        n = int(seconds / facts.bin_s + 1e-6)
        place = (tags.macrotime * (facts.macrotime_unit_s / facts.bin_s)).astype(np.int64)
        inside = place < n
        both = np.bincount(place[inside] * N_ROUTES + tags.route[inside] % N_ROUTES, minlength=n * N_ROUTES)
        counts = both.reshape(n, N_ROUTES)
        ticks = tags.macrotime[inside].astype(np.uint32)
        self._keep(segment_of(data, "timeharp", counts, n * facts.bin_s, ticks), index)

    def _keep(self, segment: Segment, index: int | None):
        self.segments[len(self.segments) if index is None else index] = segment

    def add_refocus(self, data: Mapping, index: int | None = None):
        """Take what the Event of a re-centring says; by default of the next one."""
        self.refocused.add(data, index)

    @property
    def usable(self) -> list[Segment]:
        """Segments that were lit all the time, in order."""
        good = [s for s in self.segments.values() if s.lit >= FULLY_LIT and len(s.counts)]
        return sorted(good, key=lambda s: s.started_s)

    def estimate(self, *, with_levels: bool = False) -> BlinkEstimate:
        """Everything so far; with_levels: search the photons for change points, if there are any."""
        segments, background = self.usable, self.refocused.background()
        trace = Trace.of(segments, self.facts)
        at_s = bleached_at(
            trace.together(BLEACHING_BIN_S).sum(axis=1),
            bin_s=BLEACHING_BIN_S,
            background_cps=background.rate_cps,
            background_err_cps=background.rate_err_cps,
        )
        alive = trace.until(at_s)
        on, bright, bin_s = on_of(alive, self.facts, background.rate_cps)
        found = periods(bright, trace.breaks_s, bin_s=bin_s, end_s=alive.live_s)
        observed = bool(np.isfinite(at_s))
        return BlinkEstimate(
            facts=self.facts,
            on=replace(on, bleached_at_s=at_s, bleached_at_err_s=on.bleached_at_err_s if observed else np.nan),
            levels=levels_of(segments, self.facts) if with_levels else None,
            time_s=trace.time_s,
            counts=trace.counts.sum(axis=1),
            bin_s=self.facts.bin_s,
            gaps_s=trace.gaps_s,
            **rates_of(alive, bright, bin_s, self.facts),
            max_rate_cps=alive.highest_rate(BLEACHING_BIN_S, self.facts),
            background_cps=background.rate_cps,
            background_err_cps=background.rate_err_cps,
            survival_s=at_s if observed else trace.live_s,
            observed=observed,
            **of_periods(found),
            live_s=trace.live_s,
            dose_kj_cm2=self._dose_kj_cm2(),
            n_photons=int(trace.counts.sum()),
            n_segments=len(segments),
            n_overrun=sum(s.overrun for s in segments),
            warnings=self._warnings(segments, background.n),
        )

    def _dose_kj_cm2(self) -> float:
        lit_s = sum(s.seconds * s.lit for s in self.segments.values())
        return float(self.facts.intensity_w_cm2 * lit_s / 1e3)

    def _warnings(self, segments: list[Segment], n_refocused: int) -> tuple[str, ...]:
        left_out, overrun = len(self.segments) - len(segments), sum(s.overrun for s in segments)
        found = [
            NO_SEGMENT if not segments else "",
            NO_BACKGROUND if not n_refocused else "",
            f"{left_out} segments were left out: not lit all the time" if left_out else "",
            f"{overrun} segments ended early: the memory of the card was full" if overrun else "",
        ]
        return tuple(text for text in found if text)


def on_of(trace: Trace, facts: BlinkFacts, background_cps: float) -> tuple[OnFraction, np.ndarray, float]:
    """The ON fraction, in bins as long as its levels need to be told apart; which of these are bright; their length."""
    total = trace.counts.sum(axis=1)
    n = bins_together(total, bin_s=trace.bin_s, background_cps=background_cps)
    bin_s = n * trace.bin_s
    counts = trace.together(bin_s).sum(axis=1)
    if not counts.size:
        return NOTHING_SEEN, np.empty(0, bool), bin_s
    known = background_cps if np.isfinite(background_cps) else None
    on = on_fraction(counts, bin_s=bin_s, dead_time_s=facts.mean_dead_s, background_cps=known)
    bright = counts > on.threshold if on.n_levels == 2 else np.full(counts.size, on.value > 0.5)
    return replace(on, threshold=on.threshold / n), bright, bin_s


NOTHING_SEEN = OnFraction(
    value=np.nan,
    err=np.nan,
    threshold=np.nan,
    n_bins=0,
    n_on=0,
    n_off_periods=0,
    low_cps=np.nan,
    high_cps=np.nan,
    n_levels=0,
    n_photons=0,
    bleached_at_s=np.nan,
    bleached_at_err_s=np.nan,
    bleach_p_value=np.nan,
    method="threshold",
)


def rates_of(trace: Trace, bright: np.ndarray, bin_s: float, facts: BlinkFacts) -> dict[str, Any]:
    """Rates of the bright bins, of the dark ones, and of all."""
    counts = trace.together(bin_s)
    inner = bright.copy()  # a bin next to a dark one is partly dark
    inner[1:] &= bright[:-1]
    inner[:-1] &= bright[1:]
    chosen = inner if inner.any() else bright

    def mean(which: np.ndarray) -> float:
        return float(facts.rates(counts[which].mean(axis=0) / bin_s).sum()) if which.any() else float("nan")

    on = mean(chosen)
    relative = 1 / np.sqrt(max(counts[chosen].sum(), 1)) if chosen.any() else float("nan")
    rate = float(np.mean(facts.rates(counts / bin_s).sum(axis=1))) if len(counts) else float("nan")
    return {"rate_on_cps": on, "rate_on_err_cps": float(on * relative), "rate_off_cps": mean(~bright), "rate_cps": rate}


def of_periods(found: Periods) -> dict[str, Any]:
    """Bright and dark periods, and which of them were seen from beginning to end."""
    return {
        "on_times_s": found.duration_s[found.bright],
        "on_complete": found.complete[found.bright],
        "off_times_s": found.duration_s[~found.bright],
        "off_complete": found.complete[~found.bright],
    }


def levels_of(segments: list[Segment], facts: BlinkFacts) -> Levels | None:
    """Change points of the photons of all segments, one after another; None if there are none, or too many."""
    ticks = [s.ticks for s in segments if s.ticks is not None]
    if not ticks or sum(t.size for t in ticks) > MOST_PHOTONS:
        return None
    unit_s = facts.macrotime_unit_s
    length = np.array([round(s.seconds / unit_s) for s in segments])
    begin = np.concatenate([[0], np.cumsum(length)])
    arrival = np.concatenate([t.astype(np.int64) + b for t, b in zip(ticks, begin[:-1], strict=True)])
    dead_s = facts.card_dead_ns * 1e-9
    return change_points(arrival, duration_s=float(begin[-1] * unit_s), dead_time_s=dead_s, unit_s=unit_s)
