"""The runs of a data folder by their first lines: what there is, and which stored analysis belongs to which run."""

import json
import logging
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

from lab import journal
from lab.encoding import decode
from lab.stored.analyses import OF_MANY, owners

log = logging.getLogger(__name__)

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
        stored = [start for start in self.of_purpose("analysis") if start.get("plan_name") not in OF_MANY]
        return {uid: start["uid"] for start in stored for uid in owners(start)}

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


def parsed(line: bytes) -> tuple[str, Document]:
    """Name and document of one line of a journal; ValueError if it is torn or damaged."""
    if not line.endswith(b"\n"):
        raise ValueError("a line that is not whole")
    found = json.loads(line)
    if not (isinstance(found, list) and len(found) == 2 and isinstance(found[1], dict)):
        raise ValueError("a line that is no document")
    return str(found[0]), decode(found[1])
