"""How well the bands of a spectrum will be known, before it is measured."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analysis.fisher import covariance_of

Array = NDArray[np.float64]


@dataclass(frozen=True)
class BandErrors:
    """What a fit of the bands will be sure of, (n_bands,) each; `_err` is one standard deviation, counting noise alone.

    n_photons : in all points, background excluded
    """

    n_photons: float
    centre_nm: tuple[float, ...]
    centre_err_nm: tuple[float, ...]
    fwhm_nm: tuple[float, ...]
    fwhm_err_nm: tuple[float, ...]
    height_err: tuple[float, ...]


def expected_bands(
    wavelength_nm: ArrayLike,
    *,
    height: Sequence[float],
    centre_nm: Sequence[float],
    fwhm_nm: Sequence[float],
    background: float = 1.0,
    scale: ArrayLike = 1.0,
) -> BandErrors:
    """Errors of centres and widths of Gaussian bands on a flat background, from Fisher information.

    Parameters
    ----------
    wavelength_nm : (n,) points of the scan
    height, centre_nm, fwhm_nm : of each band; heights in units of the spectrum
    background : counts in a point without bands, above 0; its level is fitted as well
    scale : (n,) or one number, spectrum per count

    >>> found = expected_bands(np.arange(500.0, 600.0), height=[1e4], centre_nm=[541.0], fwhm_nm=[35.0])
    >>> round(found.centre_err_nm[0], 3), round(35 / 2.355 / found.n_photons**0.5, 3)  # sigma / sqrt(N)
    (0.025, 0.024)
    """
    at_nm, per_count = np.asarray(wavelength_nm, float), np.asarray(scale, float)
    shape = np.array([height, centre_nm, fwhm_nm], float)
    n_bands = shape.shape[1]

    def counts(at: Array) -> Array:
        return at[0] + bands(at_nm, *at[1:].reshape(3, n_bands)) / per_count

    photons = float((bands(at_nm, *shape) / per_count).sum())
    found = covariance_of(counts, np.concatenate([[max(background, 1e-3)], shape.ravel()]))
    known = np.isfinite(found).all() and photons > 0
    spread = np.sqrt(np.diag(found)) if known else np.full(len(found), math.inf)
    height_err, centre_err, fwhm_err = (tuple(map(float, row)) for row in spread[1:].reshape(3, n_bands))
    return BandErrors(photons, tuple(centre_nm), centre_err, tuple(fwhm_nm), fwhm_err, height_err)


def bands(at_nm: Array, height: Array, centre_nm: Array, fwhm_nm: Array) -> Array:
    """Sum of Gaussians (n,)."""
    away = (at_nm[:, None] - centre_nm) / fwhm_nm
    return np.exp(-4 * math.log(2) * away**2) @ np.asarray(height, float)
