"""Drift between scans of one scene, and the drift-corrected sum.

A scene that moved by `d` shows the feature of pixel `p` of image 0 at pixel `p + d`. Shifts are found in two
steps: a whitened cross-correlation finds the pixel and says whether it can be trusted; the likelihood of all images
together finds the fraction. Sums use whole pixels, finer shifts move photons one by one: counts stay Poisson counts.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analysis._registration_lines import compare
from analysis._registration_parts import Array, noise_variance, overlap, window_of
from analysis._registration_path import Measured, follow
from analysis._registration_pixel import place
from analysis._registration_subpixel import refine
from analysis._registration_thin import exposure, scatter

MIN_PAIRS = 10  # chance coincidences per lag with image 0; fewer have no Gaussian scatter
LINE_PASSES = 3
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
    `reliable` is False. Translation only: drift while an image is scanned shears and stretches it, see
    `line_shifts`; the shift is then that of the features, not of the stage averaged over the scan.
    The fraction of a pixel is right also where detail is finer than a pixel: see `_registration_subpixel`.
    Source: Guizar-Sicairos et al., Opt. Lett. 33, 156 (2008); Knapp & Carter, IEEE Trans. ASSP 24, 320 (1976).
    """
    counts = _checked(images)
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


def _checked(images: ArrayLike) -> Array:
    """Return images as numbers; ValueError unless they are counts, shape (n, ny, nx)."""
    counts = np.asarray(images, dtype=float)
    if counts.ndim != 3 or 0 in counts.shape:
        raise ValueError(f"images have shape {counts.shape}, not (n, ny, nx) with n, ny, nx >= 1")
    if not np.isfinite(counts).all() or counts.min() < 0:
        raise ValueError("images are counts: finite and not negative")
    return counts


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
    With fewer than two reliable images nothing is known: shifts are zero and errors infinite.
    """
    counts = _checked(images)
    if not 0 < busy_share <= 1:
        raise ValueError(f"busy_share={busy_share:g}: must be above 0 and at most 1")
    drift = register(counts) if drift is None else drift
    if drift.shift_px.shape != (len(counts), 2):
        raise ValueError(f"drift of {len(drift.shift_px)} images does not belong to {len(counts)} images")
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

    With `shift_px` of shape (ny, 2) each row goes its own way: a row of the sum may be covered twice or not at all.

    >>> total, coverage = np.zeros((1, 4), int), np.zeros((1, 4), int)
    >>> add_aligned(total, coverage, np.array([[1, 2, 3, 4]]), (0, 1.2))
    >>> total, coverage
    (array([[2, 3, 4, 0]]), array([[1, 1, 1, 0]]))
    """
    if image.shape != total.shape:
        raise ValueError(f"image of shape {image.shape} cannot be added to a sum of shape {total.shape}")
    if not np.isfinite(shift_px).all():
        raise ValueError("the shift of an image that is used is unknown")
    moved = np.rint(shift_px).astype(int)
    if moved.ndim == 1:
        _add(total, coverage, image, moved)
        return
    if moved.shape != (len(image), 2):
        raise ValueError(f"line shifts of shape {moved.shape} do not belong to an image of {len(image)} rows")
    for row, (down, right) in enumerate(moved):
        if 0 <= row - down < len(total):
            target = slice(row - down, row - down + 1)
            _add(total[target], coverage[target], image[row : row + 1], np.array([0, right]))


def _add(total: NDArray, coverage: NDArray, image: NDArray, moved: NDArray[np.int64]) -> None:
    here, there = overlap(total.shape, moved)
    total[here] += image[there].astype(total.dtype, copy=False)
    coverage[here] += 1


@dataclass(frozen=True, eq=False)
class Thinned:
    """Counts moved by a fraction of a pixel: still integers, still Poisson.

    `coverage`, shape (ny, nx): the share of each pixel that was in view; expected counts are in proportion.
    `n_photons` are still in the frame, `n_lost` left it. The same `seed` gives the same counts again.
    """

    counts: NDArray
    coverage: Array
    n_photons: int
    n_lost: int
    seed: int


def thin_shift(
    counts: ArrayLike, shift_px: ArrayLike, *, axes: tuple[int, int] = (0, 1), seed: int | None = None
) -> Thinned:
    """Return counts whose scene is moved by `shift_px` (row, column), photon by photon.

    Parameters
    ----------
    counts : integers; an image (ny, nx), a cube (ny, nx, n_bins), or any other with rows and columns at `axes`
    shift_px : by how much; minus the shift of a drift puts an image back on image 0
    seed : of the random numbers, not negative; one is drawn, and recorded, by default

    Notes
    -----
    Every photon goes to one of the four pixels that its own would overlap, with the shares of the overlap as
    probabilities. A thinned Poisson process is a Poisson process: pixels stay independent, with variance equal to
    the mean, which interpolation destroys. The price is a blur by one pixel at most. Source: Kingman, Poisson
    Processes (1993), sections 2.2 and 5.1.

    >>> moved = thin_shift(np.array([[8, 0, 0]]), (0, 1.5), seed=1)
    >>> moved.counts.sum(), moved.counts[0, 0], moved.coverage
    (np.int64(8), np.int64(0), array([[0. , 0.5, 1. ]]))
    """
    photons, shift = np.asarray(counts), np.asarray(shift_px, dtype=float)
    if photons.dtype.kind not in "biu" or photons.ndim < 2 or (photons.size and photons.min() < 0):
        raise ValueError(f"counts of type {photons.dtype}, shape {photons.shape}: must be integers >= 0, 2-D or more")
    if shift.shape != (2,) or not np.isfinite(shift).all():
        raise ValueError(f"shift_px={shift_px}: must be two finite numbers, row and column")
    if seed is None:
        seed = int(np.random.SeedSequence().generate_state(1, np.uint64)[0])
    cube = np.moveaxis(photons, axes, (0, 1))
    limit = np.maximum(cube.shape[:2], 1)
    flat = cube.reshape(*cube.shape[:2], math.prod(cube.shape[2:]))
    shift = np.clip(shift, -limit - 1, limit + 1)
    moved = scatter(flat, shift, np.random.default_rng(seed))
    kept, total = int(moved.sum()), int(photons.sum(dtype=np.int64))
    moved = np.moveaxis(moved.reshape(cube.shape).astype(_wide(photons.dtype)), (0, 1), axes)
    return Thinned(moved, exposure(cube.shape[:2], shift), kept, total - kept, seed)


def _wide(dtype: np.dtype) -> np.dtype:
    """Return a type that holds the sum of 65 536 values of `dtype`."""
    if dtype.kind not in "biu":
        return dtype
    return np.dtype(f"{'i' if dtype.kind == 'i' else 'u'}{4 if dtype.itemsize < 4 else 8}")
