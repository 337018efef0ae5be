"""What the runs of a night have found so far: read from the journal, in a thread of its own, never by the night's."""

import logging
import math
import threading
from collections.abc import Callable
from itertools import accumulate
from queue import SimpleQueue
from typing import Any

from lab import journal
from lab.finder import start_of
from lab.night.entry import Night
from lab.night.runs import ROUTES, RunFacts, Series, fact, runs_of

log = logging.getLogger(__name__)

LONGEST = 200  # letters of a result
LAST_S = 30.0


class Findings:
    """Facts of runs by uid; asking takes no time, what is known may be looked at at any time.

    Parameters
    ----------
    session : whose analyses they are
    """

    def __init__(self, session: Any):
        self.session, self.folder = session, session.config.folders.journal
        self.runs: dict[str, RunFacts] = {}
        self.words: dict[str, str] = {}
        self.questions: SimpleQueue[Callable[[], Any] | None] = SimpleQueue()
        self.thread = threading.Thread(target=self.work, name="night findings", daemon=True)
        self.thread.start()

    def work(self):
        """One question after the other; what fails is logged."""
        while (question := self.questions.get()) is not None:
            try:
                question()
            except Exception as why:
                log.warning("what a run of the night has found is not known: %s", why)

    def look_back(self, night: Night):
        """Ask for the runs that a session before this one has measured."""
        self.questions.put(lambda: self.remember(runs_of(self.folder, night)))

    def remember(self, runs: list[RunFacts]):
        """Take the runs that are over and that this session has not told of."""
        for run in runs:
            if run.uid not in self.runs and run.exit_status != "open":
                self.keep(run)

    def ask(self, uid: str):
        """Ask for a run that has just ended."""
        self.questions.put(lambda: self.find(uid))

    def find(self, uid: str):
        """Wait for the analysis of a run, and read what it came to."""
        result = self.session.analyses.finished(uid)
        derived = journal.path_of(self.folder, getattr(result, "derived_uid", None) or "none")
        self.keep(fact(self.folder, uid, -1, start_of(derived) if derived is not None else None), result)

    def keep(self, run: RunFacts, result: Any = None):
        self.runs = {**self.runs, run.uid: run}
        self.words[run.uid] = in_words(run, result)

    def close(self):
        """Answer what was asked, but not for long."""
        self.questions.put(None)
        self.thread.join(LAST_S)

    @property
    def drift_um(self) -> tuple[tuple[float, float, float], ...]:
        """Where the sample has moved since the night began: Unix time, x, y."""
        steps = sorted(step for run in self.runs.values() for step in run.moves_um)
        return tuple(accumulate(steps, lambda at, step: (step[0], at[1] + step[1], at[2] + step[2])))

    def rates_cps(self) -> dict[str, Series]:
        """Count rates of the runs that are over, in the order of time."""
        runs = [run for run in self.runs.values() if math.isfinite(run.began_s)]
        ordered = sorted(runs, key=lambda run: run.began_s)
        found = {route: tuple(point for run in ordered for point in run.rates_cps.get(route, ())) for route in ROUTES}
        return {route: points for route, points in found.items() if points}


def in_words(run: RunFacts, result: Any = None) -> str:
    """A run in one sentence: its numbers, else what the prompt would say first.

    >>> from lab.night.numbers import Number
    >>> in_words(RunFacts("u", {"emitter": "QD-1"}, numbers=(Number("rise time", "6.5 ns"),)))
    'QD-1: rise time 6.5 ns'
    """
    numbers = "; ".join(f"{number.quantity} {number.value}" for number in run.numbers)
    about = f"{run.start['emitter']}: " if run.start.get("emitter") else ""
    if numbers or result is None:
        return (about + numbers)[:LONGEST] if numbers else ""
    lines = [" ".join(line.split()) for line in str(result).splitlines() if line.strip()]
    return "; ".join(lines[:2])[:LONGEST]
