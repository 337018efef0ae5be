"""The delay between IRF and decay, from the sum of all decays."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, cast

import numpy as np
from scipy.optimize import OptimizeResult, minimize_scalar

from analysis.decay import kernels
from analysis.decay.axis import time_bins
from analysis.decay.bank import exponential_bank
from analysis.decay.counts import check_length, sum_of_decays
from analysis.decay.likelihood import bank_of, maximise

if TYPE_CHECKING:
    from analysis.decay.model import DecayModel

MOST_COMPONENTS = 4
UNKNOWN_SHARE_OF_CHANNEL = 0.002


def fit_t0(model: DecayModel, summed: np.ndarray) -> DecayModel:
    """The model with its live window, t0 and time bins from the sum (n_bins,) of all decays."""
    check_length(summed, model.axis.n_bins, "bins of the irf")
    summed = sum_of_decays(summed, model.axis.n_bins)
    if not summed.any():
        return replace(model, t0_err_ns=np.inf)
    placed = replace(model, axis=model.axis.starting_where(model.irf_counts + summed))
    placed = with_time_bins(replace(placed, t0_ns=_rough_delay(placed, placed.axis.fold(summed))))
    bin_of = placed.time_bin[placed.axis.position]
    compressed = np.bincount(bin_of[bin_of >= 0], weights=summed[bin_of >= 0])[None]
    best = _with_enough_components(placed, compressed)
    found = replace(placed, t0_ns=best.t0_ns, t0_err_ns=_delay_error(best, compressed))
    return with_time_bins(found)


def _with_enough_components(model: DecayModel, compressed: np.ndarray) -> DecayModel:
    """The model at its likeliest t0, with up to four components as the Bayesian information criterion asks.

    Likelihood gains are divided by the dispersion of the fit: a bright sum resolves the noise of the IRF and the
    uneven widths of the channels, which are no lifetimes.
    """
    best, log_likelihood, _ = _likeliest_delay(model, compressed)
    while best.n_components < MOST_COMPONENTS:
        richer, reached, dispersion = _likeliest_delay(replace(best, n_components=best.n_components + 1), compressed)
        if reached - log_likelihood < np.log(compressed.sum()) * max(1.0, dispersion):
            break
        best, log_likelihood = richer, reached
    return best


def _rough_delay(model: DecayModel, folded: np.ndarray) -> float:
    """Delay, to about a bin, at which a single exponential overlaps the decay most (affinity of the square roots)."""
    n = model.axis.n_channels
    channels = np.arange(n)
    tau_ns = np.geomspace(max(model.tau_bounds_ns[0], model.axis.bin_width_ns), model.tau_bounds_ns[1], 24)
    decays = 0.95 * bank_of(model, tau_ns, 0.0, channels)[0] + 0.05 / n
    spectrum = np.fft.rfft(np.sqrt(folded))
    affinity = np.fft.irfft(spectrum * np.fft.rfft(np.sqrt(decays), axis=1).conj(), n=n, axis=1)
    shift = int(np.argmax(affinity.max(axis=0)))
    return (shift if shift <= n // 2 else shift - n) * model.axis.bin_width_ns


def _likeliest_delay(model: DecayModel, compressed: np.ndarray) -> tuple[DecayModel, float, float]:
    """The model with the t0 of highest profile likelihood; that log-likelihood; deviance per degree of freedom."""

    def at(t0_ns: float) -> dict[str, np.ndarray]:
        return maximise(replace(model, t0_ns=float(t0_ns)), compressed, 1e-9)

    def loss(t0_ns: float) -> float:
        return -at(t0_ns)["log_likelihood"][0]

    reach_ns = max(3 * model.axis.bin_width_ns, model.irf_fwhm_ns)
    grid, pitch_ns = np.linspace(model.t0_ns - reach_ns, model.t0_ns + reach_ns, 9, retstep=True)
    centre = grid[np.argmin([loss(t0_ns) for t0_ns in grid])]
    precision_ns = 5e-4 * model.axis.bin_width_ns
    span = (centre - pitch_ns, centre + pitch_ns)
    nearest = cast(
        OptimizeResult, minimize_scalar(loss, bounds=span, method="bounded", options={"xatol": precision_ns})
    )
    t0_ns = float(nearest["x"])
    found, freedom = at(t0_ns), max(1, model.n_time_bins - 2 * model.n_components - 2)
    return replace(model, t0_ns=t0_ns), found["log_likelihood"][0], found["deviance"][0] / freedom


def _delay_error(model: DecayModel, compressed: np.ndarray) -> float:
    """One standard deviation of t0, all other parameters of the sum being free.

    At the maximum of the likelihood t0 moves by influence @ change when the data change by so much against the model:
    the counts of the decay do, and the counts of the IRF do to the model. The shape of the pulse inside a channel,
    which nobody knows, adds a share of the channel.
    """
    expected, jacobian, photons, tau_ns = _derivatives(model, maximise(model, compressed, 1e-9)["parameters"][0])
    fisher = (jacobian / expected) @ jacobian.T
    scale = np.diag(fisher) ** -0.5
    regular = fisher * scale * scale[:, None]
    if np.linalg.eigvalsh(regular)[0] < 1e-12:
        if model.n_components == 1:
            return float("inf")
        return _delay_error(replace(model, n_components=model.n_components - 1), compressed)  # two lifetimes were one
    t0_row = scale * scale[-1] * np.linalg.inv(regular)[-1]
    influence = t0_row @ jacobian / expected
    variance = t0_row[-1] + _variance_of_irf(model, photons, tau_ns, influence)
    return float(np.sqrt(variance + (UNKNOWN_SHARE_OF_CHANNEL * model.axis.bin_width_ns) ** 2))


def _derivatives(model: DecayModel, parameters: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Expected counts; their derivatives by log tau, photons, background (if any) and t0; photons; tau_ns."""
    log_tau, photons = np.split(parameters[:-1], 2)
    present = photons > 0
    photons, tau_ns = photons[present], np.exp(log_tau[present])
    h_ns = 0.05 * model.axis.bin_width_ns
    earlier, now, later = (bank_of(model, tau_ns, model.t0_ns + h, model.time_bin) for h in (-h_ns, 0.0, h_ns))
    moved = photons @ (later[0] - earlier[0]) / (2 * h_ns)
    flat = [model.live_fraction] if parameters[-1] > 0 else []
    expected = np.maximum(photons @ now[0] + parameters[-1] * model.live_fraction, kernels.FLOOR)
    return expected, np.vstack([photons[:, None] * now[1], now[0], *flat, moved]), photons, tau_ns


def _variance_of_irf(model: DecayModel, photons: np.ndarray, tau_ns: np.ndarray, influence: np.ndarray) -> float:
    """What the counting noise of the IRF adds to the variance of t0 (ns^2); 0 for an IRF that is not counts."""
    if (model.irf_counts != np.rint(model.irf_counts)).any():
        return 0.0
    axis, n = model.axis, model.axis.n_channels
    channels = np.arange(n)
    decay = exponential_bank(1.0 * (channels == 0), axis.widths_ns, channels, n, tau_ns)[:, 0] @ photons
    seen = np.where(model.time_bin >= 0, influence[model.time_bin], 0.0)
    by_excitation = np.fft.irfft(np.fft.rfft(seen) * np.fft.rfft(decay).conj(), n)
    by_count = np.interp(channels + model.t0_ns / axis.bin_width_ns, channels, by_excitation, period=n)
    counts, pulse = axis.fold(model.irf_counts), model.irf > 0
    dark = counts[~pulse].sum() / max(1, axis.n_live - pulse.sum())
    return float(by_count[pulse] ** 2 @ counts[pulse]) / float((counts[pulse] - dark).sum()) ** 2


def with_time_bins(model: DecayModel) -> DecayModel:
    """The model with time bins that start on its pulse."""
    axis = model.axis
    pulse_at = int(np.argmax(model.irf)) + round(model.t0_ns / axis.bin_width_ns)
    fwhm_bins = model.irf_fwhm_ns / axis.bin_width_ns
    return replace(model, time_bin=time_bins(axis, pulse_at, fwhm_bins))
