"""Lifetimes from photon histograms: Poisson maximum-likelihood fits of IRF-reconvolved decays, many pixels at once.

The model is eqn (3) of the paper, I(t) = y0 + sum_i A_i exp(-t / tau_i), excited by the measured IRF once per laser
period and integrated over the channels of the card. Three steps, each usable alone while an image grows:

1. `DecayModel.from_irf` describes the instrument, `.fit_t0` finds the delay between IRF and decay on a bright sum;
2. `.compress` sums the channels of each pixel into about a hundred time bins, which lose 0.2 % of the precision;
3. `.fit` fits every pixel by Fisher scoring. A pixel's result depends on its own counts and the model alone.
"""

import os
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import minimize_scalar

from analysis import _decay_axis as time_axis
from analysis import _decay_kernels as kernels

TAU_BOUNDS_NS = (0.05, 300.0)
LARGEST_LOG_TAU_STEP = 0.092  # interpolation between lifetimes is then good to 4e-7 of the peak
PIXELS_PER_TASK = 256
WIDENING = 1.2  # of all errors, per variance of the least certain log lifetime: the next order in 1/photons
MOST_SUM_COMPONENTS = 4  # of the sum that gives t0
LEAST_TAU_RATIO = 1.5  # closer lifetimes are one lifetime


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
    degenerate : the numbers cannot be trusted and all errors are NaN: hardly any photons, one lifetime only, neighbouring
        lifetimes within a factor 1.5, or a parameter at its bound
    covariance : (..., k, k) of (tau_ns..., fraction..., background_fraction)

    Below about 500 photons a two-component interval holds the truth less often than 68 %.
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
        bin_width_ns, period_ns : of the card and of the laser; the window n_bins * bin_width_ns may be shorter or
            longer than the period, which need not be a whole number of bins

        ValueError for an IRF, a width, a period or bounds that make no decay. DecayWarning if the bins are too wide
        for the IRF (over 0.65 FWHM the lifetimes are biased by its unknown position inside a bin).
        """
        irf_counts = _checked_irf(irf)
        _check_settings(bin_width_ns, period_ns, n_components, t0_ns, tau_bounds_ns)
        # Beyond thirty of the longest lifetimes nothing is left of a pulse.
        period_ns = min(period_ns, irf_counts.size * bin_width_ns + 30 * tau_bounds_ns[1])
        axis = time_axis.PeriodAxis(bin_width_ns, period_ns, irf_counts.size).starting_where(irf_counts)
        bounds = (float(tau_bounds_ns[0]), float(tau_bounds_ns[1]))
        model = cls(irf_counts, axis, np.empty(0, int), n_components, float(t0_ns), 0.0, bounds)
        if bin_width_ns > 0.65 * model.irf_fwhm_ns:
            warnings.warn(
                f"bins of {bin_width_ns:.3g} ns are wider than 0.65 of the IRF (FWHM {model.irf_fwhm_ns:.2g} ns): "
                "short lifetimes are biased; choose a finer range of the card",
                DecayWarning,
                stacklevel=2,
            )
        return _with_time_bins(model)

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
        return _share_of_time(self.axis, self.time_bin)

    @cached_property
    def log_tau(self) -> np.ndarray:
        """The lifetimes of the bank, log ns, evenly spaced."""
        low, high = np.log(self.tau_bounds_ns)
        return np.linspace(low, high, max(4, int(np.ceil((high - low) / LARGEST_LOG_TAU_STEP)) + 1))

    @cached_property
    def bank(self) -> np.ndarray:
        """Photons per time bin of one emitted photon, and its derivative by log tau: (2, n_tau, n_time_bins)."""
        return _bank(self, np.exp(self.log_tau), self.t0_ns, self.time_bin)

    @cached_property
    def starts(self) -> tuple[np.ndarray, np.ndarray]:
        """Parameters of the decays a pixel is first compared with, and the log of these decays per photon."""
        return _starting_decays(self)

    def expected(self, tau_ns: ArrayLike, fraction: ArrayLike, background_fraction: ArrayLike) -> np.ndarray:
        """Probability of each time bin for a detected photon, (..., n_time_bins).

        tau_ns, fraction : (..., n_components); background_fraction : (...)
        """
        return _probabilities(self, tau_ns, fraction, background_fraction, self.time_bin)

    def expected_full(self, tau_ns: ArrayLike, fraction: ArrayLike, background_fraction: ArrayLike) -> np.ndarray:
        """Probability of each channel of the histogram, (..., n_bins), to draw a fit; zero in dead channels."""
        channels = np.where(self.time_bin >= 0, np.arange(self.time_bin.size), -1)
        folded = _probabilities(self, tau_ns, fraction, background_fraction, channels)
        return np.apply_along_axis(self.axis.unfold, -1, folded)

    def compress(self, counts: ArrayLike) -> np.ndarray:
        """Sum counts (..., n_bins) over the time bins -> (..., n_time_bins) uint32.

        Sums of compressed scans are compressed sums. ValueError for negative, fractional or NaN counts.
        """
        return _compress(self, np.asarray(counts))

    def fit_t0(self, summed: ArrayLike) -> "DecayModel":
        """The model with the delay that fits the sum of all decays (n_bins,) best; time bins follow the pulse.

        A sum of many different decays gets as many components as its likelihood asks for, so that its shape does
        not pull t0. An empty sum teaches nothing: t0 stays, its error is infinite.
        """
        return _fit_t0(self, np.asarray(summed))

    def fit(self, compressed: ArrayLike) -> DecayFit:
        """Fit every decay of compressed counts (..., n_time_bins).

        The start is the likeliest of a fixed set of decays, chosen per pixel: results are bit-identical in any
        batch and on any number of threads. DecayWarning if the window is shorter than five of the longest lifetimes.
        """
        return _fit(self, np.asarray(compressed))


def fit_decays(
    counts: ArrayLike,
    irf: ArrayLike,
    *,
    bin_width_ns: float,
    period_ns: float,
    n_components: int = 2,
    t0_ns: float | None = None,
    tau_bounds_ns: tuple[float, float] = TAU_BOUNDS_NS,
) -> DecayFit:
    """Lifetimes, signal shares and background of every decay, with errors.

    Parameters
    ----------
    counts : (..., n_bins) whole numbers of any type
    irf : (n_bins,) histogram of scattered laser light, on the same channels
    bin_width_ns, period_ns : of the card and of the laser
    n_components : 1, 2 or 3 lifetimes
    t0_ns : how much later than in `irf` the excitation comes; fitted on the sum of all decays if not given
    tau_bounds_ns : no lifetime leaves these

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
    counts = np.asarray(counts)
    model = DecayModel.from_irf(
        irf,
        bin_width_ns=bin_width_ns,
        period_ns=period_ns,
        n_components=n_components,
        t0_ns=0.0 if t0_ns is None else t0_ns,
        tau_bounds_ns=tau_bounds_ns,
    )
    if t0_ns is None:
        model = model.fit_t0(_sum_of_decays(counts, model.axis.n_bins))
    return model.fit(model.compress(counts))


def _checked_irf(irf: ArrayLike) -> np.ndarray:
    irf = np.asarray(irf, dtype=float)
    if irf.ndim != 1 or irf.size == 0:
        raise ValueError(f"irf has shape {irf.shape}: give one histogram (n_bins,)")
    if not np.isfinite(irf).all() or irf.min() < 0:
        raise ValueError("irf has negative or non-finite counts: give the measured histogram")
    if not irf.any():
        raise ValueError("irf holds no counts: measure the IRF first")
    return irf


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


def _check_counts(block: np.ndarray) -> np.ndarray:
    """The block as native integers; ValueError unless it holds whole, non-negative numbers."""
    if block.dtype.kind == "f":
        if not np.isfinite(block).all():
            raise ValueError("counts hold NaN or infinity: give whole numbers of photons")
        if (block != np.rint(block)).any():
            raise ValueError("counts are not whole numbers: give photons, not rates or normalised decays")
        block = block.astype(np.int64)
    elif block.dtype.kind not in "iub":
        raise ValueError(f"counts are of type {block.dtype}: give whole numbers of photons")
    if block.dtype.kind == "i" and block.size and block.min() < 0:
        raise ValueError(f"counts go down to {block.min()}: give whole, non-negative numbers of photons")
    return np.ascontiguousarray(block, dtype=block.dtype.newbyteorder("="))


def _blocks(counts: np.ndarray) -> Iterator[np.ndarray]:
    """Cut counts (..., n) into views or small copies (n_pixels, n), in order."""
    rows = counts if counts.ndim > 2 else counts.reshape(1, -1, counts.shape[-1])
    for row in rows:
        pixels = row.reshape(-1, counts.shape[-1])
        for first in range(0, len(pixels), PIXELS_PER_TASK):
            yield pixels[first : first + PIXELS_PER_TASK]


def _check_length(counts: np.ndarray, length: int, what: str) -> None:
    if counts.ndim == 0 or counts.shape[-1] != length:
        raise ValueError(f"counts have shape {counts.shape}: their last axis must hold the {length} {what}")


def _sum_of_decays(counts: np.ndarray, n_bins: int) -> np.ndarray:
    _check_length(counts, n_bins, "bins of the irf")
    return sum((_check_counts(block).sum(axis=0, dtype=float) for block in _blocks(counts)), np.zeros(n_bins))


def _in_threads(task, n_pixels: int) -> None:
    """Call task(first, stop) for stretches of pixels, on all cores."""
    firsts = range(0, n_pixels, PIXELS_PER_TASK)
    if len(firsts) < 2:
        for first in firsts:
            task(first, n_pixels)
        return
    with ThreadPoolExecutor(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None) as pool:
        for done in [pool.submit(task, first, min(first + PIXELS_PER_TASK, n_pixels)) for first in firsts]:
            done.result()


def _compress(model: DecayModel, counts: np.ndarray) -> np.ndarray:
    _check_length(counts, model.axis.n_bins, "bins of the irf")
    start, stop, target = time_axis.runs(model.time_bin[model.axis.position])
    out = np.zeros((*counts.shape[:-1], model.n_time_bins), dtype=np.uint32)
    flat, first = out.reshape(-1, model.n_time_bins), 0
    for block in _blocks(counts):
        part = flat[first : first + len(block)]
        if not kernels.sum_bins(_check_counts(block), start, stop, target, part):
            raise ValueError("a pixel holds more than 4294967295 photons: fit fewer scans at once")
        first += len(block)
    return out


def _share_of_time(axis: time_axis.PeriodAxis, labels: np.ndarray) -> np.ndarray:
    live = labels >= 0
    share = np.bincount(labels[live], weights=axis.widths_ns[live])
    return share / share.sum()


def _with_time_bins(model: DecayModel) -> DecayModel:
    """The model with time bins that start on its pulse."""
    axis = model.axis
    pulse_at = int(np.argmax(model.irf)) + round(model.t0_ns / axis.bin_width_ns)
    fwhm_bins = model.irf_fwhm_ns / axis.bin_width_ns
    return replace(model, time_bin=time_axis.time_bins(axis, pulse_at, fwhm_bins))


def _bank(model: DecayModel, tau_ns: np.ndarray, t0_ns: float, labels: np.ndarray) -> np.ndarray:
    """Photons per labelled group of channels and emitted photon, and derivatives by log tau: (2, n_tau, n_labels)."""
    axis = model.axis
    oversampling = int(np.clip(np.ceil(12 * axis.bin_width_ns / model.irf_fwhm_ns), 1, 8))
    excitation, widths_ns = time_axis.delayed(model.irf, axis, t0_ns, oversampling)
    target = np.repeat(labels, oversampling)[: excitation.size]
    steps = time_axis.merged(excitation, widths_ns, target)
    bank = kernels.exponential_bank(*steps, int(labels.max()) + 1, tau_ns)
    return np.ascontiguousarray(bank.transpose(1, 2, 0))


def _delay_slope(model: DecayModel) -> np.ndarray:
    """Derivative of the bank by t0, per ns: (2, n_tau, n_time_bins)."""
    h = 0.05 * model.axis.bin_width_ns
    tau_ns = np.exp(model.log_tau)
    later, earlier = (_bank(model, tau_ns, model.t0_ns + shift, model.time_bin) for shift in (h, -h))
    return (later - earlier) / (2 * h)


def _starting_decays(model: DecayModel) -> tuple[np.ndarray, np.ndarray]:
    k, axis = model.n_components, model.axis
    tau_ns = np.exp(model.log_tau)
    usable = np.flatnonzero((tau_ns >= axis.bin_width_ns) & (tau_ns <= axis.n_live * axis.bin_width_ns))
    usable = usable if usable.size >= k else np.arange(tau_ns.size)
    ladder = usable[np.unique(np.linspace(0, usable.size - 1, 16 if k == 1 else 8).astype(int))]
    chosen = np.array(list(combinations(ladder, k)))[:, None, :]
    share = np.unique(np.vstack([np.ones(k), 1 + 2 * np.eye(k)]), axis=0)[:, :, None]
    signal = (share * model.bank[0][chosen]).sum(axis=2)  # (n_chosen, n_shares, n_time_bins)
    total = signal.sum(axis=-1, keepdims=True)
    parameters, decays = [], []
    for background in (0.03, 0.2):
        photons = (1 - background) * share[:, :, 0] / total
        log_tau = np.broadcast_to(model.log_tau[chosen], photons.shape)
        flat = np.full_like(total, background)
        parameters.append(np.concatenate([log_tau, photons, flat], axis=-1).reshape(-1, 2 * k + 1))
        decays.append(((1 - background) * signal / total + background * model.live_fraction).reshape(-1, signal.shape[-1]))
    return np.vstack(parameters), np.log(np.vstack(decays) + kernels.FLOOR)


def _probabilities(model: DecayModel, tau_ns, fraction, background_fraction, labels: np.ndarray) -> np.ndarray:
    tau_ns, fraction = np.broadcast_arrays(np.asarray(tau_ns, float), np.asarray(fraction, float))
    background = np.asarray(background_fraction, float)[..., None]
    decays = _bank(model, np.ascontiguousarray(tau_ns).ravel(), model.t0_ns, labels)[0]
    signal = (fraction[..., None] * decays.reshape(*tau_ns.shape, -1)).sum(axis=-2)
    signal = signal / signal.sum(axis=-1, keepdims=True)
    return (1 - background) * signal + background * _share_of_time(model.axis, labels)


def _maximise(model: DecayModel, compressed: np.ndarray, tolerance: float = 1e-5) -> dict[str, np.ndarray]:
    """Parameters (log tau..., photons..., background) of each row and what belongs to them."""
    n_pixels, n = len(compressed), 2 * model.n_components + 1
    # out of reach of both bounds, a lifetime is free; photons only have to be positive
    low, high = np.zeros(n), np.full(n, np.inf)
    low[: n // 2], high[: n // 2] = model.log_tau[0], model.log_tau[-1]
    result = {
        "parameters": np.full((n_pixels, n), np.nan),
        "covariance": np.full((n_pixels, n, n), np.nan),
        "detected": np.full((n_pixels, n), np.nan),
        "deviance": np.full(n_pixels, np.nan),
        "log_likelihood": np.full(n_pixels, np.nan),
        "converged": np.zeros(n_pixels, bool),
        "regular": np.zeros(n_pixels, bool),
    }
    bank = (model.log_tau[0], model.log_tau[1] - model.log_tau[0], model.bank[0], model.bank[1])
    slope = _delay_slope(model) if 0 < model.t0_err_ns < np.inf else np.zeros_like(model.bank)
    spread = model.t0_err_ns if np.isfinite(model.t0_err_ns) else 0.0
    starts, log_starts = model.starts

    def task(first: int, stop: int) -> None:
        part = tuple(array[first:stop] for array in result.values())
        pixels = compressed[first:stop].astype(float)
        width, bounds = model.live_fraction, (low, high)
        kernels.fit_pixels(pixels, bank, slope, spread, width, bounds, starts, log_starts, tolerance, part)

    _in_threads(task, n_pixels)
    return result


def _fit(model: DecayModel, compressed: np.ndarray) -> DecayFit:
    _check_length(compressed, model.n_time_bins, "time bins of the model (compress the counts first)")
    shape = compressed.shape[:-1]
    flat = _check_counts(compressed.reshape(-1, model.n_time_bins))
    if flat.size and flat.max() > 0xFFFFFFFF:
        raise ValueError("a time bin holds more than 4294967295 photons: fit fewer scans at once")
    flat = flat.astype(np.uint32, copy=False)
    fit = _physical(model, _maximise(model, flat), flat.sum(axis=1, dtype=np.int64))
    _warn_of_short_window(model, fit)
    arrays = {name: v.reshape(shape + v.shape[1:]) for name, v in vars(fit).items() if isinstance(v, np.ndarray)}
    return replace(fit, **arrays)


def _physical(model: DecayModel, found: dict[str, np.ndarray], n_photons: np.ndarray) -> DecayFit:
    """Lifetimes, shares and their covariance from the parameters of the likelihood."""
    k = model.n_components
    log_tau, photons, background = np.split(found["parameters"], [k, 2 * k], axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        signal = photons.sum(axis=1, keepdims=True)
        detected = (photons * found["detected"][:, k : 2 * k]).sum(axis=1, keepdims=True) + background
        fraction, tau_ns = photons / signal, np.where(photons > 0, np.exp(log_tau), np.nan)
        to_physical = np.zeros((len(photons), 2 * k + 1, 2 * k + 1))
        diagonal = np.arange(k)
        to_physical[:, diagonal, diagonal] = tau_ns
        to_physical[:, k : 2 * k, k : 2 * k] = (np.eye(k) - fraction[:, :, None]) / signal[:, :, None]
        to_physical[:, 2 * k] = -background / detected**2 * found["detected"]
        to_physical[:, 2 * k, 2 * k] += 1 / detected[:, 0]
        variance = np.diagonal(found["covariance"], axis1=1, axis2=2)[:, :k].max(axis=1)
        widening = (1 + WIDENING * variance) ** 2
        covariance = to_physical @ found["covariance"] @ to_physical.transpose(0, 2, 1) * widening[:, None, None]
    too_few = n_photons <= 2 * k + 1  # no more photons than parameters
    degenerate = _is_degenerate(log_tau, photons, model) | ~found["regular"] | too_few
    covariance[degenerate] = np.nan
    error = np.sqrt(np.maximum(np.diagonal(covariance, axis1=1, axis2=2), 0))
    return DecayFit(
        tau_ns=tau_ns,
        tau_err_ns=error[:, :k],
        fraction=fraction,
        fraction_err=error[:, k : 2 * k],
        background_fraction=(background / detected)[:, 0],
        background_fraction_err=error[:, 2 * k],
        t0_ns=model.t0_ns,
        t0_err_ns=model.t0_err_ns,
        deviance=found["deviance"] / max(1, model.n_time_bins - 2 * k - 1),
        n_photons=n_photons,
        converged=found["converged"],
        degenerate=degenerate,
        covariance=covariance,
    )


def _is_degenerate(log_tau: np.ndarray, photons: np.ndarray, model: DecayModel) -> np.ndarray:
    margin = 1e-6
    inside = (log_tau > model.log_tau[0] + margin) & (log_tau < model.log_tau[-1] - margin)
    apart = np.diff(log_tau, axis=1) >= np.log(LEAST_TAU_RATIO)
    return ~(inside.all(axis=1) & apart.all(axis=1) & (photons > 0).all(axis=1))


def _warn_of_short_window(model: DecayModel, fit: DecayFit) -> None:
    longest = fit.tau_ns[~fit.degenerate, -1]
    window_ns = model.axis.n_live * model.axis.bin_width_ns
    if longest.size and window_ns < 5 * np.median(longest):
        warnings.warn(
            f"the window of {window_ns:.3g} ns is shorter than five of the longest lifetimes "
            f"({np.median(longest):.3g} ns): lifetime and background trade places; record a longer window",
            DecayWarning,
            stacklevel=4,
        )


def _fit_t0(model: DecayModel, summed: np.ndarray) -> DecayModel:
    _check_length(summed, model.axis.n_bins, "bins of the irf")
    summed = _sum_of_decays(summed, model.axis.n_bins)
    if not summed.any():
        return replace(model, t0_err_ns=np.inf)
    placed = replace(model, axis=model.axis.starting_where(model.irf_counts + summed))
    placed = _with_time_bins(replace(placed, t0_ns=_rough_delay(placed, placed.axis.fold(summed))))
    bin_of = placed.time_bin[placed.axis.position]
    compressed = np.bincount(bin_of[bin_of >= 0], weights=summed[bin_of >= 0])[None]
    best = _with_enough_components(placed, compressed)
    found = replace(placed, t0_ns=best.t0_ns, t0_err_ns=_delay_error(best, compressed))
    return _with_time_bins(found)


def _with_enough_components(model: DecayModel, compressed: np.ndarray) -> DecayModel:
    """The model at its likeliest t0, with up to four components as the Bayesian information criterion asks.

    Likelihood gains are divided by the dispersion of the fit: a bright sum resolves the noise of the IRF and the
    uneven widths of the channels, which are no lifetimes.
    """
    best, log_likelihood, _ = _likeliest_delay(model, compressed)
    while best.n_components < MOST_SUM_COMPONENTS:
        richer, reached, dispersion = _likeliest_delay(
            replace(best, n_components=best.n_components + 1), compressed
        )
        if reached - log_likelihood < np.log(compressed.sum()) * max(1.0, dispersion):
            break
        best, log_likelihood = richer, reached
    return best


def _rough_delay(model: DecayModel, folded: np.ndarray) -> float:
    """Delay, to about a bin, at which a single exponential overlaps the decay most (affinity of the square roots)."""
    n = model.axis.n_channels
    channels = np.arange(n)
    tau_ns = np.geomspace(max(model.tau_bounds_ns[0], model.axis.bin_width_ns), model.tau_bounds_ns[1], 24)
    decays = 0.95 * _bank(model, tau_ns, 0.0, channels)[0] + 0.05 / n
    spectrum = np.fft.rfft(np.sqrt(folded))
    affinity = np.fft.irfft(spectrum * np.fft.rfft(np.sqrt(decays), axis=1).conj(), n=n, axis=1)
    shift = int(np.argmax(affinity.max(axis=0)))
    return (shift if shift <= n // 2 else shift - n) * model.axis.bin_width_ns


def _likeliest_delay(model: DecayModel, compressed: np.ndarray) -> tuple[DecayModel, float, float]:
    """The model with the t0 of highest profile likelihood; that log-likelihood; deviance per degree of freedom."""

    def at(t0_ns: float) -> dict[str, np.ndarray]:
        return _maximise(replace(model, t0_ns=float(t0_ns)), compressed, 1e-9)

    def loss(t0_ns: float) -> float:
        return -at(t0_ns)["log_likelihood"][0]

    reach_ns = max(3 * model.axis.bin_width_ns, model.irf_fwhm_ns)
    grid, pitch_ns = np.linspace(model.t0_ns - reach_ns, model.t0_ns + reach_ns, 9, retstep=True)
    centre = grid[np.argmin([loss(t0_ns) for t0_ns in grid])]
    span = (centre - pitch_ns, centre + pitch_ns)
    precision_ns = 5e-4 * model.axis.bin_width_ns
    t0_ns = float(minimize_scalar(loss, bounds=span, method="bounded", options={"xatol": precision_ns}).x)
    found, freedom = at(t0_ns), max(1, model.n_time_bins - 2 * model.n_components - 2)
    return replace(model, t0_ns=t0_ns), found["log_likelihood"][0], found["deviance"][0] / freedom


def _delay_error(model: DecayModel, compressed: np.ndarray) -> float:
    """One standard deviation of t0, all other parameters of the sum being free."""
    found = _maximise(model, compressed, 1e-9)
    bank = (model.log_tau[0], model.log_tau[1] - model.log_tau[0], model.bank[0], model.bank[1])
    slope, width = _delay_slope(model), model.live_fraction
    information = kernels.delay_information(compressed[0], found["parameters"][0], bank, slope, width)
    return float(information**-0.5) if information > 0 else float("inf")
