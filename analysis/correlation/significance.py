"""How often noise alone looks like this: dips anywhere, a contrast across a boundary, many looks at growing data."""

from dataclasses import replace

import numpy as np
from scipy.optimize import root_scalar
from scipy.special import logsumexp
from scipy.stats import norm

from analysis.correlation.histogram import Histogram
from analysis.correlation.kernels import CONTRAST, T0
from analysis.correlation.scan import Scan, at_given_t0, find_dips, fit_flat

EDGE = 0.1  # of the window to each side, where a dip could hide


def chance_of_a_dip(histogram: Histogram, gain: float) -> float:
    """Probability that a flat histogram shows a dip, anywhere and of any lifetime, that lowers the deviance by `gain`.

    The root of the gain is the maximum of a smooth Gaussian field over t0 and log tau, whose correlation falls with
    distance as 1 - dt0^2 / (2 tau^2) and 1 - dlogtau^2 / 8: its expected Euler characteristic (Adler & Taylor,
    Random Fields and Geometry, 2007) is the probability, where small.
    """
    z, (low, high) = np.sqrt(max(gain, 0.0)), histogram.tau_bounds_ns
    high = max(min(high, histogram.span_ns), 1.01 * low)
    length, area = np.log(high / low) / 2, 0.0
    if histogram.t0_ns is None:
        length += histogram.span_ns * (1 / low + 1 / high) / 2
        area = histogram.span_ns * (1 / low - 1 / high) / 2
    density = np.exp(-(z**2) / 2) / (2 * np.pi)
    return float(min(1.0, norm.sf(z) + density * (length + area * z / np.sqrt(2 * np.pi))))


def signed_root(histogram: Histogram, scan: Scan, boundary: float) -> float:
    """How many standard deviations the contrast lies above a boundary, by the likelihood ratio averaged over t0."""
    mean = scan.average()[0][CONTRAST]
    ratio = _log_likelihood_at(histogram, scan, mean) - _log_likelihood_at(histogram, scan, boundary)
    return float(np.sign(mean - boundary) * np.sqrt(2 * max(ratio, 0.0)))


def _log_likelihood_at(histogram: Histogram, scan: Scan, contrast: float) -> float:
    free = at_given_t0(histogram)
    free[CONTRAST] = False
    deviance = []
    for x in scan.x:
        start = x.copy()
        start[CONTRAST] = contrast
        deviance.append(histogram.maximise(start, free)[1])
    return float(logsumexp(-np.array(deviance) / 2))


def excluded_anywhere(histogram: Histogram, contrast: float, tau_range_ns: tuple[float, float]) -> float:
    """Chance that light with a dip this deep, anywhere but near the ends, looks as flat as this; 1 if the dip fits.

    A likelihood ratio exceeds k with probability 1 / k at most, however often one looks (Ville's inequality).
    """
    margin = EDGE * histogram.span_ns
    here = replace(histogram, tau_bounds_ns=tau_range_ns, t0_margin_ns=margin if histogram.t0_ns is None else 0.0)
    free = here.free & (np.arange(here.free.size) != CONTRAST)
    flat, flat_deviance, _ = fit_flat(here)
    fits = [here.maximise(x, free & (np.arange(free.size) != T0)) for x in find_dips(here, flat, contrast=contrast)]
    fits += [here.maximise(x, free) for x, _, _ in fits]
    return float(np.exp(-max(min(fit[1] for fit in fits) - flat_deviance, 0.0) / 2))


def threshold_sigma(false_alarm: float, data_growth: float) -> float:
    """Standard deviations that noise crosses with probability `false_alarm`, if looked at while the data grow.

    A sum of independent counts, standardised, is an Ornstein-Uhlenbeck process in half the log of their number, and
    P(maximum > c) = P(c) + S c p(c) over a stretch S of it (Leadbetter, Lindgren & Rootzen, Extremes, 1983, ch. 12).
    """
    stretch = np.log(data_growth) / 2
    peak = np.sqrt(max(0.0, 1 - 1 / stretch)) if stretch else 0.0
    root = root_scalar(lambda c: norm.sf(c) + stretch * c * norm.pdf(c) - false_alarm, bracket=(peak, 40.0))
    return float(root.root)
