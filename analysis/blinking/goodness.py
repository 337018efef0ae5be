"""Does a law of durations describe them? Kolmogorov-Smirnov distance, judged by samples of the law itself."""

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from analysis.blinking.kaplan_meier import survival

Array = NDArray[np.float64]
N_STEPS = 2048
NEGLIGIBLE = 25.0  # in log units


@dataclass(frozen=True, eq=False)
class Law:
    """Density t^-m exp(-rate t); `reach` is the range of true times, `window` that of those seen."""

    m: float
    rate: float
    reach: tuple[float, float]
    bin_width: float | None
    window: tuple[float, float]

    @cached_property
    def _table(self) -> tuple[Array, Array]:
        """Log times and the probability of less."""
        low, high = np.log(self.reach[0]), min(np.log(self.reach[1]), 690.0)
        if self.rate > 0:
            high = min(high, max(np.log(NEGLIGIBLE / self.rate), low) + 2.0)
        elif self.m > 1:
            high = min(high, low + NEGLIGIBLE / (self.m - 1))
        edge = np.linspace(low, high, N_STEPS + 1)
        middle = (edge[1:] + edge[:-1]) / 2
        log_mass = (1 - self.m) * middle - self.rate * np.exp(middle)
        mass = np.exp(log_mass - log_mass.max())
        return edge, np.append(0.0, np.cumsum(mass) / mass.sum())

    def longer(self, time: Array) -> Array:
        """Share of the durations seen that are longer."""
        edge, less = self._table
        half = 0.0 if self.bin_width is None else self.bin_width / 2
        low, here, high = (
            np.interp(np.log(t), edge, less) for t in (self.window[0] - half, time + half, self.window[1] + half)
        )
        return np.clip((high - here) / (high - low), 0, 1)

    def draw(self, n: int, rng: np.random.Generator) -> Array:
        """Return n durations as they would be seen."""
        edge, less = self._table
        drawn = np.empty(0)
        while drawn.size < n:
            time = np.exp(np.interp(rng.random(2 * n), less, edge))
            if self.bin_width is not None:  # a run covers as many bin centres as its place among them allows
                time = np.floor(time / self.bin_width + rng.random(2 * n)) * self.bin_width
            inside = (time > self.window[0] * (1 - 1e-9)) & (time < self.window[1] * (1 + 1e-9))
            drawn = np.append(drawn, time[inside])
        return drawn[:n]


def distance(law: Law, time: Array, ended: NDArray[np.bool_]) -> float:
    """Largest difference between the law and the Kaplan-Meier estimate of the durations."""
    seen = survival(time, ended)
    here = seen.n_events > 0
    after = seen.survival[here]
    before = np.append(1.0, after[:-1])
    longer = law.longer(seen.time_s[here])
    apart = np.abs(longer - after)
    if law.bin_width is None:
        apart = np.maximum(apart, np.abs(longer - before))
    return float(apart.max())


def p_value_of(
    law: Law,
    time: Array,
    ended: NDArray[np.bool_],
    refit: Callable[[Array, NDArray[np.bool_]], Law],
    n_boot: int,
    seed: int,
) -> float:
    """Share of samples of the law, censored and fitted like the data, that lie farther from their own fit."""
    rng = np.random.default_rng([seed, zlib.crc32(time.tobytes())])  # other data, other samples
    limit = survival(time, ~ended)
    apart = distance(law, time, ended)
    n_farther = 0
    for _ in range(n_boot):
        drawn = law.draw(time.size, rng)
        end = _draw_limits(limit.time_s, limit.survival, time.size, rng)
        seen, whole = np.minimum(drawn, end), drawn <= end
        if np.unique(seen[whole]).size < 2:
            n_farther += 1
            continue
        n_farther += distance(refit(seen, whole), seen, whole) >= apart
    return (n_farther + 1) / (n_boot + 1)


def _draw_limits(time: Array, share_watched: Array, n: int, rng: np.random.Generator) -> Array:
    """Times after which emitters were no longer watched, inf where that was not seen."""
    index = np.searchsorted(-share_watched, -rng.random(n), side="right")
    return np.append(time, np.inf)[index]
