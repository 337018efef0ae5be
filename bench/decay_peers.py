"""How each peer is asked for two lifetimes and a background, started at the truth, with the same instrument response.

Every fit takes counts (n_pixels, n_bins) and returns lifetimes and errors (n_pixels, 2) in ns, NaN where it failed or,
for errors, where the peer gives none.
"""

from collections.abc import Callable

import numpy as np
from scipy.signal import lfilter

from bench.simulated_decays import PERIOD_NS, Card, Emission

Fit = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]


class Reconvolution:
    """Expected counts for iminuit and lmfit: the IRF, even within a channel, folded with each exponential exactly."""

    def __init__(self, card: Card):
        self.irf = card.irf / card.irf.sum()
        self.dt = card.bin_width_ns
        self.background = np.full(card.n_bins, 1 / card.n_bins)

    def __call__(self, log_tau_1, log_tau_2, photons_1, photons_2, background) -> np.ndarray:
        signal = photons_1 * self.decay(np.exp(log_tau_1)) + photons_2 * self.decay(np.exp(log_tau_2))
        return np.maximum(signal + background * self.background, 1e-12)

    def decay(self, tau_ns: float) -> np.ndarray:
        """One photon's channels; older pulses have died out (500 ns)."""
        left = np.exp(-self.dt / tau_ns)
        out = tau_ns / self.dt * (1 - left)
        return lfilter([1 - out, out * (1 - left) - left * (1 - out)], [1, -left], self.irf)


def start(emission: Emission, n_photons: float) -> np.ndarray:
    """The true (log tau 1, log tau 2, photons 1, photons 2, background)."""
    signal = n_photons * (1 - emission.background)
    shares = signal * np.array([emission.fraction, 1 - emission.fraction])
    return np.array([*np.log(emission.tau_ns), *shares, n_photons * emission.background])


def iminuit_fit(card: Card, emission: Emission) -> Fit:
    """Poisson maximum likelihood by MIGRAD."""
    from iminuit import Minuit

    expected = Reconvolution(card)

    def one(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        def deviance(*x):
            model = expected(*x)
            return 2 * (model.sum() - counts @ np.log(model))

        fit = Minuit(deviance, *start(emission, counts.sum()))
        fit.limits = [(-3, 6), (-3, 6), (0, None), (0, None), (0, None)]
        fit.migrad()
        if not fit.valid:
            return np.full(2, np.nan), np.full(2, np.nan)
        return _ascending(np.array(fit.values)[:2], np.array(fit.errors)[:2])

    return _each(one)


def lmfit_fit(card: Card, emission: Emission) -> Fit:
    """Least squares of deviance residuals, which is maximum likelihood, by Levenberg-Marquardt."""
    import lmfit

    expected, names = Reconvolution(card), ("t1", "t2", "n1", "n2", "b")

    def one(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        logs = np.log(np.maximum(counts, 1))

        def residual(parameters):
            model = expected(*(parameters[name].value for name in names))
            deviance = 2 * (model - counts + counts * (logs - np.log(model)))
            return np.sign(model - counts) * np.sqrt(np.maximum(deviance, 0))

        guess = lmfit.Parameters()
        for name, value in zip(names, start(emission, counts.sum()), strict=True):
            guess.add(name, value=value, min=-3 if name[0] == "t" else 0, max=6 if name[0] == "t" else np.inf)
        found = lmfit.minimize(residual, guess, scale_covar=False).params
        errors = np.array([found[name].stderr or np.nan for name in names[:2]], dtype=float)
        return _ascending(np.array([found[name].value for name in names[:2]]), errors)

    return _each(one)


def tttrlib_fit(card: Card, emission: Emission) -> Fit:
    """tttrlib's Fit24, maximum likelihood of two lifetimes; both polarisations it wants hold the same photons."""
    import tttrlib

    twice = np.concatenate([card.irf, card.irf]).astype(float)
    fit = tttrlib.Fit24(dt=card.bin_width_ns, irf=twice, background=np.ones_like(twice), period=PERIOD_NS)
    first, second = emission.tau_ns
    amplitudes = np.array([emission.fraction / first, (1 - emission.fraction) / second])
    guess = np.array([first, 0.0, second, amplitudes[1] / amplitudes.sum(), emission.background / 2])
    no_scatter = np.array([0, 1, 0, 0, 0])

    def one(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        found = fit(np.concatenate([counts, counts]), guess, no_scatter)["x"]
        tau = np.sort([found[0], found[2]])
        sane = np.isfinite(tau).all() and tau[0] > 0 and tau[1] < 1e3
        return (tau if sane else np.full(2, np.nan)), np.full(2, np.nan)

    return _each(one)


def flimlib_fit(card: Card, emission: Emission) -> Fit:
    """flimlib's Levenberg-Marquardt with its likelihood-like weights."""
    import flimlib

    def fit(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        at = np.exp(start(emission, 1.0)[:2])
        photons = counts.sum(axis=1, keepdims=True).astype(np.float32)
        signal = photons * (1 - emission.background)
        shares = np.array([emission.fraction, 1 - emission.fraction]) * card.bin_width_ns / at
        zero = photons * emission.background / card.n_bins
        guess = np.hstack([zero, signal * shares[0], 0 * zero + at[0], signal * shares[1], 0 * zero + at[1]])
        found = flimlib.GCI_marquardt_fitting_engine(
            card.bin_width_ns,
            counts.astype(np.float32),
            guess.astype(np.float32),
            instr=(card.irf / card.irf.sum()).astype(np.float32),
            noise_type="NOISE_MLE",
        ).param
        tau = np.sort(found[:, [2, 4]].astype(float), axis=1)
        sane = np.isfinite(tau).all(axis=1) & (tau > 0).all(axis=1) & (tau < 1e3).all(axis=1)
        return np.where(sane[:, None], tau, np.nan), np.full(tau.shape, np.nan)

    return fit


def _each(one: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]) -> Fit:
    def fit(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        found = [one(pixel) for pixel in counts.astype(float)]
        return np.array([tau for tau, _ in found]), np.array([error for _, error in found])

    return fit


def _ascending(log_tau: np.ndarray, log_error: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    order = np.argsort(log_tau)
    tau = np.exp(log_tau[order])
    return tau, tau * log_error[order]
