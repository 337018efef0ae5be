"""Integrations of a coincidence measurement: what the pulse counters heard meanwhile, and what follows from it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from analysis.counters import even_bins, true_rate
from analysis.refocus import Background
from analysis.signal_share import SignalShare, signal_share

FULLY_LIT = 0.999
N_ROUTES = 2
NOT_COUNTED = (0, 0)
TRACE_S = 0.1
AFTERPULSES_CPS = 12e3  # how much faster stops seem to get rarer, because those soon after a stop are never the first
UNEVEN = 0.05  # error of the stop rate where it changes within a part


@dataclass(frozen=True, eq=False)
class Integration:
    """One integration of the card: counts (n_parts, 2) of both SPADs in equal parts of it, and its quality.

    counted : whether the SPADs were counted beside the card; if not, the trace is zero
    """

    trace: np.ndarray
    lit: float
    elapsed_s: float
    overflow: bool
    counted: bool = True

    @classmethod
    def of(cls, data: Mapping) -> "Integration":
        """From the Event of an integration."""
        return cls(
            trace=np.asarray(data.get("timeharp_trace", NOT_COUNTED), np.int64).reshape(-1, N_ROUTES),
            lit=float(data["timeharp_lit"]),
            elapsed_s=float(data["timeharp_elapsed"]),
            overflow=bool(data["timeharp_overflow"]),
            counted="timeharp_trace" in data,
        )

    @property
    def usable(self) -> bool:
        return self.lit >= FULLY_LIT and not self.overflow and self.elapsed_s > 0

    @property
    def steps_s(self) -> np.ndarray:
        """Length of each part."""
        return np.full(len(self.trace), self.elapsed_s / len(self.trace))

    def rates_cps(self, dead_time_ns: Sequence[float]) -> np.ndarray:
        """Rates (n_parts, 2), dead time corrected."""
        return true_rate(self.trace / self.steps_s[:, None], dead_time_ns)


def seconds(parts: Sequence[Integration]) -> float:
    """Seconds of light."""
    return float(sum(part.elapsed_s for part in parts))


def even_trace(parts: Sequence[Integration]) -> np.ndarray:
    """Counts (m, 2) of integrations one after another, in bins of TRACE_S."""
    if not parts:
        return np.empty((0, N_ROUTES), np.int64)
    edges = np.concatenate([[0], np.cumsum(np.concatenate([part.steps_s for part in parts]))])
    counts = np.concatenate([part.trace for part in parts])
    return np.stack([even_bins(edges, route, TRACE_S) for route in counts.T], axis=1)


def mean_rates(parts: Sequence[Integration], dead_time_ns: Sequence[float]) -> tuple[np.ndarray, float]:
    """Mean rate of each SPAD (2,), dead time corrected, and the error of their sum; NaN if one was not counted."""
    if not (parts and all(part.counted for part in parts)):
        return np.full(N_ROUTES, np.nan), float("nan")
    photons = np.sum([part.rates_cps(dead_time_ns).mean(axis=0) * part.elapsed_s for part in parts], axis=0)
    counts = sum(int(part.trace.sum()) for part in parts)
    return photons / seconds(parts), float(np.sqrt(max(counts, 1)) / seconds(parts))


def emitter_share(
    parts: Sequence[Integration], background: Background, dead_time_ns: Sequence[float]
) -> SignalShare | None:
    """The emitter's share of the photons, weighted by pairs; None if the background is not known."""
    if not parts or not np.isfinite(background.rate_cps):
        return None
    rates = np.concatenate([part.rates_cps(dead_time_ns) for part in parts])
    total = rates.sum(axis=0)
    first, first_err = background.share(float(total[0] / total.sum()) if total.sum() > 0 else 0.5)
    return signal_share(
        rates,
        np.concatenate([part.steps_s for part in parts]),
        background_cps=background.rate_cps,
        background_err_cps=background.rate_err_cps,
        first_share=first,
        first_share_err=first_err,
    )


def stop_rate(parts: Sequence[Integration]) -> tuple[float, float] | None:
    """Rate of stops after a start and its error, as a start-stop histogram feels them; None without any starts.

    Clicks of the second SPAD as they came, weighted with those of the first: a start is likelier while it is bright.
    Afterpulses of half a percent, and what is not known of them, are in the numbers.
    """
    starts, stops = (np.concatenate([part.trace[:, route] for part in parts]) for route in (0, 1)) if parts else (0, 0)
    if not np.sum(starts):
        return None
    steps_s = np.concatenate([part.steps_s for part in parts])
    rate_cps = float(np.sum(starts * stops / steps_s) / np.sum(starts))
    return rate_cps + AFTERPULSES_CPS, float(np.hypot(AFTERPULSES_CPS, UNEVEN * rate_cps))
