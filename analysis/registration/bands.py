"""What each band of rows says about the drift within a scan.

A scan takes its rows one after the other, so a moving scene is sheared. Every image is put straight with the path
known so far; its bands of rows are compared with the mean of the other images; all bands together give a better path.
"""

from itertools import pairwise

import numpy as np
from numpy import fft
from numpy.typing import NDArray
from scipy import ndimage

from analysis.registration.parts import TINY, Array, ring_mean, wavenumbers
from analysis.registration.path import Measured

BAND_PX = 16  # rows that are compared as one
EDGE_PX = 2  # closer to the border of an image there is nothing to interpolate
STEP_PX = 1.0  # a longer step is not trusted
UNKNOWN_PX2 = 1e4  # variance of a band without structure


def straight(image: Array, line_shift: Array) -> Array:
    """Return the image (ny, nx) with its rows moved back by `line_shift` (ny, 2); NaN where it saw nothing."""
    ny, nx = image.shape
    rows = np.arange(ny)
    source = np.interp(rows, rows - line_shift[:, 0], rows, left=-1, right=-1)
    slide = np.interp(source, rows, line_shift[:, 1])
    y, x = np.broadcast_arrays(source[:, None], np.arange(nx) + slide[:, None])
    seen = (y >= EDGE_PX) & (y <= ny - 1 - EDGE_PX) & (x >= EDGE_PX) & (x <= nx - 1 - EDGE_PX)
    return np.where(seen, ndimage.map_coordinates(image, [y, x], order=3, mode="nearest"), np.nan)


def compare(stable: Array, line_shift: Array, row_times: Array) -> tuple[Measured, Measured]:
    """Return what bands of rows say of the drift along rows and along columns.

    stable : variance-stabilised images, shape (n, ny, nx); line_shift (n, ny, 2) the path so far; row_times (n, ny)
    """
    n, ny, _ = stable.shape
    edges = np.linspace(0, ny, max(1, round(ny / BAND_PX)) + 1).astype(int)
    steps, variances = _steps(stable, line_shift, edges)
    rows, centre = np.arange(ny), (edges[:-1] + edges[1:] - 1) / 2
    times = np.stack([np.interp(centre, rows, each) for each in row_times]).ravel()
    place = np.tile(np.arange(len(centre)), n)
    own = 1 - 1 / n  # the others follow: an image is 1/n of the mean of all

    def axis(a: int) -> Measured:
        before = np.stack([np.interp(centre, rows, each[:, a]) for each in line_shift])
        return Measured(times, (before + own * steps[..., a]).ravel(), own * variances[..., a].ravel(), place)

    return axis(0), axis(1)


def _steps(stable: Array, line_shift: Array, edges: NDArray[np.int64]) -> tuple[Array, Array]:
    """Return how far each band of each image is off the mean of the others, and the variance, (n, n_bands, 2)."""
    views = np.stack([straight(image, moved) for image, moved in zip(stable, line_shift, strict=True)])
    seen = np.isfinite(views)
    views = np.where(seen, views, 0)
    total, number, share = views.sum(axis=0), seen.sum(axis=0), _structure(views, seen)
    found = np.zeros((2, len(stable), len(edges) - 1, 2))
    for i in range(len(stable)):
        others = number - seen[i]
        usable = seen[i] & (others > 0)
        template = np.where(usable, (total - views[i]) / np.maximum(others, 1), 0)
        slopes, rest = _slopes(template, usable, share), np.where(usable, views[i] - template, 0)
        for b, band in enumerate(slice(*each) for each in pairwise(edges)):
            found[:, i, b] = _offset(rest[band], slopes[:, band], usable[band])
    return found[0], found[1]


def _structure(views: Array, seen: NDArray[np.bool_]) -> Array:
    """Return the share of structure in the mean image at each wavenumber, from two halves of the images."""
    rings = wavenumbers(views.shape[1:])[1]
    halves = [views[i::2].sum(axis=0) / np.maximum(1, seen[i::2].sum(axis=0)) for i in (0, 1)]
    a, b = (fft.fft2(half - half.mean()) for half in halves)
    shared, both = ring_mean((a.conj() * b).real, rings), ring_mean(np.abs(a + b) ** 2 / 4, rings)
    return np.clip(shared / np.maximum(both, TINY), 0, 1)


def _slopes(template: Array, usable: NDArray[np.bool_], share: Array) -> Array:
    """Return the slopes (2, ny, nx) of the structure in a template."""
    k, _ = wavenumbers(template.shape)
    level = template[usable].mean() if usable.any() else 0.0
    spectrum = fft.fft2(np.where(usable, template - level, 0)) * share
    return fft.ifft2(1j * k * spectrum).real


def _offset(rest: Array, slopes: Array, usable: NDArray[np.bool_]) -> tuple[Array, Array]:
    """Return how far a band has still to move and the variance of that, (2,) each; its misfit is its noise."""
    slopes = np.where(usable, slopes, 0)
    normal = np.tensordot(slopes, slopes, axes=([1, 2], [1, 2]))
    if not np.linalg.cond(normal) < 1e6:
        return np.zeros(2), np.full(2, UNKNOWN_PX2)
    inverse = np.linalg.inv(normal)
    rest = np.where(usable, rest - rest[usable].mean(), 0)
    step = -inverse @ np.tensordot(slopes, rest, axes=([1, 2], [0, 1]))
    pulls = slopes * (rest + np.tensordot(step, slopes, axes=1))
    scatter = np.tensordot(pulls, pulls, axes=([1, 2], [1, 2]))
    return np.clip(step, -STEP_PX, STEP_PX), np.diag(inverse @ scatter @ inverse)
