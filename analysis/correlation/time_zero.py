"""Zero delay and response width of a coincidence set-up, from one attenuated pulse split to both detectors."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize
from scipy.special import ndtr, xlogy

from analysis.counts import check_counts

Array = NDArray[np.float64]
LEAST_BINS = 8
NEAR = 20.0  # widths of the peak that are fitted to each side


@dataclass(frozen=True)
class TimeZero:
    """Where simultaneous photons appear; `_err` is one standard deviation, NaN if no peak stands out.

    sigma_ns : standard deviation of the delay of simultaneous photons, both detectors together: the `irf_sigma_ns`
        of `fit_antibunching`
    deviance : per degree of freedom; above 1.5 the response is no Gaussian
    """

    t0_ns: float
    t0_err_ns: float
    sigma_ns: float
    sigma_err_ns: float
    background: float
    deviance: float
    n_photons: int


def fit_time_zero(delay_ns: ArrayLike, counts: ArrayLike) -> TimeZero:
    """Fit a Gaussian on a flat background to the highest peak of a coincidence histogram.

    delay_ns, counts : (n_bins,) centres in equal steps, and whole counts

    Poisson maximum likelihood, the Gaussian integrated over each bin; errors (one standard deviation) from the
    Fisher information. ValueError for fewer than the bins it needs, unequal steps, or counts that are none.
    """
    delay, n = np.asarray(delay_ns, dtype=float), np.asarray(counts)
    if delay.ndim != 1 or delay.shape != n.shape or delay.size < LEAST_BINS:
        raise ValueError(
            f"delay_ns {delay.shape} and counts {n.shape} differ, or are under {LEAST_BINS} bins: give both alike"
        )
    n = check_counts(n).astype(float)
    width = (delay[-1] - delay[0]) / (delay.size - 1)
    if not width > 0 or np.ptp(np.diff(delay)) > 1e-3 * width:
        raise ValueError("delay_ns does not rise in equal steps: give the centres of all bins of one histogram")
    near, start = _peak(n)
    edges = np.arange(near.start, near.stop + 1) - 0.5
    seen = n[near]
    found = minimize(_loss, start, args=(edges, seen), method="BFGS", options={"gtol": 1e-6 * max(n.sum(), 1)})
    return _result(found.x, edges, seen, delay[0], width)


def _peak(n: Array) -> tuple[slice, Array]:
    """The bins around the highest peak, and its log counts, place, log width and log background, in bins."""
    top, floor = int(np.argmax(n)), float(np.median(n))
    above = n > (n[top] + floor) / 2
    left = int(np.argmin(above[top::-1])) if not above[: top + 1].all() else top + 1
    right = int(np.argmin(above[top:])) if not above[top:].all() else n.size - top
    sigma = max((left + right - 1) / 2.3548, 0.3)
    reach = int(np.ceil(NEAR * sigma)) + 4
    near = slice(max(0, top - reach), min(n.size, top + reach + 1))
    counts = max(float((n[near] - floor).clip(0).sum()), 1.0)
    return near, np.array([np.log(counts), top, np.log(sigma), np.log(max(floor, 0.1 / n.size))])


def _model(x: Array, edges: Array) -> tuple[Array, Array]:
    """Expected counts per bin, and their slopes by log counts, place, log width, log background (4, n)."""
    counts, sigma, background = np.exp(x[0]), np.exp(x[2]), np.exp(x[3])
    z = (edges - x[1]) / sigma
    density = np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)
    peak = counts * np.diff(ndtr(z))
    place, spread = -counts * np.diff(density) / sigma, -counts * np.diff(z * density)
    return peak + background + 1e-12, np.stack([peak, place, spread, np.full(peak.size, background)])


def _loss(x: Array, edges: Array, n: Array) -> float:
    mu = _model(np.clip(x, -60, 1e6), edges)[0]
    return float(np.sum(mu - xlogy(n, mu)))


def _result(x: Array, edges: Array, n: Array, first_ns: float, width: float) -> TimeZero:
    mu, jacobian = _model(x, edges)
    fisher = (jacobian / mu) @ jacobian.T
    peak = jacobian[0]
    clear = np.exp(x[0]) > 5 * np.sqrt(max(mu[peak > 0.01 * peak.max()].sum(), 1)) and np.linalg.cond(fisher) < 1e14
    error = np.sqrt(np.diag(np.linalg.inv(fisher))) if clear else np.full(4, np.nan)
    sigma = float(np.exp(x[2])) * width
    deviance = 2 * np.sum(xlogy(n, n / mu) - n + mu) / max(1, n.size - 4)
    return TimeZero(
        t0_ns=float(first_ns + x[1] * width),
        t0_err_ns=float(error[1] * width),
        sigma_ns=sigma,
        sigma_err_ns=float(error[2]) * sigma,
        background=float(np.exp(x[3])),
        deviance=float(deviance),
        n_photons=int(n.sum()),
    )
