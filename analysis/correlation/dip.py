"""The antibunching dip of an emitter: eqn (4) of the paper, behind the response, in pairs or in first stops."""

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analysis.correlation.histogram import Histogram, live_histogram
from analysis.correlation.kernels import CONTRAST, LOG_A, LOG_TAU, STOP, T0
from analysis.correlation.scan import Scan, fit_flat, likeliest_dip, scan_t0
from analysis.correlation.significance import chance_of_a_dip

Array = NDArray[np.float64]
TAU_BOUNDS_NS = (1.0, 300.0)
FALSE_DIP = 0.01  # how often noise may pass for antibunching before numbers are given
SCAN_MAY_GAIN = 6.0  # deviance, over a t0 in the middle of a bin
LARGEST_LOG_TAU_ERR = 1.0  # beyond, the data do not tell tau
WRONG_CHI2, WRONG_SIGMA = 1.2, 4.0  # a histogram beyond both is no dip


@dataclass(frozen=True, eq=False)
class AntibunchingFit:
    """The dip of g2(t) = 1 - C exp(-|t - t0| / tau), response removed; `_err` is one standard deviation.

    contrast : C; above 1 by noise only. g2_zero : 1 - C, of all light, background included
    baseline : coincidences per bin without the dip; on a start-stop card in its first live bin
    stop_cps : rate of stops; 0 if all pairs are counted, error 0 if it was given
    deviance : per degree of freedom; below 1 where most bins are nearly empty
    chi2 : Pearson's chi-squared per degree of freedom; misfit_sigma : its excess over 1, in standard deviations
    n_coincidences : in the live bins
    dip_coincidences : pairs expected without antibunching within one tau of t0: what the errors depend on
    p_flat : chance that a flat histogram shows such a dip, anywhere in the window
    identified : False if p_flat exceeds 1 % or the error of tau is larger than tau: all errors are NaN, the values
        describe noise
    converged : the likelihood is at its maximum
    covariance : (5, 5) of tau_ns, contrast, t0_ns, baseline, stop_cps
    """

    tau_ns: float
    tau_err_ns: float
    contrast: float
    contrast_err: float
    g2_zero: float
    g2_zero_err: float
    t0_ns: float
    t0_err_ns: float
    baseline: float
    baseline_err: float
    stop_cps: float
    stop_err_cps: float
    deviance: float
    chi2: float
    misfit_sigma: float
    n_coincidences: int
    dip_coincidences: float
    p_flat: float
    identified: bool
    converged: bool
    covariance: Array
    histogram: Histogram = field(repr=False)
    scan: Scan = field(repr=False)

    @property
    def fits(self) -> bool:
        """Whether eqn (4) describes the histogram; a peak, a flash or crosstalk between the detectors does not fit."""
        return self.chi2 < WRONG_CHI2 or self.misfit_sigma < WRONG_SIGMA

    @property
    def above_one(self) -> bool:
        """Whether the contrast exceeds 1, which no light has."""
        return self.contrast > 1

    def g2(self, delay_ns: ArrayLike) -> Array:
        """The fitted g2 without response, eqn (4)."""
        return 1 - self.contrast * np.exp(-np.abs(np.asarray(delay_ns, float) - self.t0_ns) / self.tau_ns)

    def model(self, delay_ns: ArrayLike | None = None) -> Array:
        """Coincidences expected per bin, to draw over the counts; NaN outside the live bins.

        delay_ns : where; by default at the centres of the live bins, `histogram.centres_ns`
        """
        centres, expected = self.histogram.centres_ns, self.histogram.expected(self.scan.average()[0])[0]
        at = centres if delay_ns is None else np.asarray(delay_ns, float)
        return np.interp(at, centres, expected, left=np.nan, right=np.nan)

    def __str__(self) -> str:
        if not self.identified:
            return f"no antibunching identified: {self.n_coincidences} coincidences, chance of noise {self.p_flat:.2g}"
        return "\n".join(
            [
                f"tau      = {self.tau_ns:.3g} ± {self.tau_err_ns:.2g} ns",
                f"contrast = {self.contrast:.3f} ± {self.contrast_err:.3f}" + " (above 1: noise)" * self.above_one,
                f"t0       = {self.t0_ns:.2f} ± {self.t0_err_ns:.2f} ns",
                f"deviance = {self.deviance:.3f} per degree of freedom, {self.n_coincidences} coincidences",
            ]
        )


def fit_antibunching(
    delay_ns: ArrayLike,
    counts: ArrayLike,
    *,
    irf_sigma_ns: float | None = None,
    estimator: Literal["start_stop", "all_pairs"] = "start_stop",
    n_starts: float | None = None,
    stop_cps: float | None = None,
    stop_err_cps: float = 0.0,
    blind_ns: float | None = None,
    t0_ns: float | None = None,
    tau_bounds_ns: tuple[float, float] = TAU_BOUNDS_NS,
) -> AntibunchingFit:
    """Fit A [1 - C exp(-|t - t0| / tau)], blurred by the response and integrated over each bin.

    Parameters
    ----------
    delay_ns : (n_bins,) bin centres in equal steps, as lag or with the cable delay
    counts : (n_bins,) coincidences
    irf_sigma_ns : standard deviation of the delay of simultaneous photons (both detectors); none: a sharp response
    estimator : "start_stop" if only the first stop after each start was recorded, "all_pairs" if all were
    n_starts : armed starts of the card, with those that found no stop; this fixes the stop rate
    stop_cps, stop_err_cps : rate of the stop detector, if known, and its error: with one, or if the rate is not known,
        the slope it gives to the baseline is fitted
    blind_ns : from the first edge of the histogram; stops before it were ignored and left the start armed. By default
        found from the empty bins at the beginning; empty bins at the end are past the range of the card
    t0_ns : zero delay, if known; else it may be anywhere in the window, and dim dips need more counts
    tau_bounds_ns : no tau leaves these

    Notes
    -----
    Poisson likelihood; that of first stops is exact for stops that come at the rate R g2(t) after a start, with or
    without `n_starts`. It is maximised over all but t0, over which it is averaged. tau is exp(mean log tau - s^2 / 2),
    s its relative error: free of bias in the mean, so that taus may be averaged. Errors of tau and C are widened by
    1 + s^2 / 2, and calibrated from `dip_coincidences` = 50 on; below about 100 only deep dips are identified, so C is
    high by a few percent. For continuous excitation. ValueError for counts or settings that make no
    histogram. Source of the first stops: Coates, J. Phys. E 1, 878 (1968).
    """
    histogram = live_histogram(
        delay_ns,
        counts,
        estimator=estimator,
        irf_sigma_ns=irf_sigma_ns,
        n_starts=n_starts,
        stop_cps=stop_cps,
        stop_err_cps=stop_err_cps,
        blind_ns=blind_ns,
        t0_ns=t0_ns,
        tau_bounds_ns=tau_bounds_ns,
    )
    flat, flat_deviance, _ = fit_flat(histogram)
    start = likeliest_dip(histogram, flat)
    promising = chance_of_a_dip(histogram, flat_deviance - start[1] + SCAN_MAY_GAIN) <= FALSE_DIP
    scan = scan_t0(histogram, start, wide=promising)
    return _physical(histogram, scan, chance_of_a_dip(histogram, flat_deviance - scan.deviance.min()))


def _physical(histogram: Histogram, scan: Scan, p_flat: float) -> AntibunchingFit:
    """Lifetime, contrast and their errors from the scan over t0."""
    x, covariance = scan.average()
    s = float(np.sqrt(covariance[LOG_TAU, LOG_TAU]))
    wider = 1 + s**2 / 2
    identified = bool(p_flat <= FALSE_DIP and s * wider < LARGEST_LOG_TAU_ERR and histogram.counts.any())
    tau, contrast = float(np.exp(x[LOG_TAU] - min(s, LARGEST_LOG_TAU_ERR) ** 2 / 2)), float(x[CONTRAST])
    per_ns = float(np.exp(x[LOG_A])) if histogram.counts.any() else 0.0
    per_start = per_ns / histogram.n_starts if histogram.n_starts else 0.0
    slope = np.diag([wider * tau, wider, 1.0, per_ns * histogram.width_ns, 1e9])
    slope = slope @ np.eye(5)[[LOG_TAU, CONTRAST, T0, LOG_A, STOP]]
    slope[4, LOG_A] = per_start * 1e9
    covariance = slope @ covariance @ slope.T if identified else np.full((5, 5), np.nan)
    chi2, misfit_sigma = _misfit(histogram, scan)
    error = [float(value) for value in np.sqrt(np.diag(covariance))]
    return AntibunchingFit(
        tau_ns=tau,
        tau_err_ns=error[0],
        contrast=contrast,
        contrast_err=error[1],
        g2_zero=1 - contrast,
        g2_zero_err=error[1],
        t0_ns=float(x[T0]),
        t0_err_ns=error[2],
        baseline=per_ns * histogram.width_ns,
        baseline_err=error[3],
        stop_cps=float(x[STOP] + per_start) * 1e9,
        stop_err_cps=error[4],
        deviance=float(scan.deviance.min() / max(1, histogram.observed.size - int(histogram.free.sum()))),
        chi2=chi2,
        misfit_sigma=misfit_sigma,
        n_coincidences=int(histogram.counts.sum()),
        dip_coincidences=2 * tau * per_ns,
        p_flat=p_flat,
        identified=identified,
        converged=scan.converged,
        covariance=covariance,
        histogram=histogram,
        scan=scan,
    )


def _misfit(histogram: Histogram, scan: Scan) -> tuple[float, float]:
    """Pearson's chi-squared per degree of freedom, and its excess in its own standard deviations."""
    mu = np.maximum(histogram.expected(scan.best)[0], 1e-9)
    freedom = max(1, mu.size - int(histogram.free.sum()))
    chi2 = float(np.sum((histogram.counts - mu) ** 2 / mu))
    return chi2 / freedom, (chi2 - freedom) / float(np.sqrt(2 * freedom + np.sum(1 / mu)))
