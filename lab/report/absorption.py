"""What the paper says about the absorption of the films, computed from their spectra."""

import math
from collections.abc import Mapping

import numpy as np

from analysis.spectra import Absorption
from lab.report.rows import Measured

DEFECTS_NM = 544.0
DEFECT_WINDOW_NM = (535.0, 550.0)
TRANSPARENT_NM = (550.0, 600.0)


def absorptions(found: Mapping[str, Absorption]) -> dict[str, Measured]:
    """ABS-01 to ABS-05 from the spectra of the roles "undoped", "A" and "B"."""
    rows: dict[str, Measured] = {}
    if "undoped" in found:
        undoped = found["undoped"]
        rows["ABS-01"] = Measured(undoped.peak_nm, undoped.peak_err_nm)
        rows["ABS-04"] = defects(undoped)
        rows["ABS-05"] = Measured(undoped.valley_ratio, undoped.valley_ratio_err)
    if "B" in found:
        rows["ABS-02"] = Measured(found["B"].peak_nm, found["B"].peak_err_nm, note="absorption maximum of B")
    if "A" in found and "B" in found:
        (value, error), (other, _) = (found[role].mean(*TRANSPARENT_NM) for role in "AB")
        rows["ABS-03"] = Measured(value, error, other, "the baseline was fitted above 570 nm and subtracted")
    return rows


def defects(film: Absorption) -> Measured:
    """Absorption where the shallow defects emit, over the maximum; `also` is the height of a peak of their own."""
    (at_defects, error), (at_peak, _) = film.at(DEFECTS_NM), film.at(film.peak_nm)
    return Measured(at_defects / at_peak, error / at_peak, peak_within(film, *DEFECT_WINDOW_NM))


def peak_within(film: Absorption, low_nm: float, high_nm: float) -> float:
    """How far the most prominent maximum within a window rises above its feet, in standard deviations; 0 if none does.

    The feet are the lowest points on either side within the window; the higher of the two counts.
    """
    known = np.isfinite(film.alpha_d) & (film.wavelength_nm >= low_nm) & (film.wavelength_nm <= high_nm)
    where = np.flatnonzero(known)
    heights = [above_feet(film, where, i) for i in range(1, where.size - 1)]
    return max(heights, default=math.nan)


def above_feet(film: Absorption, where: np.ndarray, i: int) -> float:
    """Height of one point over the higher of its feet, in errors of that difference."""
    value = film.alpha_d[where]
    feet = [int(np.argmin(value[:i])), i + 1 + int(np.argmin(value[i + 1 :]))]
    foot = max(feet, key=lambda j: value[j])
    a, b = where[i], where[foot]
    variance = film.covariance[a, a] + film.covariance[b, b] - 2 * film.covariance[a, b]
    rise = max(value[i] - value[foot], 0.0)
    return float(rise / math.sqrt(variance)) if variance > 0 else math.nan
