"""Where an image holds more counts than its background allows.

The counts around each pixel are summed with the weights of the point spread function. How improbable such a sum is
follows from its cumulants, exactly Poisson (Lugannani & Rice, Adv. Appl. Probab. 12, 475 (1980)), and how many of the
pixels would pass by chance from the number of independent places in the image (Adler & Taylor, Random Fields and
Geometry (2007), section 15.10).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, special

Array = NDArray[np.float64]
REACH = 3.0  # of the weights, in standard deviations
LEAST_Z = 3.0  # what is below needs no exact probability
NEWTON_STEPS = 40
UNSURE = 1.05  # variance of a sum over that of its photons, for the background beneath is an estimate


@dataclass(frozen=True, eq=False)
class Candidates:
    """Pixels (row, column) with more counts than the model; chance (n,) of one of them, expected number by chance."""

    row: NDArray[np.int64]
    column: NDArray[np.int64]
    amplitude: Array
    chance: Array
    n_by_chance: Array


def weights(sigma_px: float) -> Array:
    """Gaussian of height 1 on whole pixels, (2 r + 1,), along one axis."""
    radius = max(1, int(np.ceil(REACH * sigma_px)))
    return np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma_px) ** 2)


def weighted_sum(image: Array, weight: Array) -> Array:
    """Weighted sum around each pixel; nothing beyond the border."""
    along = ndimage.correlate1d(image, weight, axis=0, mode="constant")
    return ndimage.correlate1d(along, weight, axis=1, mode="constant")


def candidates(image: Array, model: Array, sigma_px: float, apart_px: float) -> Candidates:
    """Return the pixels in which the excess over `model` is largest within apart_px and more than noise."""
    g = weights(sigma_px)
    norm = weighted_sum(model, g**2)
    z = weighted_sum(image - model, g) / np.sqrt(norm)
    radius = max(1, round(apart_px))
    y, x = np.mgrid[-radius : radius + 1, -radius : radius + 1]
    highest = ndimage.maximum_filter(z, footprint=x**2 + y**2 <= max(apart_px, 1) ** 2, mode="constant", cval=-np.inf)
    row, column = np.nonzero((z == highest) & (z > LEAST_Z))
    chance = _chance(image / UNSURE, model / UNSURE, g, row, column)
    amplitude = weighted_sum(image - model, g)[row, column] / weighted_sum(np.ones_like(image), g**2)[row, column]
    return Candidates(row, column, amplitude, chance, expected_by_chance(chance, image.shape, sigma_px))


def _chance(image: Array, model: Array, g: Array, row: NDArray[np.int64], column: NDArray[np.int64]) -> Array:
    """Probability of a weighted sum of Poisson counts at least as large, at each place."""
    radius = g.size // 2
    offset = np.arange(-radius, radius + 1)
    here = (row[:, None, None] + radius + offset[:, None], column[:, None, None] + radius + offset)
    mean = np.pad(model, radius)[here].reshape(row.size, g.size**2)
    weight = np.outer(g, g).ravel()
    reached = np.pad(image, radius)[here].reshape(row.size, g.size**2) @ weight
    s = np.zeros(row.size)
    for _ in range(NEWTON_STEPS):
        tilted = mean * np.exp(s[:, None] * weight)
        slope, bend = tilted @ weight, tilted @ weight**2
        s = np.maximum(s + np.clip((reached - slope) / bend, -1.0, 1.0), 0.0)
    cumulant = (mean * np.expm1(s[:, None] * weight)).sum(axis=1)
    bend = (mean * np.exp(s[:, None] * weight)) @ weight**2
    w = np.sqrt(2 * np.maximum(s * reached - cumulant, 1e-12))
    v = np.maximum(s * np.sqrt(bend), 1e-6)
    density = np.exp(-0.5 * w**2) / np.sqrt(2 * np.pi)
    return np.clip(special.ndtr(-w) + density * (1 / v - 1 / w), 1e-300, 1.0)


def expected_by_chance(chance: Array, shape: tuple[int, ...], sigma_px: float) -> Array:
    """Expected number of maxima of filtered noise that are as improbable; never more than one per pixel."""
    u = np.maximum(-special.ndtri(chance), 1.0)
    area, half_perimeter, slope = shape[0] * shape[1], shape[0] + shape[1], 1 / (np.sqrt(2) * sigma_px)
    gauss = np.exp(-0.5 * u**2)
    surface = area * slope**2 * u * gauss / (2 * np.pi) ** 1.5 + half_perimeter * slope * gauss / (2 * np.pi)
    return np.minimum(surface + chance, area * chance)
