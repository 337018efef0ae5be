"""Whether the light of the dots grows as their number."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import root_scalar

Array = NDArray[np.float64]
LARGEST_SCATTER = 10.0


@dataclass(frozen=True, eq=False)
class Linearity:
    """A power law through heights against doping; slope 1 is proportionality. NaN where samples are too few.

    slope, slope_err : of log height with log doping; the error is one standard deviation
    chi2 : of the power law with measured errors alone, per degree of freedom; NaN of two samples
    scatter : relative scatter of the samples beyond their errors, which brings chi2 down to 1; it is in `slope_err`
    n_samples : with dots and doping
    """

    slope: float
    slope_err: float
    chi2: float
    scatter: float
    n_samples: int


def linearity(doping_percent: ArrayLike, height: ArrayLike, height_err: ArrayLike) -> Linearity:
    """How heights grow with doping; samples without doping, or with a height that is not known, are left out.

    Films scatter by more than photons count, so each is given the same further relative error (Paule & Mandel,
    J. Res. Natl. Bur. Stand. 87, 377 (1982)): a faint film then counts no less than a bright one.

    >>> linearity([0, 0.1, 1.0], [np.nan, 2.0, 20.0], [np.nan, 0.02, 0.2]).slope  # doctest: +ELLIPSIS
    1.0...
    """
    doping, height, err = (np.asarray(given, float) for given in (doping_percent, height, height_err))
    use = (doping > 0) & np.isfinite(err) & (np.nan_to_num(height) > 0)
    x, y, relative = np.log(doping[use]), np.log(height[use]), err[use] / height[use]
    if np.unique(x).size < 2:
        return Linearity(float("nan"), float("inf"), float("nan"), float("nan"), int(use.sum()))
    freedom = x.size - 2
    excess = _chi2(x, y, relative, 0.0) - freedom
    scatter = _scatter(x, y, relative, freedom) if freedom > 0 and excess > 0 else 0.0
    slope, slope_err, _ = _line(x, y, np.hypot(relative, scatter))
    chi2 = (excess + freedom) / freedom if freedom else float("nan")
    return Linearity(slope, slope_err, float(chi2), scatter, int(use.sum()))


def _scatter(x: Array, y: Array, err: Array, freedom: int) -> float:
    """What brings chi-squared down to the degrees of freedom."""
    bracket = (0.0, LARGEST_SCATTER)
    return float(root_scalar(lambda scatter: _chi2(x, y, err, scatter) - freedom, bracket=bracket).root)


def _chi2(x: Array, y: Array, err: Array, scatter: float) -> float:
    return _line(x, y, np.hypot(err, scatter))[2]


def _line(x: Array, y: Array, err: Array) -> tuple[float, float, float]:
    """Slope, its error and chi-squared of a weighted straight line."""
    weight = 1 / err**2
    x0, y0 = np.average(x, weights=weight), np.average(y, weights=weight)
    spread = float(weight @ (x - x0) ** 2)
    slope = float(weight @ ((x - x0) * (y - y0))) / spread
    return slope, spread**-0.5, float(weight @ (y - y0 - slope * (x - x0)) ** 2)
