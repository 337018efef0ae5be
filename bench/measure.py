"""What a comparison is, what it found, and how it is timed.

Speeds are taken by CPU time on one core, best of several, ours and the peer's in turn, so that a busy machine slows
both; rows on several cores by wall time. A ratio above 1 always means that ours is ahead.
"""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

Better = Literal["more", "less", "neither"]
ENOUGH_S = 2.0


class NotRunError(Exception):
    """A peer that cannot run here; the message says why."""


@dataclass(frozen=True)
class Measured:
    """What a comparison found: one number of ours and of the peer, and how right both are, in words.

    better : whether the larger number wins, the smaller one, or neither
    """

    ours: float
    theirs: float = np.nan
    accuracy_ours: str = ""
    accuracy_theirs: str = ""
    better: Better = "more"
    note: str = ""

    @property
    def ratio(self) -> float:
        """How many times ours is ahead of the peer; NaN where neither wins."""
        if self.better == "neither" or not (self.ours > 0 and self.theirs > 0):
            return np.nan
        return self.ours / self.theirs if self.better == "more" else self.theirs / self.ours


@dataclass(frozen=True)
class Comparison:
    """One row to be measured.

    id : stable, unique; documents cite it
    quantity : what is compared, with sizes
    peer : package that must be importable, by the name of its distribution
    module : what to import to know; "" needs nothing
    cores : how many the process may use
    timeout_s : after which the peer counts as hanging
    """

    id: str
    quantity: str
    unit: str
    peer: str
    run: Callable[[], Measured]
    module: str = ""
    cores: int = 1
    timeout_s: float = 120.0


@dataclass(frozen=True)
class Row:
    """A comparison and its outcome: `measured`, or why there is none."""

    id: str
    quantity: str
    unit: str
    peer: str
    measured: Measured | None = None
    why_not: str = ""

    @classmethod
    def of(cls, comparison: Comparison, measured: Measured | None = None, why_not: str = "") -> "Row":
        """The row of a comparison."""
        return cls(comparison.id, comparison.quantity, comparison.unit, comparison.peer, measured, why_not)


class Timed(NamedTuple):
    """Result of the last call and the shortest time that one took."""

    result: Any
    seconds: float


@dataclass
class _Runner:
    work: Callable[[], Any]
    seconds: float = field(default=np.inf)
    spent: float = -np.inf  # after the first run
    result: Any = None

    def lap(self, clock: Callable[[], float]) -> None:
        start = clock()
        self.result = self.work()
        took = clock() - start
        self.seconds, self.spent = min(self.seconds, took), max(self.spent + took, 0.0)


def race(
    ours: Callable[[], Any],
    theirs: Callable[[], Any],
    *,
    laps: int = 3,
    clock: Callable[[], float] = time.process_time,
    compile_ours: Callable[[], Any] | None = None,
    enough_s: float = ENOUGH_S,
) -> tuple[Timed, Timed]:
    """Run ours once, or what compiles it, then both in turn; the best time of each.

    What has run for `enough_s` altogether runs no more: long runs differ little from each other. The first run, in
    which a peer may compile or import, does not count for that.

    >>> ours, theirs = race(lambda: "a", lambda: "b", laps=2)
    >>> ours.result, theirs.result
    ('a', 'b')
    """
    (compile_ours or ours)()
    runners = _Runner(ours), _Runner(theirs)
    for _ in range(laps):
        for runner in runners:
            if runner.spent < enough_s:
                runner.lap(clock)
    first, second = (Timed(runner.result, max(runner.seconds, 1e-9)) for runner in runners)
    return first, second


def on_all_cores_and_one(work: Callable[[], Any], *, laps: int = 3) -> tuple[Timed, Timed]:
    """Wall time on the cores this process may use, and on one of them."""
    cores = cores_in_use()

    def on(some: set[int]) -> Any:
        use_cores(some)
        return work()

    try:
        return race(lambda: on(cores), lambda: on({max(cores)}), laps=laps, clock=time.perf_counter)
    finally:
        use_cores(cores)


def cores_in_use() -> set[int]:
    """The cores this process may use, by number."""
    return os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set(range(os.cpu_count() or 1))


def use_cores(cores: set[int]) -> None:
    """Stay on these cores, where the system lets a process choose."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, cores)


def quality(estimate: ArrayLike, error: ArrayLike | None, truth: float, bound: float) -> str:
    """How right estimates of one truth are, in the words of a table.

    estimate, error : (n,), NaN where there is none; bound : the least standard deviation an unbiased estimate can have

    >>> quality([0.9, 1.0, 1.1, 1.0], None, 1.0, 0.1)
    'bias +0.00 σ (+0.0 %), std/CRB 0.82, robust 0.52, n 4'
    """
    estimate = np.asarray(estimate, dtype=float)
    good = np.isfinite(estimate)
    if good.sum() < 2:
        return f"no estimate in {estimate.size}"
    low, median, high = np.percentile(estimate[good], [16, 50, 84])
    bias = median - truth
    words = [
        f"bias {bias / bound:+.2f} σ ({bias / truth:+.1%})".replace("%", " %"),
        f"std/CRB {min(estimate[good].std(ddof=1) / bound, 99):.2f}",
        f"robust {(high - low) / 2 / bound:.2f}",
    ]
    if error is not None:
        words += _pulls((estimate - truth)[good], np.asarray(error, dtype=float)[good])
    words.append(f"n {estimate.size}")
    if not good.all():
        words.append(f"failed {1 - good.mean():.1%}".replace("%", " %"))
    return ", ".join(words)


def _pulls(off: np.ndarray, error: np.ndarray) -> list[str]:
    known = np.isfinite(error) & (error > 0)
    if known.sum() < 2:
        return ["no errors"]
    pull = off[known] / error[known]
    low, high = np.percentile(pull, [16, 84])
    return [f"pulls {(high - low) / 2:.2f}", f"covers {np.mean(np.abs(pull) < 1):.0%}".replace("%", " %")]
