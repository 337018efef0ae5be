"""How long a blinking emitter stays bright and dark without interruption."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Durations:
    """Bright and dark periods in order: duration_s, bright, observed (n,).

    observed : False for the first and the last, which began before the recording or went on after it
    """

    duration_s: Array
    bright: NDArray[np.bool_]
    observed: NDArray[np.bool_]

    @property
    def on_times_s(self) -> Array:
        return self.duration_s[self.bright]

    @property
    def off_times_s(self) -> Array:
        return self.duration_s[~self.bright]

    @property
    def on_observed(self) -> NDArray[np.bool_]:
        return self.observed[self.bright]

    @property
    def off_observed(self) -> NDArray[np.bool_]:
        return self.observed[~self.bright]


def runs(state: ArrayLike) -> tuple[NDArray[np.int64], NDArray]:
    """Return the first index of each run of equal values, and one past the last; and the value of each run.

    >>> runs([1, 1, 0, 1])
    (array([0, 2, 3, 4]), array([1, 0, 1]))
    """
    state = np.asarray(state)
    edges = np.concatenate([[0], np.flatnonzero(state[1:] != state[:-1]) + 1, [state.size]])
    edges = np.unique(edges)
    return edges, state[edges[:-1]]


def durations(on: ArrayLike, *, bin_s: float) -> Durations:
    """Return the durations of a binned trace.

    on : (n_bins,) True where the emitter is bright

    >>> durations([1, 1, 0, 0, 0, 1], bin_s=0.01).off_times_s
    array([0.03])
    """
    if not 0 < bin_s < np.inf:
        raise ValueError(f"bin_s is {bin_s}: give a positive number of seconds")
    on = np.asarray(on)
    if on.ndim != 1:
        raise ValueError(f"the trace has shape {on.shape}: give one value per bin")
    edges, value = runs(on.astype(bool))
    return _in_order(np.diff(edges) * bin_s, value)


def durations_of_levels(edges_s: ArrayLike, on: ArrayLike) -> Durations:
    """Return the durations of a trace cut into segments; neighbours of the same kind are one duration.

    edges_s : (n_segments + 1,) ascending; on : (n_segments,) True where the emitter is bright
    """
    edges, on = np.asarray(edges_s, dtype=float), np.asarray(on)
    if on.ndim != 1 or edges.shape != (on.size + 1,):
        raise ValueError(f"{edges.size} edges do not bound {on.size} segments: give one more edge than segments")
    if not (np.diff(edges) > 0).all():
        raise ValueError("edges_s is not ascending: give the times in order")
    first, value = runs(on.astype(bool))
    return _in_order(np.diff(edges[first]), value)


def _in_order(duration_s: Array, bright: NDArray[np.bool_]) -> Durations:
    observed = np.ones(bright.size, dtype=bool)
    observed[:1] = observed[-1:] = False
    return Durations(duration_s, bright, observed)
