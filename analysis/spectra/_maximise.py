"""Maximum-likelihood fit of a sum of Gaussians to points, with lmfit."""

from dataclasses import dataclass
from typing import Any

import lmfit
import numpy as np
from numpy.typing import NDArray

from analysis.spectra._gaussians import HEIGHT, Step, model_at, slopes_at
from analysis.spectra._points import Levels, Points

Array = NDArray[np.float64]
MOST_STEPS = 100
NEGLIGIBLE = 0.2  # of deviance; moves nothing by half of its error
WIDEST, BESIDE = 3.0, 1.0  # bounds of width and of the centre outside the data, in spans of the data
RAISED, FAINT = 1e-3, 1e-5  # least background and heights to begin with, of the highest point: bounds hold fast
SHARPEST = 1e-13  # smallest eigenvalue of the scaled Fisher information that still tells something


@dataclass(frozen=True, eq=False)
class Maximum:
    """The likeliest sum near a start.

    x : (2 + 3 n,) parameters, bands in ascending order of their centres; covariance : the inverse Fisher information
    chi2, chi2_err : Pearson's chi-squared, and how much it scatters
    """

    x: Array
    step: Step | None
    deviance: float
    chi2: float
    chi2_err: float
    covariance: Array
    converged: bool

    @property
    def n_parameters(self) -> int:
        """How many were fitted."""
        return self.x.size - (self.step is None)

    def model_at(self, wavelength_nm: Array) -> Array:
        """(n,) bands, background and tail."""
        return model_at(self.x, self.step, wavelength_nm)


def maximise(points: Points | Levels, start: Array, step: Step | None = None) -> Maximum:
    """The likeliest sum of Gaussians near a start; with a step, it has a tail."""
    at, unit, free = points.wavelength_nm, _units(points, start), _free(start, step)

    def residuals(parameters: lmfit.Parameters) -> Array:
        return points.residuals(model_at(unit * _values(parameters), step, at))

    def slopes(parameters: lmfit.Parameters) -> Array:
        x = unit * _values(parameters)
        model = model_at(x, step, at)
        slopes = _slopes(x, step, at) * unit[:, None]
        return (slopes * points.residual_slopes(model, points.residuals(model)))[free]

    options: dict[str, Any] = {"Dfun": slopes, "col_deriv": True, "calc_covar": False, "scale_covar": False}
    parameters = _bounded(points, start / unit, points.floor / unit[0], free)
    result: Any = lmfit.minimize(residuals, parameters, max_nfev=MOST_STEPS, **options)
    settled = result.success
    if not settled:  # a band outside the points may wander for ever, to no avail
        before, result = result.chisqr, lmfit.minimize(residuals, result.params, max_nfev=MOST_STEPS, **options)
        settled = result.success or before - result.chisqr < NEGLIGIBLE
    x = unit * _values(result.params)
    bands = x[2:].reshape(-1, 3)
    x[2:] = bands[np.argsort(bands[:, 1], kind="stable")].ravel()
    return _judge(points, x, step, bool(settled))


def _judge(points: Points | Levels, x: Array, step: Step | None, converged: bool) -> Maximum:
    """How well the sum describes the points, and how well they determine it."""
    at, model = points.wavelength_nm, model_at(x, step, points.wavelength_nm)
    variance, slopes, free = points.variance(model), _slopes(x, step, at), _free(x, step)
    scatter = 2 * max(at.size - free.sum(), 1) + points.excess_kurtosis(model).sum()
    covariance = np.zeros((x.size, x.size))
    covariance[np.ix_(free, free)] = _inverse((slopes / variance)[free] @ slopes[free].T)
    return Maximum(
        x=x,
        step=step,
        deviance=float(np.sum(points.residuals(model) ** 2)),
        chi2=float(np.sum((points.value - model) ** 2 / variance)),
        chi2_err=float(np.sqrt(scatter)),
        covariance=covariance,
        converged=converged,
    )


def _slopes(x: Array, step: Step | None, at: Array) -> Array:
    slopes = slopes_at(x, at)
    if step is not None:
        slopes[1] = step.at(at)
    return slopes


def _free(x: Array, step: Step | None) -> NDArray[np.bool_]:
    free = np.ones(x.size, bool)
    free[1] = step is not None
    return free


def _values(parameters: lmfit.Parameters) -> Array:
    return np.array([parameter.value for parameter in parameters.values()])


def _units(points: Points | Levels, x: Array) -> Array:
    """(2 + 3 n,) units in which levels and heights are of the order of one."""
    unit = np.ones(x.size)
    unit[0] = unit[1] = unit[HEIGHT] = points.unit
    return unit


def _bounded(points: Points | Levels, start: Array, floor: float, free: NDArray[np.bool_]) -> lmfit.Parameters:
    """Heights are positive, bands near the data and not much wider, counts nowhere negative."""
    low, high = points.wavelength_nm[[0, -1]]
    span = high - low
    parameters = lmfit.Parameters()
    parameters.add("background", value=max(start[0], floor + RAISED), min=floor)
    parameters.add("tail", value=max(start[1], FAINT), min=0) if free[1] else parameters.add("tail", 0.0, vary=False)
    for k, (height, centre, fwhm) in enumerate(start[2:].reshape(-1, 3)):
        parameters.add(f"height_{k}", value=max(height, FAINT), min=0)
        parameters.add(f"centre_{k}_nm", value=centre, min=low - BESIDE * span, max=high + BESIDE * span)
        parameters.add(f"fwhm_{k}_nm", value=fwhm, min=span / (points.wavelength_nm.size - 1), max=WIDEST * span)
    return parameters


def _inverse(fisher: Array) -> Array:
    """Covariance; infinite where the points tell nothing."""
    scale = np.sqrt(np.diagonal(fisher))
    told = np.isfinite(scale) & (scale > 0)
    covariance = np.diag(np.where(told, 0.0, np.inf))
    if told.any():
        size = np.outer(scale[told], scale[told])
        values, vectors = np.linalg.eigh(fisher[np.ix_(told, told)] / size)
        covariance[np.ix_(told, told)] = (vectors / np.maximum(values, SHARPEST)) @ vectors.T / size
    return covariance
