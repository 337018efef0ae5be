"""Sums of Gaussians on a flat background: values, derivatives, and where the sum is highest.

Parameters of a sum of n bands, (2 + 3 n,): background, tail, then height, centre_nm, fwhm_nm of each band. The tail is
what the background is higher on the red side of a `Step`; without a step there is none.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import root_scalar
from scipy.special import ndtr

Array = NDArray[np.float64]
HALF = 4 * np.log(2)
AREA = float(np.sqrt(np.pi / HALF))  # of a band of unit height and width
SIGMA = float(1 / np.sqrt(2 * HALF))  # standard deviation of a band of unit width
HEIGHT, CENTRE, FWHM = slice(2, None, 3), slice(3, None, 3), slice(4, None, 3)
REACH, PER_FWHM = 1.5, 100  # grid on which the highest point is looked for
STEP_NM = 1e-3


@dataclass(frozen=True)
class Step:
    """Where the red tail of a spectrum sets in: below a band, which hides how."""

    nm: float
    sigma_nm: float

    def at(self, wavelength_nm: Array) -> Array:
        """(n,) 0 on the blue side, 1 on the red side."""
        return ndtr((wavelength_nm - self.nm) / self.sigma_nm)


def bands_at(x: Array, wavelength_nm: Array) -> Array:
    """(n_bands, n) each band by itself, without background."""
    height, centre, fwhm = (x[which, None] for which in (HEIGHT, CENTRE, FWHM))
    return height * np.exp(-HALF * ((wavelength_nm - centre) / fwhm) ** 2)


def model_at(x: Array, step: Step | None, wavelength_nm: Array) -> Array:
    """(n,) bands, background and tail."""
    tail = 0.0 if step is None else x[1] * step.at(wavelength_nm)
    return bands_at(x, wavelength_nm).sum(axis=0) + x[0] + tail


def slopes_at(x: Array, wavelength_nm: Array) -> Array:
    """(2 + 3 n, n) derivatives of bands and background with each parameter; none with the tail."""
    height, centre, fwhm = (x[which, None] for which in (HEIGHT, CENTRE, FWHM))
    u = (wavelength_nm - centre) / fwhm
    slopes = np.ones((x.size, wavelength_nm.size))
    slopes[1] = 0
    slopes[HEIGHT] = np.exp(-HALF * u**2)
    slopes[CENTRE] = 2 * HALF * height * slopes[HEIGHT] * u / fwhm
    slopes[FWHM] = slopes[CENTRE] * u
    return slopes


@dataclass(frozen=True, eq=False)
class Peak:
    """The highest point of the sum of the bands, its full width at half maximum, and their errors."""

    nm: float
    err_nm: float
    fwhm_nm: float
    fwhm_err_nm: float
    height: float
    height_err: float

    def fields(self) -> dict[str, Any]:
        """By the names they have in a `BandFit`."""
        position = {"peak_nm": self.nm, "peak_err_nm": self.err_nm}
        width = {"peak_fwhm_nm": self.fwhm_nm, "peak_fwhm_err_nm": self.fwhm_err_nm}
        return position | width | {"peak_height": self.height, "peak_height_err": self.height_err}


NO_PEAK = Peak(np.nan, np.inf, np.nan, np.inf, np.nan, np.inf)


def peak_of(x: Array, covariance: Array) -> Peak:
    """Where the sum of the bands is highest, with errors to first order in those of the bands."""
    if x.size == 2 or not np.isfinite(x).all() or not x[HEIGHT].max() > 0:
        return NO_PEAK
    nm, left_nm, right_nm = _landmarks(x)
    slopes = _slopes_of_peak(x, nm, left_nm, right_nm)
    err = np.full(3, np.inf)
    if np.isfinite(covariance).all() and np.isfinite(slopes).all():
        err = np.sqrt(np.maximum(np.einsum("ij,jk,ik->i", slopes, covariance, slopes), 0))
    return Peak(nm, float(err[0]), right_nm - left_nm, float(err[1]), _sum_at(x, nm), float(err[2]))


def _landmarks(x: Array) -> tuple[float, float, float]:
    """The highest point of the sum and the points on either side where it has fallen to half."""
    steps = np.linspace(-REACH, REACH, int(2 * REACH * PER_FWHM) + 1)
    grid = np.unique(x[CENTRE, None] + x[FWHM, None] * steps)
    sums = bands_at(x, grid).sum(axis=0)
    top = int(np.argmax(sums))
    near = grid[top - 1 : top + 2 : 2]
    peak = _root(lambda at: _tilt_at(x, at), near, 0)
    half = _sum_at(x, peak) / 2
    low, high = int(np.flatnonzero(sums[:top] < half)[-1]), top + int(np.flatnonzero(sums[top:] < half)[0])
    left = _root(lambda at: _sum_at(x, at) - half, grid, low)
    right = _root(lambda at: _sum_at(x, at) - half, grid, high - 1)
    return peak, left, right


def _slopes_of_peak(x: Array, nm: float, left_nm: float, right_nm: float) -> Array:
    """(3, 2 + 3 n) derivatives of position, width and height of the peak with the parameters of the bands."""
    at = np.array([nm, left_nm, right_nm, nm - STEP_NM, nm + STEP_NM])
    slopes = slopes_at(x, at).T
    slopes[:, 0] = 0
    curvature = (_tilt_at(x, nm + STEP_NM) - _tilt_at(x, nm - STEP_NM)) / (2 * STEP_NM)
    moved = -(slopes[4] - slopes[3]) / (2 * STEP_NM) / curvature
    left, right = ((slopes[0] / 2 - slopes[k]) / _tilt_at(x, at[k]) for k in (1, 2))
    return np.stack([moved, right - left, slopes[0]])


def _sum_at(x: Array, at_nm: float) -> float:
    return float(bands_at(x, np.array([at_nm])).sum())


def _tilt_at(x: Array, at_nm: float) -> float:
    """Derivative of the sum with the wavelength."""
    return -float(slopes_at(x, np.array([at_nm]))[CENTRE].sum())


def _root(function: Callable[[float], float], grid: Array, low: int) -> float:
    """Where a function changes its sign, between two points of the grid."""
    bracket = float(grid[low]), float(grid[low + 1])
    if function(bracket[0]) * function(bracket[1]) > 0:
        return sum(bracket) / 2
    return float(root_scalar(function, bracket=bracket).root)
