"""Which pieces of a trace have the same rate, and how many rates there are.

The description length of a trace with G rates (Rissanen, Automatica 14, 465 (1978)) decides: the Poisson likelihood of
the photons, log(photons) / 2 for each rate, and for every change from one rate to another its place among the photons
and its destination. A false or misplaced change costs more than it explains and joins the rate around it.

For each G the rates start from the exact partition of the pieces sorted by rate (dynamic programming), then the
sequence of pieces and the rates are improved in turn.
"""

import math

import numpy as np
from numba import njit

from analysis.blinking.statistic import INLINE, STRICT

MOST_ROUNDS = 30
LEAST_COUNTS = 0.5  # of a piece without photons


@njit(**INLINE)
def _explained(count, time):
    return count * math.log(count / time) if count > 0 else 0.0


@njit(**STRICT)
def _row(count, time, previous, g, value, origin):
    """Best value and origin of every prefix with g groups, given those with g - 1: divide and conquer.

    The origin of the last group moves up with the end of the prefix, as for all one-dimensional clusterings in an
    exponential family.
    """
    n = count.size - 1
    stack = np.empty((2 * n + 2, 4), np.int64)
    stack[0, 0], stack[0, 1], stack[0, 2], stack[0, 3] = g, n, g - 1, n - 1
    depth = 1
    while depth > 0:
        depth -= 1
        low, high, from_low, from_high = stack[depth]
        if low > high:
            continue
        j = (low + high) // 2
        best, where = -np.inf, from_low
        for i in range(from_low, min(j - 1, from_high) + 1):
            v = previous[i] + _explained(count[j] - count[i], time[j] - time[i])
            if v > best:
                best, where = v, i
        value[j], origin[j] = best, where
        stack[depth, 0], stack[depth, 1], stack[depth, 2], stack[depth, 3] = low, j - 1, from_low, where
        stack[depth + 1, 0], stack[depth + 1, 1], stack[depth + 1, 2], stack[depth + 1, 3] = (
            j + 1,
            high,
            where,
            from_high,
        )
        depth += 2


@njit(**STRICT)
def partitions(count, time, most):
    """Origins (most + 1, n + 1) of the last group of the likeliest partitions into 1..most groups of neighbours.

    count, time : (n + 1,) cumulative, from 0, of pieces sorted by rate
    """
    n = count.size - 1
    origin = np.zeros((most + 1, n + 1), np.int64)
    previous, value = np.full(n + 1, -np.inf), np.full(n + 1, -np.inf)
    previous[0] = 0.0
    for g in range(1, most + 1):
        value[:] = -np.inf
        _row(count, time, previous, g, value, origin[g])
        previous[:] = value
    return origin


@njit(**STRICT)
def likeliest_states(count, time, rate, cost):
    """State of each piece, (n,), that maximises the Poisson likelihood less `cost` per change of state."""
    n, g = count.size, rate.size
    origin = np.zeros((n, g), np.int64)
    score, fresh = np.zeros(g), np.zeros(g)
    for j in range(n):
        best = np.argmax(score)
        for s in range(g):
            stay = score[s] >= score[best] - cost
            origin[j, s] = s if stay else best
            fresh[s] = (score[s] if stay else score[best] - cost) + count[j] * math.log(rate[s]) - rate[s] * time[j]
        score[:] = fresh
    state = np.empty(n, np.int64)
    s = np.argmax(score)
    for j in range(n - 1, -1, -1):
        state[j] = s
        s = origin[j, s]
    return state


def group(counts: np.ndarray, live_s: np.ndarray, *, n_states: int | None = None, most: int = 8) -> np.ndarray:
    """The state (0 = darkest) of each of the successive pieces.

    counts, live_s : (n,) photons and seconds of each piece
    n_states : how many rates there are; if not given, as many as the description length asks for, up to `most`
    """
    order = np.argsort(counts / live_s, kind="stable")
    count, time = (np.concatenate([[0.0], np.cumsum(v[order])]) for v in (counts, live_s))
    largest = min(n_states or most, counts.size)
    origin = partitions(count, time, largest)
    tried = range(largest, largest + 1) if n_states else range(1, largest + 1)
    found = [_refine(counts, live_s, _initial(order, origin, g)) for g in tried]
    if n_states:
        return found[0]
    return min(found, key=lambda state: description_length(counts, live_s, state))


def _initial(order: np.ndarray, origin: np.ndarray, n_groups: int) -> np.ndarray:
    """Labels of the pieces from the partition of the sorted ones."""
    state, end = np.empty(order.size, np.int64), order.size
    for g in range(n_groups, 0, -1):
        state[order[origin[g, end] : end]] = g - 1
        end = origin[g, end]
    return state


def _change_cost(counts: np.ndarray, n_states: int) -> float:
    """Nats for the place of a change among the photons, and where it leads."""
    return math.log(max(counts.sum(), 1) / counts.size + 1) + 1 + math.log(max(n_states - 1, 1))


def _refine(counts: np.ndarray, live_s: np.ndarray, state: np.ndarray) -> np.ndarray:
    """States and rates in turn, until they agree; numbered by rate."""
    n_states = int(state.max()) + 1
    for _ in range(MOST_ROUNDS):
        rate = rates(counts, live_s, state)
        new = likeliest_states(counts.astype(float), live_s, rate, _change_cost(counts, n_states))
        new = np.unique(new, return_inverse=True)[1]
        if np.array_equal(new, state):
            break
        state = new
    return state


def rates(counts: np.ndarray, live_s: np.ndarray, state: np.ndarray) -> np.ndarray:
    """Rate of each state, (n_states,), never quite 0."""
    return np.maximum(np.bincount(state, counts), LEAST_COUNTS) / np.bincount(state, live_s)


def description_length(counts: np.ndarray, live_s: np.ndarray, state: np.ndarray) -> float:
    """Nats to describe the trace by these states, up to a constant."""
    rate, n_states = rates(counts, live_s, state), int(state.max()) + 1
    explained = np.sum(counts * np.log(rate[state]) - rate[state] * live_s)
    changes = np.count_nonzero(np.diff(state)) * _change_cost(counts, n_states)
    return float(changes + 0.5 * n_states * math.log(counts.sum() + 1) - explained)
