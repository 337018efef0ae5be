"""Lifetimes from photon histograms: Poisson maximum-likelihood fits of IRF-reconvolved decays, many pixels at once.

The model is eqn (3) of the paper, I(t) = y0 + sum_i A_i exp(-t / tau_i), excited by the measured IRF once per laser
period and integrated over the channels of the card. Three steps, each usable alone while an image grows:

1. `DecayModel.from_irf` describes the instrument, `.fit_t0` finds the delay between IRF and decay on a bright sum;
2. `.compress` sums the channels of each pixel into about a hundred time bins, which lose 0.2 % of the precision;
3. `.fit` fits every pixel by Fisher scoring. A pixel's result depends on its own counts and the model alone.
"""

import warnings
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from analysis import _decay_axis as time_axis
from analysis._decay_counts import (
    MOST_PHOTONS,
    as_counts,
    check_counts,
    check_length,
    is_dask,
    sum_channels,
    sum_of_decays,
)
from analysis._decay_likelihood import bank_of, maximise, probabilities, share_of_time, starting_decays
from analysis._decay_profile import profile
from analysis._decay_t0 import fit_t0, with_time_bins

TAU_BOUNDS_NS = (0.05, 300.0)
LARGEST_LOG_TAU_STEP = 0.092  # interpolation between lifetimes is then good to 4e-7 of the peak
WIDENING = 1.0  # of an error, per variance of the log lifetime: the next order in 1/photons
LEAST_TAU_RATIO = 1.5  # closer lifetimes are one lifetime
LARGEST_RELATIVE_ERROR = 0.7  # of a lifetime: beyond, the decay does not tell the components apart


class DecayWarning(UserWarning):
    """The data allow a fit, but not an unbiased one."""


@dataclass(frozen=True, eq=False)
class DecayFit:
    """Lifetimes of each pixel; `_err` is one standard deviation, including that of the shared t0.

    Arrays have the leading shape of the counts; NaN where there were no photons.

    tau_ns : (..., n_components) ascending; NaN for a component without photons
    fraction : (..., n_components) share A_i tau_i of the decaying signal, background excluded
    background_fraction : share of all detected photons
    deviance : Poisson deviance per degree of freedom on the time bins; below 1 where most bins are nearly empty
    converged : the likelihood is at its maximum
    degenerate : the numbers cannot be trusted and all errors are NaN: hardly any photons, one lifetime only, an error
        of 70 % of a lifetime, two lifetimes within a factor 1.5, a lifetime at its bound, or t0 unknown
    covariance : (..., k, k) of (tau_ns..., fraction..., background_fraction)
    tau_interval_ns : (..., n_components, 2) shortest and longest likely lifetime, if profile intervals were asked for

    The error of a lifetime is widened by 1 + s^2, s being that of its logarithm; others by that of the least certain
    lifetime: 4 % for 1.9 and 6.6 ns with 580 photons, nothing above a few thousand. tau +- error then covers 67 to
    72 % from 500 photons on (three lifetimes: from 2000). With fewer photons, two-component estimates have tails that
    no error bar describes: average medians, not means, and ask for profile intervals, which cover 65 to 70 % from 200
    photons on, degenerate pixels included.

    The deviance of a bright decay shows what the model lacks: uneven channels of a card, a third lifetime. On time bins
    it sees slow misfits more sharply than on the channels of the card.
    """

    tau_ns: np.ndarray
    tau_err_ns: np.ndarray
    fraction: np.ndarray
    fraction_err: np.ndarray
    background_fraction: np.ndarray
    background_fraction_err: np.ndarray
    t0_ns: float
    t0_err_ns: float
    deviance: np.ndarray
    n_photons: np.ndarray
    converged: np.ndarray
    degenerate: np.ndarray
    covariance: np.ndarray
    tau_interval_ns: np.ndarray | None = None

    def __str__(self) -> str:
        if self.n_photons.ndim:
            return f"DecayFit of {self.n_photons.size} pixels, {int(self.degenerate.sum())} degenerate"
        taus = zip(self.tau_ns, self.tau_err_ns, self.fraction, self.fraction_err, strict=True)
        lines = [f"tau        = {t:.3g} ± {e:.2g} ns ({f:.1%} ± {fe:.1%} of the signal)" for t, e, f, fe in taus]
        lines += [
            f"background = {self.background_fraction:.2%} ± {self.background_fraction_err:.2%} of the photons",
            f"t0         = {self.t0_ns:.3f} ± {self.t0_err_ns:.3f} ns",
            f"deviance   = {self.deviance:.3f} per degree of freedom, {int(self.n_photons)} photons",
        ]
        return "\n".join(lines + ["degenerate: not to be trusted"] * bool(self.degenerate))


@dataclass(frozen=True, eq=False)
class DecayModel:
    """What all pixels of an image share: IRF, laser period, time bins, delay; made by `from_irf`."""

    irf_counts: np.ndarray
    axis: time_axis.PeriodAxis
    time_bin: np.ndarray
    n_components: int
    t0_ns: float
    t0_err_ns: float
    tau_bounds_ns: tuple[float, float]

    @classmethod
    def from_irf(
        cls,
        irf: ArrayLike,
        *,
        bin_width_ns: float,
        period_ns: float,
        n_components: int = 2,
        t0_ns: float = 0.0,
        tau_bounds_ns: tuple[float, float] = TAU_BOUNDS_NS,
    ) -> "DecayModel":
        """The model of decays that lag the IRF by exactly t0_ns.

        irf : (n_bins,) measured histogram, with its own dark counts; normalised here
        bin_width_ns, period_ns : of card and laser; a period may be longer or shorter than the window, in parts of bins

        ValueError for settings that make no decay. DecayWarning for bins over 0.65 FWHM of the IRF.
        """
        irf_counts = _checked_irf(irf)
        _check_settings(bin_width_ns, period_ns, n_components, t0_ns, tau_bounds_ns)
        axis = _axis_of(irf_counts, bin_width_ns, period_ns, tau_bounds_ns[1])
        model = cls(irf_counts, axis, np.empty(0, int), n_components, float(t0_ns), 0.0, tau_bounds_ns)
        _warn_of_wide_bins(model)
        return with_time_bins(model)

    @cached_property
    def irf(self) -> np.ndarray:
        """IRF on one laser period, without background, sum 1; shape (axis.n_channels,)."""
        live = self.axis.fold(self.irf_counts)[: self.axis.n_live]
        return np.pad(time_axis.without_background(live), (0, self.axis.n_channels - live.size))

    @cached_property
    def irf_fwhm_ns(self) -> float:
        """Full width at half maximum of the IRF."""
        return time_axis.full_width_half_maximum(self.irf) * self.axis.bin_width_ns

    @cached_property
    def n_time_bins(self) -> int:
        """Length of a compressed decay."""
        return int(self.time_bin.max()) + 1

    @cached_property
    def live_fraction(self) -> np.ndarray:
        """Share of the live time in each time bin (n_time_bins,): the shape of the background."""
        return share_of_time(self.axis, self.time_bin)

    @cached_property
    def log_tau(self) -> np.ndarray:
        """The lifetimes of the bank, log ns, evenly spaced."""
        low, high = np.log(self.tau_bounds_ns)
        return np.linspace(low, high, max(4, int(np.ceil((high - low) / LARGEST_LOG_TAU_STEP)) + 1))

    @cached_property
    def bank(self) -> np.ndarray:
        """Photons per time bin of one emitted photon, and its derivative by log tau: (2, n_tau, n_time_bins)."""
        return bank_of(self, np.exp(self.log_tau), self.t0_ns, self.time_bin)

    @cached_property
    def starts(self) -> tuple[np.ndarray, np.ndarray]:
        """Parameters of the decays a pixel is first compared with, and the log of these decays per photon."""
        return starting_decays(self)

    def expected(self, tau_ns: ArrayLike, fraction: ArrayLike, background_fraction: ArrayLike) -> np.ndarray:
        """Probability of each time bin for a detected photon, (..., n_time_bins).

        tau_ns, fraction : (..., n_components); background_fraction : (...)
        """
        return probabilities(self, tau_ns, fraction, background_fraction, self.time_bin)

    def expected_full(self, tau_ns: ArrayLike, fraction: ArrayLike, background_fraction: ArrayLike) -> np.ndarray:
        """Probability of each channel of the histogram, (..., n_bins), to draw a fit; zero in dead channels."""
        channels = np.where(self.time_bin >= 0, np.arange(self.time_bin.size), -1)
        folded = probabilities(self, tau_ns, fraction, background_fraction, channels)
        return np.apply_along_axis(self.axis.unfold, -1, folded)

    def compress(self, counts: Any) -> np.ndarray:
        """Sum counts (..., n_bins), dense or sparse, over the time bins -> (..., n_time_bins) uint32; these add up."""
        counts = as_counts(counts)
        check_length(counts, self.axis.n_bins, "bins of the irf")
        time_bin = self.time_bin[self.axis.position]
        return sum_channels(counts, time_bin, time_axis.runs(time_bin))

    def fit_t0(self, summed: ArrayLike) -> "DecayModel":
        """The model with the delay that fits the sum of all decays (n_bins,) best; time bins follow the pulse.

        A sum of different decays gets as many components as its likelihood asks for, so that its shape does not
        pull t0. An empty sum leaves t0 as it is, with an infinite error.
        """
        return fit_t0(self, np.asarray(summed))

    def with_t0(self, t0_ns: float, t0_err_ns: float = 0.0) -> "DecayModel":
        """The same model at another delay. The time bins stay, so counts that were compressed before stay valid."""
        return replace(self, t0_ns=float(t0_ns), t0_err_ns=float(t0_err_ns))

    def fit(self, compressed: ArrayLike) -> DecayFit:
        """Fit every decay of compressed counts (..., n_time_bins).

        The start is the likeliest of a fixed set of decays, chosen per pixel: results are bit-identical in any
        batch and on any number of threads. DecayWarning if the window is shorter than five of the longest lifetimes.
        """
        return _warn_of_short_window(self, _fit(self, np.asarray(compressed)))

    def profile(self, compressed: ArrayLike) -> np.ndarray:
        """68 % profile-likelihood intervals of the lifetimes, (..., n_components, 2): shortest and longest, ns.

        0 and infinity where the counts exclude nothing inside the bounds of tau. Takes two to five fits' time.
        """
        flat, shape = _checked_pixels(self, np.asarray(compressed))
        return profile(self, flat).reshape(*shape, self.n_components, 2)


def fit_decays(
    counts: Any,
    irf: ArrayLike,
    *,
    bin_width_ns: float,
    period_ns: float,
    n_components: int = 2,
    t0_ns: float | None = None,
    tau_bounds_ns: tuple[float, float] = TAU_BOUNDS_NS,
    intervals: Literal["fisher", "profile"] = "fisher",
) -> DecayFit:
    """Lifetimes, signal shares and background of every decay, with errors.

    Parameters
    ----------
    counts : (..., n_bins) whole numbers of any type: an array, a sparse array of scipy or pydata/sparse, or a dask
        array, which its scheduler fits chunk by chunk. Never copied as a whole; the result is always in memory
    irf : (n_bins,) histogram of scattered laser light, on the same channels
    bin_width_ns, period_ns : of the card and of the laser
    n_components : 1, 2 or 3 lifetimes
    t0_ns : how much later than in `irf` the excitation comes; fitted on the sum of all decays if not given
    tau_bounds_ns : no lifetime leaves these
    intervals : "profile" adds `tau_interval_ns`, which holds below 500 photons too (see `DecayModel.profile`)

    Notes
    -----
    Poisson likelihood; errors from the Fisher information, widened by the error of t0. ValueError if counts are
    negative, fractional or NaN, or shapes disagree; see `DecayModel` for the rest.
    Sources: Bajzer et al., Eur. Biophys. J. 20, 247 (1991); Bouchet et al., Opt. Express 27, 21239 (2019).

    >>> t = np.arange(1000) * 0.1
    >>> irf = np.round(1e5 * np.exp(-0.5 * ((t - 5) / 0.3) ** 2))
    >>> counts = np.round(np.convolve(irf, np.exp(-t / 4))[:1000] / 100)
    >>> fit = fit_decays(counts, irf, bin_width_ns=0.1, period_ns=100.0, n_components=1)
    >>> fit.tau_ns.round(1)
    array([4.])
    """
    if intervals not in ("fisher", "profile"):
        raise ValueError(f"intervals is {intervals!r}: give 'fisher' or 'profile'")
    counts = counts if is_dask(counts) else as_counts(counts)
    model = DecayModel.from_irf(
        irf,
        bin_width_ns=bin_width_ns,
        period_ns=period_ns,
        n_components=n_components,
        t0_ns=0.0 if t0_ns is None else t0_ns,
        tau_bounds_ns=tau_bounds_ns,
    )
    check_length(counts, model.axis.n_bins, "bins of the irf")
    if t0_ns is None:
        model = model.fit_t0(_sum_of(counts, model.axis.n_bins))
    fit = _fit_dask(model, counts, intervals) if is_dask(counts) else _fit(model, model.compress(counts), intervals)
    return _warn_of_short_window(model, fit)


def _sum_of(counts: Any, n_bins: int) -> np.ndarray:
    if is_dask(counts):
        from analysis import _decay_dask as chunked

        return chunked.sum_of_decays(counts, n_bins)
    return sum_of_decays(counts, n_bins)


def _checked_irf(irf: ArrayLike) -> np.ndarray:
    irf = np.asarray(irf, dtype=float)
    if irf.ndim != 1 or irf.size == 0:
        raise ValueError(f"irf has shape {irf.shape}: give one histogram (n_bins,)")
    if not np.isfinite(irf).all() or irf.min() < 0:
        raise ValueError("irf has negative or non-finite counts: give the measured histogram")
    if not irf.any():
        raise ValueError("irf holds no counts: measure the IRF first")
    return irf


def _axis_of(irf_counts: np.ndarray, bin_width_ns: float, period_ns: float, longest_ns: float) -> time_axis.PeriodAxis:
    # Beyond thirty of the longest lifetimes nothing is left of a pulse.
    period_ns = min(period_ns, irf_counts.size * bin_width_ns + 30 * longest_ns)
    return time_axis.PeriodAxis(bin_width_ns, period_ns, irf_counts.size).starting_where(irf_counts)


def _check_settings(bin_width_ns, period_ns, n_components, t0_ns, tau_bounds_ns) -> None:
    for name, value in (("bin_width_ns", bin_width_ns), ("period_ns", period_ns)):
        if not (np.isfinite(value) and value > 0):
            raise ValueError(f"{name} is {value}: give a positive number of ns")
    if period_ns < 2 * bin_width_ns:
        raise ValueError(f"period_ns {period_ns} is shorter than two bins of {bin_width_ns} ns: check the units")
    if n_components not in (1, 2, 3):
        raise ValueError(f"n_components is {n_components}: give 1, 2 or 3")
    if not np.isfinite(t0_ns):
        raise ValueError(f"t0_ns is {t0_ns}: give a finite delay in ns, or leave it out to fit it")
    low, high = tau_bounds_ns
    if not 0 < low < high < np.inf:
        raise ValueError(f"tau_bounds_ns is {tau_bounds_ns}: give 0 < low < high")


def _checked_pixels(model: DecayModel, compressed: np.ndarray) -> tuple[np.ndarray, tuple[int, ...]]:
    """Compressed counts as (n_pixels, n_time_bins) uint32, and their leading shape."""
    check_length(compressed, model.n_time_bins, "time bins of the model (compress the counts first)")
    flat = check_counts(compressed.reshape(-1, model.n_time_bins))
    if flat.size and flat.max() > MOST_PHOTONS:
        raise ValueError(f"a time bin holds more than {MOST_PHOTONS} photons: fit fewer scans at once")
    return flat.astype(np.uint32, copy=False), compressed.shape[:-1]


def _fit(model: DecayModel, compressed: np.ndarray, intervals: str = "fisher") -> DecayFit:
    flat, shape = _checked_pixels(model, compressed)
    fit = _physical(model, maximise(model, flat), flat.sum(axis=1, dtype=np.int64))
    if intervals == "profile":
        fit = replace(fit, tau_interval_ns=profile(model, flat))
    arrays = {name: v.reshape(shape + v.shape[1:]) for name, v in vars(fit).items() if isinstance(v, np.ndarray)}
    return replace(fit, **arrays)


def _fit_dask(model: DecayModel, counts: Any, intervals: str) -> DecayFit:
    from analysis import _decay_dask as chunked

    arrays = chunked.fit_chunks(lambda chunk: _fit(model, model.compress(chunk), intervals), counts)
    return DecayFit(**arrays, t0_ns=model.t0_ns, t0_err_ns=model.t0_err_ns)


def _physical(model: DecayModel, found: dict[str, np.ndarray], n_photons: np.ndarray) -> DecayFit:
    """Lifetimes, shares and their errors from the parameters of the likelihood."""
    k = model.n_components
    log_tau, photons, background = np.split(found["parameters"], [k, 2 * k], axis=1)
    detected = (photons * found["detected"][:, k : 2 * k]).sum(axis=1) + background[:, 0]
    too_few = n_photons <= 2 * k + 1  # no more photons than parameters
    degenerate = _is_degenerate(log_tau, photons, model) | ~found["regular"] | too_few
    with np.errstate(invalid="ignore", divide="ignore"):
        covariance = _covariance(found, detected)
        relative = np.sqrt(np.diagonal(covariance, axis1=1, axis2=2)[:, :k].clip(0)) / np.exp(log_tau)
        degenerate |= ~(relative.max(axis=1) < LARGEST_RELATIVE_ERROR)
        covariance = np.where(degenerate[:, None, None], np.nan, covariance)
        error = np.sqrt(np.diagonal(covariance, axis1=1, axis2=2).clip(0))
        return DecayFit(
            tau_ns=np.where(photons > 0, np.exp(log_tau), np.nan),
            tau_err_ns=error[:, :k],
            fraction=photons / photons.sum(axis=1, keepdims=True),
            fraction_err=error[:, k : 2 * k],
            background_fraction=background[:, 0] / detected,
            background_fraction_err=error[:, 2 * k],
            t0_ns=model.t0_ns,
            t0_err_ns=model.t0_err_ns,
            deviance=found["deviance"] / max(1, model.n_time_bins - 2 * k - 1),
            n_photons=n_photons,
            converged=found["converged"],
            degenerate=degenerate,
            covariance=covariance,
        )


def _covariance(found: dict[str, np.ndarray], detected: np.ndarray) -> np.ndarray:
    """Of (tau_ns..., fraction..., background_fraction): linear propagation, then the widening."""
    k = found["parameters"].shape[1] // 2
    log_tau, photons, background = np.split(found["parameters"], [k, 2 * k], axis=1)
    signal = photons.sum(axis=1)[:, None, None]
    slope = np.zeros_like(found["covariance"])
    slope[:, range(k), range(k)] = np.exp(log_tau)
    slope[:, k : 2 * k, k : 2 * k] = (np.eye(k) - photons[:, :, None] / signal) / signal
    slope[:, 2 * k] = -background / detected[:, None] ** 2 * found["detected"]
    slope[:, 2 * k, 2 * k] += 1 / detected
    widening = 1 + WIDENING * np.diagonal(found["covariance"], axis1=1, axis2=2)
    widening[:, k:] = widening[:, :k].max(axis=1, keepdims=True)
    slope *= widening[:, :, None]
    return slope @ found["covariance"] @ slope.transpose(0, 2, 1)


def _is_degenerate(log_tau: np.ndarray, photons: np.ndarray, model: DecayModel) -> np.ndarray:
    margin = 1e-6
    inside = (log_tau > model.log_tau[0] + margin) & (log_tau < model.log_tau[-1] - margin)
    apart = np.diff(log_tau, axis=1) >= np.log(LEAST_TAU_RATIO)
    known = inside.all(axis=1) & apart.all(axis=1) & (photons > 0).all(axis=1)
    return ~known | ~np.isfinite(model.t0_err_ns)


def _warn_of_wide_bins(model: DecayModel) -> None:
    if model.axis.bin_width_ns > 0.65 * model.irf_fwhm_ns:
        warnings.warn(
            f"bins of {model.axis.bin_width_ns:.3g} ns are wider than 0.65 of the IRF (FWHM {model.irf_fwhm_ns:.2g} "
            "ns): short lifetimes are biased; choose a finer range of the card",
            DecayWarning,
            stacklevel=3,
        )


def _warn_of_short_window(model: DecayModel, fit: DecayFit) -> DecayFit:
    """The fit, with a warning if its lifetimes are too long for the window."""
    longest = fit.tau_ns[~fit.degenerate, -1]
    window_ns = model.axis.n_live * model.axis.bin_width_ns
    if longest.size and window_ns < 5 * np.median(longest):
        warnings.warn(
            f"the window of {window_ns:.3g} ns is shorter than five of the longest lifetimes "
            f"({np.median(longest):.3g} ns): lifetime and background trade places; record a longer window",
            DecayWarning,
            stacklevel=3,
        )
    return fit
