"""Pairs of photons closer than a window, counted in time proportional to photons and pairs.

The search walks through both streams at once. The next photon of which stream? Which photon has a partner? Neither can
be predicted, and a processor that guesses wrong loses some ten photons' worth of time. So nothing branches on the
answer: a block of steps first collects the photons that have a partner, then all first partners are counted,
then all second ones, until none is left.
"""

from itertools import pairwise

import numpy as np
from numba import njit
from numpy.typing import ArrayLike

from analysis.threads import in_threads, n_cores

FAST = {"error_model": "numpy", "cache": True, "nogil": True}
BLOCK = 1024
LEAST_PER_THREAD = 50_000  # photons
MOST_TICKS = 2**62  # between any two photons: differences of tags stay whole 64-bit numbers


@njit(**FAST)
def _count(a, b, low, span, bins_per_tick, counts):
    """Add the delays b - a in [low, low + span) to `counts`; a and b sorted int64, span < 2^50.

    The centre of a tick, half a tick from any edge, is scaled to bins: rounding never carries it over an edge. Indices
    are unsigned so that none is tested for counting from the end.
    """
    earliest, partner = np.empty(BLOCK + 1, np.int64), np.empty(BLOCK + 1, np.int64)
    i, j = 0, 0
    while i < a.size and j < b.size:
        found = 0
        for _ in range(min(BLOCK, a.size - i, b.size - j)):
            delay = b[np.uint64(j)] - a[np.uint64(i)] - low
            reached = delay >= 0
            earliest[np.uint64(found)] = a[np.uint64(i)] + low
            partner[np.uint64(found)] = j
            found += reached & (delay < span)
            i += reached
            j += not reached
        while found > 0:
            left = 0
            for k in range(found):
                start, q = earliest[np.uint64(k)], partner[np.uint64(k)]
                counts[np.uint64((b[np.uint64(q)] - start + 0.5) * bins_per_tick)] += 1
                q += 1
                earliest[np.uint64(left)] = start
                partner[np.uint64(left)] = q
                if q < b.size:
                    left += b[np.uint64(q)] - start < span
            found = left


@njit(**FAST)
def _n_falls(times):
    falls = 0
    for i in range(1, times.size):
        falls += times[i] < times[i - 1]
    return falls


def count_pairs(
    a: np.ndarray, b: np.ndarray, *, low: int, width: int, n_bins: int, n_threads: int | None
) -> np.ndarray:
    """Count pairs per bin [low + k width, low + (k + 1) width) of b - a: (n_bins,) int64. The same on any threads."""
    n_parts = n_threads or max(1, min(n_cores(), (a.size + b.size) // LEAST_PER_THREAD))
    stops = np.linspace(0, a.size, n_parts + 1).astype(int)
    span = n_bins * width

    def part(first: int, stop: int) -> np.ndarray:
        counts = np.zeros(n_bins, np.int64)
        if stop > first:
            near = np.searchsorted(b, [a[first] + low, a[stop - 1] + low + span])
            _count(a[first:stop], b[near[0] : near[1]], low, span, 1.0 / width, counts)
        return counts

    return np.sum(in_threads(part, pairwise(stops), n_parts), axis=0)


def as_tags(values: ArrayLike, name: str) -> np.ndarray:
    """The stream in native, contiguous order; ValueError unless it is one sorted axis of whole numbers."""
    times = np.asarray(values)
    if times.ndim != 1:
        raise ValueError(f"{name} has shape {times.shape}: give one stream of time tags (n,)")
    if times.size == 0:
        return np.empty(0, np.int64)
    if times.dtype.kind not in "iu":
        raise ValueError(f"{name} is of type {times.dtype}: give whole ticks, and their length as unit_s")
    wide = np.uint64 if times.dtype.kind == "u" and times.dtype.itemsize == 8 else np.int64
    times = np.ascontiguousarray(times, dtype=wide)
    if _n_falls(times):
        i = int(np.argmax(times[1:] < times[:-1])) + 1
        raise ValueError(f"{name}[{i}] = {times[i]} comes after {times[i - 1]}: sort the tags, or unfold the overflows")
    return times


def on_one_clock(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray, int]:
    """Both streams as int64 far from overflow, and the ticks from the first to the last photon, both included."""
    ends = [int(tags[i]) for tags in (a, b) if tags.size for i in (0, -1)]
    first, last = (min(ends), max(ends)) if ends else (0, -1)
    if last - first >= MOST_TICKS:
        raise ValueError(f"the tags span {last - first} ticks: at most 2^62 can be compared; check for a corrupt tag")
    if max(abs(first), abs(last)) < MOST_TICKS and a.dtype == b.dtype == np.int64:
        return a, b, last - first + 1
    origin = np.uint64(first % 2**64)
    a, b = ((tags.astype(np.uint64) - origin).view(np.int64) for tags in (a, b))
    return a, b, last - first + 1


def pairs_of_instants(n_ticks: int, *, low: int, width: int, n_bins: int) -> np.ndarray:
    """How many pairs of ticks of a record of n_ticks have a delay in each bin: n_ticks - |d|, summed over the bin."""
    edges = low + width * np.arange(n_bins + 1, dtype=np.float64)
    d = np.clip(edges, -n_ticks, n_ticks)
    before = d * n_ticks - np.sign(d) * d * (d - 1) / 2  # the sum from delay 0 to d, d excluded
    return np.diff(before)
