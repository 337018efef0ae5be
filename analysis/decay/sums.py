"""Inner loops of the sums over time bins, of dense and of sparse counts."""

import numpy as np
from numba import njit

from analysis.decay.kernels import FAST


@njit(**FAST)
def sum_bins(counts, start, stop, target, out):
    """Add the runs of channels [start, stop) of every pixel to time bin `target`; False if a sum leaves uint32."""
    fits = True
    for p in range(counts.shape[0]):
        for r in range(start.size):
            total = np.int64(out[p, target[r]])
            for j in range(start[r], stop[r]):
                total += np.int64(counts[p, j])
            fits = fits and total <= 0xFFFFFFFF
            out[p, target[r]] = total
    return fits


@njit(**FAST)
def sum_entries(ends, channel, photons, time_bin, out):
    """Add the entries of sparse rows, ends[p] to ends[p + 1] of pixel p, to their time bins; False as above."""
    fits = True
    for p in range(out.shape[0]):
        for e in range(ends[p], ends[p + 1]):
            target = time_bin[channel[e]]
            if target >= 0:
                total = np.int64(out[p, target]) + photons[e]
                fits = fits and total <= 0xFFFFFFFF
                out[p, target] = total
    return fits
