"""Coincidences of two photon streams, the antibunching dip of a single emitter, and whether there is only one.

1. `coincidences` counts all pairs of a time-tagged record; a start-stop card delivers a histogram of first stops.
2. `fit_antibunching` fits either with eqn (4) of the paper, g2(t) = 1 - C exp(-|t| / tau), behind the response.
3. `decide` says with a stated significance whether the emitter is single.

`fit_time_zero` calibrates zero delay and response, `first_stop_correct` undoes the distortion of a start-stop histogram
for a figure, `corrected_contrast` removes the background from C.
"""

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import norm

from analysis import _correlation_pairs as pairs
from analysis._antibunching_fit import Scan, fit_flat, likeliest_dip, scan_t0
from analysis._antibunching_histogram import Histogram, live_histogram
from analysis._antibunching_kernels import CONTRAST, LOG_A, LOG_TAU, STOP, T0
from analysis._antibunching_significance import chance_of_a_dip, excluded_anywhere, signed_root, threshold_sigma
from analysis._antibunching_start_stop import FirstStops, first_stop_correct
from analysis._antibunching_time_zero import TimeZero, fit_time_zero

__all__ = [
    "AntibunchingFit",
    "Coincidences",
    "Decision",
    "FirstStops",
    "TimeZero",
    "coincidences",
    "corrected_contrast",
    "decide",
    "first_stop_correct",
    "fit_antibunching",
    "fit_time_zero",
]

Array = NDArray[np.float64]
TAU_BOUNDS_NS = (1.0, 300.0)
MOST_BINS = 10_000_000
FALSE_DIP = 0.01  # how often noise may pass for antibunching before numbers are given
SCAN_MAY_GAIN = 6.0  # deviance, over a t0 in the middle of a bin
LARGEST_LOG_TAU_ERR = 1.0  # beyond, the data do not tell tau
THREE_SIGMA = 0.00135
TWO_EMITTERS = 0.5  # their contrast, if equal
ONE_EMITTER = 0.75  # its contrast without background, at least: an emitter with a quarter of biexcitons
TAU_RANGE_NS = (4.0, 100.0)  # of quantum dots in films and on glass


@dataclass(frozen=True, eq=False)
class Coincidences:
    """Pairs per delay b - a of two photon streams; arrays (n_bins,).

    delay_ns : bin centres, symmetric; zero delay is the middle of the central bin. Bin k holds the whole ticks d with
        k w - floor(w / 2) <= d < k w + ceil(w / 2), w ticks wide
    counts : pairs
    expected : pairs of two uncorrelated streams of these rates, in a record of this length: the instants of the
        record that are d apart become fewer with |d|
    """

    delay_ns: Array
    counts: NDArray[np.int64]
    expected: Array
    bin_ns: float
    duration_s: float
    n_a: int
    n_b: int

    @property
    def rate_a_cps(self) -> float:
        return self.n_a / self.duration_s if self.duration_s else np.nan

    @property
    def rate_b_cps(self) -> float:
        return self.n_b / self.duration_s if self.duration_s else np.nan

    @property
    def n_photons(self) -> int:
        return self.n_a + self.n_b

    @property
    def n_coincidences(self) -> int:
        return int(self.counts.sum())

    @property
    def g2(self) -> Array:
        """Counts over expected; NaN where none are expected."""
        return _ratio(self.counts, self.expected)

    @property
    def g2_err(self) -> Array:
        """One standard deviation, of at least one count."""
        return _ratio(np.sqrt(np.maximum(self.counts, 1)), self.expected)


@dataclass(frozen=True, eq=False)
class AntibunchingFit:
    """The dip of g2(t) = 1 - C exp(-|t - t0| / tau), response removed; `_err` is one standard deviation.

    contrast : C; above 1 by noise only. g2_zero : 1 - C, of all light, background included
    baseline : coincidences per bin without the dip; on a start-stop card in its first live bin
    stop_cps : rate of stops; 0 if all pairs are counted, error 0 if it was given
    deviance : per degree of freedom; below 1 where most bins are nearly empty
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
    n_coincidences: int
    dip_coincidences: float
    p_flat: float
    identified: bool
    converged: bool
    covariance: Array
    histogram: Histogram = field(repr=False)
    scan: Scan = field(repr=False)

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


@dataclass(frozen=True)
class Decision:
    """Whether the light comes from a single emitter.

    single : True (g2_zero < 0.5), False (g2_zero > 0.5), None (undecided)
    significance_sigma : how far the contrast lies above that of two equal emitters, in standard deviations
    threshold_sigma : the distance asked for
    p_single : the same distance as a probability, 1 if surely single
    reason : in words
    """

    single: bool | None
    significance_sigma: float
    threshold_sigma: float
    p_single: float
    reason: str


def coincidences(
    times_a: ArrayLike,
    times_b: ArrayLike,
    *,
    unit_s: float,
    bin_ns: float,
    window_ns: float,
    duration_s: float | None = None,
    same: bool = False,
    n_threads: int | None = None,
) -> Coincidences:
    """Count all pairs of photons by their delay b - a.

    Parameters
    ----------
    times_a, times_b : (n_a,), (n_b,) sorted whole ticks of one clock, any integer type, far from or past zero
    unit_s : length of a tick
    bin_ns : rounded to a whole number of ticks, at least one
    window_ns : the centres of the outermost bins lie within +-window_ns
    duration_s : of the record; by default from the first photon to the last
    same : both are one stream; photons are then not paired with themselves
    n_threads : by default all cores

    Notes
    -----
    Two-pointer search, in time proportional to photons and pairs; exact, also for equal and repeated times.
    `expected` assumes steady rates. ValueError for unsorted or fractional times, or a bin under half a tick.

    >>> pairs = coincidences([0, 10, 20], [0, 11, 19], unit_s=1e-9, bin_ns=1, window_ns=2)
    >>> pairs.delay_ns, pairs.counts
    (array([-2., -1.,  0.,  1.,  2.]), array([0, 1, 1, 1, 0]))
    """
    a, b = pairs.as_tags(times_a, "times_a"), pairs.as_tags(times_b, "times_b")
    if same and not np.array_equal(a, b):
        raise ValueError(f"same=True, but the streams of {a.size} and {b.size} photons differ: give one stream twice")
    width, side = _whole_ticks(unit_s, bin_ns, window_ns)
    if n_threads is not None and n_threads < 1:
        raise ValueError(f"n_threads is {n_threads}: give 1 or more, or leave it out to use all cores")
    a, b, n_ticks = pairs.on_one_clock(a, b)
    if duration_s is not None:
        n_ticks = _longer(n_ticks, duration_s, unit_s)
    bins = {"low": -(side * width) - width // 2, "width": width, "n_bins": 2 * side + 1}
    counts = pairs.count_pairs(a, b, **bins, n_threads=n_threads)
    counts[side] -= a.size if same else 0
    instants = pairs.pairs_of_instants(n_ticks, **bins)
    density = a.size * (b.size - same) / max(n_ticks, 1) ** 2
    tick_ns = unit_s * 1e9
    return Coincidences(
        delay_ns=np.arange(-side, side + 1, dtype=float) * (width * tick_ns),
        counts=counts,
        expected=density * instants,
        bin_ns=width * tick_ns,
        duration_s=n_ticks * unit_s,
        n_a=a.size,
        n_b=b.size,
    )


def _whole_ticks(unit_s: float, bin_ns: float, window_ns: float) -> tuple[int, int]:
    """Ticks per bin, and bins to each side of the central one."""
    for name, value in (("unit_s", unit_s), ("bin_ns", bin_ns), ("window_ns", window_ns)):
        if not (np.isfinite(value) and value > 0):
            raise ValueError(f"{name} is {value}: give a positive number")
    width = round(bin_ns * 1e-9 / unit_s)
    if width < 1:
        raise ValueError(f"bin_ns {bin_ns} is under half a tick of {unit_s * 1e9:.3g} ns: give at least one tick")
    side = int(window_ns * 1e-9 / (unit_s * width) + 1e-6)
    if 2 * side + 1 > MOST_BINS:
        raise ValueError(f"window_ns {window_ns} / bin_ns {bin_ns} makes {2 * side + 1} bins: at most {MOST_BINS}")
    if (2 * side + 2) * width >= 2**50:
        raise ValueError(f"window_ns {window_ns} is over 2^50 ticks of {unit_s} s: give a shorter window")
    return width, side


def _longer(n_ticks: int, duration_s: float, unit_s: float) -> int:
    if not np.isfinite(duration_s) or round(duration_s / unit_s) < n_ticks - 1:
        raise ValueError(f"duration_s {duration_s} is shorter than the {n_ticks * unit_s:.6g} s between the photons")
    return max(n_ticks, round(duration_s / unit_s))


def fit_antibunching(
    delay_ns: ArrayLike,
    counts: ArrayLike,
    *,
    irf_sigma_ns: float | None = None,
    estimator: Literal["start_stop", "all_pairs"] = "start_stop",
    n_starts: float | None = None,
    stop_cps: float | None = None,
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
    stop_cps : rate of the stop detector, if known; else the slope it gives to the baseline is fitted
    blind_ns : from the first edge of the histogram; stops before it were ignored and left the start armed. By default
        found from the empty bins at the beginning; empty bins at the end are past the range of the card
    t0_ns : zero delay, if known; else it may be anywhere in the window, and dim dips need more counts
    tau_bounds_ns : no tau leaves these

    Notes
    -----
    Poisson likelihood; that of first stops is exact for stops that come at the rate R g2(t) after a start, with or
    without `n_starts`. It is maximised over all but t0, over which it is averaged. tau is exp(mean log tau - s^2 / 2),
    s its relative error: free of bias in the mean, so that taus may be averaged. Errors of tau and C are widened by
    1 + s^2 / 2, and calibrated from `dip_coincidences` = 50 on. ValueError for counts or settings that make no
    histogram. Source of the first stops: Coates, J. Phys. E 1, 878 (1968).
    """
    histogram = live_histogram(
        delay_ns,
        counts,
        estimator=estimator,
        irf_sigma_ns=irf_sigma_ns,
        n_starts=n_starts,
        stop_cps=stop_cps,
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
    identified = bool(p_flat <= FALSE_DIP and s < LARGEST_LOG_TAU_ERR and histogram.counts.any())
    tau, contrast = float(np.exp(x[LOG_TAU] - min(s, LARGEST_LOG_TAU_ERR) ** 2 / 2)), float(x[CONTRAST])
    per_ns = float(np.exp(x[LOG_A])) if histogram.counts.any() else 0.0
    per_start = per_ns / histogram.n_starts if histogram.n_starts else 0.0
    wider = 1 + s**2 / 2
    slope = np.diag([wider * tau, wider, 1.0, per_ns * histogram.width_ns, 1e9])
    slope = slope @ np.eye(5)[[LOG_TAU, CONTRAST, T0, LOG_A, STOP]]
    slope[4, LOG_A] = per_start * 1e9
    covariance = slope @ covariance @ slope.T if identified else np.full((5, 5), np.nan)
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
        n_coincidences=int(histogram.counts.sum()),
        dip_coincidences=2 * tau * per_ns,
        p_flat=p_flat,
        identified=identified,
        converged=scan.converged,
        covariance=covariance,
        histogram=histogram,
        scan=scan,
    )


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
    False, three ways: C lies below 0.5 if the background is not known (several emitters, or one in much background);
    C lies below 0.75 rho^2 but not above 0.5 rho^2 if it is (several emitters); there is no dip, and one of two
    emitters is excluded at any t0 but the outer tenths of the window. Significance is the signed root of the
    likelihood ratio at the boundary, averaged over t0; without a dip, the bound 1 / ratio on the chance.
    """
    if not 0 < false_alarm < 0.5:
        raise ValueError(f"false_alarm is {false_alarm}: give a probability between 0 and 0.5")
    if not 1 <= data_growth < np.inf:
        raise ValueError(f"data_growth is {data_growth}: give a ratio of 1 or more")
    rho = 1.0 if signal_fraction is None else signal_fraction
    _check_fraction(rho, signal_fraction_err)
    threshold, two = threshold_sigma(false_alarm, data_growth), TWO_EMITTERS * rho**2
    if not (fit.identified and fit.p_flat <= norm.sf(threshold)):
        chance = excluded_anywhere(fit.histogram, two, tau_range_ns)
        sigma = float(norm.ppf(min(chance, 0.5)))
        single = False if sigma < -threshold else None
        return Decision(single, sigma, threshold, float(norm.cdf(sigma)), _no_dip(fit, single, two))
    sigma = _sigma_above(fit, TWO_EMITTERS, rho, signal_fraction_err)
    known = signal_fraction is not None
    below = _sigma_above(fit, ONE_EMITTER, rho, signal_fraction_err) if known else sigma
    single = True if sigma > threshold else (False if below < -threshold else None)
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
        None: f"not significantly above that of two equal emitters, {two:.2f}",
    }
    return f"C = {fit.contrast:.3f} ± {fit.contrast_err:.3f} is {relation[single]}"


def _check_fraction(signal_fraction: float, signal_fraction_err: float) -> None:
    if not (0 < signal_fraction <= 1 and 0 <= signal_fraction_err < np.inf):
        raise ValueError(
            f"signal_fraction is {signal_fraction} ± {signal_fraction_err}: give a share of the photons in (0, 1]"
        )


def _ratio(count: ArrayLike, expected: Array) -> Array:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(expected > 0, np.asarray(count) / expected, np.nan)
