"""Inner loop of `Photons`: the times of one route out of all."""

import numpy as np
from numba import njit

from analysis.formats._ptu_records import FAST


@njit(**FAST)
def pick(values, route, wanted, out):
    """Fill `out` with the values whose route is wanted, which are as many as it holds.

    Every value is written where the next one belongs, and only those that count move that place on: routes come at
    random, and to guess them wrong takes longer than to write in vain.
    """
    n = 0
    for i in range(values.size):
        if n == out.size:
            break
        out[np.uint64(n)] = values[i]
        n += np.int64(route[i] == wanted)
