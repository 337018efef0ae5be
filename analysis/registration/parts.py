"""What the two steps of registration share: windows, wavenumbers, noise, and moving by whole pixels."""

import numpy as np
from numpy import fft
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage, stats

TAPER = 0.1  # share of each edge that fades out
RINGS = 48
TINY = np.finfo(float).tiny

Array = NDArray[np.float64]


def checked_counts(images: ArrayLike) -> Array:
    """Return images as numbers; ValueError unless they are counts, shape (n, ny, nx)."""
    counts = np.asarray(images, dtype=float)
    if counts.ndim != 3 or 0 in counts.shape:
        raise ValueError(f"images have shape {counts.shape}: give (n, ny, nx), at least one of each")
    if not np.isfinite(counts).all() or counts.min() < 0:
        raise ValueError(f"images go from {counts.min()} to {counts.max()}: give counts, finite and not negative")
    if not (counts == np.rint(counts)).all():
        raise ValueError("images are counts: whole numbers; give them before they are scaled or averaged")
    return counts


def wide(dtype: np.dtype) -> np.dtype:
    """Return a type that holds the sum of 65 536 values of `dtype`."""
    if dtype.kind not in "biu":
        return dtype
    return np.dtype(f"{'i' if dtype.kind == 'i' else 'u'}{4 if dtype.itemsize < 4 else 8}")


def overlap(shape: tuple[int, ...], moved: NDArray[np.int64]) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """Return the part of image 0 still in view, and where an image moved by whole pixels shows it."""
    spans = [(max(0, -d), max(0, n - max(0, d))) for n, d in zip(shape[:2], moved, strict=True)]
    here = tuple(slice(low, max(low, high)) for low, high in spans)
    there = tuple(slice(s.start + d, s.stop + d) for s, d in zip(here, moved, strict=True))
    return here, there


def moved_back(image: Array, moved: NDArray[np.int64]) -> Array:
    """Return the image in the frame of image 0, zero where it saw nothing."""
    out = np.zeros_like(image)
    here, there = overlap(image.shape, moved)
    out[here] = image[there]
    return out


def noise_variance(counts: Array) -> float:
    """Return the mean variance of 2 sqrt(n + 3/8) under Poisson noise: 1, less below 3 counts per pixel."""
    mean = ndimage.uniform_filter(counts, size=5)
    levels = np.geomspace(1e-3, 30, 40)
    n = np.arange(80)
    p, x = stats.poisson.pmf(n, levels[:, None]), 2 * np.sqrt(n + 3 / 8)
    variance = p @ x**2 - (p @ x) ** 2
    return float(np.interp(mean, [0, *levels], [0, *variance]).mean())


def window_of(shape: tuple[int, ...]) -> Array:
    """Return ones that fade to zero at the edges, so that an image has no border to correlate with."""

    def axis(n: int) -> Array:
        edge = np.minimum(np.arange(n), np.arange(n)[::-1]) + 0.5
        return np.sin(np.pi / 2 * np.minimum(1, edge / max(1.0, TAPER * n))) ** 2

    return np.outer(axis(shape[0]), axis(shape[1]))


def wavenumbers(shape: tuple[int, ...]) -> tuple[Array, NDArray[np.int64]]:
    """Return (2, ny, nx) angular wavenumbers per pixel, zero where Nyquist hides the sign, and the rings."""
    k = 2 * np.pi * np.stack(np.meshgrid(fft.fftfreq(shape[0]), fft.fftfreq(shape[1]), indexing="ij"))
    rings = np.minimum((np.hypot(*k) / np.pi * RINGS).astype(np.int64), RINGS)
    return np.where((np.abs(k) < np.pi).all(axis=0), k, 0), rings


def ring_mean(power: Array, rings: NDArray[np.int64]) -> Array:
    """Return `power` averaged over directions; the mean level of the image (k = 0) is not structure."""
    power = power.copy()
    power[0, 0] = 0
    sums = np.bincount(rings.ravel(), power.ravel(), RINGS + 1)
    return (sums / np.maximum(1, np.bincount(rings.ravel(), minlength=RINGS + 1)))[rings]
