"""Time tags as the TimeHarp 200 sends them, without a file around them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from analysis.formats import _timeharp_records as records


@dataclass(frozen=True, eq=False)
class Tags:
    """Photons of one measurement, in order of arrival: macrotime (n,) int64 ticks of its clock since the start.

    nanotime : (n,) as recorded, backwards; route : (n,) uint8
    n_records : records decoded, with those of markers and of the clock
    """

    macrotime: np.ndarray
    nanotime: np.ndarray
    route: np.ndarray
    n_records: int


def decode_records(words: ArrayLike) -> Tags:
    """Return the photons of 32-bit records; zeros at the end are padding.

    ValueError for a record that is unknown or goes back in time.

    >>> tags = decode_records(np.array([0x40000005, 0x0800FFFF, 0x50000007, 0, 0], np.uint32))
    >>> tags.macrotime, tags.route
    (array([    5, 65543]), array([0, 1], dtype=uint8))
    """
    given = np.asarray(words)
    if given.ndim != 1 or given.dtype.kind not in "ui":
        raise ValueError(f"records have shape {given.shape} and type {given.dtype}: give a list of 32-bit words")
    filled = np.flatnonzero(given)
    used = np.ascontiguousarray(given[: filled[-1] + 1 if filled.size else 0], np.uint32)
    n = used.size
    photons = np.empty(n, np.int64), np.empty(n, np.uint16), np.empty(n, np.uint8)
    markers = np.empty(n, np.int64), np.empty(n, np.uint8), np.empty(n, np.int64)
    (n_photons, *_), n_known = records.decode(used, (0, 0, 0, 0, 0), photons, markers)
    if n_known < n:
        word = int(used[n_known])
        raise ValueError(f"record {n_known} of {n}, 0x{word:08X}, is unknown or goes back: check the record type")
    macrotime, nanotime, route = (values[:n_photons].copy() for values in photons)
    return Tags(macrotime, nanotime, route, n)
