"""Likelihood of durations whose density is t^-m exp(-rate t) between two limits.

Every duration is seen through a weight: an instant if its length is known, a triangle if it was counted in bins, all
that is longer if its end was not seen. So the likelihood is a product of integrals of the density, and its slope and
curvature are differences of the mean and covariance of (log t, t), once with the weight and once without:
Sundberg, Scand. J. Stat. 1, 49 (1974). A run of length t covers k bin centres with probability 1 - |t - k|.

Times are in units of the shortest duration. Integrals are Gauss-Legendre sums in log t.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
NODES, WEIGHTS = np.polynomial.legendre.leggauss(8)
PANEL = 0.5  # longest piece of an integral in log t
FAR = 690.0  # log t that stands for infinity
LARGEST_TIME = 1e150  # its square is still a number
EXPONENT_BOUNDS = (-30.0, 60.0)
MOST_STEPS = 100


@dataclass(frozen=True, eq=False)
class Seen:
    """Durations as integrals: sums over nodes (n, n_nodes) of log_weight + log density; each counts n_each times.

    The last row is the window, all that could have been seen; it counts minus the number of durations.
    """

    log_time: list[Array]
    log_weight: list[Array]
    n_each: list[Array]
    n: int
    window: tuple[float, float]


def seen(time: Array, observed: NDArray[np.bool_], window: tuple[float, float], bin_width: float | None) -> Seen:
    """Weights of durations in units of the shortest; bin_width in that unit, or None if they are exact."""
    n = time.size
    ends, times_each = np.unique(time[observed], return_counts=True)
    if bin_width is None:
        exact, low, high = (np.log(ends)[:, None], np.zeros((ends.size, 1))), *window
    else:
        low, high = window[0] - bin_width, window[1] + bin_width
        exact = _triangles(ends, bin_width)
    started = time[~observed]
    tails = _between(np.log(started), np.log(high))
    whole = _between(np.log(np.array([low])), np.log(high))
    if bin_width is not None:
        whole = _ramped(*whole, low, high, bin_width)
    rows = [exact, tails, whole]
    return Seen(
        [log_time for log_time, _ in rows],
        [log_weight for _, log_weight in rows],
        [times_each.astype(float), np.ones(started.size), np.array([-float(n)])],
        n,
        (low, high),
    )


def _panels(length: float) -> tuple[Array, Array]:
    """Nodes and weights of an integral over 0...length in log t; panels grow where only the tail is left."""
    edges = np.linspace(0, min(length, 40.0), 1 + int(np.ceil(min(length, 40.0) / PANEL)))
    while edges[-1] < length:
        edges = np.append(edges, min(1.15 * edges[-1], length))
    width = np.diff(edges)[:, None]
    return (edges[:-1, None] + width * (1 + NODES) / 2).ravel(), (width * WEIGHTS / 2).ravel()


def _between(log_start: Array, log_end: float) -> tuple[Array, Array]:
    """Log nodes and log weights of integrals over t from each start to the common end; (n, n_nodes)."""
    log_end = min(log_end, FAR)
    longest = max(log_end - (log_start.min() if log_start.size else log_end), 1e-9)
    node, weight = _panels(longest)
    stretch = np.maximum(log_end - log_start[:, None], 1e-12) / longest
    log_time = log_start[:, None] + stretch * node
    return log_time, log_time + np.log(weight * stretch)


def _triangles(time: Array, bin_width: float) -> tuple[Array, Array]:
    half = (1 + NODES) / 2
    offset = np.concatenate([-half[::-1], half])
    weight = np.concatenate([(WEIGHTS * (1 - half))[::-1], WEIGHTS * (1 - half)])
    log_time = np.log(time[:, None] + bin_width * offset)
    return log_time, np.broadcast_to(np.log(weight), log_time.shape)


def _ramped(log_time: Array, log_weight: Array, low: float, high: float, bin_width: float) -> tuple[Array, Array]:
    """The window of binned durations: the sum of all triangles rises over its first bin and falls over its last."""
    parts = [_between(np.log(np.array([low])), np.log(low + bin_width))]
    if np.isinf(high):
        parts.append(_between(np.log(np.array([low + bin_width])), np.log(high)))
    else:
        parts.append(_between(np.log(np.array([low + bin_width])), np.log(high - bin_width)))
        parts.append(_between(np.log(np.array([high - bin_width])), np.log(high)))
    log_time = np.concatenate([part[0] for part in parts], axis=1)
    log_weight = np.concatenate([part[1] for part in parts], axis=1)
    time = np.exp(np.minimum(log_time, np.log(LARGEST_TIME)))
    ramp = np.minimum((time - low) / bin_width, 1)
    if np.isfinite(high):
        ramp = np.minimum(ramp, (high - time) / bin_width)
    return log_time, log_weight + np.log(np.maximum(ramp, 1e-300))


def evaluate(data: Seen, m: float, rate: float) -> tuple[float, Array, Array]:
    """Log-likelihood, its gradient by (m, rate) and minus its curvature."""
    total, gradient, information = 0.0, np.zeros(2), np.zeros((2, 2))
    for log_time, log_weight, n_each in zip(data.log_time, data.log_weight, data.n_each, strict=True):
        if n_each.size == 0:
            continue
        time = np.exp(np.minimum(log_time, np.log(LARGEST_TIME)))
        log_density = log_weight - m * log_time - rate * time
        top = log_density.max(axis=1, keepdims=True)
        share = np.exp(log_density - top)
        integral = share.sum(axis=1, keepdims=True)
        share /= integral
        score = -np.stack([log_time, time])
        mean = np.sum(share * score, axis=2)
        away = score - mean[:, :, None]
        total += float(n_each @ (top + np.log(integral))[:, 0])
        gradient += mean @ n_each
        information -= np.einsum("g,agj,bgj->ab", n_each, share * away, away, optimize=False)
    return total, gradient, information


def maximise(data: Seen, free: NDArray[np.bool_], start: Array) -> tuple[Array, float, Array]:
    """Damped Newton steps of the free ones of (m, rate), rate never negative; (best, log-likelihood, information)."""
    x, (value, gradient, information) = start, evaluate(data, *start)
    damping = 1e-3
    for _ in range(MOST_STEPS):
        use = free & ~((x <= [EXPONENT_BOUNDS[0], 0.0]) & (gradient < 0))
        if not use.any():
            break
        scale = np.sqrt(np.maximum(np.diagonal(information), 1e-300))
        scaled = information / np.outer(scale, scale) + damping * np.eye(2)
        step = np.zeros(2)
        step[use] = np.linalg.solve(scaled[np.ix_(use, use)], (gradient / scale)[use]) / scale[use]
        trial = np.clip(x + step, [EXPONENT_BOUNDS[0], 0.0], [EXPONENT_BOUNDS[1], np.inf])
        if abs((trial - x) @ gradient) < 1e-10:
            break
        reached = evaluate(data, *trial)
        if reached[0] >= value:
            x, (value, gradient, information), damping = trial, reached, 0.1 * damping
        else:
            damping = max(10 * damping, 1e-2)
    return x, value, information
