"""Bright and dark periods of a trace that was not watched all the time."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analysis.blinking.dwell_times import runs

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Periods:
    """Periods in order: duration_s, bright, complete (n,); complete : seen from beginning to end, without a gap."""

    duration_s: Array
    bright: NDArray[np.bool_]
    complete: NDArray[np.bool_]


def periods(on: ArrayLike, breaks_s: ArrayLike, *, bin_s: float, end_s: float) -> Periods:
    """Return the periods of a trace of seconds of light.

    Parameters
    ----------
    on : (n_bins,) True where the emitter is bright
    breaks_s : where gaps lie, seconds of light; a period ends there, and another begins
    end_s : where the trace ends; bins may not fill it

    >>> found = periods([1, 1, 0, 0, 1, 1], [0.035], bin_s=0.01, end_s=0.06)
    >>> found.duration_s.round(3), found.complete
    (array([0.02 , 0.015, 0.005, 0.02 ]), array([False, False, False, False]))
    """
    bright = np.asarray(on, bool)
    if not bright.size:
        return Periods(np.empty(0), np.empty(0, bool), np.empty(0, bool))
    first, value = runs(bright)
    switches = first[1:-1] * bin_s
    cuts = np.asarray(breaks_s, float)
    cuts = cuts[(cuts > 0) & (cuts < end_s)]
    edges = np.unique(np.concatenate([[0.0], switches, cuts, [max(end_s, bright.size * bin_s)]]))
    middle = (edges[1:] + edges[:-1]) / 2
    state = value[np.searchsorted(switches, middle, side="right")]
    cut = np.isin(edges, cuts)
    cut[[0, -1]] = True
    return Periods(np.diff(edges), state, ~(cut[1:] | cut[:-1]))
