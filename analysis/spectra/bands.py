"""Bands of a spectrum: Gaussians on a flat background, as many as the data demand."""

from __future__ import annotations

from numbers import Real

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analysis.spectra._judgement import band_fit, unknown, widening
from analysis.spectra._maximise import Maximum
from analysis.spectra._points import Levels, Points
from analysis.spectra._search import likeliest_sums, without_tail
from analysis.spectra.band_fit import BandFit
from analysis.spectra.curve import Curve

Array = NDArray[np.float64]
SURE = 10.0  # by how much a further band must lower the BIC
MOST_BANDS = 6
WIDE = 3  # sums that are followed further where the best one does not fit


def fit_bands(
    wavelength_nm: ArrayLike,
    counts: ArrayLike,
    *,
    n_bands: int,
    scale: ArrayLike | None = None,
    background: ArrayLike | None = None,
    flicker: float = 0.0,
    tail: bool = False,
) -> BandFit:
    """A given number of Gaussian bands on a flat background, by maximum likelihood.

    Parameters
    ----------
    wavelength_nm : (n,) in any order and spacing
    counts : (n,) raw counts, what is told of as `background` included; NaN points are left out
    n_bands : how many bands; two may share one peak
    scale : (n,) or one number, spectrum per net count: correction over reference. The fit is in units of the spectrum
    background : (n,) or one number, counts expected without light
    flicker : relative noise of each point that is not counting noise, as of the reference detector
    tail : whether the background may be higher on the red side of the bluest high band, by a step which that band hides

    Returns
    -------
    BandFit, in units of counts * scale. Where the points cannot tell, values are NaN, errors infinite, and `converged`
    is False: a spectrum that has only begun raises nothing.

    Notes
    -----
    The expected counts (bands + background) / scale + known background are compared with raw counts: Poisson, with
    flicker negative binomial. The start of each band is the best of a grid in a score test of what the bands before
    it leave; nothing is assumed of where bands are. Minimised by lmfit; errors from the Fisher information at the
    best fit. If chi-squared says that the model does not hold (3 sigma), all errors are widened by its root.
    ValueError for counts that are negative or infinite, shapes that disagree, a scale that is not positive.

    >>> at = np.arange(500.0, 600.0)
    >>> fit = fit_bands(at, np.round(1e4 * np.exp(-4 * np.log(2) * ((at - 541) / 35) ** 2)) + 7, n_bands=1)
    >>> fit.centre_nm.round(2), fit.fwhm_nm.round(2), round(fit.background)
    (array([541.]), array([35.]), 7)
    """
    return _fit(_counted(wavelength_nm, counts, scale, background, flicker), _number(n_bands, "n_bands"), tail)


def choose_bands(
    wavelength_nm: ArrayLike,
    counts: ArrayLike,
    *,
    at_most: int = 3,
    scale: ArrayLike | None = None,
    background: ArrayLike | None = None,
    flicker: float = 0.0,
    tail: bool = True,
) -> BandFit:
    """As many bands as the counts demand: another one only if it lowers the BIC by more than 10.

    at_most : bands tried; 3 for a doublet and the band of the dots
    tail : whether the background may have a step; kept if the BIC is lower with it
    others : as for `fit_bands`

    `n_bands` is 0 where the spectrum is as flat as noise. Where counts scatter by more than is told even about the
    largest sum, a flicker that explains it is assumed (`BandFit.flicker`), so that noise is not taken for bands; what
    flicker cannot explain divides the deviances before they are compared.
    Sources: Schwarz, Ann. Statist. 6, 461 (1978); Kass & Raftery, JASA 90, 773 (1995), for "very strong" from 10 on;
    Burnham & Anderson, Model Selection and Multimodel Inference (2002), for overdispersed counts.
    """
    return _choose(_counted(wavelength_nm, counts, scale, background, flicker), _number(at_most, "at_most"), tail)


def fit_curve(curve: Curve, *, n_bands: int, tail: bool = False) -> BandFit:
    """`fit_bands` of a spectrum with errors, by its counts if it has them, else by least squares."""
    return _fit(_points_of(curve), _number(n_bands, "n_bands"), tail)


def choose_curve(curve: Curve, *, at_most: int = 3, tail: bool = True) -> BandFit:
    """`choose_bands` of a spectrum with errors, by its counts if it has them, else by least squares."""
    return _choose(_points_of(curve), _number(at_most, "at_most"), tail)


def _fit(points: Points | Levels, n_bands: int, tail: bool) -> BandFit:
    if _too_few(points):
        return unknown(n_bands, points)
    sums = _sums(points, n_bands, tail=tail, forced=True)
    return band_fit(points, sums[-1]) if len(sums) > n_bands else unknown(n_bands, points)


def _sums(points: Points | Levels, at_most: int, **how: bool) -> list[Maximum]:
    """The likeliest sums; searched for more widely where the largest does not fit."""
    sums = likeliest_sums(points, at_most, **how)
    if len(sums) < 3 or widening(points, sums[-1]) == 1:
        return sums
    return [min(pair, key=lambda fit: fit.deviance) for pair in zip(sums, _wide(points, at_most, **how), strict=False)]


def _wide(points: Points | Levels, at_most: int, **how: bool) -> list[Maximum]:
    return likeliest_sums(points, at_most, beam=WIDE, **how)


def _choose(points: Points | Levels, at_most: int, tail: bool) -> BandFit:
    if _too_few(points):
        return unknown(0, points)
    sums = _sums(points, at_most, tail=tail)
    if widening(points, sums[-1]) > 1 and isinstance(points, Points):
        points = points.flickering(sums[-1].model_at(points.wavelength_nm), sums[-1].n_parameters)
        sums = _sums(points, at_most, tail=tail)
    spread = widening(points, sums[-1]) ** 2
    best = sums[0]
    for larger in sums[1:]:
        if _bic(points, larger, spread) < _bic(points, best, spread) - SURE:
            best = larger
    plain = without_tail(points, best)
    return band_fit(points, min(plain, best, key=lambda fit: _bic(points, fit, spread)))


def _bic(points: Points | Levels, fit: Maximum, spread: float) -> float:
    return fit.deviance / spread + fit.n_parameters * float(np.log(points.wavelength_nm.size))


def _too_few(points: Points | Levels) -> bool:
    """Whether there is nothing to fit: less than two different wavelengths, or no counts at all."""
    counted = points.counts.sum() > 0 if isinstance(points, Points) else True
    return np.unique(points.wavelength_nm).size < 2 or not counted


def _points_of(curve: Curve) -> Points | Levels:
    if curve.counts is None:
        lit = curve.lit & (curve.err > 0)
        order = np.flatnonzero(lit)[np.argsort(curve.wavelength_nm[lit], kind="stable")]
        return Levels(curve.wavelength_nm[order], curve.value[order], curve.err[order])
    counts = np.where(curve.lit, curve.counts, np.nan)
    return _counted(curve.wavelength_nm, counts, curve.scale, curve.background, curve.flicker)


def _counted(
    wavelength_nm: ArrayLike,
    counts: ArrayLike,
    scale: ArrayLike | None,
    background: ArrayLike | None,
    flicker: float,
) -> Points:
    at, y = np.asarray(wavelength_nm, float), np.asarray(counts, float)
    if at.ndim != 1 or at.shape != y.shape:
        raise ValueError(f"wavelength_nm has shape {at.shape}, counts {y.shape}: give one wavelength for each count")
    if not 0 <= flicker < 1:
        raise ValueError(f"flicker is {flicker}: give the relative noise of a point, from 0 to below 1")
    per_count = _of_each(1.0 if scale is None else scale, y, "scale")
    dark = _of_each(0.0 if background is None else background, y, "background")
    lit = ~np.isnan(at + y + per_count + dark)
    order = np.flatnonzero(lit)[np.argsort(at[lit], kind="stable")]
    at, y, per_count, dark = at[order], y[order], per_count[order], dark[order]
    for name, given, bad in (
        ("counts", y, ~(np.isfinite(y) & (y >= 0))),
        ("background", dark, ~(np.isfinite(dark) & (dark >= 0))),
        ("scale", per_count, ~(np.isfinite(per_count) & (per_count > 0))),
        ("wavelength_nm", at, ~(np.isfinite(at) & (at > 0))),
    ):
        if bad.any():
            raise ValueError(f"{name} holds {given[bad][0]:g}: give {_ALLOWED[name]}; NaN leaves a point out")
    return Points(at, y, 1 / per_count, dark, float(flicker))


_ALLOWED = {
    "counts": "raw counts from 0 up, not rates with the dark subtracted",
    "background": "expected dark counts from 0 up",
    "scale": "positive numbers, spectrum per net count",
    "wavelength_nm": "positive wavelengths",
}


def _of_each(given: ArrayLike, counts: Array, name: str) -> Array:
    array = np.asarray(given, float)
    if array.shape not in ((), counts.shape):
        raise ValueError(f"{name} has shape {array.shape}, counts {counts.shape}: give one number, or one per point")
    return np.broadcast_to(array, counts.shape)


def _number(given: int, name: str) -> int:
    if isinstance(given, bool) or not isinstance(given, Real) or not 1 <= given <= MOST_BANDS or given != int(given):
        raise ValueError(f"{name} is {given!r}: give a whole number of bands from 1 to {MOST_BANDS}")
    return int(given)
