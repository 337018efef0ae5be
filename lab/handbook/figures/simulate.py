"""Photons for the figures, drawn one by one: what fits must find is put in here; no code is shared with them."""

import numpy as np
from numpy.typing import NDArray
from scipy.stats import poisson

Array = NDArray[np.float64]
Counts = NDArray[np.int64]
PERIOD_NS, BIN_NS, N_BINS = 500.0, 0.144, 4096
PULSE_NS, JITTER_NS = 5.0, 0.2
T0_NS, BLIND_NS, SIGMA_NS = 120.0, 20.0, 0.4


def histogram(arrival_ns: Array) -> Counts:
    """(N_BINS,) counts of photons in one laser period."""
    return np.bincount((arrival_ns % PERIOD_NS / BIN_NS).astype(int), minlength=N_BINS)[:N_BINS]


def response(rng: np.random.Generator, n_photons: int = 2_000_000) -> Counts:
    """(N_BINS,) counts of scattered laser light."""
    return histogram(PULSE_NS + JITTER_NS * rng.normal(size=n_photons))


def decays(rng: np.random.Generator, tau_ns: float, n_photons: float, n_pixels: int, background: float) -> Counts:
    """(n_pixels, N_BINS) counts of a single lifetime; `background` is its share of the photons."""
    made = []
    for n in rng.poisson(n_photons, n_pixels):
        late = rng.random(n) < background
        signal = PULSE_NS + JITTER_NS * rng.normal(size=n) + rng.exponential(tau_ns, n)
        made.append(histogram(np.where(late, rng.uniform(0, PERIOD_NS, n), signal)))
    return np.array(made)


def first_photons(rng: np.random.Generator, tau_ns: float, per_pulse: float, n_photons: int) -> Counts:
    """(N_BINS,) counts of a card that times the first photon after a pulse and is busy for the others."""
    none = np.exp(-per_pulse)  # pulses without a photon are not drawn
    several = np.searchsorted(poisson.cdf(np.arange(60), per_pulse), rng.uniform(none, 1, n_photons))
    begin = np.append(0, np.cumsum(several)[:-1])
    n = int(several.sum())
    arrival = PULSE_NS + JITTER_NS * rng.normal(size=n) + rng.exponential(tau_ns, n)
    return histogram(np.minimum.reduceat(arrival, begin))


def clicks(rng: np.random.Generator, rate_cps: float, dead_time_ns: float, duration_s: float) -> int:
    """Clicks of a detector that is blind for the dead time after each."""
    n_most = int(rate_cps * duration_s + 10 * np.sqrt(rate_cps * duration_s) + 10)
    between_s = rng.exponential(1 / rate_cps, n_most) + dead_time_ns * 1e-9
    return int(np.searchsorted(np.cumsum(between_s), duration_s))


def first_stops(rng: np.random.Generator, tau_ns: float, contrast: float, stop_cps: float, n_pairs: float) -> Counts:
    """(N_BINS,) first stops of a start-stop card; `n_pairs` would be there if every stop were recorded."""
    fine = (np.arange(4 * N_BINS) + 0.5) * BIN_NS / 4 - T0_NS
    late = rng.normal(size=201) * SIGMA_NS
    dip = np.mean([np.exp(-np.abs(fine - each) / tau_ns) for each in late], axis=0)
    g2 = (1 - contrast * dip).reshape(N_BINS, 4).mean(axis=1) * (np.arange(N_BINS) * BIN_NS >= BLIND_NS)
    load = stop_cps * 1e-9 * BIN_NS * g2
    still_armed = np.exp(-np.append(0, np.cumsum(load)[:-1]))
    return rng.poisson(n_pairs / load.sum() * still_armed * -np.expm1(-load))


def scene(rng: np.random.Generator, n_px: int, n_grains: int) -> tuple[Array, Array]:
    """Grains of a film: places (n, 2) around and beyond an image, and their heights (n,)."""
    return rng.uniform(-12, n_px + 12, (n_grains, 2)), rng.lognormal(0, 0.6, n_grains)


def scans(rng: np.random.Generator, grains: tuple[Array, Array], shift_px: Array, n_px: int, per_px: float) -> Counts:
    """(n, n_px, n_px) counts of a drifting scene, `per_px` on average."""
    places, heights = grains
    y, x = np.mgrid[:n_px, :n_px]
    images = np.empty((len(shift_px), n_px, n_px))
    for image, (down, right) in zip(images, shift_px, strict=True):
        row = np.exp(-0.5 * ((y[:, :1] - places[:, 0] - down) / 1.6) ** 2)
        column = np.exp(-0.5 * ((x[:1].T - places[:, 1] - right) / 1.6) ** 2)
        image[:] = (row * heights) @ column.T
    return rng.poisson(images * per_px / images.mean())
