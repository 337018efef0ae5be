"""The likelihood of a decay: the bank of exponentials, the decays a fit starts from, and its maximum."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from analysis.decay import axis as time_axis
from analysis.decay import kernels
from analysis.decay.bank import exponential_bank
from analysis.decay.counts import PIXELS_PER_TASK
from analysis.threads import in_threads, stretches

if TYPE_CHECKING:
    from analysis.decay.model import DecayModel

STEPS_PER_FWHM = 36  # the excitation is even within a step: t0 is then good to 0.1 ps
MOST_STEPS = 24  # per channel


def share_of_time(axis: time_axis.PeriodAxis, labels: np.ndarray) -> np.ndarray:
    """Share of the recorded time in each labelled group of channels: the shape of the background."""
    live = labels >= 0
    share = np.bincount(labels[live], weights=axis.widths_ns[live])
    return share / share.sum()


def bank_of(model: DecayModel, tau_ns: np.ndarray, t0_ns: float, labels: np.ndarray) -> np.ndarray:
    """Photons per labelled group of channels and emitted photon, and derivatives by log tau: (2, n_tau, n_labels)."""
    axis = model.axis
    oversampling = int(np.clip(np.ceil(STEPS_PER_FWHM * axis.bin_width_ns / model.irf_fwhm_ns), 1, MOST_STEPS))
    excitation, widths_ns = time_axis.delayed(model.irf, axis, t0_ns, oversampling)
    target = np.repeat(labels, oversampling)[: excitation.size]
    steps = time_axis.merged(excitation, widths_ns, target)
    bank = exponential_bank(*steps, int(labels.max()) + 1, tau_ns)
    return np.ascontiguousarray(bank.transpose(1, 2, 0))


def interpolation(model: DecayModel) -> tuple[float, float, np.ndarray, np.ndarray]:
    """The bank as the kernels take it: first log tau, step, values, slopes."""
    return model.log_tau[0], model.log_tau[1] - model.log_tau[0], model.bank[0], model.bank[1]


def delay_slope(model: DecayModel) -> np.ndarray:
    """Derivative of the bank by t0, per ns: (2, n_tau, n_time_bins)."""
    h = 0.05 * model.axis.bin_width_ns
    tau_ns = np.exp(model.log_tau)
    later, earlier = (bank_of(model, tau_ns, model.t0_ns + shift, model.time_bin) for shift in (h, -h))
    return (later - earlier) / (2 * h)


def starting_decays(model: DecayModel) -> tuple[np.ndarray, np.ndarray]:
    """Parameters of decays with lifetimes on a ladder, in equal shares or one dominating; the log of their shapes.

    (n_starts, n_parameters) and (n_coarse_bins, n_starts)
    """
    k, axis = model.n_components, model.axis
    tau_ns = np.exp(model.log_tau)
    usable = np.flatnonzero((tau_ns >= axis.bin_width_ns) & (tau_ns <= axis.n_live * axis.bin_width_ns))
    usable = usable if usable.size >= k else np.arange(tau_ns.size)
    ladder = usable[np.unique(np.linspace(0, usable.size - 1, 16 if k == 1 else 8).astype(int))]
    chosen = np.array(list(combinations(ladder, k)))[:, None, :]
    share = np.unique(np.vstack([np.ones(k), 1 + 2 * np.eye(k)]), axis=0)[:, :, None]
    signal = (share * model.bank[0][chosen]).sum(axis=2)  # (n_chosen, n_shares, n_time_bins)
    total = signal.sum(axis=-1, keepdims=True)
    log_tau = np.broadcast_to(model.log_tau[chosen], (*total.shape[:2], k))
    parameters, decays = [], []
    for background in (0.03, 0.2):
        photons, flat = (1 - background) * share[:, :, 0] / total, np.full_like(total, background)
        parameters.append(np.concatenate([log_tau, photons, flat], axis=-1).reshape(-1, 2 * k + 1))
        decay = (1 - background) * signal / total + background * model.live_fraction
        decays.append(decay.reshape(-1, decay.shape[-1]))
    first = np.arange(0, model.n_time_bins, kernels.BINS_PER_COARSE_BIN)
    coarse = np.add.reduceat(np.vstack(decays), first, axis=1)
    return np.vstack(parameters), np.ascontiguousarray(np.log(coarse + kernels.FLOOR).T)


def probabilities(model: DecayModel, tau_ns, fraction, background_fraction, labels: np.ndarray) -> np.ndarray:
    """Probability of each labelled group of channels for a detected photon, (..., n_labels); not interpolated."""
    tau_ns, fraction = np.broadcast_arrays(np.asarray(tau_ns, float), np.asarray(fraction, float))
    background = np.asarray(background_fraction, float)[..., None]
    decays = bank_of(model, np.ascontiguousarray(tau_ns).ravel(), model.t0_ns, labels)[0]
    signal = (fraction[..., None] * decays.reshape(*tau_ns.shape, -1)).sum(axis=-2)
    signal = signal / signal.sum(axis=-1, keepdims=True)
    return (1 - background) * signal + background * share_of_time(model.axis, labels)


def bounds_of(model: DecayModel) -> tuple[np.ndarray, np.ndarray]:
    """Least and largest parameters."""
    ones, free = np.ones(model.n_components), np.ones(model.n_components + 1)
    return np.append(ones * model.log_tau[0], 0 * free), np.append(ones * model.log_tau[-1], np.inf * free)


def maximise(model: DecayModel, compressed: np.ndarray, tolerance: float = 3e-5) -> dict[str, np.ndarray]:
    """Parameters (log tau..., photons..., background) of each row and what belongs to them."""
    n_pixels, n = len(compressed), 2 * model.n_components + 1
    result = {
        "parameters": np.full((n_pixels, n), np.nan),
        "covariance": np.full((n_pixels, n, n), np.nan),
        "detected": np.full((n_pixels, n), np.nan),
        "deviance": np.full(n_pixels, np.nan),
        "log_likelihood": np.full(n_pixels, np.nan),
        "converged": np.zeros(n_pixels, bool),
        "regular": np.zeros(n_pixels, bool),
    }
    bank = interpolation(model)
    slope = delay_slope(model) if 0 < model.t0_err_ns < np.inf else np.zeros_like(model.bank)
    spread = model.t0_err_ns if np.isfinite(model.t0_err_ns) else 0.0
    starts, log_starts = model.starts

    def task(first: int, stop: int) -> None:
        part = tuple(array[first:stop] for array in result.values())
        pixels = compressed[first:stop].astype(float)
        width, bounds = model.live_fraction, bounds_of(model)
        kernels.fit_pixels(pixels, bank, slope, spread, width, bounds, starts, log_starts, tolerance, part)

    in_threads(task, stretches(n_pixels, PIXELS_PER_TASK))
    return result
