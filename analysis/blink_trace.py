"""The light of one emitter in time: what a `blinking` run says of itself, its segments, and the trace they make."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from analysis.counters import true_rate
from analysis.emitter_run import EmitterFacts, emitter_facts

BINS, PHOTONS = "bins", "photons"
N_ROUTES = 2
CARD_DEAD_NS = 350.0


@dataclass(frozen=True)
class BlinkFacts(EmitterFacts):
    """What must be known of a `blinking` run to analyse it; built from a start document by `blink_facts`.

    kind : "bins" or "photons"; card_dead_ns : dead time of the one converter behind both SPADs, for photons
    """

    kind: str
    bin_s: float
    segment_s: float
    duration_s: float
    macrotime_unit_s: float
    card_dead_ns: float

    @property
    def mean_dead_s(self) -> float:
        """Dead time after a count, of the counts of both SPADs added."""
        return self.card_dead_ns * 1e-9 or sum(self.dead_time_ns) / N_ROUTES**2 * 1e-9

    def rates(self, rate_cps: np.ndarray) -> np.ndarray:
        """Rates (..., 2) of both SPADs without dead time: first that of the card, then their own."""
        seen = np.asarray(rate_cps, float)
        passed = true_rate(seen.sum(axis=-1), self.card_dead_ns)
        share = np.divide(passed, seen.sum(axis=-1), out=np.ones_like(passed), where=passed > 0)
        return true_rate(seen * share[..., None], self.dead_time_ns)


def blink_facts(start: Mapping) -> BlinkFacts:
    """Read a start document of `blinking`; KeyError or ValueError if it is not one."""
    record = start["record"]
    kind = str(record["kind"])
    if kind not in (BINS, PHOTONS):
        raise ValueError(f"a record of kind {kind!r}: only {BINS!r} and {PHOTONS!r} are known")
    card_ns = float(record.get("card_dead_time_ns", CARD_DEAD_NS))
    return BlinkFacts(
        **emitter_facts(start),
        kind=kind,
        bin_s=float(record["bin_s"]),
        segment_s=float(record["segment_s"]),
        duration_s=float(start.get("duration_s", np.nan)),
        macrotime_unit_s=float(record.get("macrotime_unit_s") or 1e-7),
        card_dead_ns=card_ns if kind == PHOTONS else 0.0,
    )


@dataclass(frozen=True, eq=False)
class Segment:
    """Counts (n, 2) in bins from started_s on, and the ticks (n_photons,) of its photons if they were recorded."""

    started_s: float
    seconds: float
    lit: float
    counts: np.ndarray
    ticks: np.ndarray | None
    overrun: bool


def segment_of(data: Mapping, device: str, counts: np.ndarray, seconds: float, ticks: np.ndarray | None) -> Segment:
    """A segment from the Event of a device."""
    started_s, lit = (float(data[f"{device}_{name}"]) for name in ("started", "lit"))
    return Segment(started_s, seconds, lit, counts, ticks, bool(data.get(f"{device}_overrun", False)))


@dataclass(frozen=True, eq=False)
class Trace:
    """Segments one after another: counts (n, 2) in bins of bin_s; breaks_s : seconds of light at which a gap lies."""

    time_s: np.ndarray
    counts: np.ndarray
    bin_s: float
    gaps_s: np.ndarray
    breaks_s: np.ndarray

    @classmethod
    def of(cls, segments: list[Segment], facts: BlinkFacts) -> "Trace":
        bin_s = facts.bin_s
        if not segments:
            none = np.empty(0)
            return cls(none, np.empty((0, N_ROUTES), np.int64), bin_s, np.empty((0, 2)), none)
        first = segments[0].started_s
        begin = np.array([s.started_s - first for s in segments])
        end = begin + [s.seconds for s in segments]
        live = np.cumsum([s.seconds for s in segments])[:-1]
        apart = begin[1:] - end[:-1] > bin_s / 2
        return cls(
            time_s=np.concatenate([b + bin_s * np.arange(len(s.counts)) for b, s in zip(begin, segments, strict=True)]),
            counts=np.concatenate([s.counts for s in segments]),
            bin_s=bin_s,
            gaps_s=np.stack([end[:-1][apart], begin[1:][apart]], axis=1),
            breaks_s=live[apart],
        )

    @property
    def live_s(self) -> float:
        return len(self.counts) * self.bin_s

    def until(self, time_s: float) -> "Trace":
        """The bins that were over at a time of light, one at least; all, if that is NaN."""
        if not np.isfinite(time_s):
            return self
        n = max(1, int(time_s / self.bin_s + 1e-6))
        return replace(self, time_s=self.time_s[:n], counts=self.counts[:n])

    def together(self, bin_s: float) -> np.ndarray:
        """Counts (m, 2) in longer bins; what is left at the end is dropped."""
        n = max(1, round(bin_s / self.bin_s))
        return self.counts[: len(self.counts) // n * n].reshape(-1, n, N_ROUTES).sum(axis=1)

    def highest_rate(self, bin_s: float, facts: BlinkFacts) -> float:
        """Of bins of bin_s, dead time corrected; NaN without one."""
        n = max(1, round(bin_s / self.bin_s))
        counts = self.together(bin_s)
        return float(facts.rates(counts / (n * self.bin_s)).sum(axis=1).max()) if len(counts) else float("nan")
