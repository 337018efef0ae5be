"""What differs between spectra by more than their errors: a ratio from region to region, a shift from film to glass."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2 as chi2_law
from scipy.stats import norm

from analysis.spectra._gaussians import HEIGHT
from analysis.spectra.band_fit import BandFit, perovskite, qd

Array = NDArray[np.float64]
VARIES_SIGMA = 3.0
LARGEST_SIGMA = 37.0  # beyond, the chance is smaller than any number


@dataclass(frozen=True, eq=False)
class DoubletSpread:
    """Height of the blue band over that of the red band of a doublet, region by region.

    ratio, ratio_err : (n,) NaN where the doublet was not resolved
    mean, mean_err : weighted
    spread : standard deviation of the logarithm from region to region, beyond the errors
    chi2 : of one ratio for all, per degree of freedom; significance : the same chance in standard deviations of a
        normal distribution
    varies : beyond 3 of them
    """

    ratio: Array
    ratio_err: Array
    mean: float
    mean_err: float
    spread: float
    chi2: float
    significance: float
    varies: bool


def doublet_spread(fits: Sequence[BandFit]) -> DoubletSpread:
    """Whether the two bands of the perovskite keep their ratio from region to region: a chi-squared test of its log.

    fits : one of each region; those without two identified bands below 590 nm are left out of the test. Less than two
    resolved doublets cannot vary: chi2 is NaN, significance 0.
    """
    ratio, err = np.array([_ratio(fit) for fit in fits]).reshape(-1, 2).T
    use = np.isfinite(ratio)
    logs, relative = np.log(ratio[use]), err[use] / ratio[use]
    if use.sum() < 2:
        one = (float(ratio[use][0]), float(err[use][0])) if use.any() else (float("nan"), float("inf"))
        return DoubletSpread(ratio, err, *one, float("nan"), float("nan"), 0.0, False)
    weight = relative**-2
    middle = float(np.average(logs, weights=weight))
    total, freedom = float(weight @ (logs - middle) ** 2), logs.size - 1
    significance = float(-norm.ppf(chi2_law.sf(total, freedom))) if total > freedom else 0.0
    return DoubletSpread(
        ratio=ratio,
        ratio_err=err,
        mean=float(np.exp(middle)),
        mean_err=float(np.exp(middle) * weight.sum() ** -0.5),
        spread=float(np.sqrt(max(0.0, logs.var(ddof=1) - np.mean(relative**2)))),
        chi2=total / freedom,
        significance=min(significance, LARGEST_SIGMA),
        varies=significance > VARIES_SIGMA,
    )


def red_shift(film_fits: Sequence[BandFit], bare_fit: BandFit) -> tuple[float, float]:
    """How much redder dots shine in films than on glass, and the error, nm.

    The weighted mean of the films less the bare dots; where films disagree by more than their errors, the error of the
    mean is widened by the root of chi-squared. What all spectra share, such as the offset of the monochromator, drops
    out. ValueError if no film, or not the bare dots, have an identified band from 590 nm on.
    """
    films = [at for at in map(_qd_peak, film_fits) if at is not None]
    bare = _qd_peak(bare_fit)
    if not films or bare is None:
        where = "the bare dots" if films else f"any of {len(film_fits)} films"
        raise ValueError(f"no identified band in {where} from 590 nm on: give spectra that show the dots")
    nm, err = np.array(films).T
    weight = err**-2
    mean = float(np.average(nm, weights=weight))
    excess = float(weight @ (nm - mean) ** 2) / max(nm.size - 1, 1)
    return mean - bare[0], float(np.hypot(np.sqrt(max(1.0, excess) / weight.sum()), bare[1]))


def _ratio(fit: BandFit) -> tuple[float, float]:
    """Blue over red height of a doublet, with the correlation of the two."""
    pair = perovskite(fit)
    if pair is None or pair.n_bands != 2 or not pair.identified.all():
        return float("nan"), float("nan")
    blue, red = pair.height
    relative = np.array([1 / blue, -1 / red])
    variance = relative @ pair.covariance[HEIGHT, HEIGHT] @ relative
    return blue / red, blue / red * float(np.sqrt(variance))


def _qd_peak(fit: BandFit) -> tuple[float, float] | None:
    band = qd(fit)
    if band is None or not (band.identified.any() and np.isfinite(band.peak_err_nm)):
        return None
    return band.peak_nm, band.peak_err_nm
