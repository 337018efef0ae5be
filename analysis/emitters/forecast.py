"""How exactly an emitter will be placed in an image, and how dim it may be to be found, before it is scanned."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import ndtr

from analysis.emitters.detect import UNSURE, expected_by_chance, weights
from analysis.fisher import covariance_of

Array = NDArray[np.float64]
FWHM = 2 * math.sqrt(2 * math.log(2))  # of a Gaussian, in standard deviations
REACH_FWHM = 2.0  # half the width of the window around the emitter


@dataclass(frozen=True)
class PlaceErrors:
    """What a fit of one spot will be sure of; `_err` is one standard deviation.

    x_err_um : along each axis; n_photons : of the emitter in the image, background excluded
    """

    x_err_um: float
    rate_cps: float
    rate_err_cps: float
    fwhm_err_um: float
    n_photons: float


def expected_place(
    rate_cps: float, background_cps: float, *, dwell_s: float, pixel_um: float, fwhm_um: float = 0.24
) -> PlaceErrors:
    """Errors of centre, brightness and width of one emitter, from Fisher information.

    Parameters
    ----------
    rate_cps : of the emitter in the focus, without background_cps, which is the same all around
    dwell_s, pixel_um : of the image; fwhm_um : of a spot. All five are fitted: centre, brightness, width, background

    >>> found = expected_place(50_000, 10_000, dwell_s=0.01, pixel_um=0.1)
    >>> f"{1e3 * found.x_err_um:.1f} nm from {found.n_photons:.0f} photons"
    '2.7 nm from 3263 photons'
    """
    half = max(2, math.ceil(REACH_FWHM * fwhm_um / pixel_um))
    offset = np.arange(-half, half + 1) * pixel_um
    x_um, y_um = (axis.ravel() for axis in np.meshgrid(offset, offset))
    level = max(background_cps, 1.0)

    def counts(at: Array) -> Array:
        rate, x, y, sigma, low = at
        spot = np.exp(-0.5 * ((x_um - x + 1) ** 2 + (y_um - y + 1) ** 2) / sigma**2)  # centre at 1, no parameter is 0
        return dwell_s * (rate * spot + low)

    sigma_um = fwhm_um / FWHM
    n_photons = 2 * math.pi * sigma_um**2 / pixel_um**2 * rate_cps * dwell_s
    if not rate_cps > 0:
        return PlaceErrors(math.inf, 0.0, math.inf, math.inf, 0.0)
    spread = np.sqrt(np.diag(covariance_of(counts, [rate_cps, 1.0, 1.0, sigma_um, level])))
    return PlaceErrors(float(spread[1]), rate_cps, float(spread[0]), float(spread[3]) * FWHM, n_photons)


def faintest_cps(
    background_cps: float,
    *,
    dwell_s: float,
    pixel_um: float,
    n_pixels: int,
    false_alarm: float = 0.01,
    fwhm_um: float = 0.24,
) -> float:
    """Brightness in the focus at which half of the emitters of an image are found.

    false_alarm : spots expected in an image of n_pixels x n_pixels without emitters

    Notes
    -----
    The search sums counts with the weights of the spot; what it takes for an emitter is as rare in the background of
    `false_alarm`. Poisson sums of few counts have longer tails: at least `z^2 / 2` weighted counts are asked for.

    >>> dim = faintest_cps(10_000, dwell_s=0.01, pixel_um=0.1, n_pixels=100)
    >>> 0 < dim < faintest_cps(10_000, dwell_s=0.001, pixel_um=0.1, n_pixels=100)
    True
    """
    sigma_px = fwhm_um / FWHM / pixel_um
    kernel = weights(sigma_px)
    spot = np.outer(kernel, kernel)
    z = threshold_z(n_pixels, sigma_px, false_alarm)
    background = max(background_cps, 1e-3) * dwell_s
    noise = math.sqrt(UNSURE * background * float((spot**2).sum()))
    few = z**2 / 2  # of the tail of a Poisson sum beside that of a Gaussian
    return (z * noise + few * float((spot**3).sum() / (spot**2).sum())) / float((spot**2).sum()) / dwell_s


def threshold_z(n_pixels: int, sigma_px: float, false_alarm: float) -> float:
    """Standard deviations of the background that are as rare as `false_alarm` in a whole image.

    >>> 4 < threshold_z(100, 1.02, 0.01) < 6
    True
    """

    def excess(z: float) -> float:
        chance = np.array([ndtr(-z)])
        return float(np.log(expected_by_chance(chance, (n_pixels, n_pixels), sigma_px)[0] / false_alarm))

    if excess(1.0) <= 0:
        return 1.0
    return float(np.asarray(brentq(excess, 1.0, 20.0)))
