"""How long a blinking emitter stays bright and dark without interruption, and what share of its time it is bright."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]
MANY = 60  # dark periods that show by their scatter that their tail is not heavy
UNSEEN_TAIL = 7.0  # calibrated with 7 to 1600 dark periods, t^-1.6 up to 2 s or exponential, in 60 s and in 300 s


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

    on : (n_bins,) True where the emitter is bright; ValueError for another shape, or bin_s <= 0

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

    edges_s : (n_segments + 1,) ascending; on : (n_segments,) True where the emitter is bright; ValueError where
    they do not belong together
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


@dataclass(frozen=True)
class DarkEnd:
    """A dark end of a trace, compared with the n dark periods before.

    p_value : chance that one more dark period lasts at least so long: after n others, the longest of them is passed
        with 1 / (n + 1), and r times the longest, being scale-free, with another r^-1/2. It is 1 if none passes it
    as_long : how many dark periods of at least that length are expected among so many
    over_longest : how many times longer than the longest it is
    """

    length_s: float
    p_value: float
    as_long: float
    over_longest: float

    @property
    def blinks(self) -> float:
        """Chance that the emitter would have returned, if on average one emitter bleaches in the time of a trace.

        Bleaching leaves dark ends of all lengths alike, blinking as many as there are dark periods that are longer.
        """
        return self.as_long / (1 + self.as_long)


def dark_end(length_s: float, dark_s: Array, shortest_s: float) -> DarkEnd:
    """Compare a dark end with the dark periods before it; shortest_s : the shortest that would have been seen."""
    longest = max(dark_s.max(), shortest_s) if dark_s.size else shortest_s
    if length_s <= 1.001 * longest:
        return DarkEnd(length_s, 1.0, float(max(np.sum(dark_s >= length_s / 1.001), 1)), length_s / longest)
    passed = float(np.sqrt(longest / length_s))
    return DarkEnd(length_s, passed / (dark_s.size + 1), passed, length_s / longest)


def bright_share(
    length_s: Array, bright: NDArray[np.bool_], shortest_s: float, wrong: tuple[float, float] = (0.0, 0.0)
) -> tuple[float, float]:
    """Return the bright share of the time and its error, that of a renewal process.

    length_s, bright : of the periods in order
    shortest_s : the shortest dark period that would have been seen
    wrong : shares of dark bins taken for bright, and the reverse

    Notes
    -----
    Variance (f^2 n var(dark) + (1 - f)^2 n var(bright)) / T^2, each variance at least that of exponential periods; and
    what is not in the sample:

    - of heavy tails, few dark periods rarely hold the long ones that carry the variance: see `_heavy_tail`;
    - one more dark period, of a length between shortest_s and the trace, in n + 1 traces;
    - dark periods too short to be seen: if scale-free, together as long as those of shortest_s.
    """
    total, dark_s, bright_s = length_s.sum(), length_s[~bright], length_s[bright]
    scale = 1 - sum(wrong)
    value = float(np.clip((bright_s.sum() / total - wrong[0]) / scale, 0, 1))
    dark = _sum_variance(dark_s) + _heavy_tail(dark_s, total) + shortest_s * total / (dark_s.size + 1) ** 2
    brief = max(dark_s[dark_s < 1.001 * shortest_s].sum() - wrong[1] * bright_s.sum(), 0.0)
    variance = value**2 * dark + (1 - value) ** 2 * _sum_variance(bright_s) + brief**2
    return value, float(np.sqrt(variance) / total / scale)


def _sum_variance(length_s: Array) -> float:
    if length_s.size < 2:
        return float(length_s @ length_s)
    return float(length_s.size * max(np.var(length_s, ddof=1), np.mean(length_s) ** 2))


def _heavy_tail(dark_s: Array, total_s: float) -> float:
    """Variance that dark periods longer than the longest, L, would add: L^2 (1 + 7 (T / L)^(1/2) / (n + 1)).

    Zero if many periods scatter no more than exponential ones.
    """
    n = dark_s.size
    if n == 0 or (n >= MANY and np.var(dark_s, ddof=1) <= np.mean(dark_s) ** 2):
        return 0.0
    longest = float(dark_s.max())
    return longest**2 * (1 + UNSEEN_TAIL * np.sqrt(total_s / longest) / (n + 1))
