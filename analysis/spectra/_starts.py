"""Where a fit of bands may begin, from the data alone."""

import numpy as np
from numpy.typing import NDArray

from analysis.spectra._gaussians import CENTRE, FWHM, HALF, HEIGHT, SIGMA, Step, slopes_at
from analysis.spectra._maximise import Maximum
from analysis.spectra._points import Levels, Points

Array = NDArray[np.float64]
N_CENTRES, N_WIDTHS = 50, 7
NARROWEST = 3.0  # width of a trial band, in steps of the scan
NEW = 1e-9  # a trial band with less of its square beyond the bands there are is none of its own
RIVAL = 0.3  # a second start is worth fitting if it promises this share of the best
HOST = 0.1  # a band as high as this share of the highest may have a tail
FREE_POINTS, FREE_SIGMA = 5, 4.0  # on either side of a step, beyond the band that hides it


def extra_bands(points: Points | Levels, fit: Maximum, at_most: int = 2) -> list[tuple[float, Array]]:
    """What one more band would gain in deviance, to first order, and its height, centre and width; best first.

    A score test of every band of a grid of centres and widths: it is scaled to the residuals of the fit, all
    parameters of which are free to follow.
    """
    at, model = points.wavelength_nm, fit.model_at(points.wavelength_nm)
    root = np.sqrt(points.variance(np.maximum(model, points.value)))
    centre, fwhm = _grid(at)
    trials = np.exp(-HALF * ((at - centre[:, None]) / fwhm[:, None]) ** 2) / root
    before = (trials**2).sum(axis=1)
    basis = np.linalg.qr((slopes_at(fit.x, at) / root).T)[0]
    trials -= (trials @ basis) @ basis.T
    size = np.maximum((trials**2).sum(axis=1), 1e-300)
    height = trials @ ((points.value - model) / root) / size
    gain = np.where((height > 0) & (size > NEW * before), height**2 * size, 0.0)
    found: list[tuple[float, Array]] = []
    for best in np.argsort(-gain, kind="stable"):
        if gain[best] <= RIVAL * gain.max() or len(found) == at_most:
            break
        if all(abs(centre[best] - other[1]) > 0.5 * other[2] for _, other in found):
            found.append((float(gain[best]), np.array([height[best], centre[best], fwhm[best]])))
    return found


def _grid(at: Array) -> tuple[Array, Array]:
    """Centres and widths of the trial bands, each (N_CENTRES * N_WIDTHS,)."""
    span = float(np.ptp(at))
    widths = np.geomspace(min(NARROWEST * span / (at.size - 1), span), span, N_WIDTHS)
    return np.tile(np.linspace(at[0], at[-1], N_CENTRES), N_WIDTHS), np.repeat(widths, N_CENTRES)


def step_below(points: Points | Levels, x: Array) -> Step | None:
    """The step of a tail, below the bluest of the high bands; None if the points do not reach past it."""
    high = np.flatnonzero(x[HEIGHT] >= HOST * x[HEIGHT].max())
    host = high[np.argmin(x[CENTRE][high])]
    step = Step(float(x[CENTRE][host]), float(SIGMA * x[FWHM][host]))
    away = (points.wavelength_nm - step.nm) / step.sigma_nm
    seen = min(np.sum(away < -FREE_SIGMA), np.sum(away > FREE_SIGMA))
    return step if seen >= FREE_POINTS else None
