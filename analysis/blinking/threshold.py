"""One or two levels of a binned trace, steady or drifting; and the moment after which only the lower is left."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

Array = NDArray[np.float64]
Counts = NDArray[np.int64]
FALSE_RETURN = 0.01  # chance that noise in a dark tail looks like one more bright period
CLEAR = 1e-3  # share of bins on the wrong side below which classes have the levels' own means
EM_STEPS = 200
FLASHES = 5  # freak bins that a trace may hold
COARSE = (8, 64)  # bins taken together to recognise slow switching in dim light
DRIFT_BLOCKS = (8, 24)  # of the slowly varying levels
DRIFT_BLOCKS_ALONE = (8, 24, 96)  # of one level that nothing interrupts
SHORTEST_BLOCK = 20
STEP_DOWN = 0.7  # a level that falls below this share of itself from block to block has switched, not drifted


@dataclass(frozen=True, eq=False)
class TwoLevels:
    """Counts per bin of the lower and the upper level, and the count above which a bin is bright.

    Each is one number, or (n_bins,) if the levels drift.
    """

    low: Array
    high: Array
    threshold: Array

    @property
    def false_on(self) -> float:
        """Share of dark bins above the threshold by chance."""
        return float(np.mean(special.pdtrc(np.floor(self.threshold), self.low)))

    @property
    def false_off(self) -> float:
        """Share of bright bins not above the threshold by chance."""
        return float(np.mean(special.pdtr(np.floor(self.threshold), self.high)))

    def at(self, place: int) -> tuple[float, float]:
        """Return the levels around one bin."""
        low, high = (np.atleast_1d(level) for level in (self.low, self.high))
        return float(low[min(place, low.size - 1)]), float(high[min(place, high.size - 1)])


def without_flashes(counts: Counts) -> Counts:
    """Return the trace with its few highest bins lowered to the next one: a level holds more than a few bins."""
    few = min(FLASHES, counts.size // 50)
    return np.minimum(counts, np.partition(counts, -1 - few)[-1 - few]) if few else counts


def two_levels(counts: Counts, least_contrast: float) -> TwoLevels | None:
    """Return the levels between which a trace switches; None if one level is as likely.

    Compared by likelihood, each parameter costing log(n) / 2: two steady levels, two that drift, and a single one that
    drifts. A drift has no sharp changes, so that what is linear between blocks describes it better than two levels do;
    a switch is badly described by any such line.
    """
    drift = max((_drift_gain(counts, n) for n in _usable(DRIFT_BLOCKS_ALONE, counts)), default=0.0)
    threshold, steady = _likeliest_split(counts, least_contrast)
    both = [_drifting_levels(counts, n, least_contrast) for n in _usable(DRIFT_BLOCKS, counts)]
    gain, levels = max(both, key=lambda found: found[0], default=(-np.inf, None))
    if gain > max(steady, drift, 0.0):
        return levels
    coarse = [_likeliest_split(_together(counts, n), least_contrast)[1] for n in _usable(COARSE, counts)]
    return _refined(counts, threshold) if steady > 0 and max([steady, *coarse]) > drift else None


def _likeliest_split(counts: Counts, least_contrast: float) -> tuple[float, float]:
    """Threshold between two Poisson classes, and what they gain over one in log-likelihood.

    All thresholds are tried. The likelihood contains the class of each bin, so that the noise of one level does not
    pass for two, and two levels cost log(n). The upper class must exceed the lower by least_contrast of itself.
    """
    value, times = np.unique(counts, return_counts=True)
    if value.size < 2:
        return np.nan, -np.inf
    n, total = np.cumsum(times)[:-1], np.cumsum(times * value)[:-1].astype(float)
    n_above, total_above = counts.size - n, counts.sum() - total
    low, high = total / n, total_above / n_above
    apart = special.xlogy(total, low) + special.xlogy(total_above, high)
    apart += special.xlogy(n, n / counts.size) + special.xlogy(n_above, n_above / counts.size)
    gain = apart - special.xlogy(counts.sum(), counts.mean()) - np.log(counts.size)
    gain[low > (1 - least_contrast) * high] = -np.inf
    best = int(np.argmax(gain))
    return float(value[best]), float(gain[best])


def _usable(n_blocks: tuple[int, ...], counts: Counts) -> list[int]:
    return [n for n in n_blocks if counts.size >= n * SHORTEST_BLOCK]


def _together(counts: Counts, n_bins: int) -> Counts:
    return counts[: counts.size // n_bins * n_bins].reshape(-1, n_bins).sum(axis=1)


def _gain(counts: Counts, level: Array, n_parameters: int) -> float:
    """Log-likelihood above that of one steady level."""
    mean = counts.mean()
    gained = special.xlogy(counts, np.maximum(level, 1e-9) / mean).sum() - level.sum() + counts.sum()
    return float(gained - n_parameters / 2 * np.log(counts.size))


def _drift_gain(counts: Counts, n_blocks: int) -> float:
    if not counts.any():
        return 0.0
    return _gain(counts, _between_blocks(_blocks(counts, n_blocks).mean(axis=1), counts.size), n_blocks)


def _blocks(values: NDArray, n_blocks: int) -> NDArray:
    size = values.size // n_blocks
    return values[: size * n_blocks].reshape(n_blocks, size)


def _between_blocks(level: Array, n_bins: int) -> Array:
    """Straight lines through the middles of the blocks, continued at both ends."""
    size = n_bins // level.size
    place = (np.arange(-1, level.size + 1) + 0.5) * size - 0.5
    ends = np.maximum([2 * level[0] - level[1], 2 * level[-1] - level[-2]], 0.0)
    return np.interp(np.arange(n_bins), place, np.concatenate([ends[:1], level, ends[1:]]))


def _drifting_levels(counts: Counts, n_blocks: int, least_contrast: float) -> tuple[float, TwoLevels | None]:
    """Levels that follow a drift, and their gain: the bright one by blocks, the dark one proportional to its changes.

    The background under the emitter changes both alike, the excitation hardly changes the dark one.
    """
    high = _between_blocks(_envelope(counts, n_blocks), counts.size)
    on = counts > (1 - least_contrast) * high
    for _ in range(2):
        if on.all() or not on.any():
            return -np.inf, None
        high = _between_blocks(_block_means(counts, on, n_blocks), counts.size)
        low = _follows(counts, ~on, high)
        on = counts > (low + high) / 2
    if on.all() or low.mean() > (1 - least_contrast) * high.mean():
        return -np.inf, None
    share = on.mean()
    classes = counts.size * float(special.xlogy(share, share) + special.xlogy(1 - share, 1 - share))
    return _gain(counts, np.where(on, high, low), n_blocks + 4) + classes, TwoLevels(low, high, (low + high) / 2)


def _envelope(counts: Counts, n_blocks: int) -> Array:
    """Upper level of each block; from the brightest outwards, that of the neighbour where a block is all dark."""
    upper = np.quantile(_blocks(counts, n_blocks), 0.9, axis=1)
    top = int(np.argmax(upper))
    for step, end in ((1, n_blocks), (-1, -1)):
        for k in range(top + step, end, step):
            if upper[k] < STEP_DOWN * upper[k - step]:
                upper[k] = upper[k - step]
    return upper


def _block_means(counts: Counts, here: NDArray[np.bool_], n_blocks: int) -> Array:
    inner = _blocks(_inner(here), n_blocks)
    n = inner.sum(axis=1)
    seen = np.flatnonzero(n >= 5)
    if seen.size == 0:
        return np.full(n_blocks, counts[here].mean())
    total = (_blocks(counts, n_blocks) * inner).sum(axis=1)
    return np.interp(np.arange(n_blocks), seen, total[seen] / n[seen])


def _follows(counts: Counts, here: NDArray[np.bool_], other: Array) -> Array:
    """Level of some bins, a straight function of another level with a slope between 0 and 1."""
    inner = _inner(here)
    here = inner if inner.sum() >= 5 else here
    x, y = other[here], counts[here]
    spread = np.var(x)
    slope = np.clip(np.mean((x - x.mean()) * y) / spread, 0, 1) if spread > 0 else 0.0
    return np.maximum(y.mean() + slope * (other - x.mean()), 0.0)


def _refined(counts: Counts, threshold: float) -> TwoLevels:
    """Levels of the bins that lie inside a period, and the middle between them.

    At the middle, bins in which the emitter switches are bright and dark equally often. Levels whose bins overlap are
    found by expectation maximisation instead, because each class then misses a tail.
    """
    low = high = np.nan
    for _ in range(2):
        on = counts > threshold
        low, high = _inner_mean(counts, ~on), _inner_mean(counts, on)
        threshold = (low + high) / 2
    levels = _steady(low, high)
    if max(levels.false_on, levels.false_off) < CLEAR:
        return levels
    return _steady(*_mixture(counts, low, high))


def _steady(low: float, high: float) -> TwoLevels:
    return TwoLevels(np.asarray(low), np.asarray(high), np.asarray((low + high) / 2))


def _inner(here: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Bins whose neighbours are alike."""
    inner = here.copy()
    inner[1:] &= here[:-1]
    inner[:-1] &= here[1:]
    return inner


def _inner_mean(counts: Counts, here: NDArray[np.bool_]) -> float:
    inner = _inner(here)
    return float(counts[inner if inner.sum() >= 5 else here].mean())


def _mixture(counts: Counts, low: float, high: float) -> tuple[float, float]:
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


def dark_tail(counts: Counts, levels: TwoLevels) -> tuple[int, float]:
    """Return the first bin of the dark end of a trace, and the standard deviation of that place in bins.

    Going back from the end, the log-likelihood ratio of the levels is summed, restarting where it is least: the sum
    rises over the last bright period, and rarely by chance. The number of bins if the trace does not end dark.
    """
    low, high = np.maximum(levels.low, 0.5 / counts.size), levels.high
    bright = counts * np.log(high / low) - (high - low)
    suffix = np.append(np.cumsum(bright[::-1])[::-1], 0.0)
    least_after = np.minimum.accumulate(suffix[::-1])[::-1]
    returns = np.flatnonzero(suffix[:-1] - least_after[1:] > np.log(counts.size / FALSE_RETURN))
    last = int(returns[-1]) if returns.size else -1
    place = np.arange(last + 1, counts.size + 1)
    weight = np.exp(suffix[place].min() - suffix[place])
    mean = weight @ place / weight.sum()
    return int(place[np.argmax(weight)]), float(np.sqrt(weight @ (place - mean) ** 2 / weight.sum()))


def step_within_bins(counts: Counts, first: int, spread: float, levels: TwoLevels) -> tuple[float, float]:
    """Return when the step to the dark tail happened, in bins, and its error: the bins around it were partly bright."""
    around = counts[max(first - 1, 0) : first + 1].sum()
    low, high = levels.at(first)
    height = high - low
    bright = np.clip((around - 2 * low) / height, 0, 2)
    partial = min(1 / 12, max(around, 1) / height**2)
    return max(first - 1, 0) + float(bright), float(np.sqrt(spread**2 + partial))
