"""Moving an image by a fraction of a pixel without interpolation: photons move, each to one of four pixels."""

import numpy as np
from numpy.typing import NDArray

from analysis.registration.kernels import scatter_row


def scatter(counts: NDArray, shift_px: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.int64]:
    """Return counts (ny, nx, m) moved by `shift_px`; photons that leave the frame are lost."""
    ny, nx, m = counts.shape
    (down, right), (share_down, share_right) = parts(shift_px)
    out = np.zeros(counts.shape, np.int64)
    landed = np.empty((2, nx + 1, m), np.int64)
    columns = slice(max(0, right), min(nx, nx + 1 + right))
    source = slice(columns.start - right, columns.stop - right)
    for row in range(max(0, -down - 1), min(ny, ny - down)):
        landed[:] = 0
        scatter_row(counts[row].astype(np.int64), share_down, share_right, rng, landed)
        for below in (0, 1):
            if columns.start < columns.stop and 0 <= row + down + below < ny:
                out[row + down + below, columns] += landed[below, source]
    return out


def exposure(shape: tuple[int, int], shift_px: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the share (ny, nx) of each pixel that was in view."""
    whole, share = parts(shift_px)
    seen = []
    for n, d, f in zip(shape, whole, share, strict=True):
        source = np.arange(n) - d
        seen.append((1 - f) * ((source >= 0) & (source < n)) + f * ((source >= 1) & (source <= n)))
    return np.outer(*seen)


def parts(shift_px: NDArray[np.float64]) -> tuple[list[int], list[float]]:
    """Return whole pixels, rounded down, and the fractions left."""
    whole = np.floor(shift_px)
    return [int(w) for w in whole], [float(f) for f in shift_px - whole]
