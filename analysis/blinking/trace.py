"""How much of its time a blinking emitter is bright, from binned counts or from levels.

The error is that of a renewal process: it comes from how many bright and dark periods there were and how long they
lasted, not from the number of bins. A dark end from which the emitter does not return is bleaching, not blinking; a
slow change of the light is neither.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analysis.blinking.dwell_times import DarkEnd, bright_share, dark_end, runs
from analysis.blinking.threshold import dark_tail, step_within_bins, two_levels, without_flashes

Array = NDArray[np.float64]
LEAST_CONTRAST = 0.25
BLEACHED_AFTER_S = 4.0
BLEACH_FALSE_ALARM = 0.2
FAR_LONGER = 4.0  # than the longest dark period before
N_BLOCKS = 20
SHORTEST_S = 0.01  # a dark period that levels would show


@dataclass(frozen=True)
class OnFraction:
    """Share of time spent in the bright state before bleaching.

    err : one standard deviation from what the emitter does in the long run, its law, and not from what it did in this
        trace, which is known much better
    threshold : between dark and bright, counts per bin (method "threshold") or cps ("levels"); NaN with one level;
        the mean if it follows a drift, as for the levels
    n_bins, n_on : bins (or segments) before bleaching, or before a dark end left out, and the bright ones
    n_off_periods : dark periods before bleaching: the error needs several to be more than a guess
    low_cps, high_cps : the levels, corrected for dead time
    n_levels : 1 if dark and bright cannot be told apart: then value is 1, or 0 if nothing but background was seen
    bleached_at_s, bleached_at_err_s : NaN if it did not bleach; of levels, the error is one photon of the difference
    bleach_p_value : chance that an emitter with dark periods like those before stays dark that long; NaN without a
        dark end
    """

    value: float
    err: float
    threshold: float
    n_bins: int
    n_on: int
    n_off_periods: int
    low_cps: float
    high_cps: float
    n_levels: int
    n_photons: int
    bleached_at_s: float
    bleached_at_err_s: float
    bleach_p_value: float
    method: str

    def __str__(self) -> str:
        bleached = f", bleached at {self.bleached_at_s:.3g} s" if np.isfinite(self.bleached_at_s) else ""
        return f"ON {self.value:.1%} ± {self.err:.1%} of the time ({self.n_off_periods} dark periods{bleached})"


def on_fraction(
    counts: ArrayLike,
    *,
    bin_s: float,
    dead_time_s: float = 0.0,
    background_cps: float | None = None,
    least_contrast: float = LEAST_CONTRAST,
    bleached_after_s: float = BLEACHED_AFTER_S,
) -> OnFraction:
    """Return the ON fraction of a binned trace.

    Parameters
    ----------
    counts : (n_bins,) whole numbers
    dead_time_s : of the counter; per detector, divided by the number of detectors if their counts were added
    background_cps : known without the emitter; tells whether a single level is bright or dark
    least_contrast : dark and bright levels differ by at least this share of the bright one
    bleached_after_s : a shorter dark end is bleaching only if four times as long as the longest dark period

    Notes
    -----
    The threshold is the middle between the levels, and follows them if they drift; bins on its wrong side by Poisson
    noise are corrected for. Dark periods shorter than half a bin are not seen. The five highest bins make no level.

    A dark end is bleaching if dark periods as before would last that long with a chance below 0.2, taking them to be
    as scale-free as t^-1.5. One that is longer than all of them is left out of the share in any case. Otherwise it is
    a dark period, and err contains the chance that it is not. ValueError for negative or fractional counts and for
    times that are not positive.

    >>> trace = np.repeat([500, 20, 500, 20], [300, 40, 160, 500])
    >>> print(on_fraction(trace, bin_s=0.01))
    ON 92.0% ± 28.5% of the time (1 dark periods, bleached at 5 s)
    """
    seen = _checked_counts(counts)
    trace = without_flashes(seen)
    _check_settings(bin_s, dead_time_s, least_contrast, seen)
    levels = two_levels(trace, least_contrast)
    if levels is None:
        return _one_level(trace, bin_s, dead_time_s, background_cps, least_contrast)
    on = trace > levels.threshold
    first, spread = dark_tail(trace, levels)
    end = _compared(on, first, bin_s)
    bleached = _bleached(end, bleached_after_s)
    kept = _before_the_end(on[:first]) if bleached or _left_out(end) else on
    step, step_err = step_within_bins(trace, first, spread, levels) if bleached else (np.nan, np.nan)
    edges, bright = runs(kept)
    wrong = levels.false_on, levels.false_off
    value, err = bright_share(np.diff(edges) * bin_s, bright, bin_s, wrong)
    err = max(err, _block_error(kept) / (1 - sum(wrong)), 1 / kept.size)
    return OnFraction(
        value=value,
        err=_with_doubt(value, err, end, bleached, kept.size * bin_s),
        threshold=float(np.mean(levels.threshold)),
        n_bins=kept.size,
        n_on=int(kept.sum()),
        n_off_periods=int((~bright).sum()),
        low_cps=_true_rate(float(np.mean(levels.low)) / bin_s, dead_time_s),
        high_cps=_true_rate(float(np.mean(levels.high)) / bin_s, dead_time_s),
        n_levels=2,
        n_photons=int(seen.sum()),
        bleached_at_s=step * bin_s,
        bleached_at_err_s=step_err * bin_s,
        bleach_p_value=end.p_value if end else np.nan,
        method="threshold",
    )


def on_fraction_of_levels(
    edges_s: ArrayLike,
    rate_cps: ArrayLike,
    *,
    boundary: float = 0.5,
    least_contrast: float = LEAST_CONTRAST,
    bleached_after_s: float = BLEACHED_AFTER_S,
) -> OnFraction:
    """Return the ON fraction of a trace cut into segments at its change points.

    Parameters
    ----------
    edges_s : (n_segments + 1,) ascending
    rate_cps : (n_segments,) rate of the state each segment belongs to
    boundary : states are bright above this share of the way from the darkest to the brightest: with 0.5, a grey state
        of 0.2 is dark, and with 0.1 it is bright
    least_contrast, bleached_after_s : as for `on_fraction`

    >>> result = on_fraction_of_levels([0, 6, 7, 10], [1e5, 2e4, 1e5])
    >>> print(f"{result.value:.2f}")
    0.90
    """
    edges, rate = _checked_levels(edges_s, rate_cps, boundary)
    low, high = rate.min(), rate.max()
    threshold = low + boundary * (high - low) if low <= (1 - least_contrast) * high and high > 0 else np.nan
    on = rate > threshold if np.isfinite(threshold) else np.full(rate.size, high > 0)
    first, bright = runs(on)
    length = np.diff(edges[first])
    end = dark_end(length[-1], length[:-1][~bright[:-1]], SHORTEST_S) if bright.size > 1 and not bright[-1] else None
    bleached = _bleached(end, bleached_after_s)
    kept = bright.size - (bleached or _left_out(end))
    value, err = bright_share(length[:kept], bright[:kept], SHORTEST_S)
    n_segments = int(first[kept])
    return OnFraction(
        value=value,
        err=_with_doubt(value, err, end, bleached, length[:kept].sum()),
        threshold=float(threshold),
        n_bins=n_segments,
        n_on=int(on[:n_segments].sum()),
        n_off_periods=int((~bright[:kept]).sum()),
        low_cps=float(low),
        high_cps=float(high),
        n_levels=2 if np.isfinite(threshold) else 1,
        n_photons=int(np.rint(np.diff(edges) @ rate)),
        bleached_at_s=float(edges[n_segments]) if bleached else np.nan,
        bleached_at_err_s=float(1 / (high - low)) if bleached else np.nan,
        bleach_p_value=end.p_value if end else np.nan,
        method="levels",
    )


def _checked_counts(counts: ArrayLike) -> NDArray[np.int64]:
    trace = np.asarray(counts)
    if trace.ndim != 1 or trace.size == 0:
        raise ValueError(f"the trace has shape {trace.shape}: give the counts of one or more bins")
    if not np.isfinite(trace).all() or np.any(trace < 0) or np.any(trace != np.rint(trace)):
        raise ValueError("the trace holds negative, fractional or missing counts: give whole counts per bin")
    return trace.astype(np.int64)


def _check_settings(bin_s: float, dead_time_s: float, least_contrast: float, trace: NDArray[np.int64]) -> None:
    if not 0 < bin_s < np.inf:
        raise ValueError(f"bin_s is {bin_s}: give a positive number of seconds")
    if not 0 < least_contrast < 1:
        raise ValueError(f"least_contrast is {least_contrast}: give a share between 0 and 1")
    if not dead_time_s >= 0 or trace.max() * dead_time_s >= bin_s:
        raise ValueError(
            f"{trace.max()} counts with a dead time of {dead_time_s} s do not fit into {bin_s} s: check both"
        )


def _checked_levels(edges_s: ArrayLike, rate_cps: ArrayLike, boundary: float) -> tuple[Array, Array]:
    edges, rate = np.asarray(edges_s, dtype=float), np.asarray(rate_cps, dtype=float)
    if rate.ndim != 1 or rate.size == 0 or edges.shape != (rate.size + 1,):
        raise ValueError(f"{edges.size} edges do not bound {rate.size} segments: give one more edge than segments")
    if not (np.diff(edges) > 0).all():
        raise ValueError("edges_s is not ascending: give the times in order")
    if not (np.isfinite(rate) & (rate >= 0)).all():
        raise ValueError("rate_cps holds negative or missing rates: give one per segment")
    if not 0 < boundary < 1:
        raise ValueError(f"boundary is {boundary}: give a share between 0 and 1")
    return edges, rate


def _true_rate(rate_cps: float, dead_time_s: float) -> float:
    return rate_cps / (1 - rate_cps * dead_time_s)


def _one_level(trace, bin_s: float, dead_time_s: float, background_cps: float | None, contrast: float) -> OnFraction:
    """A trace that never switches: bright, unless it is no more than the background."""
    rate = _true_rate(trace.mean() / bin_s, dead_time_s)
    floor = 0.0 if background_cps is None else background_cps
    noise = np.sqrt(max(rate, floor) / (trace.size * bin_s))
    bright = rate > max(floor / (1 - contrast), floor + 5 * noise) if floor > 0 else rate > 0
    return OnFraction(
        value=float(bright),
        err=1 / np.sqrt(trace.size),
        threshold=np.nan,
        n_bins=trace.size,
        n_on=trace.size * int(bright),
        n_off_periods=int(not bright),
        low_cps=np.nan if bright else rate,
        high_cps=rate if bright else np.nan,
        n_levels=1,
        n_photons=int(trace.sum()),
        bleached_at_s=np.nan,
        bleached_at_err_s=np.nan,
        bleach_p_value=np.nan,
        method="threshold",
    )


def _compared(on: NDArray[np.bool_], first: int, bin_s: float) -> DarkEnd | None:
    if first == on.size or not on[:first].any():
        return None
    edges, bright = runs(_before_the_end(on[:first]))
    return dark_end((on.size - first) * bin_s, np.diff(edges)[~bright] * bin_s, bin_s)


def _bleached(end: DarkEnd | None, bleached_after_s: float) -> bool:
    if end is None or end.p_value >= BLEACH_FALSE_ALARM:
        return False
    return end.length_s >= bleached_after_s or end.over_longest > FAR_LONGER


def _left_out(end: DarkEnd | None) -> bool:
    """A dark end counts as dark only if it has more likely blinked than bleached."""
    return end is not None and end.blinks < 0.5


def _with_doubt(value: float, err: float, end: DarkEnd | None, bleached: bool, duration_s: float) -> float:
    """Add what the share would change if a dark end that is not clearly bleaching were taken for what it was not."""
    if end is None or bleached:
        return err
    wrong = end.blinks if _left_out(end) else 1 - end.blinks
    changed = value * end.length_s / (duration_s + end.length_s * (1 if _left_out(end) else -1))
    return float(np.hypot(err, changed * np.sqrt(wrong)))


def _before_the_end(on: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The bins up to the last bright one: those after it belong to the dark end."""
    bright = np.flatnonzero(on)
    return on[: bright[-1] + 1] if bright.size else on


def _block_error(on: NDArray[np.bool_]) -> float:
    """Error of the bright share from its scatter over blocks: noise that splits periods does not reduce it."""
    size = on.size // N_BLOCKS
    if size == 0:
        return 0.0
    blocks = on[: size * N_BLOCKS].reshape(N_BLOCKS, size).mean(axis=1)
    return float(blocks.std(ddof=1) / np.sqrt(N_BLOCKS))
