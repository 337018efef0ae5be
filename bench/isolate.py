"""Comparisons in processes of their own: a peer that crashes or hangs costs its row, not the others."""

import importlib.util
import multiprocessing
import warnings
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from multiprocessing.connection import Connection

from bench.measure import Comparison, Measured, NotRunError, Row, cores_in_use, use_cores

STARTING_S = 60.0  # a process may take so long to import everything

Case = Callable[[bool], Sequence[Comparison]]  # quick -> its comparisons, always in the same order


def rows_of(case: Case, *, quick: bool) -> Iterator[Row]:
    """Measure every comparison of a case; those with one peer share a process as long as it lives."""
    for _, group in groupby(case(quick), key=lambda comparison: (comparison.peer, comparison.cores)):
        waiting = list(group)
        if waiting[0].module and importlib.util.find_spec(waiting[0].module) is None:
            yield from (Row.of(comparison, why_not="not installed") for comparison in waiting)
            continue
        while waiting:
            for row in _one_process(case, quick, tuple(waiting)):
                waiting.pop(0)
                yield row


def _one_process(case: Case, quick: bool, waiting: Sequence[Comparison]) -> Iterator[Row]:
    """Rows from one process, up to the one it dies of."""
    spawn = multiprocessing.get_context("spawn")
    near, far = spawn.Pipe(duplex=False)
    process = spawn.Process(target=_measure, args=(far, case, quick, [comparison.id for comparison in waiting]))
    process.start()
    far.close()
    try:
        for comparison in waiting:
            row = _await(near, process, comparison)
            yield row
            if row.why_not and not process.is_alive():
                return
    finally:
        process.join(timeout=5)
        if process.is_alive():
            process.kill()
            process.join()


def _await(near: Connection, process, comparison: Comparison) -> Row:
    """The row of a comparison, or what became of its process."""
    limit_s = comparison.timeout_s + STARTING_S
    if not near.poll(limit_s):
        process.kill()
        process.join()
        return Row.of(comparison, why_not=f"no answer within {limit_s:.0f} s")
    try:
        outcome = near.recv()
    except EOFError:
        process.join()
        return Row.of(comparison, why_not=f"the process died: {_last_words(process.exitcode)}")
    if isinstance(outcome, Measured):
        return Row.of(comparison, outcome)
    return Row.of(comparison, why_not=outcome)


def _last_words(exit_code: int | None) -> str:
    """
    >>> _last_words(-11), _last_words(1)
    ('exit code -11 (signal 11)', 'exit code 1')
    """
    signal = f" (signal {-exit_code})" if exit_code is not None and exit_code < 0 else ""
    return f"exit code {exit_code}{signal}"


def _measure(far: Connection, case: Case, quick: bool, ids: Sequence[str]) -> None:
    """In the process: measure and send one after the other."""
    comparisons = {comparison.id: comparison for comparison in case(quick)}
    use_cores(set(sorted(cores_in_use())[-comparisons[ids[0]].cores :]))
    warnings.simplefilter("ignore")
    for name in ids:
        try:
            far.send(comparisons[name].run())
        except NotRunError as reason:
            far.send(str(reason))
        except Exception as error:  # whatever a peer raises becomes its row
            far.send(f"{type(error).__name__}: {error}"[:200])
