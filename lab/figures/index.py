"""The runs of a data folder by their first lines: what there is, and which stored analysis belongs to which run."""

import json
import logging
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from lab import journal
from lab.encoding import decode

log = logging.getLogger(__name__)

TOGETHER = ("pl_series", "power_series_analysis", "cohort_analysis")
Document = dict[str, Any]


class Index:
    """Start documents of all runs of a journal, read once, when they are asked for. folder : the journal's"""

    def __init__(self, folder: Path):
        self.folder = folder

    @cached_property
    def starts(self) -> dict[str, dict[str, Any]]:
        """By uid, oldest first."""
        found = sorted(starts(self.folder), key=lambda start: float(start.get("time", 0.0)))
        return {start["uid"]: start for start in found}

    def of_purpose(self, purpose: str) -> list[dict[str, Any]]:
        return [start for start in self.starts.values() if start.get("purpose") == purpose]

    @cached_property
    def analyses(self) -> dict[str, str]:
        """Uid of a run -> uid of its newest stored analysis; one of many runs together is none of its first."""
        stored = [start for start in self.of_purpose("analysis") if start.get("analysis_of")]
        stored = [start for start in stored if start.get("plan_name") not in TOGETHER]
        return {start["analysis_of"][0]: start["uid"] for start in stored}

    @cached_property
    def continued(self) -> set[str]:
        """Runs that a later one goes on with: that one shows both."""
        return {start["continues"] for start in self.starts.values() if start.get("continues")}


def starts(folder: Path) -> Iterator[dict[str, Any]]:
    """The start document of each run; one that cannot be read is left out, with a line in the log."""
    for path in journal.paths(folder):
        try:
            with path.open("rb") as file:
                name, doc = parsed(file.readline())
            if name == "start":
                yield doc
        except (OSError, ValueError) as why:
            log.warning("%s is left out: %s", path, why)


def ends(path: Path) -> tuple[Document, Document]:
    """Start and stop of a run, nothing in between read, empty as long as it has none. JournalError if damaged."""
    lines = path.read_bytes().splitlines(keepends=True)
    if not lines or not lines[0].endswith(b"\n"):
        return {}, {}
    try:
        (_, start), (name, last) = parsed(lines[0]), parsed(lines[-1] if lines[-1].endswith(b"\n") else lines[-2])
    except (IndexError, ValueError) as why:
        raise journal.JournalError(f"{path}: damaged at its beginning or end ({why})") from why
    return start, last if name == "stop" else {}


def ending(stop: Mapping[str, Any]) -> str:
    """How a run ended: success, abort, fail, interrupted, or open.

    >>> ending({}), ending({"exit_status": "abort", "interrupted": True}), ending({"exit_status": "success"})
    ('open', 'interrupted', 'success')
    """
    if not stop:
        return "open"
    return "interrupted" if stop.get("interrupted") else str(stop["exit_status"])


def parsed(line: bytes) -> tuple[str, Document]:
    """Name and document of one line of a journal; ValueError for anything else."""
    name, doc = json.loads(line)
    return name, decode(doc)
