"""Cutting a trace of photons into pieces of steady rate, and where in time the cuts lie."""

import math

import numpy as np
from numba import njit

from analysis.blinking.critical import STEPS_PER_OCTAVE
from analysis.blinking.excursions import likeliest_excursion
from analysis.blinking.statistic import INLINE, STRICT, _log_ratio, likeliest_change

MOST_SWEEPS = 20
NEAR = 64  # events
FAR = 20.0  # log likelihood below its maximum at which a position is out of the question
LARGEST = 500.0  # log likelihood above that of the cut: the rates do not fit


@njit(**STRICT)
def first_out_of_order(arrival):
    """Index of the first arrival that is negative, not a number or before the one before it; -1 if there is none."""
    if arrival.size and not arrival[0] >= 0:
        return 0
    for i in range(1, arrival.size):
        if not arrival[i] >= arrival[i - 1]:
            return i
    return -1


@njit(**STRICT)
def live_clock(arrival, scale, dead, tolerance, clock):
    """Fill clock (n + 2,) with the seconds of live time at 0, at each photon, and once more at the last one.

    arrival : (n,) ascending; scale : seconds per unit of it; dead : seconds of dead time after each photon

    The clock never runs backwards. Returns the number of photons closer than the dead time by more than `tolerance`.
    """
    clock[0] = 0.0
    for i in range(arrival.size):
        clock[i + 1] = arrival[i] * scale - i * dead
    close = 0
    if dead > 0.0:
        for i in range(1, arrival.size):
            if clock[i + 1] < clock[i]:
                close += clock[i + 1] < clock[i] - tolerance
                clock[i + 1] = clock[i]
    clock[arrival.size + 1] = clock[arrival.size]
    return close


@njit(**INLINE)
def _critical(n, critical):
    position = (math.log2(n) - 1.0) * STEPS_PER_OCTAVE
    j = min(int(position), critical.size - 2)
    return critical[j] + (critical[j + 1] - critical[j]) * (position - j)


@njit(**STRICT)
def split(x, critical, expected):
    """Cut until no piece holds a change or an excursion; returns the events of the cuts, both ends of x included.

    x : (n,) ascending times of events
    critical : threshold of the likelihood ratio, from two waiting times on, four values per octave
    expected : number of false excursions per piece
    """
    first, ends, cuts = 0, [x.size - 1], [0]
    while len(ends) > 0:
        last = ends[-1]
        begin, end = -1, -1
        if last - first >= 2 and x[last] > x[first]:
            begin, _ = likeliest_change(x, first, last, _critical(last - first, critical), -1)
            if begin < 0:
                begin, end = likeliest_excursion(x, first, last, expected)
        if begin < 0 and end < 0:
            cuts.append(ends.pop())
            first = last
            continue
        if first < end < last:
            ends.append(end)
        if begin > first:
            ends.append(begin)
    return np.array(cuts)


@njit(**STRICT)
def _likeliest_near(x, first, last, event):
    """The event next to `event` that makes two rates likeliest: what finds a change best favours the middle."""
    n, span = last - first, x[last] - x[first]
    best, found = -np.inf, event
    for i in range(max(first + 1, event - NEAR), min(last, event + NEAR + 1)):
        before, after = (x[i] - x[first]) / span, (x[last] - x[i]) / span
        if before > 0.0 and after > 0.0:
            gain = _log_ratio(i - first, n, before, after)
            if gain > best:
                best, found = gain, i
    return found


@njit(**STRICT)
def retest(x, cuts, critical):
    """Move each cut to the likeliest event between its neighbours, or drop it, until nothing changes."""
    cuts = cuts.copy()
    todo = np.ones(cuts.size, np.bool_)
    for _ in range(MOST_SWEEPS):
        kept, settled, dirty = 0, True, False  # dirty: the neighbour to the left has moved
        for j in range(1, cuts.size - 1):
            before, after = cuts[kept], cuts[j + 1]
            event = cuts[j]
            if todo[j] or dirty:
                event, _ = likeliest_change(x, before, after, _critical(after - before, critical), cuts[j])
                if event >= 0:
                    event = _likeliest_near(x, before, after, event)
            dirty = event != cuts[j]
            if dirty:
                settled = False
                todo[j + 1] = True
                todo[kept] = True
            if event >= 0:
                kept += 1
                cuts[kept], todo[kept] = event, dirty
        cuts[kept + 1], todo[kept + 1] = cuts[-1], False
        cuts, todo = cuts[: kept + 2], todo[: kept + 2]
        if settled:
            break
    return cuts


@njit(**INLINE)
def _between(width, slope):
    """Log of the peak of exp(-slope * time) on 0..width; mass, mean and mean square of it over its peak."""
    z = abs(slope) * width
    if z < 1e-3:
        mass, mean, square = width * (1.0 - 0.5 * z), width * (0.5 - z / 12.0), width * width * (1.0 - 0.25 * z) / 3.0
    else:
        mass = -math.expm1(-z) / abs(slope)
        rest = width * math.exp(-z) / -math.expm1(-z)
        mean = 1.0 / abs(slope) - rest
        square = 2.0 * mean / abs(slope) - width * rest
    if slope < 0.0:
        return z, mass, width - mean, width * (width - 2.0 * mean) + square
    return 0.0, mass, mean, square


@njit(**STRICT)
def place(x, cuts, left, right):
    """Mean time of each cut, its standard deviation, and the mean number of photons before it; (cuts.size,) each.

    left, right : (cuts.size - 2,) the rates on both sides of each inner cut, positive

    The likelihood of a change between two photons is exponential in time, so that its moments are sums over the
    intervals between photons, out to half way to the neighbouring cuts.
    """
    time, error, photons = x[cuts], np.zeros(cuts.size), cuts.astype(np.float64)
    photons[-1] -= 1.0  # the last event is the end
    for j in range(1, cuts.size - 1):
        slope = left[j - 1] - right[j - 1]
        step = math.log(left[j - 1] / right[j - 1])  # gained by one more photon on the left
        if step == 0.0:
            continue
        origin, begin, end = x[cuts[j]], (cuts[j - 1] + cuts[j]) // 2, (cuts[j] + cuts[j + 1] + 1) // 2
        total, first, second, before = 0.0, 0.0, 0.0, 0.0
        for direction in (1, -1):
            i, height, top = cuts[j], 0.0, 0.0
            if direction < 0:
                i, height = i - 1, slope * (x[i] - x[i - 1]) - step
            while begin <= i < end:
                peak, mass, mean, square = _between(x[i + 1] - x[i], slope)
                top = max(top, height + peak)
                if height + peak < top - FAR - abs(step) or height + peak > LARGEST:
                    break
                mass *= math.exp(height + peak)
                offset = x[i] - origin
                total += mass
                before += mass * (i - cuts[j])
                first += mass * (offset + mean)
                second += mass * (offset * offset + 2.0 * offset * mean + square)
                i += direction
                if direction > 0:
                    height += step - slope * (x[i] - x[i - 1])
                elif i >= 0:
                    height += slope * (x[i + 1] - x[i]) - step
        if total > 0.0:
            time[j] = origin + first / total
            error[j] = math.sqrt(max(second / total - (first / total) ** 2, 0.0))
            photons[j] += before / total
    return time, error, photons
