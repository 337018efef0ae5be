"""Drift between scans of one scene, and the drift-corrected sum.

A scene that moved by `d` shows the feature of pixel `p` of image 0 at pixel `p + d`. Shifts are found in two
steps: a whitened cross-correlation finds the pixel and says whether it can be trusted; a group-wise refinement
against the mean of the other images finds the fraction. Sums use whole pixels: counts stay Poisson counts.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analysis._registration_parts import Array, noise_variance, overlap, window_of
from analysis._registration_pixel import place
from analysis._registration_subpixel import refine

MIN_PAIRS = 10  # chance coincidences per lag with image 0; fewer have no Gaussian scatter
MAX_ERR_PX = 0.5  # beyond this not even the pixel is known


@dataclass(frozen=True)
class Drift:
    """How far the scene moved since image 0, in pixels (row, column).

    `shift_px` and `shift_err_px` (one standard deviation, with the share of image 0), shape (n, 2), are NaN
    where `reliable`, shape (n,), is False. Image 0 is the origin: shift and error zero, always reliable.
    """

    shift_px: Array
    shift_err_px: Array
    reliable: NDArray[np.bool_]


def register(images: ArrayLike, *, max_shift_px: float | None = None) -> Drift:
    """Return how far the scene moved since image 0.

    Parameters
    ----------
    images : counts, shape (n, ny, nx); Poisson noise is assumed to judge what is structure
    max_shift_px : largest shift searched on each axis; half of that axis by default

    Notes
    -----
    An image without structure, or one that fits equally well elsewhere (periodic, striped), is refused:
    `reliable` is False. Translation only: drift while an image is scanned shears and stretches it, which
    is not undone; the shift is then that of the features, not of the stage averaged over the scan.
    Source: Guizar-Sicairos et al., Opt. Lett. 33, 156 (2008); Knapp & Carter, IEEE Trans. ASSP 24, 320 (1976).
    """
    counts = np.asarray(images, dtype=float)
    if counts.ndim != 3 or 0 in counts.shape:
        raise ValueError(f"images have shape {counts.shape}, not (n, ny, nx) with n, ny, nx >= 1")
    if not np.isfinite(counts).all() or counts.min() < 0:
        raise ValueError("images are counts: finite and not negative")
    noise = np.array([noise_variance(image) for image in counts])
    stable = 2 * np.sqrt(counts + 3 / 8)
    window = window_of(stable.shape[1:])
    stable -= (stable * window).sum(axis=(1, 2), keepdims=True) / window.sum()
    photons = counts.sum(axis=(1, 2))
    enough = photons * photons[0] >= MIN_PAIRS * counts[0].size
    whole, placed = place(stable, noise, enough, max_shift_px)
    shift, error = np.full((len(counts), 2), np.nan), np.full((len(counts), 2), np.nan)
    shift[placed], error[placed] = refine(stable[placed], noise[placed], whole[placed])
    reliable = placed & (error <= MAX_ERR_PX).all(axis=1)
    reliable[0] = True
    shift[0] = error[0] = 0
    shift[~reliable] = error[~reliable] = np.nan
    return Drift(shift, error, reliable)


def sum_aligned(
    stack: Iterable[ArrayLike], drift: Drift | ArrayLike, *, use: ArrayLike | None = None
) -> tuple[NDArray, NDArray[np.int64]]:
    """Return the drift-corrected sum in the frame of image 0, and how many images each pixel has seen.

    Parameters
    ----------
    stack : n counts, each of shape (ny, nx, ...); read one by one, so it may be larger than memory
    drift : of `register`, or shifts in pixels, shape (n, 2)
    use : images to add, shape (n,) bool; by default the reliable ones

    Notes
    -----
    Shifts are rounded to whole pixels, so counts stay integers with Poisson statistics. Integers are widened
    to 32 bits, or 64 if they had 32 already. ValueError if a shift that is used is not finite.
    """
    shift = drift.shift_px if isinstance(drift, Drift) else np.asarray(drift, dtype=float)
    if use is None:
        use = drift.reliable if isinstance(drift, Drift) else np.ones(len(shift), dtype=bool)
    total = coverage = None
    for image, moved, used in zip(map(np.asarray, stack), shift, np.asarray(use, dtype=bool), strict=True):
        if total is None or coverage is None:
            total = np.zeros(image.shape, dtype=_wide(image.dtype))
            coverage = np.zeros(image.shape[:2], dtype=np.int64)
        if used:
            add_aligned(total, coverage, image, moved)
    if total is None or coverage is None:
        raise ValueError("no images to add")
    return total, coverage


def add_aligned(total: NDArray, coverage: NDArray, image: NDArray, shift_px: ArrayLike) -> None:
    """Add one image, whose scene moved by `shift_px` (row, column), to a running sum and coverage, in place.

    >>> total, coverage = np.zeros((1, 4), int), np.zeros((1, 4), int)
    >>> add_aligned(total, coverage, np.array([[1, 2, 3, 4]]), (0, 1.2))
    >>> total, coverage
    (array([[2, 3, 4, 0]]), array([[1, 1, 1, 0]]))
    """
    if image.shape != total.shape:
        raise ValueError(f"image of shape {image.shape} cannot be added to a sum of shape {total.shape}")
    if not np.isfinite(shift_px).all():
        raise ValueError("the shift of an image that is used is unknown")
    here, there = overlap(total.shape, np.rint(shift_px).astype(int))
    total[here] += image[there].astype(total.dtype, copy=False)
    coverage[here] += 1


def _wide(dtype: np.dtype) -> np.dtype:
    """Return a type that holds the sum of 65 536 values of `dtype`."""
    if dtype.kind not in "biu":
        return dtype
    return np.dtype(f"{'i' if dtype.kind == 'i' else 'u'}{4 if dtype.itemsize < 4 else 8}")
