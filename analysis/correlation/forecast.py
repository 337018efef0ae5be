"""How long an antibunching measurement will take, before it has begun."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_ndtr

from analysis.fisher import covariance_of

Array = NDArray[np.float64]
BIN_NS = 0.576  # of the histogram to reckon with; a fraction of any rise time
SIGMA_NS = 0.3  # of the response to pairs, where none is measured
TAU_FACTOR = 1.9  # relative error of tau, times contrast and the root of the coincidences in one rise time
CONTRAST_FACTOR = 0.9  # error of the contrast, times the same root


def live_time_s(
    rate_cps: float,
    background_cps: float,
    *,
    target_err_ns: float | None = None,
    target_contrast_err: float | None = None,
    tau_ns: float = 12.0,
) -> float:
    """Seconds of light until the errors of a single emitter are as small as wished; inf if it does not shine.

    Parameters
    ----------
    rate_cps, background_cps : detected on both arms together; the arms are taken as equal
    tau_ns : rise time to reckon with; the time grows in proportion to it

    Notes
    -----
    A start-stop histogram collects rate^2 / 4 coincidences per second and lag, n in one rise time; the errors are
    1.9 tau / (C sqrt(n)) and 0.9 / sqrt(n), as in the fits of measurements of 60 to 700 coincidences per ns.

    >>> round(live_time_s(87_700, 12_300, target_err_ns=0.4, tau_ns=17.7))
    270
    """
    total = rate_cps + background_cps
    if not (rate_cps > 0 and total > 0):
        return math.inf
    contrast = (rate_cps / total) ** 2
    needed = [0.0]
    if target_err_ns is not None:
        needed.append((TAU_FACTOR * tau_ns / (contrast * target_err_ns)) ** 2)
    if target_contrast_err is not None:
        needed.append((CONTRAST_FACTOR / target_contrast_err) ** 2)
    return max(needed) / (tau_ns * 1e-9 * total**2 / 4)


@dataclass(frozen=True)
class DipErrors:
    """What a fit of the dip will be sure of; `_err` is one standard deviation.

    coincidences_per_ns : beside the dip; contrast : of the dip, the background included
    """

    live_s: float
    coincidences_per_ns: float
    tau_ns: float
    tau_err_ns: float
    contrast: float
    contrast_err: float


def expected_errors(
    live_s: float,
    rate_cps: float,
    background_cps: float,
    *,
    tau_ns: float,
    sigma_ns: float = SIGMA_NS,
    before_ns: float = 100.0,
    after_ns: float = 470.0,
) -> DipErrors:
    """Errors of rise time and contrast of a single emitter after so many seconds of light, from Fisher information.

    Parameters
    ----------
    rate_cps, background_cps : of the emitter alone, and of the rest, on both arms together; the arms are equal
    sigma_ns : of the response to pairs
    before_ns, after_ns : reach of the lags on both sides of zero

    Notes
    -----
    Level, rise time and contrast are free. The zero of the lags and the rate of stops, by which later lags are seen
    less, are known: from `time_zero`, and from the counts of the run itself.

    >>> found = expected_errors(270, 87_700, 12_300, tau_ns=17.7)
    >>> f"{found.tau_err_ns:.2f} ns, {found.contrast_err:.3f}"
    '0.37 ns, 0.008'
    """
    total = rate_cps + background_cps
    contrast = (rate_cps / total) ** 2 if total > 0 and rate_cps > 0 else 0.0
    per_ns = live_s * total**2 / 4 * 1e-9
    if not (contrast > 0 and per_ns > 0):
        return DipErrors(live_s, max(per_ns, 0.0), tau_ns, math.inf, contrast, math.inf)
    lag_ns = np.arange(-before_ns, after_ns, BIN_NS) + BIN_NS / 2
    unstopped = np.exp(-total / 2 * (lag_ns + before_ns) * 1e-9)

    def counts(at: Array) -> Array:
        level, tau, depth = at
        return level * BIN_NS * (1 - depth * rise(lag_ns, tau, sigma_ns)) * unstopped

    found = np.sqrt(np.diag(covariance_of(counts, [per_ns, tau_ns, contrast])))
    return DipErrors(live_s, per_ns, tau_ns, float(found[1]), contrast, float(found[2]))


def rise(lag_ns: Array, tau_ns: float, sigma_ns: float) -> Array:
    """exp(-|lag| / tau), blurred by a Gaussian of sigma_ns.

    >>> rise(np.array([0.0, 20.0]), 20.0, 0.01).round(3)
    array([1.   , 0.368])
    """
    ratio, half = lag_ns / sigma_ns, sigma_ns / tau_ns
    later = np.exp(0.5 * half**2 - lag_ns / tau_ns + log_ndtr(ratio - half))
    return later + np.exp(0.5 * half**2 + lag_ns / tau_ns + log_ndtr(-ratio - half))


def time_to_errors(
    rate_cps: float,
    background_cps: float,
    *,
    tau_ns: float,
    target_err_ns: float | None = None,
    target_contrast_err: float | None = None,
    sigma_ns: float = SIGMA_NS,
) -> float:
    """Seconds of light until the errors of `expected_errors` are as small as wished; inf if that never is.

    >>> round(time_to_errors(87_700, 12_300, tau_ns=17.7, target_err_ns=0.4), -1)
    230.0
    """
    once = expected_errors(1.0, rate_cps, background_cps, tau_ns=tau_ns, sigma_ns=sigma_ns)
    wished = {once.tau_err_ns: target_err_ns, once.contrast_err: target_contrast_err}
    return max(((err / target) ** 2 for err, target in wished.items() if target is not None), default=0.0)
