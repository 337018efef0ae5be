"""Clicks of counters with a dead time, turned into rates, and seconds of light put one after another."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


def true_rate(rate_cps: ArrayLike, dead_time_ns: ArrayLike) -> Array:
    """Rate of a detector without its dead time: m / (1 - m t), for one that is not prolonged by photons within it.

    ValueError if a rate does not fit into its dead time.

    >>> round(float(true_rate(500e3, 45.0)))
    511509
    """
    rate = np.asarray(rate_cps, float)
    busy = rate * np.asarray(dead_time_ns, float) * 1e-9
    if np.any(busy >= 1):
        raise ValueError(f"{rate.max():.4g} cps do not fit beside a dead time of {dead_time_ns} ns: check both")
    return rate / (1 - busy)


def even_bins(edges_s: ArrayLike, counts: ArrayLike, bin_s: float) -> NDArray[np.int64]:
    """Counts (n,) between edges (n + 1,), put into equal bins of bin_s; whole numbers, none lost but the last bin's.

    >>> even_bins([0, 1, 3], [10, 20], 1.0)
    array([10, 10, 10])
    """
    edges = np.asarray(edges_s, float)
    total = np.concatenate([[0], np.cumsum(np.asarray(counts))])
    grid = edges[0] + bin_s * np.arange(int((edges[-1] - edges[0]) / bin_s + 1e-9) + 1)
    return np.diff(np.floor(np.interp(grid, edges, total) + 1e-6)).astype(np.int64)
