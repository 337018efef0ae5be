"""Where monochromators stand: lines of known wavelength in scans, and the offsets that follow."""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import curve_fit

from analysis.spectra.curve import Curve

LEAST_SIGMA = 6.0
FEWEST = 7  # points for five parameters and their scatter
FWHM = 2 * np.sqrt(2 * np.log(2))


@dataclass(frozen=True)
class LinePosition:
    """A spectral line: place, full width at half maximum and height, and how many errors of itself it is high.

    chi2 : per degree of freedom, of the errors given; the errors here (one standard deviation) are widened by it
        where it is above 1
    """

    wavelength_nm: float
    err_nm: float
    fwhm_nm: float
    height: float
    height_err: float
    significance: float
    chi2: float
    n_points: int


@dataclass(frozen=True)
class Offsets:
    """How much further each monochromator stands than it is told, in nm; errors are one standard deviation."""

    excitation_offset_nm: float
    excitation_offset_err_nm: float
    emission_offset_nm: float
    emission_offset_err_nm: float


def line_position(curve: Curve, near_nm: float, *, window_nm: float = 8.0) -> LinePosition:
    """Return the line of a scan that is nearest to a wavelength in the window near_nm +- window_nm.

    Notes
    -----
    Least squares of a Gaussian on a straight line. Where the errors of the curve are not known they are taken from the
    scatter about the fit. ValueError if fewer than seven points are lit there, or no line stands out by six errors.
    """
    inside = curve.within(near_nm - window_nm, near_nm + window_nm)
    where = f"within {window_nm:g} nm of {near_nm:g} nm"
    if inside.sum() < FEWEST:
        raise ValueError(f"{inside.sum()} points with light {where}: a line needs {FEWEST}; scan across the line")
    x, y, err = curve.wavelength_nm[inside], curve.value[inside], curve.err[inside]
    told = bool((err > 0).all())
    err = err if told else np.ones_like(y)
    refused = f"no line {where}: check the lamp, the shutter and the range of the scan"
    try:
        found, covariance = _fit(x - near_nm, y, err)
    except RuntimeError as error:
        raise ValueError(refused) from error
    rest = (y - _line(x - near_nm, *found)) / err
    chi2 = float(rest @ rest / (len(x) - len(found)))
    errors = np.sqrt(np.diag(covariance) * (max(chi2, 1.0) if told else chi2))
    height, place, sigma = found[:3]
    if not (height > LEAST_SIGMA * errors[0] and abs(place) < window_nm and errors[1] < window_nm / 4):
        raise ValueError(refused)
    return LinePosition(
        wavelength_nm=float(near_nm + place),
        err_nm=float(errors[1]),
        fwhm_nm=float(FWHM * abs(sigma)),
        height=float(height),
        height_err=float(errors[0]),
        significance=float(height / errors[0]),
        chi2=chi2,
        n_points=len(x),
    )


def monochromator_offsets(
    lamp: LinePosition, scatter: LinePosition, *, xe_line_nm: float, excitation_nm: float
) -> Offsets:
    """Return the offsets of both monochromators; a scan told w stands at w + offset.

    lamp : the xenon line, of true wavelength xe_line_nm, in the reference detector of an excitation scan
    scatter : the elastic line in an emission scan, with the excitation monochromator told excitation_nm
    """
    excitation = xe_line_nm - lamp.wavelength_nm
    return Offsets(
        excitation_offset_nm=excitation,
        excitation_offset_err_nm=lamp.err_nm,
        emission_offset_nm=excitation_nm + excitation - scatter.wavelength_nm,
        emission_offset_err_nm=float(np.hypot(lamp.err_nm, scatter.err_nm)),
    )


def _line(x, height, place, sigma, level, slope):
    return height * np.exp(-0.5 * ((x - place) / sigma) ** 2) + level + slope * x


def _fit(x, y, err):
    """Parameters of `_line` and their covariance, from starting values that the data give."""
    edges = np.r_[0:3, len(x) - 3 : len(x)]
    slope, level = np.polyfit(x[edges], y[edges], 1)
    above = y - level - slope * x
    top = int(np.argmax(above))
    step = float(np.median(np.diff(x)))
    width = max(np.count_nonzero(above > above[top] / 2) * step / FWHM, step / 2)
    reach = float(x[-1] - x[0])
    bounds = ([0, x[0], step / 4, -np.inf, -np.inf], [np.inf, x[-1], reach / 3, np.inf, np.inf])
    start = [max(above[top], 1e-300), np.clip(x[top], x[1], x[-2]), np.clip(width, step / 2, reach / 4), level, slope]
    scale = np.maximum(np.abs([start[0], 1.0, 1.0, start[0], start[0]]), 1e-300)
    return curve_fit(_line, x, y, p0=start, sigma=err, absolute_sigma=True, bounds=bounds, x_scale=scale)
