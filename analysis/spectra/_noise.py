"""How noisy a spectrum is, from its own points: fourth differences, to which a band wider than a few steps is smooth.

They see what does not go from point to point like a cubic. The bands of films and dots, 10 nm wide and more, leave
less than a tenth of the counting noise in them at 1 nm steps; second differences would take the exciton for noise.
"""

import numpy as np
from scipy.optimize import minimize

WEIGHTS = np.array([1.0, -4.0, 6.0, -4.0, 1.0])
FEWEST = 8  # differences: with fewer the noise is not known within a factor of two
BEYOND = 4.0  # standard deviations that are a feature of the spectrum, not noise


def relative_noise(value: np.ndarray) -> float:
    """One standard deviation of the relative noise of a smooth positive spectrum (n,), the same at all points.

    NaN values are gaps. NaN if fewer than eight stretches of five points are known.
    """
    difference = _differences(np.log(value, out=np.full(len(value), np.nan), where=value > 0))
    difference = np.abs(difference[np.isfinite(difference)])
    if len(difference) < FEWEST:
        return float("nan")
    sigma = 1.4826 * np.median(difference)
    for _ in range(5):
        sigma = np.sqrt(np.mean(np.minimum(difference, BEYOND * sigma) ** 2))
    return float(sigma / np.sqrt(np.sum(WEIGHTS**2)))


def counting_err(value: np.ndarray) -> np.ndarray:
    """One standard deviation (n,) of each point of a smooth spectrum that was counted and multiplied by some gain.

    The variance of a Poisson number times a gain is the gain times the value. The gain is taken as exponential along
    the axis; a constant stands for the dark counts subtracted. The three numbers are the most likely ones, given the
    fourth differences, for Gaussian noise. NaN values are gaps. All NaN if fewer than eight stretches of five points
    are known, or if nothing scatters.
    """
    squares = _differences(value) ** 2
    known = np.isfinite(squares)
    scatter = np.mean(squares[known]) / np.sum(WEIGHTS**2) if known.sum() >= FEWEST else 0.0
    if scatter == 0:
        return np.full(len(value), np.nan)
    shape = np.maximum(_smooth(value), 0.0)
    gain = scatter / max(float(np.nanmean(shape)), np.sqrt(scatter) * 1e-3)
    along = np.linspace(-1, 1, len(value))

    def variance(parameters):
        log_gain, slope, log_floor = np.clip(parameters, -30, 30)
        return gain * np.exp(log_gain + slope * along) * shape + scatter * np.exp(log_floor)

    def unlikeliness(parameters, limit):
        expected = np.convolve(variance(parameters), WEIGHTS**2, mode="valid")[known]
        return np.sum(np.log(expected) + np.minimum(squares[known], limit * expected) / expected)

    best = np.array([0.0, 0.0, -3.0])
    for limit in (np.inf, BEYOND**2):
        best = minimize(unlikeliness, best, args=(limit,), method="Nelder-Mead", options={"maxiter": 400}).x
    return np.where(np.isfinite(value), np.sqrt(variance(best)), np.nan)


def _differences(value: np.ndarray) -> np.ndarray:
    return np.convolve(value, WEIGHTS, mode="valid") if len(value) >= len(WEIGHTS) else np.empty(0)


def _smooth(value: np.ndarray) -> np.ndarray:
    """Mean of the known points among five neighbours; 0 where there is none."""
    known, box = np.isfinite(value), np.ones(5)
    number = np.convolve(known, box, mode="same")
    return np.convolve(np.where(known, value, 0.0), box, mode="same") / np.maximum(number, 1)
