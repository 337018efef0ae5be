"""The area of a band in a spectrum, and how its error goes with that of the bands fitted to the same counts."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.spectra._gaussians import bands_at, slopes_at
from analysis.spectra.band_fit import BandFit
from analysis.spectra.curve import Curve

Array = NDArray[np.float64]
LEAST_LIT = 0.5  # share of a window that must have been measured


@dataclass(frozen=True, eq=False)
class Area:
    """Area in a window, its error, and its covariance with each parameter of the fit."""

    value: float
    err: float
    shared: Array


def area_of(curve: Curve, fit: BandFit, window_nm: tuple[float, float], name: str) -> Area:
    """Sum of the points in a window less the fitted background, trapezoidal; points without light are the fit's.

    The fit is efficient: whatever the points scatter beyond it is independent of its parameters, so the covariance of
    a sum of points with a parameter is that of the same sum of the model.
    """
    at, lit = curve.wavelength_nm, curve.lit
    width = _cells(at, window_nm, name)
    measured, missing = np.where(lit, width, 0.0), np.where(lit, 0.0, width)
    if measured.sum() < LEAST_LIT * width.sum():
        raise ValueError(f"{name}: less than half of {window_nm[0]:g}-{window_nm[1]:g} nm was measured: repeat it")
    every, bands = slopes_at(fit.parameters, at), slopes_at(fit.parameters, at)
    every[1] = 0.0 if fit.step is None else fit.step.at(at)
    bands[0] = 0.0
    counted = every @ measured
    taken = -bands @ missing
    taken[0] += measured.sum()
    filled = float(bands_at(fit.parameters, at).sum(axis=0) @ missing)
    value = float(measured @ (np.where(lit, curve.value, 0.0) - fit.background)) + filled
    own = fit.widened * float(np.linalg.norm(measured * np.where(lit, curve.err, 0.0)))
    variance = own**2 + taken @ fit.covariance @ (taken - 2 * counted)
    return Area(value, float(np.sqrt(max(variance, 0.0))), fit.covariance @ (counted - taken))


def _cells(at: Array, window_nm: tuple[float, float], name: str) -> Array:
    """(n,) how much of the window each point stands for, nm."""
    low, high = window_nm
    between = (at[1:] + at[:-1]) / 2
    if at.size < 2 or at[0] > low + (at[1] - at[0]) or at[-1] < high - (at[-1] - at[-2]):
        reach = f"{at[0]:g}-{at[-1]:g} nm" if at.size else "no points"
        raise ValueError(f"{name}: the spectrum has {reach}; measure all of {low:g}-{high:g} nm to normalise by it")
    return np.diff(np.clip(np.concatenate([[low], between, [high]]), low, high))
