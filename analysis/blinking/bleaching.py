"""Bleaching: a dark end of a trace that lasts so long that no dark period does."""

import numpy as np
from numpy.typing import ArrayLike

from analysis.blinking.threshold import TwoLevels, dark_tail, step_within_bins

DARK_FOR_S = 5.0
SIGMAS = 3.0
DIM = 0.05  # of the bright level: by so much a dark end may exceed the background, which is known beside the emitter
DIM_ALONE = 0.4  # of the bright level, where the background is not known: a grey state has 0.2
BLOCK_S = 0.25  # over which the bright level is taken
CLEARLY = 6.0  # standard deviations of a block between bright and dark


def bleached_at(
    counts: ArrayLike,
    *,
    bin_s: float,
    background_cps: float = float("nan"),
    background_err_cps: float = 0.0,
    dark_for_s: float = DARK_FOR_S,
) -> float:
    """Return the seconds of light after which an emitter stayed dark until the end, NaN if it did not.

    Parameters
    ----------
    counts : (n_bins,) of a trace
    background_cps, background_err_cps : known beside the emitter; NaN if it is not known
    dark_for_s : the end must be dark for at least so long: dark periods are shorter

    Notes
    -----
    Dark is a mean rate within three standard deviations of the background, plus 5 % of the light of the emitter, for
    the background beneath it may differ a little from that beside it; without a background, less than 0.4 of the
    bright level. The emitter must have been significantly brighter before. The place is that of the likeliest step.
    """
    trace, n_end = np.asarray(counts, dtype=np.int64), int(np.ceil(dark_for_s / bin_s - 1e-9))
    if trace.size <= n_end:
        return float("nan")
    end, (high, high_err) = trace[-n_end:].mean(), bright_level(trace, bin_s)
    known = bool(np.isfinite(background_cps))
    low, low_err = (background_cps * bin_s, background_err_cps * bin_s) if known else (end, 0.0)
    noise = float(np.hypot(np.sqrt(max(low, 1 / n_end) / n_end), low_err))
    limit = low + SIGMAS * noise + DIM * max(high - low, 0.0) if known else DIM_ALONE * high
    dark = min(low, end)
    if end > limit or high - dark < CLEARLY * high_err:
        return float("nan")
    levels = TwoLevels(np.asarray(dark), np.asarray(high), np.asarray((dark + high) / 2))
    first, spread = dark_tail(trace, levels)
    if first == 0 or (trace.size - first) * bin_s < dark_for_s - bin_s:
        return float("nan")
    return float(step_within_bins(trace, first, spread, levels)[0] * bin_s)


def bright_level(trace: np.ndarray, bin_s: float) -> tuple[float, float]:
    """Counts per bin of the brightest but one of the blocks, and the error of one block."""
    size = max(1, round(BLOCK_S / bin_s))
    blocks = np.sort(trace[: trace.size // size * size].reshape(-1, size).mean(axis=1))
    high = float(blocks[max(-2, -blocks.size)])
    return high, float(np.sqrt(max(high, 1 / size) / size))
