"""Clusters in an intensity image: where they are, how wide and how bright."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage, optimize, special

from analysis.images.parts import Array, pixels_of

FWHM = 2 * np.sqrt(2 * np.log(2))  # of a Gaussian, in standard deviations
MARGIN_PX = 3  # around a blob, to tell its background


@dataclass(frozen=True, eq=False)
class Blobs:
    """Table of clusters, one row each: positions from the corner of the image, size of a round Gaussian, counts.

    Sizes contain the optical resolution, not the pixel. NaN where the fit failed; `whole` is False for blobs
    that touch the border or a masked pixel, which do not enter the median. Errors are one standard deviation.
    """

    x_um: Array
    x_err_um: Array
    y_um: Array
    y_err_um: Array
    fwhm_um: Array
    fwhm_err_um: Array
    counts: Array
    counts_err: Array
    n_pixels: NDArray[np.int64]
    whole: NDArray[np.bool_]
    median_fwhm_um: float
    median_fwhm_err_um: float
    n_photons: float


def blobs(counts: ArrayLike, *, pixel_um: float, threshold: float, mask: ArrayLike | None = None) -> Blobs:
    """Return the clusters of an image: connected pixels at or above `threshold` counts.

    Notes
    -----
    Each is fitted by a round Gaussian, integrated over the pixels, on a flat background, with residuals in which
    Poisson noise is even (2 sqrt(n + 3/8)); pixels of other blobs are left out. Position, size and counts are those
    of the fit, errors from its curvature. The error of the median is 1.25 robust standard deviations / sqrt(n).
    """
    image = np.asarray(counts, dtype=float)
    use = pixels_of(image, mask)
    labels = np.zeros(image.shape, dtype=np.int64)
    ndimage.label(use & (image >= threshold), structure=np.ones((3, 3)), output=labels)
    boxes = ndimage.find_objects(labels)
    n = len(boxes)
    rows = np.array([_fit_blob(image, use, labels, i + 1, box) for i, box in enumerate(boxes)]).reshape(n, 8)
    y, y_err, x, x_err, sigma, sigma_err = np.moveaxis(rows[:, :6] * pixel_um, 1, 0)
    size = np.bincount(labels.ravel(), minlength=n + 1)[1:]
    whole = np.array([_is_whole(use, box) for box in boxes], dtype=bool)
    median, median_err = _median(FWHM * sigma[whole & np.isfinite(sigma)])
    return Blobs(
        x_um=x, x_err_um=x_err, y_um=y, y_err_um=y_err, fwhm_um=FWHM * sigma, fwhm_err_um=FWHM * sigma_err,
        counts=rows[:, 6], counts_err=rows[:, 7], n_pixels=size, whole=whole,
        median_fwhm_um=median, median_fwhm_err_um=median_err, n_photons=float(image[labels > 0].sum()),
    )  # fmt: skip


def _median(values: Array) -> tuple[float, float]:
    """Return the median and its standard error."""
    if values.size == 0:
        return np.nan, np.nan
    low, median, high = np.quantile(values, [0.1587, 0.5, 0.8413])
    return float(median), float(np.sqrt(np.pi / 2) * (high - low) / 2 / np.sqrt(values.size)) or np.nan


def _is_whole(use: NDArray[np.bool_], box: tuple[slice, slice]) -> bool:
    """Return whether a blob is surrounded by pixels that count."""
    rows, columns = box
    inside = rows.start > 0 and columns.start > 0 and rows.stop < use.shape[0] and columns.stop < use.shape[1]
    return bool(inside and use[rows.start - 1 : rows.stop + 1, columns.start - 1 : columns.stop + 1].all())


def _fit_blob(
    image: Array, use: NDArray[np.bool_], labels: NDArray, label: int, box: tuple[slice, slice]
) -> list[float]:
    """Return y, x, sigma (pixels) and counts of a Gaussian, each followed by its error; NaN if it does not fit."""
    view = tuple(slice(max(0, s.start - MARGIN_PX), s.stop + MARGIN_PX) for s in box)
    keep = use[view] & ((labels[view] == 0) | (labels[view] == label))
    n = image[view]
    rows, columns = (np.arange(s.start, s.start + m + 1.0) for s, m in zip(view, n.shape, strict=True))
    start = _start(n, labels[view] == label, float(np.quantile(n[keep], 0.2)))
    start[:2] += rows[0], columns[0]
    stable = 2 * np.sqrt(n[keep] + 3 / 8)

    def residual(values: Array) -> Array:
        y, x, log_sigma, total, base = values
        profile = np.outer(_share(rows - y, log_sigma), _share(columns - x, log_sigma))
        return 2 * np.sqrt(np.maximum(total * profile[keep] + base, 0) + 3 / 8) - stable

    if keep.sum() <= len(start):
        return [np.nan] * 8
    fit = optimize.least_squares(residual, start, method="lm", x_scale=np.maximum(1, [1, 1, 1, *start[3:]]))
    return _blob_row(fit, n.shape)


def _start(n: Array, own: NDArray[np.bool_], floor: float) -> Array:
    """Return y, x, log sigma, counts and background to start from: the moments of the blob."""
    weight = np.maximum(n[own] - floor, 1e-3)
    places = np.argwhere(own) + 0.5
    centre = weight @ places / weight.sum()
    spread = np.sqrt(weight @ ((places - centre) ** 2).sum(axis=1) / weight.sum() / 2)
    return np.array([*centre, np.log(max(spread, 0.4)), weight.sum(), floor])


def _blob_row(fit: optimize.OptimizeResult, shape: tuple[int, ...]) -> list[float]:
    """Return the fitted values and errors, the width in pixels; NaN if the fit is degenerate or beyond its window."""
    curvature = fit.jac.T @ fit.jac
    sigma = np.exp(min(fit.x[2], 50.0))
    if not fit.success or not np.linalg.cond(curvature) < 1e14 or sigma > max(shape) or fit.x[3] <= 0:
        return [np.nan] * 8
    y_err, x_err, log_err, counts_err, _ = np.sqrt(np.diag(np.linalg.inv(curvature)))
    return [fit.x[0], y_err, fit.x[1], x_err, sigma, sigma * log_err, fit.x[3], counts_err]


def _share(edges: Array, log_sigma: float) -> Array:
    """Return the share of a Gaussian that falls into each pixel."""
    return np.diff(special.ndtr(edges * np.exp(-np.clip(log_sigma, -5, 50))))
