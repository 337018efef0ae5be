"""A drift through time along one axis: measured here and there, known everywhere with an error.

The path is a Gaussian process about a free straight line: a random walk, or a curve (the integral of one), whichever
the data make more likely. What all measurements at one place of a scan share may be an offset of that place and says
nothing of time: such offsets are free too. Source: Rasmussen & Williams, Gaussian Processes for Machine Learning
(2006), 2.7; the likelihood is the restricted one.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from analysis.registration.parts import Array

STRENGTHS = np.geomspace(1e-7, 1e2, 28)  # variance, px^2, that a path gains in one frame beyond the line
KERNELS = ("curve", "walk")


@dataclass(frozen=True, eq=False)
class Measured:
    """Shifts measured at times (m,), their variance, and the place 0, 1, ... whose unknown offset each contains."""

    times: Array
    values: Array
    variance: Array
    place: NDArray[np.int64]

    @property
    def basis(self) -> Array:
        """The free line, and the offsets of all places but the first, (m, p)."""
        return np.hstack([_line(self.times), self.place[:, None] == np.arange(1, self.place.max() + 1)])


@dataclass(frozen=True, eq=False)
class Solution:
    """Measurements with one kernel: Cholesky factor of their covariance, line and offsets with covariance, likelihood.

    misfit: chi-squared per degree of freedom.
    """

    factor: tuple[Array, bool]
    coefficients: Array
    coefficient_cov: Array
    log_likelihood: float
    misfit: float


def covariance(kernel: str, a: Array, b: Array) -> Array:
    """Return the covariance, shape (a, b), of a random walk or of its integral; times count from -1.

    >>> covariance("walk", np.array([1.0]), np.array([0.0, 3.0]))
    array([[1., 2.]])
    """
    low, high = np.minimum(a[:, None], b) + 1, np.maximum(a[:, None], b) + 1
    return low if kernel == "walk" else low**2 * (high - low / 3) / 2


def follow(data: Measured, times: Array) -> tuple[Array, Array, float]:
    """Return the path at `times`, shape (m,), its covariance (m, m), and chi-squared per degree of freedom."""
    tried = [(kernel, strength, _solve(data, kernel, strength)) for kernel in KERNELS for strength in STRENGTHS]
    kernel, strength, best = max(tried, key=lambda each: each[2].log_likelihood)
    basis = data.basis
    there = np.hstack([_line(times), np.zeros((len(times), basis.shape[1] - 2))])
    cross = strength * covariance(kernel, times, data.times)
    gain = linalg.cho_solve(best.factor, cross.T).T
    mean = there @ best.coefficients + gain @ (data.values - basis @ best.coefficients)
    lever = there - gain @ basis
    own = strength * covariance(kernel, times, times) - gain @ cross.T
    return mean, own + lever @ best.coefficient_cov @ lever.T, best.misfit


def _solve(data: Measured, kernel: str, strength: float) -> Solution:
    """Return the best line and offsets, and the restricted log likelihood."""
    basis = data.basis
    total = strength * covariance(kernel, data.times, data.times) + np.diag(data.variance)
    factor = linalg.cho_factor(total, lower=True)
    inner = basis.T @ linalg.cho_solve(factor, basis)
    coefficients = np.linalg.solve(inner, basis.T @ linalg.cho_solve(factor, data.values))
    rest = data.values - basis @ coefficients
    chi2 = float(rest @ linalg.cho_solve(factor, rest))
    volume = 2 * np.log(np.diag(factor[0])).sum() + np.linalg.slogdet(inner)[1]
    return Solution(
        factor, coefficients, np.linalg.inv(inner), -(volume + chi2) / 2, chi2 / max(1, rest.size - len(coefficients))
    )


def _line(times: Array) -> Array:
    return np.stack([np.ones_like(times), times], axis=1)
