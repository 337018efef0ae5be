"""The likelihood ratio of a change of rate at one photon, and the photon where it is largest.

N waiting times of one rate fill a piece of a trace; V is the share of its duration that the first k of them take. A
change of rate there makes the data likelier by 2 N KL(k/N || V) in twice the logarithm, which is standardised by its
mean and variance at one rate, V being Beta(k, N - k), and weighted against the ends:

    L = (2 N KL - mean) / sd + log(4 k (N - k) / N^2) / 2

Source: Watkins & Yang, J. Phys. Chem. B 109, 617 (2005), equations 5-8.
"""

import math

import numpy as np
from numba import njit

STRICT = {"error_model": "numpy", "cache": True, "nogil": True}  # no fastmath: equal in every caller, to the last digit
INLINE = {**STRICT, "forceinline": True}
BLOCK_PER_SQRT_N = 0.4  # photons in a first block: what the noise of a steady trace lets one bound dismiss
LARGEST_LEAF = 4
ROUNDING = 1e-6
EULER = 0.5772156649015329
# j (log j - psi(j)) and j^2 psi'(j) - j of the whole numbers j = 0..7, where the asymptotic series are not exact.
_HARMONIC = np.concatenate([[0.0, 0.0], np.cumsum(1 / np.arange(1.0, 7.0))])
_HARMONIC_2 = np.concatenate([[0.0, 0.0], np.cumsum(1 / np.arange(1.0, 7.0) ** 2)])
_J = np.arange(8.0)
MEAN_BELOW_8 = _J * (np.log(np.maximum(_J, 1.0)) + EULER - _HARMONIC)
VARIANCE_BELOW_8 = _J**2 * (math.pi**2 / 6 - _HARMONIC_2) - _J


@njit(**INLINE)
def _mean_term(j):
    if j < 8:
        return MEAN_BELOW_8[j]
    u = 1.0 / j
    return 0.5 + u / 12.0 * (1.0 - u * u * (0.1 - u * u * (1.0 / 21.0 - u * u / 20.0)))


@njit(**INLINE)
def _variance_term(j):
    if j < 8:
        return VARIANCE_BELOW_8[j]
    u = 1.0 / j
    return 0.5 + u / 6.0 * (1.0 - u * u * (0.2 - u * u * (1.0 / 7.0 - u * u * 0.2)))


@njit(**INLINE)
def _log_ratio(k, n, before, after):
    """N KL(k/N || V): log likelihood of two rates over that of one; `before` = V and `after` = 1 - V."""
    a = k / n
    return k * math.log(a / before) + (n - k) * math.log((1.0 - a) / after)


@njit(**STRICT)
def statistic(k, n, before, after):
    """The standardised, weighted likelihood ratio of a change after k of n waiting times; V and 1 - V both positive."""
    mean = 2.0 * (_mean_term(k) + _mean_term(n - k) - _mean_term(n))
    variance = 4.0 * (_variance_term(k) + _variance_term(n - k) - _variance_term(n))
    a = k / n
    return (2.0 * _log_ratio(k, n, before, after) - mean) / math.sqrt(variance) + 0.5 * math.log(4.0 * a * (1.0 - a))


@njit(**INLINE)
def _beyond(k1, k2, n, v1, v2, best):
    """Whether no change after k1..k2 waiting times, at shares V from v1 to v2, can have a statistic of `best`.

    The mean is at least 1 and the variance at least 2. KL(a || V) grows with |a - V|, so its largest value in the box
    lies at one of the two corners off the diagonal; there it is below (a - V)^2 / 2 over the smaller of a (1 - a) and
    V (1 - V), which needs no logarithm.
    """
    if v1 <= 0.0 or v2 >= 1.0:
        return False
    a1, a2 = k1 / n, k2 / n
    lowest = min(a1 * (1.0 - a1), a2 * (1.0 - a2), v1 * (1.0 - v1), v2 * (1.0 - v2))
    away = max(v2 - a1, a2 - v1)
    ratio = n * away * away / lowest
    peak = min(max(0.5, a1), a2)
    limit = best - ROUNDING
    if max(ratio - 1.0, 0.0) * math.sqrt(0.5) < limit:
        return True
    limit -= 0.5 * math.log(4.0 * peak * (1.0 - peak))
    if max(ratio - 1.0, 0.0) * math.sqrt(0.5) < limit:
        return True
    ratio = 0.0
    if v2 > a1:
        ratio = _log_ratio(k1, n, v2, 1.0 - v2)
    if a2 > v1:
        ratio = max(ratio, _log_ratio(k2, n, v1, 1.0 - v1))
    return max(2.0 * ratio - 1.0, 0.0) * math.sqrt(0.5) < limit


@njit(**STRICT)
def _at(x, first, last, i):
    """Statistic of a change at event i; -inf where it would leave a piece without duration."""
    span = x[last] - x[first]
    before, after = (x[i] - x[first]) / span, (x[last] - x[i]) / span
    if before <= 0.0 or after <= 0.0:
        return -np.inf
    return statistic(i - first, last - first, before, after)


@njit(**STRICT)
def likeliest_change(x, first, last, floor, hint):
    """The event between `first` and `last` where a change of rate is likeliest, and its statistic.

    x : (n,) ascending times of events
    floor : only a statistic of at least this much is looked for
    hint : an event to try at once, or -1

    Returns (event, statistic); event -1 if there is none. Branch and bound: the same as trying every event, the first
    one if several are equal, in a time that grows like the square root of their number.
    """
    n = last - first
    best, found = floor, -1
    span = x[last] - x[first]
    if n < 2 or not span > 0.0:
        return found, best
    if first < hint < last:
        value = _at(x, first, last, hint)
        if value >= best:
            best, found = value, hint
    block = max(LARGEST_LEAF, int(BLOCK_PER_SQRT_N * math.sqrt(n)))
    for i in range(first + block, last, block):  # a good value early dismisses the flanks of a large change
        if not _beyond(i - first, i - first, n, (x[i] - x[first]) / span, (x[i] - x[first]) / span, best):
            value = _at(x, first, last, i)
            if value > best:
                best, found = value, i
    stack = np.empty((128, 2), np.int64)
    for start in range(1, n, block):
        stack[0, 0], stack[0, 1] = start, min(start + block, n) - 1
        depth = 1
        while depth > 0:
            depth -= 1
            k1, k2 = stack[depth, 0], stack[depth, 1]
            v1, v2 = (x[first + k1] - x[first]) / span, (x[first + k2] - x[first]) / span
            if _beyond(k1, k2, n, v1, v2, best):
                continue
            if k2 - k1 >= LARGEST_LEAF:
                middle = (k1 + k2) // 2
                stack[depth, 0], stack[depth, 1] = middle + 1, k2
                stack[depth + 1, 0], stack[depth + 1, 1] = k1, middle
                depth += 2
                continue
            for i in range(first + k1, first + k2 + 1):
                value = _at(x, first, last, i)
                if value > best or (value == best and (found < 0 or i < found)):
                    best, found = value, i
    return found, best
