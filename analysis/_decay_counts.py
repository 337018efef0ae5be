"""Photon counts on their way into a fit: checked, cut into blocks of pixels, summed, spread over threads."""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from analysis import _decay_kernels as kernels

PIXELS_PER_TASK = 256
MOST_PHOTONS = 0xFFFFFFFF  # of a time bin


def check_counts(block: np.ndarray) -> np.ndarray:
    """The block as native integers; ValueError unless it holds whole, non-negative numbers."""
    if block.dtype.kind == "f":
        if not np.isfinite(block).all():
            raise ValueError("counts hold NaN or infinity: give whole numbers of photons")
        if (block != np.rint(block)).any():
            raise ValueError("counts are not whole numbers: give photons, not rates or normalised decays")
        block = block.astype(np.int64)
    elif block.dtype.kind not in "iub":
        raise ValueError(f"counts are of type {block.dtype}: give whole numbers of photons")
    if block.dtype.kind == "i" and block.size and block.min() < 0:
        raise ValueError(f"counts go down to {block.min()}: give whole, non-negative numbers of photons")
    return np.ascontiguousarray(block, dtype=block.dtype.newbyteorder("="))


def blocks(counts: np.ndarray) -> Iterator[np.ndarray]:
    """Cut counts (..., n) into views or small copies (n_pixels, n), in order."""
    rows = counts if counts.ndim > 2 else counts.reshape(1, -1, counts.shape[-1])
    for row in rows:
        pixels = row.reshape(-1, counts.shape[-1])
        for first in range(0, len(pixels), PIXELS_PER_TASK):
            yield pixels[first : first + PIXELS_PER_TASK]


def check_length(counts: np.ndarray, length: int, what: str) -> None:
    if counts.ndim == 0 or counts.shape[-1] != length:
        raise ValueError(f"counts have shape {counts.shape}: their last axis must hold the {length} {what}")


def sum_of_decays(counts: np.ndarray, n_bins: int) -> np.ndarray:
    check_length(counts, n_bins, "bins of the irf")
    return sum((check_counts(block).sum(axis=0, dtype=float) for block in blocks(counts)), np.zeros(n_bins))


def in_threads(task: Callable[[int, int], None], n_pixels: int) -> None:
    """Call task(first, stop) for stretches of pixels, on all cores."""
    firsts = range(0, n_pixels, PIXELS_PER_TASK)
    if len(firsts) < 2:
        for first in firsts:
            task(first, n_pixels)
        return
    with ThreadPoolExecutor(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None) as pool:
        for done in [pool.submit(task, first, min(first + PIXELS_PER_TASK, n_pixels)) for first in firsts]:
            done.result()


def sum_channels(counts: np.ndarray, runs: tuple[np.ndarray, np.ndarray, np.ndarray], n_time_bins: int) -> np.ndarray:
    """Sum counts (..., n_bins) over runs of channels (start, stop, time bin) -> (..., n_time_bins) uint32."""
    out = np.zeros((*counts.shape[:-1], n_time_bins), dtype=np.uint32)
    flat, first = out.reshape(-1, n_time_bins), 0
    for block in blocks(counts):
        part = flat[first : first + len(block)]
        if not kernels.sum_bins(check_counts(block), *runs, part):
            raise ValueError(f"a pixel holds more than {MOST_PHOTONS} photons: fit fewer scans at once")
        first += len(block)
    return out
