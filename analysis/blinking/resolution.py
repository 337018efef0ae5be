"""How long bins must be for the levels of a blinking trace to be told apart, and no longer."""

import numpy as np
from numpy.typing import ArrayLike

from analysis.blinking.bleaching import bright_level

APART = 3.0  # standard deviations between each level and the middle
BARELY_APART = 1.8  # where that takes bins longer than those in which blinking shows
LONG_S = 0.01
LONGEST_S = 1.0


def bins_together(counts: ArrayLike, *, bin_s: float, background_cps: float = float("nan")) -> int:
    """Return how many bins of a trace (n_bins,) to add up.

    Notes
    -----
    Counts S over B in a time t lie (S t) / (sqrt((S + B) t) + sqrt(B t)) standard deviations apart. Three leave few
    bins on the wrong side, which `on_fraction` corrects for; short dark periods are lost in long bins, so that above
    10 ms fewer must do. Without a background, the light is taken to be all of the emitter's.

    >>> bins_together(np.full(1000, 5), bin_s=0.001, background_cps=600)
    5
    """
    trace = np.asarray(counts)
    if trace.size == 0 or not trace.any():
        return 1
    high = bright_level(trace, bin_s)[0] / bin_s
    low = min(background_cps, high) if np.isfinite(background_cps) else 0.0
    if high - low <= 0:
        return max(1, min(round(LONG_S / bin_s), trace.size))
    needed_s = ((np.sqrt(high) + np.sqrt(low)) / (high - low)) ** 2
    length_s = APART**2 * needed_s
    if length_s > LONG_S:
        length_s = min(max(LONG_S, BARELY_APART**2 * needed_s), LONGEST_S)
    return max(1, min(int(np.ceil(length_s / bin_s - 1e-9)), trace.size))
