"""What a fit of decays finds."""

from dataclasses import dataclass

import numpy as np


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
    no error bar describes: average medians, not means, and ask for profile intervals, which cover 64 to 70 % from 200
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
