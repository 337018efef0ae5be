"""Decays drawn photon by photon, and the best precision they allow; shares no code with the fits.

Times are drawn in continuous time: pulse (Gaussian jitter, diffusion tail), exponential, laser period, channel. The
bound is the Fisher information of the same density on a grid sixteen times finer than the channels.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.signal import lfilter

PERIOD_NS = 500.0
PULSE_NS = 5.0
JITTER_NS = 0.45 / 2.3548
TAIL_SHARE, TAIL_NS = 0.1, 0.25
FINER = 16
IRF_PHOTONS = 2_000_000


@dataclass(frozen=True)
class Emission:
    """Two lifetimes, the signal share of the first, and the background share of all photons."""

    tau_ns: tuple[float, float]
    fraction: float
    background: float


PIXEL_1 = Emission((1.9, 6.6), 0.49, 0.037)
PIXEL_2 = Emission((4.1, 23.8), 0.68, 0.031)


@dataclass(frozen=True, eq=False)
class Card:
    """Channels of a histogram: how many, how wide."""

    n_bins: int
    bin_width_ns: float

    @property
    def window_ns(self) -> float:
        """From the first channel to the end of the last."""
        return self.n_bins * self.bin_width_ns

    @cached_property
    def irf(self) -> np.ndarray:
        """(n_bins,) measured instrument response."""
        rng = np.random.default_rng(11)
        return self.histogram(_pulse(rng, IRF_PHOTONS), np.zeros(IRF_PHOTONS, np.intp), 1)[0]

    def histogram(self, arrival_ns: np.ndarray, pixel: np.ndarray, n_pixels: int) -> np.ndarray:
        """(n_pixels, n_bins) counts; what comes after the window is lost."""
        channel = (arrival_ns % PERIOD_NS / self.bin_width_ns).astype(np.intp)
        seen = channel < self.n_bins
        flat = np.bincount(pixel[seen] * self.n_bins + channel[seen], minlength=n_pixels * self.n_bins)
        return flat.reshape(n_pixels, self.n_bins)

    def decays(self, emission: Emission, n_photons: float, n_pixels: int, *, seed: int = 1) -> np.ndarray:
        """(n_pixels, n_bins) uint16 counts of pixels with n_photons detected on average."""
        rng = np.random.default_rng(seed)
        signal = n_photons * (1 - emission.background) / _kept(emission, self.window_ns)
        pixel = np.repeat(np.arange(n_pixels), rng.poisson(signal, n_pixels))
        first = rng.random(pixel.size) < emission.fraction
        tau = np.where(first, *emission.tau_ns)
        arrival = _pulse(rng, pixel.size) + rng.exponential(tau)
        dark = np.repeat(np.arange(n_pixels), rng.poisson(n_photons * emission.background, n_pixels))
        arrival = np.concatenate([arrival, rng.uniform(0, self.window_ns, dark.size)])
        return self.histogram(arrival, np.concatenate([pixel, dark]), n_pixels).astype(np.uint16)

    def tau_bound_ns(self, emission: Emission, n_photons: float) -> np.ndarray:
        """Cramer-Rao bound of both lifetimes, with shares, intensity and background unknown."""
        signal = n_photons * (1 - emission.background) / _kept(emission, self.window_ns)
        f = emission.fraction
        truth = np.array([*emission.tau_ns, f * signal, (1 - f) * signal, n_photons * emission.background])
        slope = np.array([self._slope(truth, k) for k in range(truth.size)])
        fisher = (slope / self._expected(truth)) @ slope.T
        return np.sqrt(np.diagonal(np.linalg.inv(fisher))[:2])

    def _slope(self, at: np.ndarray, k: int) -> np.ndarray:
        step = np.where(np.arange(at.size) == k, 1e-4 * at, 0)
        return (self._expected(at + step) - self._expected(at - step)) / (2 * step[k])

    def _expected(self, parameters: np.ndarray) -> np.ndarray:
        """(n_bins,) counts for (tau 1, tau 2, photons 1, photons 2, background)."""
        tau, photons, background = parameters[:2], parameters[2:4], parameters[4]
        decays = [n * self._decay(t) for n, t in zip(photons, tau, strict=True)]
        return np.sum(decays, axis=0) + background / self.n_bins

    def _decay(self, tau_ns: float) -> np.ndarray:
        fine = self.bin_width_ns / FINER
        left = np.exp(-fine / tau_ns)
        wrapped = left ** round(PERIOD_NS / fine)
        t = (np.arange(self.n_bins * FINER) + 0.5) * fine
        once = lfilter([1 - left], [1, -left], _pulse_density(t) * fine)
        again = wrapped / (1 - wrapped) * (1 - left) * np.exp(-(t - PULSE_NS) / tau_ns)
        return (once + again).reshape(self.n_bins, FINER).sum(axis=1)


def _pulse(rng: np.random.Generator, n: int) -> np.ndarray:
    tail = np.where(rng.random(n) < TAIL_SHARE, rng.exponential(TAIL_NS, n), 0.0)
    return PULSE_NS + rng.normal(0, JITTER_NS, n) + tail


def _pulse_density(t_ns: np.ndarray) -> np.ndarray:
    """The density of `_pulse`, per ns, by folding on the grid it is asked for."""
    fine = t_ns[1] - t_ns[0]
    body = np.exp(-0.5 * ((t_ns - PULSE_NS) / JITTER_NS) ** 2) / (JITTER_NS * np.sqrt(2 * np.pi))
    left = np.exp(-fine / TAIL_NS)
    return (1 - TAIL_SHARE) * body + TAIL_SHARE * lfilter([1 - left], [1, -left], body)


def _kept(emission: Emission, window_ns: float) -> float:
    """Share of the signal that arrives before the window ends."""
    late = np.exp(-(window_ns - PULSE_NS) / np.array(emission.tau_ns))
    return 1 - float(late @ [emission.fraction, 1 - emission.fraction])
