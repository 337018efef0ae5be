"""What is known of a night: its items, each with its state and runs. All of it stands in the ledger on disk."""

import re
from dataclasses import dataclass, field
from typing import Any

from plans.item import DONE, FAILED, INTERRUPTED, RUNNING, SKIPPED, WAITING, Item

STATES = (WAITING, RUNNING, DONE, FAILED, SKIPPED, INTERRUPTED)
FINISHED = (DONE, FAILED, SKIPPED)
NAME = re.compile(r"\w([\w.-]{0,78}\w)?", re.ASCII)


@dataclass(frozen=True)
class Entry:
    """One item of a night as it stands.

    index : its place in the queue, from 0
    state : waiting, running, done, failed, skipped (a condition did not hold), interrupted (goes on with the night)
    reason : why it failed, was skipped or was interrupted
    attempts : how often it was begun after a failure, from 1 on; 0: not yet. Interruptions do not count
    interruptions : how often it was cut off by a process that died
    runs : uids of its measurements in order; those that were cut off included
    began_s, ended_s : Unix time; NaN: not yet
    expected_s : how long it was expected to take when the night was validated; NaN: unknown
    facts : what else is known of it (forecast, outcome), plain values
    """

    index: int
    item: Item
    state: str = WAITING
    reason: str = ""
    attempts: int = 0
    interruptions: int = 0
    runs: tuple[str, ...] = ()
    began_s: float = float("nan")
    ended_s: float = float("nan")
    expected_s: float = float("nan")
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def finished(self) -> bool:
        return self.state in FINISHED


@dataclass(frozen=True)
class Night:
    """A night as it stands: name ("2026-11-22", "2026-11-22-2", ...), its entries, when it began and ended."""

    name: str
    entries: tuple[Entry, ...]
    began_s: float
    ended_s: float | None = None
    until: float | None = None
    stopped_by: str = ""  # "finished", "stop" (an item failed), "until", "abort"; "" while it goes on
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def finished(self) -> bool:
        return self.ended_s is not None

    @property
    def left(self) -> tuple[Entry, ...]:
        """Entries that are still to be done."""
        return tuple(entry for entry in self.entries if not entry.finished)

    def of_state(self, *states: str) -> tuple[Entry, ...]:
        return tuple(entry for entry in self.entries if entry.state in states)


def name_problem(name: Any) -> str | None:
    """The problem with the name of a night, or None; its report is a file of that name.

    >>> name_problem("2026-11-22-2"), name_problem("../mine")
    (None, "name='../mine': must be 1..80 letters, digits, - _ . (not at the ends)")
    """
    if isinstance(name, str) and NAME.fullmatch(name):
        return None
    return f"name={name!r}"[:60] + ": must be 1..80 letters, digits, - _ . (not at the ends)"
