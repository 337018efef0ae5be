"""From the likeliest sum of bands to what may be said of it."""

import numpy as np
from numpy.typing import NDArray

from analysis.spectra._gaussians import AREA, CENTRE, FWHM, HEIGHT, NO_PEAK, SIGMA, peak_of
from analysis.spectra._maximise import Maximum
from analysis.spectra._points import Levels, Points
from analysis.spectra.band_fit import BandFit

Array = NDArray[np.float64]
MISFIT_SIGMA = 3.0
TELLING, TELLING_APART = 5.0, 10.0  # height over its error, of a band by itself and of one that overlaps another
VAGUE_CENTRE, VAGUE_WIDTH = 0.25, 0.5  # largest errors, in widths of the band


def widening(points: Points | Levels, best: Maximum) -> float:
    """By how much errors exceed counting noise because the model does not hold; 1 while chi-squared allows it."""
    freedom = points.wavelength_nm.size - best.n_parameters
    if freedom < 1 or best.chi2 - freedom < MISFIT_SIGMA * best.chi2_err:
        return 1.0
    return float(np.sqrt(best.chi2 / freedom))


def band_fit(points: Points | Levels, best: Maximum) -> BandFit:
    """The result in words of a spectroscopist, with errors that admit what the points do not tell."""
    n, widened = points.wavelength_nm.size, widening(points, best)
    freedom = max(n - best.n_parameters, 1)
    covariance = best.covariance * widened**2
    height, centre, fwhm = (best.x[which] for which in (HEIGHT, CENTRE, FWHM))
    err = np.sqrt(np.maximum(np.diagonal(covariance), 0))
    area_err = _area_err(height, fwhm, covariance)
    overlapping = _overlap(centre, fwhm)
    told = _told(points, best.x, err, overlapping.sum(axis=1) > 1)
    identified = np.asarray(~(overlapping & ~told).any(axis=1) & best.converged)
    least = np.where(overlapping.sum(axis=1) > 1, overlapping @ height / 2, 0.0)
    vague_height = np.where(identified, err[HEIGHT], np.maximum(err[HEIGHT], least))
    return BandFit(
        n_bands=height.size,
        centre_nm=centre,
        centre_err_nm=np.where(identified, err[CENTRE], np.maximum(err[CENTRE], SIGMA * fwhm)),
        fwhm_nm=fwhm,
        fwhm_err_nm=np.where(identified, err[FWHM], np.maximum(err[FWHM], SIGMA * fwhm)),
        area=AREA * height * fwhm,
        area_err=np.where(identified, area_err, np.maximum(area_err, AREA * fwhm * vague_height)),
        height=height,
        height_err=vague_height,
        background=float(best.x[0]),
        background_err=float(err[0]),
        tail=float(best.x[1]),
        tail_err=float(err[1]),
        **peak_of(best.x, covariance).fields(),
        n_photons=points.n_photons,
        deviance=best.deviance / freedom,
        chi2=best.chi2 / freedom,
        widened=widened,
        bic=best.deviance + best.n_parameters * float(np.log(n)),
        covariance=covariance,
        converged=best.converged,
        identified=identified,
        flicker=points.flicker,
        step=best.step,
    )


def unknown(n_bands: int, points: Points | Levels) -> BandFit:
    """What is known before there are enough points: nothing."""
    nothing, doubt = np.full(n_bands, np.nan), np.full(n_bands, np.inf)
    return BandFit(
        n_bands=n_bands,
        centre_nm=nothing,
        centre_err_nm=doubt,
        fwhm_nm=nothing,
        fwhm_err_nm=doubt,
        area=nothing,
        area_err=doubt,
        height=nothing,
        height_err=doubt,
        background=float("nan"),
        background_err=float("inf"),
        tail=float("nan"),
        tail_err=float("inf"),
        **NO_PEAK.fields(),
        n_photons=points.n_photons,
        deviance=float("nan"),
        chi2=float("nan"),
        widened=1.0,
        bic=float("nan"),
        covariance=np.diag(np.full(2 + 3 * n_bands, np.inf)),
        converged=False,
        identified=np.zeros(n_bands, bool),
        flicker=points.flicker,
    )


def _overlap(centre: Array, fwhm: Array) -> NDArray[np.bool_]:
    """(n, n) which bands lie within each other's widths; each within its own."""
    return np.abs(np.subtract.outer(centre, centre)) <= np.add.outer(fwhm, fwhm) / 2


def _told(points: Points | Levels, x: Array, err: Array, overlapped: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which bands the points determine."""
    needed = np.where(overlapped, TELLING_APART, TELLING)
    inside = (x[CENTRE] >= points.wavelength_nm[0]) & (x[CENTRE] <= points.wavelength_nm[-1])
    sharp = (err[CENTRE] < VAGUE_CENTRE * x[FWHM]) & (err[FWHM] < VAGUE_WIDTH * x[FWHM])
    return inside & sharp & (x[HEIGHT] > needed * err[HEIGHT])


def _area_err(height: Array, fwhm: Array, covariance: Array) -> Array:
    variances = np.diagonal(covariance)
    both = np.diagonal(covariance, 2)[HEIGHT]
    with np.errstate(invalid="ignore"):
        square = fwhm**2 * variances[HEIGHT] + height**2 * variances[FWHM] + 2 * height * fwhm * both
    return AREA * np.sqrt(np.maximum(np.nan_to_num(square, nan=np.inf, posinf=np.inf), 0))
