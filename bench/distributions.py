"""Photon-weighted kernel density of the lifetimes of 256 x 256 pixels, the same bandwidth for all.

Ours returns mode, median, FWHM, skewness and kurtosis with the curve, the peers the curve alone. The truth is the sum
of all kernels, at 200 places.
"""

from collections.abc import Callable
from functools import cache, partial

import numpy as np

from bench.measure import Comparison, Measured, race

BANDWIDTH_NS = 0.08
N_GRID = 2048


def comparisons(quick: bool) -> list[Comparison]:
    """Both peers."""
    n = 16_384 if quick else 65_536
    peers = {"KDEpy": _kdepy, "scipy": _scipy}
    return [
        Comparison(f"kde-{name}", f"{n} pixels", "images/s per core", name, partial(_beside, density, n), module=name)
        for name, density in peers.items()
    ]


@cache
def _pixels(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Lifetimes in ns and photons: two populations."""
    rng = np.random.default_rng(41)
    tau = np.where(rng.random(n) < 0.7, rng.normal(4.1, 0.3, n), rng.lognormal(np.log(6.6), 0.2, n))
    return tau, rng.gamma(2.0, 1000.0, n)


def _beside(density: Callable[..., tuple[np.ndarray, np.ndarray]], n: int) -> Measured:
    from analysis.lifetimes import distribution

    tau, weight = _pixels(n)
    ours, theirs = race(
        lambda: distribution(tau, weight, bandwidth_ns=BANDWIDTH_NS, n_boot=0), lambda: density(tau, weight)
    )
    found = ours.result
    truth = partial(_off, tau, weight)
    return Measured(1 / ours.seconds, 1 / theirs.seconds, truth(found.grid_ns, found.density), truth(*theirs.result))


def _off(tau: np.ndarray, weight: np.ndarray, grid: np.ndarray, density: np.ndarray) -> str:
    """Largest error at some of the grid points, in units of the peak."""
    some = np.linspace(0, grid.size - 1, 200).astype(int)
    share = weight / weight.sum() / (BANDWIDTH_NS * np.sqrt(2 * np.pi))
    exact = np.array([share @ np.exp(-0.5 * ((at - tau) / BANDWIDTH_NS) ** 2) for at in grid[some]])
    return f"largest error {np.max(np.abs(density[some] - exact)) / exact.max():.0e} of the peak, {grid.size} points"


def _kdepy(tau: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    from KDEpy import FFTKDE

    grid = _grid(tau)
    return grid, FFTKDE(kernel="gaussian", bw=BANDWIDTH_NS).fit(tau, weight).evaluate(grid)


def _scipy(tau: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    from scipy.stats import gaussian_kde

    spread = np.sqrt(np.cov(tau, aweights=weight))
    grid = _grid(tau)[::8]
    return grid, gaussian_kde(tau, BANDWIDTH_NS / spread, weight)(grid)


def _grid(tau: np.ndarray) -> np.ndarray:
    reach = 5 * BANDWIDTH_NS
    return np.linspace(tau.min() - reach, tau.max() + reach, N_GRID)
