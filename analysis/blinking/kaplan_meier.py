"""How long emitters live: Kaplan-Meier survival with confidence bounds, and the comparison of two groups.

An emitter that still shone when the recording ended is censored: it lived at least that long.
Sources: Kaplan & Meier, J. Am. Stat. Assoc. 53, 457 (1958); Mantel, Cancer Chemother. Rep. 50, 163 (1966) (log-rank);
Kalbfleisch & Prentice, The Statistical Analysis of Failure Time Data (2002), sections 1.4 (log-log bounds) and 4.2
(Efron's likelihood for ties).
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import optimize, special, stats

Array = NDArray[np.float64]
ROUNDING = 1e-12  # a product of fractions that is one half need not be exactly 0.5
LARGEST_LOG_HAZARD = 30.0


@dataclass(frozen=True, eq=False)
class Survival:
    """Share of emitters that survive a time, with bounds of `confidence`.

    time_s : (n_times,) 0 and every duration, ascending; survival, low, high hold from that time on
    n_at_risk, n_events : emitters that had lived and were watched until that time, and those that ended then
    median_s : when survival first is a half or less; inf if that was not seen, NaN without emitters. Its bounds are
        those of `low` and `high`, so median_high_s is often inf
    duration_s, observed : the data, in the order given
    """

    time_s: Array
    survival: Array
    low: Array
    high: Array
    n_at_risk: NDArray[np.int64]
    n_events: NDArray[np.int64]
    median_s: float
    median_low_s: float
    median_high_s: float
    confidence: float
    duration_s: Array = field(repr=False)
    observed: NDArray[np.bool_] = field(repr=False)

    @property
    def n(self) -> int:
        """Number of emitters."""
        return self.duration_s.size

    def at(self, time_s: ArrayLike) -> Array:
        """Return the share that survives each time; NaN beyond the longest duration if that was censored."""
        time = np.asarray(time_s, dtype=float)
        share = self.survival[np.searchsorted(self.time_s, np.maximum(time, 0.0), side="right") - 1]
        return np.where((time > self.time_s[-1]) & (share > 0), np.nan, share)

    def __str__(self) -> str:
        bounds = f"{self.median_low_s:.3g} to {self.median_high_s:.3g} s at {self.confidence:.0%} confidence"
        return f"median survival {self.median_s:.3g} s ({bounds}), {self.n_events.sum()} of {self.n} ended"


@dataclass(frozen=True)
class SurvivalComparison:
    """Do two groups live equally long? `hazard_ratio` is how many times more often group a ends than group b.

    chi2, p_value : log-rank test, one degree of freedom
    hazard_ratio : largest partial likelihood, bounds (of the confidence of group a) by profile; 0 or inf where one
        group saw no end, NaN where neither did
    expected_a : ends in group a if the groups were alike
    """

    chi2: float
    p_value: float
    hazard_ratio: float
    hazard_ratio_low: float
    hazard_ratio_high: float
    n_events_a: int
    n_events_b: int
    expected_a: float


def survival(durations_s: ArrayLike, observed: ArrayLike, *, confidence: float = 0.95) -> Survival:
    """Return the Kaplan-Meier estimate of survival.

    Parameters
    ----------
    durations_s : (n,) time each emitter was seen alive
    observed : (n,) True if it ended then, False if the recording did (censored)
    confidence : of the bounds, log-log with Greenwood's variance

    Notes
    -----
    Where the last emitter ends, survival is 0 and its upper bound stays what it was before: no formula gives one.
    ValueError for negative or NaN durations and for lengths that differ.

    >>> print(survival([20, 50, 60, 90, 300], [True, True, True, True, False]))
    median survival 60 s (20 to inf s at 95% confidence), 4 of 5 ended
    """
    duration, ended = _checked(durations_s, observed)
    if not 0 < confidence < 1:
        raise ValueError(f"confidence is {confidence}: give a share between 0 and 1, such as 0.95")
    time, at_risk, events = _table(duration, ended)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.cumprod(1 - events / np.maximum(at_risk, 1), dtype=float)
        variance = np.cumsum(events / (at_risk * (at_risk - events)))  # Greenwood's, of log survival
        half = special.ndtri(0.5 + confidence / 2) * np.sqrt(variance) / np.abs(np.log(share))
        low, high = share ** np.exp(half), share ** np.exp(-half)
    low, high = (np.where(share == 1, 1.0, bound) for bound in (low, high))
    extinct = share == 0
    low[extinct], high[extinct] = 0.0, high[~extinct][-1] if not extinct.all() else 1.0
    return Survival(
        time_s=time,
        survival=share,
        low=low,
        high=high,
        n_at_risk=at_risk,
        n_events=events,
        median_s=_first_below_half(time, share, duration.size),
        median_low_s=_first_below_half(time, low, duration.size),
        median_high_s=_first_below_half(time, high, duration.size),
        confidence=confidence,
        duration_s=duration,
        observed=ended,
    )


def compare_survival(a: Survival, b: Survival) -> SurvivalComparison:
    """Return the log-rank test and the hazard ratio of two groups.

    >>> glass = survival([20, 30, 45, 60, 80, 95], [True] * 6)
    >>> film = survival([90, 150, 200, 300, 300, 300], [True, True, True, False, False, False])
    >>> print(f"p = {compare_survival(glass, film).p_value:.4f}")
    p = 0.0016
    """
    duration, ended = np.concatenate([a.duration_s, b.duration_s]), np.concatenate([a.observed, b.observed])
    time, at_risk, events = _table(duration, ended)
    in_a = _at_risk(a.duration_s, time)
    happens = events > 0
    n, d, share = at_risk[happens], events[happens], in_a[happens] / at_risk[happens]
    events_a = int(a.observed.sum())
    expected = float(np.sum(d * share))
    variance = float(np.sum(d * share * (1 - share) * (n - d) / np.maximum(n - 1, 1)))
    chi2 = (events_a - expected) ** 2 / variance if variance > 0 else np.nan
    ratio, low, high = _hazard_ratio(a, b, time[happens], a.confidence)
    p_value = float(stats.chi2.sf(chi2, 1))
    return SurvivalComparison(chi2, p_value, ratio, low, high, events_a, int(b.observed.sum()), expected)


def _checked(durations_s: ArrayLike, observed: ArrayLike) -> tuple[Array, NDArray[np.bool_]]:
    duration, seen = np.asarray(durations_s, dtype=float), np.asarray(observed)
    if duration.ndim != 1 or seen.shape != duration.shape:
        raise ValueError(f"durations of shape {duration.shape} and observed of {seen.shape}: give two lists alike")
    if not np.isin(seen, (0, 1)).all():
        raise ValueError(
            "observed holds other values than True and False: say of each duration whether its end was seen"
        )
    if not (np.isfinite(duration) & (duration >= 0)).all():
        worst = duration[~(np.isfinite(duration) & (duration >= 0))][0]
        raise ValueError(f"durations_s holds {worst}: give seconds, zero or more")
    return duration, seen.astype(bool)


def _at_risk(duration: Array, time: Array) -> NDArray[np.int64]:
    return duration.size - np.searchsorted(np.sort(duration), time, side="left")


def _table(duration: Array, ended: NDArray[np.bool_]) -> tuple[Array, NDArray[np.int64], NDArray[np.int64]]:
    """Times (0 and every duration), emitters at risk and ends at each."""
    time = np.unique(np.append(duration, 0.0))
    events = np.bincount(np.searchsorted(time, duration[ended]), minlength=time.size)
    return time, _at_risk(duration, time), events


def _first_below_half(time: Array, share: Array, n: int) -> float:
    if n == 0:
        return np.nan
    below = np.flatnonzero(share <= 0.5 + ROUNDING)
    return float(time[below[0]]) if below.size else np.inf


def _hazard_ratio(a: Survival, b: Survival, time: Array, confidence: float) -> tuple[float, float, float]:
    """Largest partial likelihood of exp(beta), and where it has fallen by half a chi2 quantile."""
    groups = [(_at_risk(s.duration_s, time), _ends(s, time)) for s in (a, b)]
    (n_a, d_a), (n_b, d_b) = groups
    if d_a.sum() + d_b.sum() == 0 or not (np.any(n_a * (d_a + d_b)) and np.any(n_b * (d_a + d_b))):
        return np.nan, np.nan, np.nan
    step = np.arange(int((d_a + d_b).sum())) - np.repeat(np.cumsum(d_a + d_b) - (d_a + d_b), d_a + d_b)
    gone = step / np.repeat(d_a + d_b, d_a + d_b)  # ties end one by one, in unknown order (Efron)
    left_a, left_b = (np.repeat(n, d_a + d_b) - gone * np.repeat(d, d_a + d_b) for n, d in groups)

    def log_likelihood(beta: float) -> float:
        return float(beta * d_a.sum() - np.sum(np.log(left_a * np.exp(beta) + left_b)))

    def slope(beta: float) -> float:
        return float(d_a.sum() - np.sum(left_a / (left_a + left_b * np.exp(-beta))))

    ends = (-LARGEST_LOG_HAZARD, LARGEST_LOG_HAZARD)
    best = _root(slope, *ends)
    level = log_likelihood(best) - stats.chi2.ppf(confidence, 1) / 2
    low = _root(lambda beta: level - log_likelihood(beta), ends[0], best)
    high = _root(lambda beta: log_likelihood(beta) - level, best, ends[1])
    return _exp(best), _exp(low), _exp(high)


def _ends(group: Survival, time: Array) -> NDArray[np.int64]:
    return np.bincount(np.searchsorted(time, group.duration_s[group.observed]), minlength=time.size)


def _root(falling, low: float, high: float) -> float:
    """Where a falling function is zero; the end of the range it leaves without."""
    if falling(low) <= 0:
        return low
    return high if falling(high) >= 0 else optimize.root_scalar(falling, bracket=(low, high), xtol=1e-13).root


def _exp(beta: float) -> float:
    """Ratio of a log ratio; the ends of the search stand for 0 and infinity."""
    if abs(beta) >= LARGEST_LOG_HAZARD:
        return 0.0 if beta < 0 else np.inf
    return float(np.exp(beta))
