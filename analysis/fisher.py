"""Errors before a measurement: what counts with Poisson noise can tell of the parameters of their model.

The information is J diag(1 / expected) J^T, J the derivatives of the expected counts; its inverse bounds the covariance
of any unbiased estimate (Cramer and Rao), and a likelihood fit of enough counts reaches it.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]
STEP = 1e-4  # of a parameter, to each side


def covariance(expected: ArrayLike, slopes: ArrayLike) -> Array:
    """Smallest covariance (n, n) of n parameters; infinite where the counts tell nothing of one.

    expected : (n_bins,) counts; bins that expect none tell nothing
    slopes : (n, n_bins) derivatives of the expected counts

    >>> covariance([100.0, 100.0], [[1.0, 1.0]])  # of a level that is seen twice
    array([[50.]])
    """
    mean, jacobian = np.asarray(expected, float), np.atleast_2d(np.asarray(slopes, float))
    lit = mean > 0
    information = (jacobian[:, lit] / mean[lit]) @ jacobian[:, lit].T
    scale = np.sqrt(np.diag(information))
    if not (scale > 0).all():
        return np.full(information.shape, np.inf)
    shape = information / np.outer(scale, scale)
    if np.linalg.cond(shape) > 1e12:
        return np.full(information.shape, np.inf)
    return np.linalg.inv(shape) / np.outer(scale, scale)


def covariance_of(model: Callable[[Array], Array], at: ArrayLike) -> Array:
    """Smallest covariance of the parameters of a model, at these values; its derivatives are taken numerically.

    model : (n,) parameters, none of them 0 -> expected counts (n_bins,)

    >>> covariance_of(lambda level: np.repeat(level, 4), [25.0]).round(2)
    array([[6.25]])
    """
    centre = np.asarray(at, float)
    slopes = []
    for index, value in enumerate(centre):
        step = np.zeros_like(centre)
        step[index] = STEP * abs(value)
        slopes.append((model(centre + step) - model(centre - step)) / (2 * step[index]))
    return covariance(model(centre), np.array(slopes))


def error_of(gradient: ArrayLike, covariance: Array) -> float:
    """Standard deviation of a function of the parameters, by its gradient (n,).

    >>> round(error_of([1.0, -1.0], np.eye(2)), 3)
    1.414
    """
    slope = np.asarray(gradient, float)
    if not np.isfinite(covariance).all():
        return float("inf")
    return float(np.sqrt(max(slope @ covariance @ slope, 0.0)))
