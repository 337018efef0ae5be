"""Work for all cores: compiled kernels that let go of the interpreter lock run side by side."""

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any


def n_cores() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def stretches(n: int, length: int) -> list[tuple[int, int]]:
    """(first, stop) of the pieces of 0..n, each of `length` items or what is left.

    >>> stretches(5, 2)
    [(0, 2), (2, 4), (4, 5)]
    """
    return [(first, min(first + length, n)) for first in range(0, n, length)]


def in_threads(work: Callable[..., Any], arguments: Iterable[tuple], n_threads: int | None = None) -> list:
    """Results of work(*each) for each of the arguments, in order; on all cores unless n_threads is given."""
    calls = list(arguments)
    n_threads = min(n_threads or n_cores(), len(calls))
    if n_threads < 2:
        return [work(*call) for call in calls]
    with ThreadPoolExecutor(n_threads) as pool:
        return list(pool.map(lambda call: work(*call), calls))
