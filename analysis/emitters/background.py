"""What an image would look like without its spots, and how much more it scatters than photons do.

The background follows the pixels far from any excess: first their average, then a plane through those within some
1.5 um, last a curved surface through those within 0.5 um of each pixel (local polynomial regression, Fan & Gijbels,
Local Polynomial Modelling (1996), section 3.2), each a correction to the one before, and shrunk to it where pixels
are few.
"""

from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from analysis.emitters.detect import weighted_sum, weights

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
CLIP_Z = (4.5, 4.5, 4.5, 4.5, 4.5, 3.3)  # an excess; last all that a spot may have, for the surface takes part of it
SKEW = 1 / 9  # of a filtered sum of photons: its quantile z lies SKEW (z^2 - 1) photons higher (Cornish & Fisher)
FIRST_SHARE, FIRST_REACH = 0.3, 7.0  # first guess: a low quantile nearby, for spots lie above it
BASE_SHARE = 0.5  # the quantile where spots leave no background to be seen
PLANES, CURVED = (30.0, 15.0), 5.0  # widths of the weights, in standard deviations of the spots
BLOCK = 2.5  # pixels are pooled to this, in standard deviations of the spots
LEAST_PHOTONS = 100.0  # in a neighbourhood, for a surface through it
SHRINK = 0.03  # weight of the surface before, over that of a neighbourhood full of pixels
MEDIAN = 0.4549  # of the square of a normal deviate
DOUBT = 1.5  # standard deviations by which a dispersion must exceed 1
LEAST_QUIET = 0.2  # of the image, for a dispersion


@dataclass(frozen=True, eq=False)
class Background:
    """Expected counts (ny, nx) without spots; dispersion: variance over mean, 1 for photons, at the scale of spots."""

    level: Array
    dispersion: float


def background(image: Array, sigma_px: float) -> Background:
    """Return the background of an image (ny, nx) of counts, whose spots have the standard deviation sigma_px."""
    g = weights(sigma_px)
    scale = max(sigma_px, 1.0)
    inside, noise = weighted_sum(np.ones_like(image), g), np.sqrt(weighted_sum(np.ones_like(image), g**2))
    total, least = weighted_sum(image, g), 1 / image.size
    level = np.maximum(_quantile(total / inside, FIRST_SHARE, scale), least)
    base = ndimage.gaussian_filter(_quantile(total / inside, BASE_SHARE, scale), CURVED * scale)
    quiet, dispersion = np.ones(image.shape, dtype=bool), 1.0
    for clip in CLIP_Z:
        excess, spread = total - level * inside, noise * np.sqrt(level)
        dispersion = _dispersion(excess / spread, quiet, float(np.mean(spread**2)), g)
        spots = excess > clip * np.sqrt(dispersion) * spread + SKEW * (clip**2 - 1) * dispersion
        quiet = np.logical_not(ndimage.binary_dilation(spots, iterations=int(np.ceil(2 * sigma_px))))
        level = np.maximum(_surface(image, quiet, base, scale), least)
    return Background(level, dispersion)


def _quantile(smooth: Array, share: float, scale: float) -> Array:
    """Quantile around each pixel; the mean of the image where it is zero."""
    block = _block(scale, smooth.shape)
    pooled = smooth[block // 2 :: block, block // 2 :: block]
    size = 2 * max(2, round(FIRST_REACH * scale / block)) + 1
    low = ndimage.percentile_filter(pooled, 100 * share, size=size, mode="reflect")
    row, column = (np.minimum(np.arange(n) // block, m - 1) for n, m in zip(smooth.shape, low.shape, strict=True))
    low = low[np.ix_(row, column)]
    return np.where(low > 0, low, smooth.mean())


def _block(scale: float, shape: tuple[int, ...]) -> int:
    return min(max(1, round(BLOCK * scale)), *shape)


def _dispersion(z: Array, quiet: Mask, n_photons: float, g: Array) -> float:
    """Variance of what lies below the background, where spots do not reach; 1 unless it is significantly more."""
    below = z[quiet & (z < 0)]
    if below.size < LEAST_QUIET / 2 * z.size:
        return 1.0
    area = g.sum() ** 4 / np.sum(g**2) ** 2  # of as many independent pixels
    variance = float(np.median(below**2)) / MEDIAN / _left_over(area)
    error = 2.33 * np.sqrt(area / 2 / below.size)
    return variance if variance > 1 + DOUBT * error + 2 / n_photons else 1.0


def _left_over(area_px: float) -> float:
    """Share of the variance of a filtered sum that the curved surface, which follows noise too, leaves over.

    Integral of |G|^2 |1 - H|^2 over that of |G|^2, with G the filter and H = (1 + u) exp(-u) the surface's response.
    """
    a = area_px / (2 * np.pi * CURVED**2 * max(area_px / (4 * np.pi), 1.0))
    once, twice = 1 / (1 + a), 1 / (2 + a)
    return 1 - 2 * a * (once + once**2) + a * (twice + 2 * twice**2 + 2 * twice**3)


def _surface(image: Array, quiet: Mask, base: Array, scale: float) -> Array:
    """Smooth surface (ny, nx) through the quiet pixels, as detailed as photons allow; `base` where there are none."""
    level, per_pixel = base, float(image[quiet].mean()) if quiet.any() else 0.0
    if quiet.any() and 2 * np.pi * (PLANES[0] * scale) ** 2 * per_pixel < LEAST_PHOTONS:
        return np.full(image.shape, per_pixel)
    for degree, width in [(1, width) for width in PLANES] + [(2, CURVED)]:
        if 2 * np.pi * (width * scale) ** 2 * per_pixel < LEAST_PHOTONS:
            continue
        residual = np.where(quiet, image - level, 0.0)
        level = level + _correction(residual, quiet, degree, width * scale, _block(scale, image.shape))
    return level


def _correction(residual: Array, quiet: Mask, degree: int, width: float, block: int) -> Array:
    """Local polynomial through the residuals of the quiet pixels, pooled in blocks."""
    starts = [np.arange(0, n, block) for n in residual.shape]
    number, total = (_pooled(a, starts) for a in (quiet.astype(float), residual))
    reach = int(np.ceil(3 * width / block))
    u = np.arange(-reach, reach + 1) * block / width
    along = [np.exp(-0.5 * u**2) * u**p for p in range(2 * degree + 1)]
    powers = [(p, q) for p, q in product(range(degree + 1), repeat=2) if p + q <= degree]
    moment = {p: _moment(number, along, *p) for p in product(range(2 * degree + 1), repeat=2) if sum(p) <= 2 * degree}
    matrix = np.stack([np.stack([moment[p + r, q + s] for r, s in powers], axis=-1) for p, q in powers], axis=-2)
    target = np.stack([_moment(total, along, p, q) for p, q in powers], axis=-1)
    full = 2 * np.pi * width**2
    coefficients = np.asarray(
        np.linalg.solve(matrix + SHRINK * full * np.eye(len(powers)), target[..., None])[..., 0], dtype=np.float64
    )
    return _spread_out(coefficients, powers, residual.shape, block, width)


def _pooled(image: Array, starts: list[NDArray[np.int64]]) -> Array:
    return np.add.reduceat(np.add.reduceat(image, starts[0], axis=0), starts[1], axis=1)


def _moment(field: Array, along: list[Array], p: int, q: int) -> Array:
    rows = ndimage.correlate1d(field, along[p], axis=0, mode="constant")
    return ndimage.correlate1d(rows, along[q], axis=1, mode="constant")


def _spread_out(
    coefficients: Array, powers: list[tuple[int, int]], shape: tuple[int, ...], block: int, width: float
) -> Array:
    """Each pixel takes the polynomial of its block."""
    row, column = (np.arange(n) // block for n in shape)
    v, u = ((np.arange(n) - block * (np.arange(n) // block) - (block - 1) / 2) / width for n in shape)
    total = np.zeros(shape)
    for k, (p, q) in enumerate(powers):
        total += coefficients[..., k][np.ix_(row, column)] * np.outer(v**p, u**q)
    return total
