"""What a fit of bands finds."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analysis.spectra._gaussians import Step, bands_at, model_at, peak_of

Array = NDArray[np.float64]
SPLIT_NM = 590.0  # between the perovskite and the dots


@dataclass(frozen=True, eq=False)
class BandFit:
    """Gaussian bands in ascending order of their centres; `_err` is one standard deviation, infinite if unknown.

    centre_nm, fwhm_nm, area, height : (n_bands,) each with its error; area in units of the spectrum times nm
        errors are those of the points; that of the wavelength axis, common to all bands, comes on top
    background : level of the spectrum without bands, on the blue side; tail : by how much it is higher on the red side
    peak_nm, peak_fwhm_nm, peak_height : of the sum of the bands: its maximum and its full width at half maximum
    n_photons : net counts in all points; NaN if the spectrum was not counted
    deviance, chi2 : per degree of freedom, Poisson deviance and Pearson's chi-squared
    widened : factor in all errors because chi-squared exceeds 1 by more than 3 of its standard deviations; else 1
    bic : total deviance (not widened) + number of parameters * log of the number of points
    covariance : (2 + 3 n, 2 + 3 n) of background, tail, then height, centre_nm, fwhm_nm of each band
    converged : the likelihood is at its maximum
    identified : (n_bands,) whether the points determine the band. False where the centre lies outside the points, an
        error is as large as what it belongs to, or two overlapping bands cannot be told apart (a height known to less
        than 10 sigma). The errors of such a band are at least its standard deviation, that of the height at least half
        the height of what overlaps; their sum may still be well known, as `peak_err_nm` tells
    flicker : relative noise of a point beyond counting noise: as told, or as found where counts scatter by more
    step : where the tail sets in; None if there is none
    """

    n_bands: int
    centre_nm: Array
    centre_err_nm: Array
    fwhm_nm: Array
    fwhm_err_nm: Array
    area: Array
    area_err: Array
    height: Array
    height_err: Array
    background: float
    background_err: float
    tail: float
    tail_err: float
    peak_nm: float
    peak_err_nm: float
    peak_fwhm_nm: float
    peak_fwhm_err_nm: float
    peak_height: float
    peak_height_err: float
    n_photons: float
    deviance: float
    chi2: float
    widened: float
    bic: float
    covariance: Array
    converged: bool
    identified: NDArray[np.bool_]
    flicker: float
    step: Step | None = None

    @property
    def parameters(self) -> Array:
        """(2 + 3 n,) in the order of the covariance."""
        bands = np.stack([self.height, self.centre_nm, self.fwhm_nm], axis=1)
        return np.concatenate([[self.background, self.tail], bands.ravel()])

    @property
    def labels(self) -> tuple[str, ...]:
        """Of each band: "perovskite" below 590 nm, "qd" from there on."""
        return tuple("perovskite" if centre < SPLIT_NM else "qd" for centre in self.centre_nm)

    def model(self, wavelength_nm: ArrayLike) -> Array:
        """The fitted spectrum: all bands, background and tail."""
        return model_at(self.parameters, self.step, np.asarray(wavelength_nm, float))

    def band(self, i: int, wavelength_nm: ArrayLike) -> Array:
        """Band `i` by itself, without background."""
        return bands_at(self.parameters, np.asarray(wavelength_nm, float))[i]

    def __str__(self) -> str:
        if self.n_bands == 0:
            return "no band"
        if not np.isfinite(self.centre_nm).any():
            return "nothing that could be fitted"
        lines = [
            f"{self.labels[i]:10} at {self.centre_nm[i]:.2f} ± {self.centre_err_nm[i]:.2g} nm, width "
            f"{self.fwhm_nm[i]:.2f} ± {self.fwhm_err_nm[i]:.2g} nm, height {self.height[i]:.4g} ± "
            f"{self.height_err[i]:.2g}" + ("" if self.identified[i] else " (not identified)")
            for i in range(self.n_bands)
        ]
        lines += [f"deviance   {self.deviance:.3f} per degree of freedom" + " (errors widened)" * (self.widened > 1)]
        return "\n".join(lines)


def perovskite(fit: BandFit) -> BandFit | None:
    """The bands below 590 nm alone, with the peak and the width of their sum; None if there are none."""
    return _part(fit, fit.centre_nm < SPLIT_NM)


def qd(fit: BandFit) -> BandFit | None:
    """The bands from 590 nm on alone, with the peak and the width of their sum; None if there are none."""
    return _part(fit, fit.centre_nm >= SPLIT_NM)


def _part(fit: BandFit, which: NDArray[np.bool_]) -> BandFit | None:
    if not which.any():
        return None
    of_each = ("centre_nm", "centre_err_nm", "fwhm_nm", "fwhm_err_nm", "area", "area_err", "height", "height_err")
    rows = np.concatenate([[True, True], np.repeat(which, 3)])
    part = replace(
        fit,
        n_bands=int(which.sum()),
        covariance=fit.covariance[np.ix_(rows, rows)],
        identified=fit.identified[which],
        **{name: getattr(fit, name)[which] for name in of_each},
    )
    peak = peak_of(part.parameters, part.covariance)
    return replace(part, **peak.fields())
