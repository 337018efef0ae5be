"""Whether the light comes from a single emitter, with a stated significance."""

from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

from analysis.correlation.dip import AntibunchingFit
from analysis.correlation.significance import excluded_anywhere, signed_root, threshold_sigma

THREE_SIGMA = 0.00135
TWO_EMITTERS = 0.5  # their contrast, if equal
ONE_EMITTER = 0.75  # its contrast without background, at least: an emitter with a quarter of biexcitons
UNLIKELY_SIGMA = 2.0  # below that, it may be two emitters that are not equally bright
TAU_RANGE_NS = (4.0, 100.0)  # of quantum dots in films and on glass


@dataclass(frozen=True)
class Decision:
    """Whether the light comes from a single emitter.

    single : True (g2_zero < 0.5), False (g2_zero > 0.5), None (undecided)
    significance_sigma : how far the contrast lies above that of two equal emitters, in standard deviations; where no
        dip is found, how surely that of two emitters is excluded (negative)
    threshold_sigma : the distance asked for
    p_single : the normal probability of that distance: near 1 well above two emitters, near 0 well below
    reason : in words
    """

    single: bool | None
    significance_sigma: float
    threshold_sigma: float
    p_single: float
    reason: str


def corrected_contrast(
    contrast: float, contrast_err: float, signal_fraction: float, signal_fraction_err: float = 0.0
) -> tuple[float, float]:
    """Contrast of the emitter alone, C / rho^2, and its error.

    signal_fraction : rho, the share of the detected photons that comes from the emitter

    Background photons pair with nothing: of all pairs, rho^2 are of the emitter. Errors are taken as independent.

    >>> corrected_contrast(0.77, 0.008, 0.877)[0]  # doctest: +ELLIPSIS
    1.0011...
    """
    _check_fraction(signal_fraction, signal_fraction_err)
    value = contrast / signal_fraction**2
    relative = 2 * signal_fraction_err / signal_fraction
    return value, float(np.hypot(contrast_err / signal_fraction**2, value * relative))


def decide(
    fit: AntibunchingFit,
    *,
    signal_fraction: float | None = None,
    signal_fraction_err: float = 0.0,
    false_alarm: float = THREE_SIGMA,
    data_growth: float = 1.0,
    tau_range_ns: tuple[float, float] = TAU_RANGE_NS,
) -> Decision:
    """Decide whether the emitter is single: g2(0) < 0.5, so C > 0.5, or C > rho^2 / 2 if the background is known.

    Parameters
    ----------
    signal_fraction, signal_fraction_err : rho, the share of the photons that comes from the emitter
    false_alarm : probability of a wrong True for two equal emitters, and of a wrong False for a single one
    data_growth : if asked again and again while the data grow, and the first True or False is taken: how many times
        more coincidences the last look has than the first. Looking all the time from 100 to 10 000 coincidences
        (data_growth=100) moves the default threshold from 3.0 to 4.0 sigma
    tau_range_ns : lifetimes an emitter may have; used only where no dip is found

    Notes
    -----
    ValueError for a probability, ratio or share that cannot be.
    None if eqn (4) does not describe the histogram (`fit.fits`), such as a peak or a flash. False, three ways: C lies
    below 0.5 if the background is not known (several emitters, or one in much background); C lies below 0.75 rho^2 if
    it is (several emitters, equally bright or not); there is no dip, and one of two emitters is excluded at any t0 but
    the outer tenths of the window. If the background is known, True also asks that C is not two standard deviations
    below 0.75 rho^2. Significance is the signed root of the likelihood ratio at the boundary, averaged
    over t0; without a dip, the bound 1 / ratio on the chance.
    """
    if not 0 < false_alarm < 0.5:
        raise ValueError(f"false_alarm is {false_alarm}: give a probability between 0 and 0.5")
    if not 1 <= data_growth < np.inf:
        raise ValueError(f"data_growth is {data_growth}: give a ratio of 1 or more")
    rho = 1.0 if signal_fraction is None else signal_fraction
    _check_fraction(rho, signal_fraction_err)
    threshold, two = threshold_sigma(false_alarm, data_growth), TWO_EMITTERS * rho**2
    if not fit.fits:
        return Decision(
            None, 0.0, threshold, 0.5, f"this is no antibunching dip: chi2 {fit.chi2:.2g} per degree of freedom"
        )
    if not (fit.identified and fit.p_flat <= norm.sf(threshold)):
        chance = excluded_anywhere(fit.histogram, two, tau_range_ns)
        sigma = float(norm.ppf(min(chance, 0.5)))
        single = False if sigma < -threshold else None
        return Decision(single, sigma, threshold, float(norm.cdf(sigma)), _no_dip(fit, single, two))
    sigma = _sigma_above(fit, TWO_EMITTERS, rho, signal_fraction_err)
    known = signal_fraction is not None
    below = _sigma_above(fit, ONE_EMITTER, rho, signal_fraction_err) if known else sigma
    single = True if sigma > threshold and below > -UNLIKELY_SIGMA else None
    single = False if below < -threshold else single
    return Decision(
        single, sigma, threshold, float(norm.cdf(sigma)), _dip(fit, single, two, ONE_EMITTER * rho**2 if known else two)
    )


def _sigma_above(fit: AntibunchingFit, emitter_contrast: float, rho: float, rho_err: float) -> float:
    """Standard deviations between the contrast and that of emitters in a background of 1 - rho."""
    boundary = emitter_contrast * rho**2
    sigma, away = signed_root(fit.histogram, fit.scan, boundary), abs(fit.contrast - boundary)
    return sigma / float(np.hypot(1, sigma * 2 * rho * emitter_contrast * rho_err / away)) if away else 0.0


def _no_dip(fit: AntibunchingFit, single: bool | None, two: float) -> str:
    excluded = "is excluded" if single is False else "is not excluded"
    return f"no antibunching in {fit.n_coincidences} coincidences; a dip of two emitters, C = {two:.2f}, {excluded}"


def _dip(fit: AntibunchingFit, single: bool | None, two: float, one: float) -> str:
    relation = {
        True: f"above that of two equal emitters, {two:.2f}",
        False: f"below that of a single emitter, at least {one:.2f}",
        None: f"not clearly above that of two equal emitters, {two:.2f}, or below that of one, {one:.2f} at least",
    }
    return f"C = {fit.contrast:.3f} ± {fit.contrast_err:.3f} is {relation[single]}"


def _check_fraction(signal_fraction: float, signal_fraction_err: float) -> None:
    if not (0 < signal_fraction <= 1 and 0 <= signal_fraction_err < np.inf):
        raise ValueError(
            f"signal_fraction is {signal_fraction} ± {signal_fraction_err}: give a share of the photons in (0, 1]"
        )
