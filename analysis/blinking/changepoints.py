"""Change points of the photon rate, from arrival times, without bins."""

import numpy as np
from numpy.typing import ArrayLike

from analysis.blinking.critical import critical_values
from analysis.blinking.grouping import LEAST_COUNTS, group, rates
from analysis.blinking.levels import Levels
from analysis.blinking.segments import first_out_of_order, live_clock, place, retest, split

# Of the false alarms: those of single changes, and expected excursions; the lengths of excursions are correlated, so
# that all in all the asked share of steady traces shows anything.
CHANGE_SHARE, EXCURSION_SHARE = 0.9, 0.25
ROUNDS = 3  # of placing edges and taking rates
MOST_TOO_CLOSE = 0.005  # of the photons may be closer than the dead time: it is a mean, and clocks are rounded


def change_points(
    arrival_s: ArrayLike,
    *,
    duration_s: float,
    false_alarm: float = 0.05,
    n_states: int | None = None,
    dead_time_s: float = 0.0,
    n_detectors: int = 1,
    unit_s: float = 1.0,
) -> Levels:
    """Levels of a blinking trace.

    Parameters
    ----------
    arrival_s : (n,) ascending arrival times, seconds, or ticks of `unit_s`
    duration_s : of the trace, which begins at 0: a dark end counts
    false_alarm : probability that a trace of steady rate shows any change, 2e-6 to 0.5; shared by all changes of a
        blinking trace
    n_states : number of levels, or fewer if there are not so many; by default found from the data, at most 8
    dead_time_s : after each photon, of one detector; not prolonged by photons within it
    n_detectors : equal detectors that share the light; `arrival_s` holds the photons of all
    unit_s : of arrival_s

    Notes
    -----
    Exact likelihood ratio of a change at any photon, with exact critical values (Watkins & Yang, J. Phys. Chem. B 109,
    617 (2005)), applied recursively; where it finds nothing, brief dips and flashes are looked for. In the end every
    change is tested again between its neighbours, at false_alarm divided by the number of changes. Waiting times less
    the dead time are exponential: all this is done on the live clock t - k dead_time_s / n_detectors. ValueError if
    arrivals are unsorted, outside 0..duration_s, or closer than the dead time.

    >>> levels = change_points(np.r_[np.arange(0, 1, 0.001), np.arange(1, 2, 0.01)], duration_s=2)
    >>> levels.edges_s.round(2), levels.rate_cps.round()
    (array([0., 1., 2.]), array([1000.,   99.]))
    """
    _check(duration_s, false_alarm, n_states, dead_time_s, n_detectors, unit_s)
    dead_s = dead_time_s / n_detectors
    clock = _live_clock(np.asarray(arrival_s), duration_s, dead_s, n_detectors, unit_s)
    found = split(clock, critical_values(CHANGE_SHARE * false_alarm), EXCURSION_SHARE * false_alarm)
    cuts = retest(clock, found, critical_values(CHANGE_SHARE * false_alarm / max(found.size - 2, 1)))
    waits = np.diff(cuts)
    state = group(waits.astype(float), np.maximum(np.diff(clock[cuts]), 1e-300), n_states=n_states)
    return _levels(clock, *_edges(clock, cuts, state), state, dead_s, duration_s, false_alarm)


def _check(duration_s, false_alarm, n_states, dead_time_s, n_detectors, unit_s) -> None:
    for name, value in (("duration_s", duration_s), ("unit_s", unit_s)):
        if not (np.isfinite(value) and value > 0):
            raise ValueError(f"{name} is {value}: give a positive number of seconds")
    if not 2e-6 <= false_alarm <= 0.5:
        raise ValueError(f"false_alarm is {false_alarm}: give a probability from 2e-6 to 0.5")
    if n_states is not None and n_states < 1:
        raise ValueError(f"n_states is {n_states}: give 1 or more, or leave it out")
    if not 0 <= dead_time_s < duration_s:
        raise ValueError(f"dead_time_s is {dead_time_s}: give 0 or more seconds, less than the trace")
    if n_detectors < 1:
        raise ValueError(f"n_detectors is {n_detectors}: give 1 or more")


def _live_clock(arrival: np.ndarray, duration_s, dead_s, n_detectors, unit_s) -> np.ndarray:
    """Live seconds at the start, at each photon and at the end (n + 2,)."""
    if arrival.ndim != 1:
        raise ValueError(f"arrivals have shape {arrival.shape}: give one list (n,)")
    if arrival.size and arrival.dtype.kind not in "iuf":
        raise ValueError(f"arrivals are {arrival.dtype}: give numbers")
    in_ticks = arrival.size > 0 and arrival.dtype.kind != "f"
    arrival = np.ascontiguousarray(arrival, dtype=np.int64 if in_ticks else np.float64)
    _check_order(arrival, duration_s, unit_s)
    clock = np.empty(arrival.size + 2)
    n_close = live_clock(arrival, float(unit_s), float(dead_s), unit_s * in_ticks, clock)
    if n_detectors == 1 and n_close > MOST_TOO_CLOSE * arrival.size + 1:
        raise ValueError(
            f"{n_close} of {arrival.size} photons are closer than the dead time of {dead_s} s: "
            "give that of one detector, and n_detectors"
        )
    clock[-1] = max(duration_s - arrival.size * dead_s, clock[-2])
    return clock


def _check_order(arrival: np.ndarray, duration_s, unit_s) -> None:
    wrong = first_out_of_order(arrival)
    if wrong >= 0:
        before = arrival[wrong - 1] * unit_s if wrong else 0.0
        raise ValueError(
            f"photon {wrong} at {arrival[wrong] * unit_s} s comes after {before} s: sort the arrivals, from 0 s on"
        )
    if arrival.size and arrival[-1] * unit_s > duration_s:
        wrong = int(np.searchsorted(arrival * unit_s, duration_s, side="right"))
        raise ValueError(
            f"photon {wrong} at {arrival[wrong] * unit_s} s is beyond the end at {duration_s} s: check units and window"
        )


def _edges(clock: np.ndarray, cuts: np.ndarray, state: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Live time of each edge, its error, and the photons expected before it.

    Edges and the rates of the two states (or pieces of one state) that they depend on are found in turn.
    """
    photons, live = cuts.astype(float), clock[cuts]
    for _ in range(ROUNDS):
        counts, live_s = np.diff(photons), _durations(live)
        of_piece, of_state = np.maximum(counts, LEAST_COUNTS) / live_s, rates(counts, live_s, state)[state]
        differ = state[1:] != state[:-1]
        left = np.where(differ, of_state[:-1], of_piece[:-1])
        right = np.where(differ, of_state[1:], of_piece[1:])
        live, error, photons = place(clock, cuts, left, right)
    return np.maximum.accumulate(live), error, photons


def _durations(edges: np.ndarray) -> np.ndarray:
    """Differences, never quite 0."""
    return np.maximum(np.diff(edges), np.finfo(float).tiny)


def _levels(clock, live, live_err, photons, state, dead_s, duration_s, false_alarm) -> Levels:
    """The result, from the live time of the edges, its error and the photons before each."""
    n_photons, n_states = clock.size - 2, int(state.max()) + 1
    before = np.concatenate([[0], np.searchsorted(clock[1:-1], live[1:-1]), [n_photons]])
    expected, live_s = np.diff(photons), _durations(live)
    rate, misplaced = expected / live_s, _misplaced_variance(expected / live_s, live_err)
    in_state, live_in_state = np.bincount(state, expected), np.bincount(state, live_s)
    variance_in_state = np.maximum(in_state, 1) + np.bincount(state, misplaced) * (n_states > 1)
    return Levels(
        edges_s=np.concatenate([np.minimum(live + dead_s * before, duration_s)[:-1], [duration_s]]),
        edge_err_s=live_err,
        counts=np.diff(before),
        rate_cps=rate,
        rate_err_cps=np.sqrt(np.maximum(expected, 1) + misplaced) / live_s,
        state=state,
        n_states=n_states,
        state_rate_cps=in_state / live_in_state,
        state_rate_err_cps=np.sqrt(variance_in_state) / live_in_state,
        deviance=_deviance(expected, (in_state / live_in_state)[state] * live_s, n_states),
        n_photons=n_photons,
        duration_s=float(duration_s),
        false_alarm=float(false_alarm),
    )


def _misplaced_variance(rate: np.ndarray, edge_err: np.ndarray) -> np.ndarray:
    """Variance of the photons of each piece because its two edges are uncertain."""
    at_edge = np.concatenate([[0.0], (np.diff(rate) * edge_err[1:-1]) ** 2, [0.0]])
    return at_edge[:-1] + at_edge[1:]


def _deviance(counts: np.ndarray, expected: np.ndarray, n_states: int) -> float:
    """Poisson deviance per degree of freedom."""
    if counts.size <= n_states:
        return np.nan
    some = counts > 0
    total = 2 * (np.sum(counts[some] * np.log(counts[some] / expected[some])) - np.sum(counts - expected))
    return float(total / (counts.size - n_states))
