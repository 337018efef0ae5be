"""How well a decay will be known, and what too many photons do to it, before it is measured."""

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analysis.decay.model import DecayModel
from analysis.decay.result import DecayWarning
from analysis.fisher import covariance_of, error_of

Array = NDArray[np.float64]
FWHM = 2 * math.sqrt(2 * math.log(2))  # of a Gaussian, in standard deviations


@dataclass(frozen=True)
class DecayErrors:
    """What a fit of that many photons will be sure of; `_err` is one standard deviation, infinite if it tells nothing.

    tau_ns, tau_err_ns, fraction, fraction_err : of each component, in the order given
    n_photons : all, background included
    """

    n_photons: float
    tau_ns: tuple[float, ...]
    tau_err_ns: tuple[float, ...]
    fraction: tuple[float, ...]
    fraction_err: tuple[float, ...]


def gaussian_irf(fwhm_ns: float, *, bin_width_ns: float, n_bins: int, at_ns: float = 30.0) -> Array:
    """A response to reckon with where none is measured, (n_bins,), sum 1.

    >>> float(gaussian_irf(0.4, bin_width_ns=0.144, n_bins=4096).sum().round(6))
    1.0
    """
    t_ns = (np.arange(n_bins) + 0.5) * bin_width_ns
    shape = np.exp(-0.5 * ((t_ns - at_ns) * FWHM / fwhm_ns) ** 2)
    return shape / shape.sum()


def decay_model(irf: ArrayLike, *, bin_width_ns: float, period_ns: float, n_components: int = 2) -> DecayModel:
    """The model to reckon with; a short window is no matter here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DecayWarning)
        return DecayModel.from_irf(irf, bin_width_ns=bin_width_ns, period_ns=period_ns, n_components=n_components)


def expected_errors(
    model: DecayModel,
    *,
    n_photons: float,
    tau_ns: Sequence[float],
    fraction: Sequence[float],
    background_fraction: float = 0.0,
) -> DecayErrors:
    """Errors of the lifetimes and of their shares of the light, from Fisher information.

    Parameters
    ----------
    model : of instrument and time bins, with as many components as there are lifetimes; its t0 is taken as known
    n_photons : in the decay, background included
    tau_ns, fraction : of each component; the fractions of the light without background, sum 1
    background_fraction : share of all photons, evenly in time; it is fitted as well

    >>> irf = gaussian_irf(0.4, bin_width_ns=0.144, n_bins=4096)
    >>> one = decay_model(irf, bin_width_ns=0.144, period_ns=500.0, n_components=1)
    >>> errors = expected_errors(one, n_photons=10_000, tau_ns=[10.0], fraction=[1.0], background_fraction=0.01)
    >>> round(errors.tau_err_ns[0], 2)  # tau / sqrt(n), and what the background costs
    0.1
    """
    n = len(tau_ns)
    if not (n == len(fraction) == model.n_components):
        raise ValueError(f"{n} lifetimes, {len(fraction)} fractions, {model.n_components} components: as many of each")
    shares = np.asarray(fraction, float) / np.sum(fraction)
    if not n_photons > 0:
        unknown = (math.inf,) * n
        return DecayErrors(0.0, tuple(tau_ns), unknown, tuple(shares), unknown)
    background = max(background_fraction, 1e-4)  # fitted, and never below 0
    light = np.append(n_photons * (1 - background) * shares, n_photons * background)
    found = covariance_of(lambda at: decay_counts(model, at), np.concatenate([tau_ns, light]))
    amounts = found[n : 2 * n, n : 2 * n]
    slopes = (np.eye(n) - shares[:, None]) / light[:n].sum()
    spread = np.sqrt(np.diag(found)) if np.isfinite(found).all() else np.full(len(found), math.inf)
    return DecayErrors(
        n_photons=float(n_photons),
        tau_ns=tuple(map(float, tau_ns)),
        tau_err_ns=tuple(map(float, spread[:n])),
        fraction=tuple(map(float, shares)),
        fraction_err=tuple(error_of(slope, amounts) for slope in slopes),
    )


def decay_counts(model: DecayModel, at: Array) -> Array:
    """Expected counts (n_time_bins,) of lifetimes, their photons, and the photons of the background, in this order."""
    n = model.n_components
    light, background = at[n : 2 * n], at[2 * n]
    total = light.sum() + background
    return total * model.expected(at[:n], light / light.sum(), background / total)


@dataclass(frozen=True)
class PileUp:
    """What photons that come too soon after another do to a decay of which only the first of each pulse is counted.

    photons_per_pulse : detected; lost : share of them that is not counted
    tau_bias : of a lifetime if nothing is corrected, relative; negative: it comes out too short
    """

    photons_per_pulse: float
    lost: float
    tau_bias: float


def pile_up(rate_cps: float, repetition_hz: float) -> PileUp:
    """Pile-up of one counter at a rate of detections, to the leading orders; exact for the photons that are lost.

    Only the first photon after a pulse is counted: m a pulse leave (1 - exp(-m)) / m of them. The mean delay of an
    exponential decay, and so its lifetime, falls by 1 / (1 - exp(-m)) times the integral of t times the loss.

    >>> found = pile_up(100_000, 2e6)
    >>> f"{found.photons_per_pulse:.2f} a pulse, {found.lost:.1%} lost, tau {found.tau_bias:+.1%}"
    '0.05 a pulse, 2.5% lost, tau -1.2%'
    """
    m = rate_cps / repetition_hz
    if not m > 0:
        return PileUp(0.0, 0.0, 0.0)
    counted = -math.expm1(-m)
    u = (np.arange(2000) + 0.5) / 2000  # share of the decay that is still to come
    mean = float(np.mean(-np.log(u) * m * np.exp(-m * (1 - u)))) / counted
    return PileUp(m, 1 - counted / m, mean / float(np.mean(-np.log(u))) - 1)
