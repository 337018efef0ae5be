"""Kaplan-Meier curves of forty dots, some still alive at the end, beside lifelines: the same numbers."""

from functools import cache, partial

import numpy as np

from bench.measure import Comparison, Measured, race

N_CURVES, N_DOTS = 50, 40


def comparisons(quick: bool) -> list[Comparison]:
    """One row: speed and equality."""
    n = N_CURVES // 5 if quick else N_CURVES
    what = f"{n} curves of {N_DOTS} dots, a third censored, with 95 % bounds and median"
    return [Comparison("survival-lifelines", what, "curves/s per core", "lifelines", partial(_beside, n), "lifelines")]


@cache
def _dots() -> list[tuple[np.ndarray, np.ndarray]]:
    """Durations, in whole seconds so that some tie, and whether the end was seen."""
    rng = np.random.default_rng(37)
    sets = [(np.ceil(rng.exponential(60, N_DOTS)), rng.uniform(0, 120, N_DOTS)) for _ in range(N_CURVES)]
    return [(np.minimum(life, np.ceil(end)), life <= end) for life, end in sets]


def _beside(n: int) -> Measured:
    from lifelines import KaplanMeierFitter

    from analysis.blinking import survival

    dots = _dots()[:n]
    ours, theirs = race(
        lambda: [survival(*one) for one in dots],
        lambda: [KaplanMeierFitter().fit(*one) for one in dots],
    )
    off = max(_difference(mine, his) for mine, his in zip(ours.result, theirs.result, strict=True))
    medians = [(mine.median_s, his.median_survival_time_) for mine, his in zip(ours.result, theirs.result, strict=True)]
    equal = sum(mine == his or not (mine < np.inf or his < np.inf) for mine, his in medians)
    words = f"largest difference of a survival probability {off:.0e}; {equal} of {n} medians equal"
    return Measured(n / ours.seconds, n / theirs.seconds, words)


def _difference(ours, theirs) -> float:
    """Largest difference of the two curves at our times."""
    return float(np.max(np.abs(theirs.predict(ours.time_s).to_numpy() - ours.survival)))
