"""Two levels of a binned trace, or one; and the moment after which only the lower is left."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

Array = NDArray[np.float64]
FALSE_RETURN = 0.01  # chance that noise in a dark tail looks like one more bright period
CLEAR = 1e-3  # share of bins on the wrong side below which classes have the levels' own means
EM_STEPS = 200


@dataclass(frozen=True)
class TwoLevels:
    """Counts per bin of the lower and the upper level, and the count above which a bin is bright."""

    low: float
    high: float
    threshold: float

    @property
    def false_on(self) -> float:
        """Share of dark bins above the threshold by chance."""
        return float(special.pdtrc(np.floor(self.threshold), self.low))

    @property
    def false_off(self) -> float:
        """Share of bright bins not above the threshold by chance."""
        return float(special.pdtr(np.floor(self.threshold), self.high))


def two_levels(counts: NDArray[np.int64], least_contrast: float) -> TwoLevels | None:
    """Return the levels of the likeliest split into two Poisson classes; None if one class is as likely.

    All thresholds are tried. The likelihood contains the class of each bin, so that the noise of one level does not
    pass for two, and two levels cost log(n). The upper class must exceed the lower by least_contrast of itself: a
    drift is no blinking.
    """
    value, times = np.unique(counts, return_counts=True)
    if value.size < 2:
        return None
    n, total = np.cumsum(times)[:-1], np.cumsum(times * value)[:-1].astype(float)
    n_above, total_above = counts.size - n, counts.sum() - total
    low, high = total / n, total_above / n_above
    apart = special.xlogy(total, low) + special.xlogy(total_above, high)
    apart += special.xlogy(n, n / counts.size) + special.xlogy(n_above, n_above / counts.size)
    gain = apart - special.xlogy(counts.sum(), counts.mean()) - np.log(counts.size)
    gain[low > (1 - least_contrast) * high] = -np.inf
    best = int(np.argmax(gain))
    if gain[best] <= 0:
        return None
    return _refined(counts, float(value[best]))


def _refined(counts: NDArray[np.int64], threshold: float) -> TwoLevels:
    """Levels of the bins that lie inside a period, and the middle between them.

    At the middle, bins in which the emitter switches are bright and dark equally often. Levels whose bins overlap are
    found by expectation maximisation instead, because each class then misses a tail.
    """
    levels = TwoLevels(0.0, 0.0, threshold)
    for _ in range(2):
        on = counts > levels.threshold
        low, high = _inner_mean(counts, ~on), _inner_mean(counts, on)
        levels = TwoLevels(low, high, (low + high) / 2)
    if max(levels.false_on, levels.false_off) < CLEAR:
        return levels
    low, high = _mixture(counts, levels.low, levels.high)
    return TwoLevels(low, high, (low + high) / 2)


def _inner_mean(counts: NDArray[np.int64], here: NDArray[np.bool_]) -> float:
    inner = here.copy()
    inner[1:] &= here[:-1]
    inner[:-1] &= here[1:]
    return float(counts[inner if inner.sum() >= 5 else here].mean())


def _mixture(counts: NDArray[np.int64], low: float, high: float) -> tuple[float, float]:
    value, times = np.unique(counts, return_counts=True)
    share = 0.5
    for _ in range(EM_STEPS):
        odds = (
            np.log(max(share, 1e-9) / max(1 - share, 1e-9)) + special.xlogy(value, high / max(low, 1e-9)) - high + low
        )
        bright = special.expit(odds) * times
        share = bright.sum() / times.sum()
        low, high = (
            (times - bright) @ value / max((times - bright).sum(), 1e-9),
            bright @ value / max(bright.sum(), 1e-9),
        )
    return float(low), float(high)


def dark_tail(counts: NDArray[np.int64], levels: TwoLevels) -> tuple[int, float]:
    """Return the first bin of the dark end of a trace, and the standard deviation of that place in bins.

    Going back from the end, the log-likelihood ratio of the levels is summed, restarting where it is least: the sum
    rises over the last bright period, and rarely by chance. The number of bins if the trace does not end dark.
    """
    low, high = max(levels.low, 0.5 / counts.size), levels.high
    bright = counts * np.log(high / low) - (high - low)
    suffix = np.append(np.cumsum(bright[::-1])[::-1], 0.0)
    least_after = np.minimum.accumulate(suffix[::-1])[::-1]
    returns = np.flatnonzero(suffix[:-1] - least_after[1:] > np.log(counts.size / FALSE_RETURN))
    last = int(returns[-1]) if returns.size else -1
    place = np.arange(last + 1, counts.size + 1)
    weight = np.exp(suffix[place].min() - suffix[place])
    mean = weight @ place / weight.sum()
    return int(place[np.argmax(weight)]), float(np.sqrt(weight @ (place - mean) ** 2 / weight.sum()))


def step_within_bins(counts: NDArray[np.int64], first: int, spread: float, levels: TwoLevels) -> tuple[float, float]:
    """Return when the step to the dark tail happened, in bins, and its error: the bins around it were partly bright."""
    around = counts[max(first - 1, 0) : first + 1].sum()
    height = levels.high - levels.low
    bright = np.clip((around - 2 * levels.low) / height, 0, 2)
    partial = min(1 / 12, max(around, 1) / height**2)
    return max(first - 1, 0) + float(bright), float(np.sqrt(spread**2 + partial))
