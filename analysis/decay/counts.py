"""Photon counts on their way into a fit: dense or sparse, checked, summed, spread over threads."""

import math
from threading import Lock
from typing import Any

import numpy as np

from analysis.counts import check_counts
from analysis.decay.sums import sum_bins, sum_entries
from analysis.threads import in_threads, stretches

PIXELS_PER_TASK = 256
MOST_PHOTONS = 0xFFFFFFFF  # of a time bin


def as_counts(counts: Any) -> Any:
    """Sparse counts (of scipy or pydata/sparse) as they are, everything else as an array."""
    if np.ma.is_masked(counts):
        raise ValueError("counts are masked: select the pixels to be fitted, or fill what is masked")
    return counts if is_sparse(counts) else np.asarray(counts)


def is_sparse(counts: Any) -> bool:
    """Whether the counts are sparse, without importing what makes them."""
    return type(counts).__module__.split(".")[0] == "sparse" or type(counts).__module__.startswith("scipy.sparse")


def is_dask(counts: Any) -> bool:
    """Whether the counts are a dask array, without importing dask."""
    return type(counts).__module__.startswith("dask.array")


def check_length(counts: Any, length: int, what: str) -> None:
    if counts.ndim == 0 or counts.shape[-1] != length:
        raise ValueError(f"counts have shape {counts.shape}: their last axis must hold the {length} {what}")


def blocks(counts: np.ndarray) -> list[tuple[int, np.ndarray]]:
    """Cut counts (..., n) into views (n_pixels, n), each with the index of its first pixel."""
    flat = counts.flags.c_contiguous or counts.ndim < 3
    images = [counts.reshape(-1, counts.shape[-1])] if flat else [counts[at] for at in np.ndindex(counts.shape[:-2])]
    cut, begin = [], 0
    for image in images:
        cut += [(begin + first, image[first:stop]) for first, stop in stretches(len(image), PIXELS_PER_TASK)]
        begin += len(image)
    return cut


def sum_of_decays(counts: Any, n_bins: int) -> np.ndarray:
    """Sum counts (..., n_bins) over all pixels -> (n_bins,)."""
    check_length(counts, n_bins, "bins of the irf")
    total, lock = np.zeros(n_bins), Lock()
    if is_sparse(counts):
        rows = _as_rows(counts)
        return np.bincount(rows.indices, weights=check_counts(rows.data), minlength=n_bins)

    def add(_: int, block: np.ndarray) -> None:
        part = check_counts(block).sum(axis=0, dtype=float)  # whole numbers: exact in any order
        with lock:
            np.add(total, part, out=total)

    in_threads(add, blocks(counts))
    return total


def sum_channels(counts: Any, time_bin: np.ndarray, runs: tuple[np.ndarray, np.ndarray, np.ndarray]) -> np.ndarray:
    """Sum counts (..., n_bins) over channels of equal time bin -> (..., n_time_bins) uint32.

    time_bin : (n_bins,) of each channel, -1 where it is dead; runs : the same as (start, stop, time bin)
    """
    out = np.zeros((*counts.shape[:-1], int(time_bin.max()) + 1), dtype=np.uint32)
    flat = out.reshape(-1, out.shape[-1])

    def dense(first: int, block: np.ndarray) -> None:
        _require(sum_bins(check_counts(block), *runs, flat[first : first + len(block)]))

    if not is_sparse(counts):
        in_threads(dense, blocks(counts))
        return out
    rows = _as_rows(counts)

    def sparse(first: int, stop: int) -> None:
        part = slice(rows.indptr[first], rows.indptr[stop])
        ends = rows.indptr[first : stop + 1].astype(np.int64) - rows.indptr[first]
        channel, photons = rows.indices[part].astype(np.int64), check_counts(rows.data[part]).astype(np.int64)
        _require(sum_entries(ends, channel, photons, time_bin, flat[first:stop]))

    in_threads(sparse, stretches(len(flat), PIXELS_PER_TASK))
    return out


def _require(fits: Any) -> None:
    if not fits:
        raise ValueError(f"a pixel holds more than {MOST_PHOTONS} photons: fit fewer scans at once")


def _as_rows(counts: Any) -> Any:
    """Sparse counts (..., n) as a scipy matrix of compressed rows, one per pixel."""
    flat = counts.reshape((math.prod(counts.shape[:-1]), counts.shape[-1]))
    return (flat.asformat("coo").to_scipy_sparse() if hasattr(flat, "fill_value") else flat).tocsr()
