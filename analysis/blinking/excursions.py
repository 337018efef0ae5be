"""Brief dips and flashes inside a piece of steady rate, which no single change point reveals.

A window of k of the N waiting times takes a share V of the duration that is Beta(k, N - k) at a steady rate; a rate of
its own raises the log likelihood by N KL(k/N || V), as for a single change (circular binary segmentation: Olshen et
al., Biostatistics 5, 557 (2004)). Windows begin at every event, with two lengths k per octave. Each length and sign has
the same part of the false alarms. The number of runs of windows beyond V is expected to be

    N exp(-N KL) / sqrt(2 pi k (1 - k/N)) * (r (1 - r) for a dip, 1 - 1/r for a flash),    r = (k/N) / V,

the tail of the Beta distribution times the chance that a window beyond V is the last of its run, which is exact for
exponential waiting times. Inverted for V once per length, it leaves the scan nothing but durations to compare.
"""

import math

import numpy as np
from numba import njit

from analysis.blinking.statistic import INLINE, STRICT, _log_ratio

LEAST_FLASH = 8  # waiting times: fewer may be afterpulses
LARGEST_SHARE = 3  # windows of up to a third of the piece
BLOCK = 4096  # events scanned for all lengths at once, so that they stay in the cache
SURE = 4.0  # a stride is looked into by chance in about exp(-4) of the cases
CLOSE = 1e-4  # relative precision of the limits
LENGTHS = np.unique([w for j in range(40) for w in (2**j, 3 * 2**j // 2)]).astype(np.int64)


@njit(**INLINE)
def _needed(k, n, share, expected):
    """The log likelihood a window must gain for `expected` runs of such windows at a steady rate."""
    r = k / n / share
    shape = r * (1.0 - r) if r < 1.0 else 1.0 - 1.0 / r
    return math.log(n * max(shape, 1e-3) / math.sqrt(2.0 * math.pi * k * (1.0 - k / n)) / expected)


@njit(**STRICT)
def dip_limit(k, n, expected):
    """Share of the duration of n waiting times beyond which k successive ones are too slow."""
    gain = max(_needed(k, n, 2.0 * k / n, expected), 1.0)
    share = min((k + gain + math.sqrt(2.0 * k * gain)) / n, 1.0 - 1e-9)
    for _ in range(8):
        gain = max(_needed(k, n, share, expected), 1.0)
        slope = (n - k) / (1.0 - share) - k / share
        step = (_log_ratio(k, n, share, 1.0 - share) - gain) / slope
        share = min(max(share - step, (k + math.sqrt(k)) / n), 1.0 - 1e-9)
        if abs(step) < CLOSE * share:
            break
    return share


@njit(**STRICT)
def flash_limit(k, n, expected):
    """Share of the duration of n waiting times within which k successive ones are too fast."""
    gain = max(_needed(k, n, 0.5 * k / n, expected), 1.0)
    log_share = math.log(k / n) - 1.3 - gain / k
    for _ in range(8):
        share = math.exp(log_share)
        gain = max(_needed(k, n, share, expected), 1.0)
        slope = (n - k) * share / (1.0 - share) - k
        step = (_log_ratio(k, n, share, 1.0 - share) - gain) / slope
        log_share = min(log_share - step, math.log(k / (k + math.sqrt(k)) * k / n))
        if abs(step) < CLOSE:
            break
    return math.exp(log_share)


@njit(**INLINE)
def _dip_stride(k, longest):
    """Begins of windows that one window reaching over all of them clears, unless by chance; `longest` in mean waits."""
    root = 0.5 * (math.sqrt(2.0 * SURE + 4.0 * longest) - math.sqrt(2.0 * SURE))
    return max(1, int(root * root) - k + 1)


@njit(**INLINE)
def _flash_stride(k, shortest):
    """Begins of windows that the stretch common to all of them clears, unless by chance."""
    common = min(k, int(shortest + math.sqrt(2.0 * SURE * shortest) + SURE))
    while 1 < common < 16 and (common - 1) * math.log(shortest) - math.lgamma(float(common)) < shortest - SURE:
        common -= 1
    return k - common + 1


@njit(**STRICT)
def _plan(n, span, expected):
    """What to look for, one row per length and sign, and the duration beyond which to take notice.

    Rows of whole numbers: k, sign (1 dip, -1 flash), stride, and where, from the first begin of a stride on, the
    stretch lies that clears all windows of the stride.
    """
    count = 0
    while count < LENGTHS.size and LENGTHS[count] * LARGEST_SHARE <= n:
        count += 1
    rows, limits, used = np.empty((2 * count, 5), np.int64), np.empty(2 * count), 0
    for index in range(count):
        k = LENGTHS[index]
        dip = dip_limit(k, n, 0.5 * expected / count)
        stride = _dip_stride(k, n * dip)
        limits[used] = span * dip
        rows[used, 0], rows[used, 1], rows[used, 2], rows[used, 3], rows[used, 4] = k, 1, stride, 0, k + stride - 1
        used += 1
        if k >= LEAST_FLASH and k & (k - 1) == 0:
            flash = flash_limit(k, n, expected / count)
            stride = _flash_stride(k, n * flash)
            limits[used] = span * flash
            rows[used, 0], rows[used, 1], rows[used, 2], rows[used, 3], rows[used, 4] = k, -1, stride, stride - 1, k
            used += 1
    return rows[:used], limits[:used]


@njit(**STRICT)
def _gain(x, first, last, begin, k, limit):
    """By how much the log likelihood gained by k waiting times from `begin` exceeds that of a window just allowed."""
    n, span = last - first, x[last] - x[first]
    share, allowed = (x[begin + k] - x[begin]) / span, limit / span
    return _log_ratio(k, n, share, 1.0 - share) - _log_ratio(k, n, allowed, 1.0 - allowed)


@njit(**STRICT)
def _search(x, last, start, stop, row, limit):
    """The most extreme window beyond `limit` that begins at one of the events start..stop - 1: (begin, duration)."""
    k, sign, stride, low, high = row[0], np.float64(row[1]), row[2], row[3], row[4]
    found, past = -1, sign * limit
    i = start
    while i < stop:
        next_i = min(i + stride, stop) if i + high <= last else i + 1
        if i + high > last or sign * (x[i + high] - x[i + low]) > past:
            for j in range(i, next_i):
                duration = x[j + k] - x[j]
                if sign * duration > past and duration > 0.0:
                    found, past = j, sign * duration
        i = next_i
    return found, sign * past


@njit(**STRICT)
def likeliest_excursion(x, first, last, expected):
    """The window of events that is least compatible with a steady rate from `first` to `last`.

    x : (n,) ascending times of events
    expected : number of false ones expected at a steady rate

    Returns (begin, end) of the window that exceeds its limit most, as events; (-1, -1) if none does.
    """
    begin, end, best = -1, -1, 0.0
    rows, limits = _plan(last - first, x[last] - x[first], expected)
    extremes = limits.copy()
    for start in range(first, last, BLOCK):
        for r in range(limits.size):
            k = rows[r, 0]
            found, extremes[r] = _search(x, last, start, min(start + BLOCK, last - k + 1), rows[r], extremes[r])
            if found >= 0:
                gain = _gain(x, first, last, found, k, limits[r])
                if gain > best:
                    begin, end, best = found, found + k, gain
    return begin, end
