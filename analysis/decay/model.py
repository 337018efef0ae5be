"""What all decays of an image share: the instrument, the time bins, the delay."""

import warnings
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from analysis.decay import axis as time_axis
from analysis.decay.counts import as_counts, check_length, sum_channels
from analysis.decay.likelihood import bank_of, probabilities, share_of_time, starting_decays
from analysis.decay.pixels import checked_pixels, fit_pixels, warn_of_short_window
from analysis.decay.profile import profile
from analysis.decay.result import DecayFit, DecayWarning
from analysis.decay.t0 import fit_t0, with_time_bins

TAU_BOUNDS_NS = (0.05, 300.0)
LARGEST_LOG_TAU_STEP = 0.092  # interpolation between lifetimes is then good to 4e-7 of the peak


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
        bin_width_ns, period_ns = _one("bin_width_ns", bin_width_ns), _one("period_ns", period_ns)
        t0_ns = _one("t0_ns", t0_ns)
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
        """Parameters of the decays a pixel is first compared with, and the log of these decays, on coarse bins."""
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
        return warn_of_short_window(self, fit_pixels(self, np.asarray(compressed)))

    def profile(self, compressed: ArrayLike) -> np.ndarray:
        """68 % profile-likelihood intervals of the lifetimes, (..., n_components, 2): shortest and longest, ns.

        0 and infinity where the counts exclude nothing inside the bounds of tau. Takes two to five fits' time.
        """
        flat, shape = checked_pixels(self, np.asarray(compressed))
        return profile(self, flat).reshape(*shape, self.n_components, 2)


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


def _one(name: str, value: Any) -> float:
    """The number, also if it comes as an array of equal ones; ValueError for different ones: a fit has one axis."""
    values = np.unique(np.asarray(value, dtype=float))
    if values.size != 1:
        raise ValueError(f"{name} is {value}: give one number, that of these decays")
    return float(values[0])


def _check_settings(bin_width_ns, period_ns, n_components, t0_ns, tau_bounds_ns) -> None:
    for name, value in (("bin_width_ns", bin_width_ns), ("period_ns", period_ns)):
        if not (np.isfinite(value) and value > 0):
            raise ValueError(f"{name} is {value}: give a positive number of ns")
    if period_ns < 2 * bin_width_ns:
        raise ValueError(f"period_ns {period_ns} is shorter than two bins of {bin_width_ns} ns: check the units")
    if isinstance(n_components, bool) or not isinstance(n_components, int | np.integer) or not 1 <= n_components <= 3:
        raise ValueError(f"n_components is {n_components}: give 1, 2 or 3")
    if not np.isfinite(t0_ns):
        raise ValueError(f"t0_ns is {t0_ns}: give a finite delay in ns, or leave it out to fit it")
    low, high = tau_bounds_ns
    if not 0 < low < high < np.inf:
        raise ValueError(f"tau_bounds_ns is {tau_bounds_ns}: give 0 < low < high")


def _warn_of_wide_bins(model: DecayModel) -> None:
    if model.axis.bin_width_ns > 0.65 * model.irf_fwhm_ns:
        warnings.warn(
            f"bins of {model.axis.bin_width_ns:.3g} ns are wider than 0.65 of the IRF (FWHM {model.irf_fwhm_ns:.2g} "
            "ns): short lifetimes are biased; choose a finer range of the card",
            DecayWarning,
            stacklevel=3,
        )
