"""Where the likelihood of a coincidence histogram is high: a matched filter finds dips, a scan averages over t0.

The likelihood has a cusp in t0, so t0 is not an ordinary parameter: the likeliest place for a dip is always a little
too deep (C is 14 % too large at one count per bin). The fit therefore finds the best A, C, tau (and stop rate) at many
t0, and averages them with the likelihood as weight. Their spread is part of the errors. With many counts, or t0 known,
this is the maximum-likelihood estimate.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

from analysis.correlation.histogram import Histogram
from analysis.correlation.kernels import CONTRAST, LOG_A, LOG_TAU, N_PARAMETERS, STOP, T0

Array = NDArray[np.float64]
Fit = tuple[Array, float, bool]  # parameters (5,), deviance, whether it is the top
N_LIFETIMES = 12  # tried by the matched filter
WORTH_A_START = 6.0  # log likelihood below the best dip of the filter
MOST_STARTS = 4
SCAN_STEP = 0.7  # standard deviations of t0
SCAN_DEPTH = 11.0  # deviance above the least, where the scan over t0 ends
MOST_NODES = 25  # to each side


@dataclass(frozen=True, eq=False)
class Scan:
    """Fits at a row of t0: parameters (n, 5), their deviance, covariance (n, 5, 5) and weight."""

    x: Array
    deviance: Array
    covariance: Array
    converged: bool

    @property
    def weight(self) -> Array:
        likelihood = np.exp((self.deviance.min() - self.deviance) / 2)
        return likelihood / likelihood.sum()

    @property
    def best(self) -> Array:
        return self.x[np.argmin(self.deviance)]

    def average(self) -> tuple[Array, Array]:
        """Mean parameters (5,) and their covariance (5, 5): that at given t0, and the spread over t0."""
        mean = self.weight @ self.x
        away = self.x - mean
        return mean, np.tensordot(self.weight, self.covariance, 1) + (self.weight[:, None] * away).T @ away


def fit_flat(histogram: Histogram) -> Fit:
    """Parameters and deviance without antibunching: a constant baseline on the same card."""
    t0 = histogram.centres_ns.mean() if histogram.t0_ns is None else histogram.t0_ns
    per_ns = max(histogram.counts.sum(), 0.5) / histogram.span_ns
    x = np.array([np.log(per_ns), 0.0, histogram.low[LOG_TAU], t0, histogram.stop_per_ns or 0.0])
    return histogram.maximise(x, histogram.free & np.isin(np.arange(N_PARAMETERS), (LOG_A, STOP)))


def likeliest_dip(histogram: Histogram, flat: Array) -> Fit:
    """The best fit with antibunching, t0 in the middle of a bin."""
    fits = [histogram.maximise(x, at_given_t0(histogram)) for x in find_dips(histogram, flat)]
    return min(fits, key=lambda fit: fit[1])


def at_given_t0(histogram: Histogram) -> NDArray[np.bool_]:
    return histogram.free & (np.arange(N_PARAMETERS) != T0)


def scan_t0(histogram: Histogram, start: Fit, wide: bool) -> Scan:
    """The best fits at t0 around the likeliest dip; only there if not `wide`."""
    nodes = [start]
    if wide and histogram.free[T0]:
        step = _t0_step(histogram, start[0])
        for direction in (-step, step):
            nodes += _walk(histogram, start, direction, least=min(node[1] for node in nodes))
    nodes.sort(key=lambda node: node[0][T0])
    x, deviance = np.array([node[0] for node in nodes]), np.array([node[1] for node in nodes])
    covariance = np.array([covariance_of(histogram, row) for row in x])
    return Scan(x, deviance, covariance, bool(nodes[int(np.argmin(deviance))][2]))


def _t0_step(histogram: Histogram, x: Array) -> float:
    x = x.copy()
    x[CONTRAST] = np.clip(x[CONTRAST], 0.3, 0.9)
    information = histogram.expected(x)[1][T0, T0]
    return min(SCAN_STEP / np.sqrt(max(information, 1e-12)), histogram.span_ns / 20)


def _walk(histogram: Histogram, start: Fit, step_ns: float, least: float) -> list[Fit]:
    """Fits at t0 further and further from the start, until the data speak against them."""
    nodes, x = [], start[0]
    for _ in range(MOST_NODES):
        x = x.copy()
        x[T0] += step_ns
        if not histogram.edges_ns[0] < x[T0] < histogram.edges_ns[-1]:
            break
        nodes.append(histogram.maximise(x, at_given_t0(histogram)))
        x, least = nodes[-1][0], min(least, nodes[-1][1])
        if nodes[-1][1] > least + SCAN_DEPTH:
            break
    return nodes


def covariance_of(histogram: Histogram, x: Array) -> Array:
    """Covariance (5, 5) at given t0, from the Fisher information.

    The information diverges where the dip reaches zero, so a contrast above 1 - sigma counts as 1 - sigma.
    """
    free = np.flatnonzero(at_given_t0(histogram))
    x, covariance = x.copy(), np.zeros((N_PARAMETERS, N_PARAMETERS))
    for _ in range(2):
        fisher = histogram.expected(x)[1][np.ix_(free, free)]
        covariance[np.ix_(free, free)] = _inverse(fisher)
        highest = 1 - np.sqrt(covariance[CONTRAST, CONTRAST])
        if x[CONTRAST] <= highest:
            break
        x[CONTRAST] = max(highest, 0.3)
    return covariance


def _inverse(fisher: Array) -> Array:
    """Inverse of an information matrix; a direction that the data say nothing of gets a huge variance."""
    scale = np.sqrt(np.maximum(np.diag(fisher), 1e-30))
    value, vector = np.linalg.eigh(fisher / np.outer(scale, scale))
    return (vector / np.maximum(value, 1e-12)) @ vector.T / np.outer(scale, scale)


def find_dips(histogram: Histogram, flat: Array, contrast: float | None = None) -> list[Array]:
    """Parameters of the most promising dips, best first; of a given contrast, or of any."""
    mu, found = histogram.expected(flat)[0], []
    for tau in _lifetimes_to_try(histogram):
        missing, information = _matched_filter(mu, histogram.counts, tau / histogram.width_ns)
        if contrast is None:
            depth, gain = missing / information, np.maximum(missing, 0) ** 2 / (2 * information)
        else:
            depth = np.full(mu.size, contrast)
            gain = contrast * missing - contrast**2 * information / 2
        t0 = np.clip(histogram.centres_ns, histogram.low[T0], histogram.high[T0])
        at = int(np.argmax(np.where(_allowed(histogram), gain, -np.inf)))
        depth_there = np.clip(depth[at], 0.05, 1.0) if contrast is None else contrast
        found.append((gain[at], np.array([flat[LOG_A], depth_there, np.log(tau), t0[at], flat[STOP]])))
    return _distinct(sorted(found, key=lambda dip: -dip[0]))


def _allowed(histogram: Histogram) -> NDArray[np.bool_]:
    """The bins that hold an allowed t0."""
    return (histogram.edges_ns[1:] >= histogram.low[T0]) & (histogram.edges_ns[:-1] <= histogram.high[T0])


def _lifetimes_to_try(histogram: Histogram) -> Array:
    low, high = histogram.tau_bounds_ns
    return np.geomspace(low, max(min(high, histogram.span_ns / 3), 1.01 * low), N_LIFETIMES)


def _matched_filter(mu: Array, counts: Array, tau_bins: float) -> tuple[Array, Array]:
    """Missing counts in a dip exp(-|t - t0| / tau) at each bin, and their variance; the level of mu is free."""

    def around(values: Array, keep: float) -> Array:
        ahead, behind = (lfilter([1.0], [1.0, -keep], v) for v in (values, values[::-1]))
        return ahead + behind[::-1] - values

    keep = np.exp(-1 / tau_bins)
    variance = around(mu, keep**2) - around(mu, keep) ** 2 / mu.sum()
    return around(mu - counts, keep), np.maximum(variance, 1e-12)


def _distinct(found: list[tuple[float, Array]]) -> list[Array]:
    """Dips that differ in place or by a factor three in tau, and are nearly as likely as the best."""
    best, chosen = found[0][0], []
    for gain, x in found:
        near = any(abs(x[T0] - y[T0]) < np.exp(x[LOG_TAU]) and abs(x[LOG_TAU] - y[LOG_TAU]) < 1.2 for y in chosen)
        if not chosen or (gain > best - WORTH_A_START and not near and len(chosen) < MOST_STARTS):
            chosen.append(x)
    return chosen
