"""Photon records of a TimeHarp 200 in time bins."""

import numpy as np

from devices.iocs.backends import ROUTES

TICK_S = 1e-7
TURN = 65536
VALID, OVERFLOW = 1 << 30, 0x800 << 16


def in_bins(records: np.ndarray, n_bins: int, bin_s: float) -> np.ndarray:
    """Photons of each route (n_bins, n_routes) in equal bins from the start of the measurement.

    records : (n,) uint32 as in T3R files, photons with the number of their route
    """
    photon = (records & VALID) != 0
    turns = np.cumsum(~photon & ((records & OVERFLOW) != 0))
    ticks = turns.astype(np.int64) * TURN + (records & 0xFFFF).astype(np.int64)
    route = (records >> 28) & 3
    bins = np.floor(ticks * (TICK_S / bin_s) * (1 + 1e-12)).astype(np.int64)
    counts = np.zeros((n_bins, len(ROUTES)), np.int64)
    for one in range(len(ROUTES)):
        kept = photon & (route == one) & (bins < n_bins)
        counts[:, one] = np.bincount(bins[kept], minlength=n_bins)
    return counts
