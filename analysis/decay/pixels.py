"""Compressed decays fitted pixel by pixel: lifetimes, shares and errors from the parameters of the likelihood."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from analysis.counts import check_counts
from analysis.decay.counts import MOST_PHOTONS, check_length
from analysis.decay.likelihood import maximise
from analysis.decay.profile import profile
from analysis.decay.result import DecayFit, DecayWarning

if TYPE_CHECKING:
    from analysis.decay.model import DecayModel

WIDENING = 1.0  # of an error, per variance of the log lifetime: the next order in 1/photons
LEAST_TAU_RATIO = 1.5  # closer lifetimes are one lifetime
LARGEST_RELATIVE_ERROR = 0.7  # of a lifetime: beyond, the decay does not tell the components apart


def checked_pixels(model: DecayModel, compressed: np.ndarray) -> tuple[np.ndarray, tuple[int, ...]]:
    """Compressed counts as (n_pixels, n_time_bins) uint32, and their leading shape."""
    check_length(compressed, model.n_time_bins, "time bins of the model (compress the counts first)")
    flat = check_counts(compressed.reshape(-1, model.n_time_bins))
    if flat.size and flat.max() > MOST_PHOTONS:
        raise ValueError(f"a time bin holds more than {MOST_PHOTONS} photons: fit fewer scans at once")
    return flat.astype(np.uint32, copy=False), compressed.shape[:-1]


def fit_pixels(model: DecayModel, compressed: np.ndarray, intervals: str = "fisher") -> DecayFit:
    flat, shape = checked_pixels(model, compressed)
    fit = _physical(model, maximise(model, flat), flat.sum(axis=1, dtype=np.int64))
    if intervals == "profile":
        fit = replace(fit, tau_interval_ns=profile(model, flat))
    arrays = {name: v.reshape(shape + v.shape[1:]) for name, v in vars(fit).items() if isinstance(v, np.ndarray)}
    return replace(fit, **arrays)


def warn_of_short_window(model: DecayModel, fit: DecayFit) -> DecayFit:
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
