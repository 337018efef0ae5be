"""Poisson maximum-likelihood fit of round Gaussian spots on a flat background, each with its neighbours.

The stage stops at every pixel, so a pixel samples the spot at its centre. Parameters of a spot: x, y, counts at its
centre, log of its standard deviation, in pixels; the background comes last. Errors are at the Cramer-Rao bound:
the inverse of the Fisher information at the best fit.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
MOST_STEPS = 60
LARGEST_GROUP = 5
WINDOW = 4.0  # half width around a spot, in standard deviations
JOINT = 4.5  # spots this near are fitted together, in standard deviations
LOG_SIGMA_STEP, LOG_SIGMA_RANGE = 0.4, 1.5
LEAST = 1e-6  # counts


@dataclass(frozen=True, eq=False)
class SpotFit:
    """One spot: values and errors of (x, y, counts at the centre, log sigma, background), and how well it fits.

    elongation : (2,) one-step estimate along the axes and the diagonals, of log width along over width across;
        elongation_chi2 tests it with 2 degrees of freedom
    deviance : per degree of freedom
    """

    value: Array
    error: Array
    elongation: Array
    elongation_err: Array
    elongation_chi2: float
    deviance: float


def spots_at(spots: Array, y: Array, x: Array) -> Array:
    """Expected counts of spots (n, 4) at points (y, x), without background."""
    total = np.zeros(x.shape)
    for x0, y0, peak, log_sigma in spots:
        total += peak * np.exp(-0.5 * ((x - x0) ** 2 + (y - y0) ** 2) * np.exp(-2 * log_sigma))
    return total


def add_spots(model: Array, spots: Array, reach: float = 6.0) -> Array:
    """Return the model image plus spots (n, 4), each within `reach` standard deviations."""
    total = model.copy()
    for spot in spots:
        here, y, x = window_of(model.shape, spot, reach)
        total[here] += spots_at(spot[None], y, x)
    return total


def window_of(shape: tuple[int, ...], spot: Array, reach: float) -> tuple[tuple[slice, slice], Array, Array]:
    """Slices of the pixels around a spot, and their coordinates."""
    half = max(3, int(np.ceil(reach * np.exp(spot[3]))))
    row, column = (int(np.clip(round(v), 0, n - 1)) for v, n in zip(spot[1::-1], shape, strict=True))
    here = slice(max(row - half, 0), row + half + 1), slice(max(column - half, 0), column + half + 1)
    y, x = np.meshgrid(np.arange(shape[0])[here[0]], np.arange(shape[1])[here[1]], indexing="ij")
    return here, y.astype(float), x.astype(float)


def fit_spot(image: Array, spots: Array, index: int, level: float) -> SpotFit:
    """Fit spot `index` of the table (n, 4) with the neighbours it overlaps; all others stay as they are.

    level : first guess of the background, counts
    """
    sigma = np.exp(spots[index, 3])
    near = np.hypot(*(spots[:, :2] - spots[index, :2]).T) / sigma
    order = np.argsort(near, kind="stable")
    group = order[: max(1, min(LARGEST_GROUP, int((near < JOINT).sum())))]
    others = order[len(group) :]
    here, y, x = window_of(image.shape, spots[index], WINDOW)
    fixed = spots_at(spots[others][near[others] < 4 * WINDOW], y, x)
    start = np.append(spots[group].ravel(), max(level, LEAST))
    counts = image[here]
    value, fisher, expected = _maximise(counts, y, x, start, fixed)
    error = np.sqrt(np.diagonal(_inverse(fisher)).clip(0))
    own = np.append(np.arange(4), value.size - 1)
    ratio = np.where(counts > 0, counts / expected, 1.0)
    deviance = 2 * np.sum(counts * np.log(ratio) - counts + expected) / max(counts.size - value.size, 1)
    return SpotFit(value[own], error[own], *_elongation(counts, y, x, value, expected), float(deviance))


def _model(y: Array, x: Array, value: Array, fixed: Array) -> tuple[Array, Array]:
    """Expected counts and their derivatives (n_parameters, ny, nx)."""
    slopes = np.empty((value.size, *x.shape))
    total = fixed + value[-1]
    for k in range(value.size // 4):
        x0, y0, peak, log_sigma = value[4 * k : 4 * k + 4]
        precision = np.exp(-2 * log_sigma)
        dx, dy = x - x0, y - y0
        square = (dx**2 + dy**2) * precision
        shape = np.exp(-0.5 * square)
        total += peak * shape
        slopes[4 * k : 4 * k + 4] = peak * shape * np.stack([dx * precision, dy * precision, np.zeros_like(dx), square])
        slopes[4 * k + 2] = shape
    slopes[-1] = 1.0
    return np.maximum(total, LEAST), slopes


def _log_likelihood(counts: Array, expected: Array) -> float:
    return float(np.sum(counts * np.log(expected) - expected))


def _maximise(counts: Array, y: Array, x: Array, start: Array, fixed: Array) -> tuple[Array, Array, Array]:
    """Damped Fisher scoring; returns (values, Fisher information, expected counts)."""
    value, damping = start.copy(), 1e-2
    low, high, largest = _limits(start)
    expected, slopes = _model(y, x, value, fixed)
    reached = _log_likelihood(counts, expected)
    for _ in range(MOST_STEPS):
        flat = slopes.reshape(value.size, -1)
        gradient = flat @ (counts / expected - 1).ravel()
        fisher = (flat / expected.ravel()) @ flat.T
        use = ~(((value <= low) & (gradient < 0)) | ((value >= high) & (gradient > 0)))
        step = _step(fisher, gradient, damping, use)
        trial = np.clip(value + np.clip(step, -largest, largest), low, high)
        if abs((trial - value) @ gradient) < 1e-8:
            break
        proposed, proposed_slopes = _model(y, x, trial, fixed)
        gained = _log_likelihood(counts, proposed)
        if gained >= reached:
            value, expected, slopes, reached, damping = trial, proposed, proposed_slopes, gained, 0.1 * damping
        else:
            damping = max(10 * damping, 1e-3)
    flat = slopes.reshape(value.size, -1)
    return value, (flat / expected.ravel()) @ flat.T, expected


def _limits(start: Array) -> tuple[Array, Array, Array]:
    """Bounds of the parameters, and their largest steps."""
    low, high, largest = np.full(start.size, -np.inf), np.full(start.size, np.inf), np.full(start.size, np.inf)
    log_sigma = start[3:-1:4]
    low[2::4] = low[-1] = LEAST
    low[3:-1:4], high[3:-1:4] = log_sigma - LOG_SIGMA_RANGE, log_sigma + LOG_SIGMA_RANGE
    largest[3:-1:4] = LOG_SIGMA_STEP
    largest[0:-1:4] = largest[1:-1:4] = 0.7 * np.exp(log_sigma)
    for axis in (0, 1):
        low[axis:-1:4] = start[axis:-1:4] - 3 * np.exp(log_sigma)
        high[axis:-1:4] = start[axis:-1:4] + 3 * np.exp(log_sigma)
    return low, high, largest


def _step(fisher: Array, gradient: Array, damping: float, use: NDArray[np.bool_]) -> Array:
    scale = np.sqrt(np.maximum(np.diagonal(fisher), 1e-100))
    scaled = fisher / np.outer(scale, scale) + damping * np.eye(scale.size)
    step = np.zeros(scale.size)
    if use.any():
        step[use] = np.linalg.lstsq(scaled[np.ix_(use, use)], (gradient / scale)[use], rcond=1e-12)[0] / scale[use]
    return step


def _inverse(fisher: Array) -> Array:
    scale = np.sqrt(np.maximum(np.diagonal(fisher), 1e-100))
    return np.linalg.pinv(fisher / np.outer(scale, scale), hermitian=True) / np.outer(scale, scale)


def _elongation(counts: Array, y: Array, x: Array, value: Array, expected: Array) -> tuple[Array, Array, float]:
    """Score test for an elliptical first spot, all other parameters free."""
    x0, y0, peak, log_sigma = value[:4]
    precision = np.exp(-2 * log_sigma)
    dx, dy = x - x0, y - y0
    shape = peak * np.exp(-0.5 * (dx**2 + dy**2) * precision) * precision
    _, slopes = _model(y, x, value, np.zeros_like(x))
    every = np.concatenate([slopes, [shape * (dx**2 - dy**2) / 2, shape * dx * dy]]).reshape(value.size + 2, -1)
    covariance = _inverse((every / expected.ravel()) @ every.T)
    score = every @ (counts / expected - 1).ravel()
    estimate, spread = (covariance @ score)[-2:], covariance[-2:, -2:]
    return estimate, np.sqrt(np.diagonal(spread).clip(0)), float(estimate @ np.linalg.pinv(spread) @ estimate)
