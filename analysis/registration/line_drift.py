"""How far the scene moved row by row: a scan takes minutes, and drift shears it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analysis.registration.bands import compare
from analysis.registration.drift import Drift, register
from analysis.registration.parts import Array, checked_counts
from analysis.registration.path import Measured, follow

LINE_PASSES = 3


@dataclass(frozen=True, eq=False)
class LineDrift:
    """How far the scene had moved when each row was taken, in pixels (row, column), since image 0 was.

    `shift_px` and `shift_err_px` (one standard deviation), shape (n, ny, 2), are zero on average over the rows of
    image 0, and NaN where `reliable`, shape (n,), is False. `misfit`, shape (2,): chi-squared per degree of freedom
    of the bands of rows about the path along each axis. `n_photons`, shape (n,): in each image.
    """

    shift_px: Array
    shift_err_px: Array
    reliable: NDArray[np.bool_]
    misfit: Array
    n_photons: Array


def line_shifts(images: ArrayLike, drift: Drift | None = None, *, busy_share: float = 1.0) -> LineDrift:
    """Return how far the scene had moved at every row of every image.

    Parameters
    ----------
    images : counts, shape (n, ny, nx), taken at equal intervals row after row, row 0 first
    drift : of `register`, found here if not given
    busy_share : share of the interval between images in which rows are taken, above 0 and up to 1

    Notes
    -----
    The path in time is smooth or a random walk, as the data say; where they say nothing it is a straight line
    through the images. A shear that all images have alike is only known from that path, and its error says so.
    With fewer than two reliable images nothing is known: the shifts of image 0 are zero, with infinite errors.
    ValueError for what are not counts, a drift of other images, or a share outside 0..1.
    """
    counts = checked_counts(images)
    if not 0 < busy_share <= 1:
        raise ValueError(f"busy_share={busy_share:g}: must be above 0 and at most 1")
    drift = register(counts) if drift is None else drift
    if drift.shift_px.shape != (len(counts), 2):
        raise ValueError(f"drift of {len(drift.shift_px)} images does not belong to {len(counts)} images: give theirs")
    n, ny, _ = counts.shape
    used = np.flatnonzero(drift.reliable)
    shift, error = np.full((n, ny, 2), np.nan), np.full((n, ny, 2), np.nan)
    shift[0], error[0], misfit = 0, np.inf, np.full(2, np.nan)
    if len(used) > 1:
        times = used[:, None] + busy_share * ((np.arange(ny) + 0.5) / ny - 0.5)
        stable = 2 * np.sqrt(counts[used] + 3 / 8)
        shift[used], error[used], misfit = _paths(stable, drift, used, times)
    return LineDrift(shift, error, drift.reliable, misfit, counts.sum(axis=(1, 2)))


def _paths(stable: Array, drift: Drift, used: NDArray, times: Array) -> tuple[Array, Array, Array]:
    """Return shift and error (n, ny, 2) at times (n, ny), and the misfit (2,); better bands make better paths."""
    variance = np.maximum(drift.shift_err_px[used], 1e-3) ** 2
    frames = [Measured(used.astype(float), drift.shift_px[used, a], variance[:, a], 0 * used) for a in (0, 1)]
    measured = frames
    for _ in range(LINE_PASSES):
        paths = [follow(each, times.ravel()) for each in measured]
        shift = np.stack([mean.reshape(times.shape) for mean, _, _ in paths], axis=-1)
        measured = compare(stable, shift - shift[0].mean(axis=0), times)
    paths = [follow(each, times.ravel()) for each in measured]
    rows = times.shape[1]
    shift, error = np.empty((*times.shape, 2)), np.empty((*times.shape, 2))
    for a, (mean, cov, _) in enumerate(paths):
        origin = cov[:, :rows].mean(axis=1)
        variance = np.diag(cov) - 2 * origin + origin[:rows].mean()
        shift[..., a] = (mean - mean[:rows].mean()).reshape(times.shape)
        error[..., a] = np.sqrt(np.maximum(variance, 0)).reshape(times.shape)
    return shift, error, np.array([misfit for _, _, misfit in paths])
