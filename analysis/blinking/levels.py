"""The levels of a blinking trace: pieces of steady rate, and the states they belong to."""

from dataclasses import dataclass

import numpy as np

from analysis.blinking.dwell_times import Durations, durations_of_levels
from analysis.blinking.trace import OnFraction, on_fraction_of_levels


@dataclass(frozen=True, eq=False)
class Levels:
    """Pieces of steady rate of a trace of photons; `_err` is one standard deviation.

    edges_s, edge_err_s : (n_segments + 1,) from 0 to the end of the trace: mean and spread of where the photons around
        a change allow it to be
    counts : (n_segments,) detected photons between the edges
    rate_cps, rate_err_cps : (n_segments,) of the live detector, averaged over where the edges may be; the error is at
        least that of one photon
    state : (n_segments,) 0 = darkest. Neighbours of one state differ significantly, but too little for a level.
    state_rate_cps, state_rate_err_cps : (n_states,) ascending
    deviance : of the counts of the pieces from the rates of their states, per degree of freedom: far above 1 the rates
        drift within a state; NaN if there are as many states as pieces
    false_alarm : as asked
    """

    edges_s: np.ndarray
    edge_err_s: np.ndarray
    counts: np.ndarray
    rate_cps: np.ndarray
    rate_err_cps: np.ndarray
    state: np.ndarray
    n_states: int
    state_rate_cps: np.ndarray
    state_rate_err_cps: np.ndarray
    deviance: float
    n_photons: int
    duration_s: float
    false_alarm: float

    def __str__(self) -> str:
        shares = self.time_in_state_s / self.duration_s
        lines = [
            f"state {s}: {rate:.4g} ± {err:.2g} cps, {share:.2%} of the time"
            for s, (rate, err, share) in enumerate(
                zip(self.state_rate_cps, self.state_rate_err_cps, shares, strict=True)
            )
        ]
        return "\n".join([*lines, f"{self.state.size} segments, {self.n_photons} photons"])

    @property
    def segment_s(self) -> np.ndarray:
        """Duration of each segment (n_segments,)."""
        return np.diff(self.edges_s)

    @property
    def time_in_state_s(self) -> np.ndarray:
        """Total time in each state (n_states,)."""
        return np.bincount(self.state, self.segment_s, self.n_states)

    @property
    def changes_state(self) -> np.ndarray:
        """(n_segments - 1,) whether the state changes at each inner edge."""
        return self.state[1:] != self.state[:-1]

    def dwells(self, *, first_bright: int = 1) -> Durations:
        """Uninterrupted times in the states from `first_bright` on, and below it.

        ValueError if that is not one of the states 1..n_states - 1, nor n_states (all dark) or 0 (all bright).
        """
        if not 0 <= first_bright <= self.n_states:
            raise ValueError(f"first_bright is {first_bright}: give a state from 0 to {self.n_states}")
        return durations_of_levels(self.edges_s, self.state >= first_bright)

    def on_fraction(self, *, boundary: float = 0.5) -> OnFraction:
        """Share of the time in the states above `boundary`, a share of the way from the darkest to the brightest.

        See `on_fraction_of_levels` for bleaching and errors.
        """
        return on_fraction_of_levels(self.edges_s, self.state_rate_cps[self.state], boundary=boundary)
