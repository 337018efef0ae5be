"""Sums of images put in place by whole pixels: counts stay Poisson counts."""

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analysis.registration.drift import Drift
from analysis.registration.line_drift import LineDrift
from analysis.registration.parts import overlap, wide


def sum_aligned(
    stack: Iterable[ArrayLike], drift: Drift | LineDrift | ArrayLike, *, use: ArrayLike | None = None
) -> tuple[NDArray, NDArray[np.int64]]:
    """Return the drift-corrected sum in the frame of image 0, and how many images each pixel has seen.

    Parameters
    ----------
    stack : n counts, each of shape (ny, nx, ...); read one by one, so it may be larger than memory
    drift : of `register` or `line_shifts`, or shifts in pixels, shape (n, 2), or (n, ny, 2) row by row
    use : images to add, shape (n,) bool; by default the reliable ones

    Notes
    -----
    Shifts are rounded to whole pixels, so counts stay integers with Poisson statistics. Integers are widened
    to 32 bits, or 64 if they had 32 already. ValueError if a shift that is used is not finite.
    """
    known = isinstance(drift, Drift | LineDrift)
    shift = drift.shift_px if known else np.asarray(drift, dtype=float)
    if use is None:
        use = drift.reliable if known else np.ones(len(shift), dtype=bool)
    used_of = np.asarray(use, dtype=bool)
    if used_of.shape != (len(shift),):
        raise ValueError(f"use of shape {used_of.shape} does not belong to {len(shift)} shifts")
    total = coverage = None
    for image, moved, used in _together(stack, shift, used_of):
        if total is None or coverage is None:
            total = np.zeros(image.shape, dtype=wide(image.dtype))
            coverage = np.zeros(image.shape[:2], dtype=np.int64)
        if used:
            add_aligned(total, coverage, image, moved)
    if total is None or coverage is None:
        raise ValueError("no images to add: give one or more, and use at least one")
    return total, coverage


def add_aligned(total: NDArray, coverage: NDArray, image: NDArray, shift_px: ArrayLike) -> None:
    """Add one image, whose scene moved by `shift_px` (row, column), to a running sum and coverage, in place.

    With `shift_px` of shape (ny, 2) each row goes its own way: a row of the sum may be covered twice or not at all.
    ValueError for another shape, or a shift that is not finite.

    >>> total, coverage = np.zeros((1, 4), int), np.zeros((1, 4), int)
    >>> add_aligned(total, coverage, np.array([[1, 2, 3, 4]]), (0, 1.2))
    >>> total, coverage
    (array([[2, 3, 4, 0]]), array([[1, 1, 1, 0]]))
    """
    if image.shape != total.shape:
        raise ValueError(f"image of shape {image.shape} cannot be added to a sum of shape {total.shape}")
    if not np.isfinite(shift_px).all():
        raise ValueError("the shift of an image that is used is unknown: leave it out, use=drift.reliable")
    moved = np.rint(shift_px).astype(int)
    if moved.ndim == 1:
        _add(total, coverage, image, moved)
        return
    if moved.shape != (len(image), 2):
        raise ValueError(
            f"line shifts of shape {moved.shape} do not belong to an image of {len(image)} rows: give one per row"
        )
    for row, (down, right) in enumerate(moved):
        if 0 <= row - down < len(total):
            target = slice(row - down, row - down + 1)
            _add(total[target], coverage[target], image[row : row + 1], np.array([0, right]))


def _together(stack: Iterable[ArrayLike], shift: NDArray, use: NDArray) -> Iterator[tuple[NDArray, NDArray, bool]]:
    """Yield each image with its shift and whether to use it."""
    images, n = iter(stack), 0
    for moved, used, image in zip(shift, use, images, strict=False):
        yield np.asarray(image), moved, bool(used)
        n += 1
    more = next(images, None) is not None
    if more or n != len(shift):
        raise ValueError(f"{'more than ' * more}{n} images, but {len(shift)} shifts: each image needs its own")


def _add(total: NDArray, coverage: NDArray, image: NDArray, moved: NDArray[np.int64]) -> None:
    here, there = overlap(total.shape, moved)
    total[here] += image[there].astype(total.dtype, copy=False)
    coverage[here] += 1
