"""Where a noisy curve with a known covariance crosses zero for sure, and where it is highest."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from analysis.spectra._local import at_gap, find_extremum, find_root, local_polynomials

SURE = 4.0  # standard deviations a sign must have on either side; thirty independent places are looked at
SIGN_HALF_WIDTH_NM = 4.0
ROOT_HALF_WIDTHS_NM = (2.5, 3.5, 5.0)  # the narrowest that places the zero to ROOT_ERR_NM, or else the widest
ROOT_ERR_NM = 0.2
TOP_HALF_WIDTHS_NM = (4.0, 7.0)
TOP_ERR_NM = 1.0
Array = np.ndarray


@dataclass(frozen=True)
class Crossing:
    """Where Delta S changes its sign; rising: from negative to positive towards longer wavelengths."""

    wavelength_nm: float
    err_nm: float
    rising: bool


@dataclass(frozen=True)
class Maximum:
    """A maximum and its place; all NaN if nothing is positive for sure."""

    value: float = float("nan")
    err: float = float("nan")
    wavelength_nm: float = float("nan")
    err_nm: float = float("nan")


def find_crossings(
    x: Array, y: Array, covariance: Array, *, step_nm: float, below_nm: float
) -> tuple[tuple[Crossing, ...], tuple[str, ...]]:
    """Return the sign changes of y (n,) on the axis x below a wavelength, and sentences about those not to be placed.

    A change counts where the smoothed curve is negative by four errors on one side and positive by four on the other;
    a curve that only comes close to zero has none. A change across a gap in the axis is not placed.
    """
    signs = _signs(x, y, covariance, step_nm)
    sure = np.flatnonzero((signs != 0) & (x <= below_nm))
    crossings, doubts = [], []
    for left, right in pairwise(sure):
        if signs[left] == signs[right]:
            continue
        low, high = max(left - 1, 0), min(right + 1, len(x) - 1)
        if np.diff(x[low : high + 1]).max() > 2.5 * step_nm:
            doubts.append(f"the sign changes in the dark, somewhere between {x[left]:g} and {x[right]:g} nm")
            continue
        start = _change(x[left : right + 1], y[left : right + 1], rising=bool(signs[right] > 0))
        place, err, slope = _root(x, y, covariance, start, step_nm)
        if np.isfinite(place) and (slope > 0) == (signs[right] > 0):
            crossings.append(Crossing(place, err, bool(slope > 0)))
        else:
            doubts.append(f"the sign changes somewhere between {x[left]:g} and {x[right]:g} nm")
    return tuple(crossings), tuple(doubts)


def find_maximum(
    x: Array, y: Array, covariance: Array, *, step_nm: float, below_nm: float
) -> tuple[Maximum, tuple[str, ...]]:
    """Return the maximum of y (n,) below a wavelength, of a local polynomial, and a sentence if it cannot be placed.

    NaN if not positive by four errors, or if it lies at the edge of a gap in the axis, or in it.
    """
    if not len(x):
        return Maximum(), ()
    smooth, errors = _smooth(x, y, covariance, half_width=max(SIGN_HALF_WIDTH_NM, 3.5 * step_nm), degree=2)
    smooth = np.where(x <= below_nm, smooth, -np.inf)
    top = int(np.argmax(smooth))
    if not smooth[top] > SURE * errors[top]:
        return Maximum(), ()
    best = Maximum()
    for half_width in TOP_HALF_WIDTHS_NM:
        width = max(half_width, 4.5 * step_nm)
        place, err, value, value_err = find_extremum(x, y, covariance, x[top], half_width=width, degree=3)
        best = Maximum(value, value_err, place, err)
        if err < TOP_ERR_NM:
            break
    if at_gap(x, x[top]) or at_gap(x, best.wavelength_nm):
        return Maximum(), (f"the maximum is at {x[top]:.4g} nm or in the dark beside it",)
    return best, ()


def _root(x: Array, y: Array, covariance: Array, start: float, step_nm: float) -> tuple[float, float, float]:
    """Zero, its error and the slope there. A steep zero needs few points, and bends in wider windows."""
    found = (np.nan, np.nan, np.nan)
    for half_width in ROOT_HALF_WIDTHS_NM:
        found = find_root(x, y, covariance, start, half_width=max(half_width, 2.5 * step_nm), degree=2)
        if found[1] < ROOT_ERR_NM:
            break
    return found


def _signs(x: Array, y: Array, covariance: Array, step_nm: float) -> Array:
    """-1, 0 or 1 at each point: the sign of the smoothed curve where it is sure."""
    smooth, err = _smooth(x, y, covariance, half_width=max(SIGN_HALF_WIDTH_NM, 2.5 * step_nm), degree=1)
    return np.where(np.abs(smooth) > SURE * err, np.sign(smooth), 0).astype(int)


def _smooth(x: Array, y: Array, covariance: Array, *, half_width: float, degree: int) -> tuple[Array, Array]:
    """The curve of local polynomials and its errors; 0 where a lonely point determines none."""
    local = local_polynomials(x, x, half_width=half_width, degree=degree)
    return np.nan_to_num(local.of(y)[:, 0]), np.sqrt(np.nan_to_num(local.covariance(covariance)[:, 0, 0]))


def _change(x: Array, y: Array, *, rising: bool) -> float:
    """Where to cut so that as much as possible of y has the one sign on the left and the other on the right."""
    gained = np.cumsum(np.r_[0.0, -y if rising else y])
    return float(np.interp(np.argmax(gained) - 0.5, np.arange(len(x)), x))
