"""How large the likelihood ratio of a change of rate must be: critical values for any number of photons.

With N waiting times at one rate the shares V_k of the duration are ordered uniform numbers, and the statistic of
`statistic` stays below a threshold at all k if every V_k stays between two bounds. That probability is exact,
`false_alarm_probability`: the bounds are walked through with the distribution of the number of photons so far (Noe,
Ann. Math. Stat. 43, 58 (1972); as a Poisson process: Khmaladze & Shinjikashvili, Adv. Appl. Probab. 33, 720 (2001)).
At 5 % it gives 4.07, 4.63, 5.18, 5.49, 5.74, 6.00, 6.14 for N = 10, 20, 50, 100, 200, 500, 990, which are the values of
Watkins & Yang, J. Phys. Chem. B 109, 617 (2005). `critical_values` interpolates a table of it.
"""

import math

import numpy as np
from numba import njit
from scipy.interpolate import CubicSpline, PchipInterpolator
from scipy.special import expit, polygamma, psi

from analysis.blinking.statistic import STRICT

FALSE_ALARMS = (0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001, 1e-4, 1e-5, 1e-6)
N_WAITS = (2, 3, 4, 6, 8, 12, 16, 24, 32, 64, 128, 256, 512, 1024, 4096, 16384, 65536)
TABLE = np.array(
    [
        [-0.387, 0.484, 1.242, 2.034, 3.103, 3.92, 4.739, 5.825, 6.647, 9.379, 12.111, 14.844],  # 2
        [-0.067, 1.013, 1.858, 2.709, 3.835, 4.687, 5.537, 6.66, 7.508, 10.324, 13.138, 15.951],  # 3
        [0.149, 1.328, 2.216, 3.099, 4.26, 5.134, 6.006, 7.157, 8.025, 10.906, 13.784, 16.662],  # 4
        [0.431, 1.714, 2.651, 3.573, 4.777, 5.682, 6.584, 7.771, 8.667, 11.639, 14.606, 17.573],  # 6
        [0.615, 1.956, 2.921, 3.867, 5.1, 6.024, 6.944, 8.156, 9.071, 12.101, 15.126, 18.149],  # 8
        [0.852, 2.258, 3.258, 4.233, 5.5, 6.449, 7.393, 8.635, 9.572, 12.674, 15.768, 18.86],  # 12
        [1.004, 2.45, 3.47, 4.462, 5.751, 6.715, 7.673, 8.934, 9.884, 13.029, 16.165, 19.296],  # 16
        [1.199, 2.69, 3.735, 4.749, 6.063, 7.045, 8.021, 9.304, 10.27, 13.465, 16.648, 19.825],  # 24
        [1.324, 2.842, 3.902, 4.929, 6.259, 7.252, 8.238, 9.534, 10.509, 13.735, 16.945, 20.147],  # 32
        [1.583, 3.155, 4.244, 5.296, 6.656, 7.67, 8.676, 9.996, 10.989, 14.27, 17.53, 20.779],  # 64
        [1.793, 3.406, 4.516, 5.587, 6.968, 7.997, 9.017, 10.354, 11.36, 14.678, 17.974, 21.254],  # 128
        [1.963, 3.607, 4.733, 5.817, 7.214, 8.254, 9.284, 10.634, 11.649, 14.994, 18.314, 21.617],  # 256
        [2.101, 3.769, 4.907, 6.001, 7.41, 8.457, 9.494, 10.853, 11.875, 15.24, 18.577, 21.896],  # 512
        [2.213, 3.899, 5.047, 6.149, 7.566, 8.619, 9.662, 11.027, 12.053, 15.433, 18.783, 22.113],  # 1024
        [2.378, 4.091, 5.251, 6.363, 7.791, 8.852, 9.902, 11.276, 12.308, 15.707, 19.073, 22.419],  # 4096
        [2.487, 4.218, 5.386, 6.503, 7.938, 9.003, 10.056, 11.436, 12.471, 15.88, 19.256, 22.611],  # 16384
        [2.561, 4.302, 5.474, 6.595, 8.034, 9.101, 10.157, 11.539, 12.577, 15.992, 19.373, 22.733],  # 65536
    ]
)
AT_RARITY = CubicSpline(-np.log(FALSE_ALARMS), TABLE, axis=1)
STEPS_PER_OCTAVE = 4  # of the interpolated critical values, which begin at N = 2
LARGEST_LOG2_N = 40


def critical_values(false_alarm: float) -> np.ndarray:
    """The thresholds at log2 N = 1, 1.25, 1.5 ... 40 that a steady rate exceeds with this probability.

    Interpolated in log N and in log probability; beyond the table the thresholds converge geometrically with N and
    grow as the log of small probabilities. ValueError unless 0 < false_alarm <= 0.5.
    """
    if not 0 < false_alarm <= FALSE_ALARMS[0]:
        raise ValueError(f"a false alarm of {false_alarm}: give more than 0, and at most {FALSE_ALARMS[0]}")
    rarity, rarest = -math.log(false_alarm), AT_RARITY.x[-1]
    at_n = AT_RARITY(min(rarity, rarest)) + max(rarity - rarest, 0.0) * AT_RARITY(rarest, 1)
    ratio = (at_n[-1] - at_n[-2]) / (at_n[-2] - at_n[-3])
    octaves = np.arange(math.log2(N_WAITS[-1]) + 2, LARGEST_LOG2_N + 1, 2)
    rest = ratio * (1 - ratio ** np.arange(1, octaves.size + 1)) / (1 - ratio)
    log2_n = np.concatenate([np.log2(N_WAITS), octaves])
    at_n = np.concatenate([at_n, at_n[-1] + (at_n[-1] - at_n[-2]) * rest])
    return PchipInterpolator(log2_n, at_n)(np.arange(1, LARGEST_LOG2_N, 1 / STEPS_PER_OCTAVE))


def false_alarm_probability(threshold: float, n_waits: int) -> float:
    """Probability that the largest statistic of n_waits waiting times at one rate exceeds the threshold; exact.

    The time it takes grows as n_waits^1.5: 0.01 s for 1000, 4 s for 65536.
    """
    low, high = _bounds(threshold, n_waits)
    return 1.0 - float(_inside(low, high)) if (low < high).all() else 1.0


def _bounds(threshold: float, n: int) -> tuple[np.ndarray, np.ndarray]:
    """The shares of the duration (n - 1,) between which every V_k must lie."""
    k = np.arange(1.0, n)
    m = n - k
    mean = 2 * k * (np.log(k / n) - psi(k) + psi(n)) + 2 * m * (np.log(m / n) - psi(m) + psi(n))
    common = polygamma(1, n)
    variance = 4 * k**2 * (polygamma(1, k) - common) + 4 * m**2 * (polygamma(1, m) - common) - 8 * k * m * common
    allowed = (threshold - 0.5 * np.log(4 * k * m / n**2)) * np.sqrt(variance) + mean
    middle = np.log(k / m)  # in log odds of V
    low, high = (_solve(k, n, np.maximum(allowed, 0.0), middle, middle + reach) for reach in (-800.0, 800.0))
    return np.maximum.accumulate(expit(low)), np.minimum.accumulate(expit(high)[::-1])[::-1]


def _solve(k: np.ndarray, n: int, allowed: np.ndarray, inside: np.ndarray, outside: np.ndarray) -> np.ndarray:
    """The log odds of V between `inside` and `outside` where 2 n KL(k/n || V) reaches `allowed`, by bisection."""
    for _ in range(80):
        odds = 0.5 * (inside + outside)
        log_before, log_after = -np.logaddexp(0, -odds), -np.logaddexp(0, odds)
        beyond = 2 * (k * (np.log(k / n) - log_before) + (n - k) * (np.log(1 - k / n) - log_after)) > allowed
        inside, outside = np.where(beyond, inside, odds), np.where(beyond, odds, outside)
    return inside


@njit(**STRICT)
def _inside(low, high):
    """Probability that n ordered uniform numbers lie in low[k]..high[k]; both ascending.

    A Poisson process of rate n, of which only the numbers of events between the bounds are followed from bound to
    bound, conditioned on n events in the end.
    """
    n = low.size
    chance, moved, step = np.zeros(n + 2), np.zeros(n + 2), np.zeros(400)
    chance[0] = 1.0
    n_low, n_high, least, time = 0, 0, 0, 0.0  # between two bounds, n_high to n_low events are allowed
    while True:
        to_low = low[n_low] if n_low < n else 1.0
        to_high = high[n_high] if n_high < n else 1.0
        mean = n * (min(to_low, to_high, 1.0) - time)
        if mean > 0.0:
            terms = _poisson(mean, step)
            moved[least : n_low + 1] = 0.0
            for d in range(terms):
                for j in range(least, n_low + 1 - d):
                    moved[j + d] += step[d] * chance[j]
            chance[least : n_low + 1] = moved[least : n_low + 1]
        time = min(to_low, to_high, 1.0)
        if n_low == n and n_high == n:
            break
        if to_low <= to_high and n_low < n:
            n_low += 1
            chance[n_low] = 0.0
        else:
            n_high += 1
            chance[least:n_high] = 0.0
            least = n_high
    return chance[n] / math.exp(n * math.log(n) - n - math.lgamma(n + 1.0))


@njit(**STRICT)
def _poisson(mean, out):
    """Probabilities of 0, 1, 2... events until they no longer matter; returns how many."""
    chance, count = math.exp(-mean), 0
    while count < out.size and (count <= mean or chance > 1e-18):
        out[count] = chance
        count += 1
        chance *= mean / count
    return count
