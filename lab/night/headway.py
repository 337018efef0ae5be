"""Whether a night comes forward: what it has recorded, and which items are over."""

from collections.abc import Iterator
from pathlib import Path

from lab import journal
from lab.finder import days, files_of, start_of
from lab.night.entry import Night


def headway(folder: Path, night: Night) -> tuple[int, int]:
    """Items that are over, and points its runs of the newest day have recorded: a line, a scan, an integration.

    Beginnings do not count: a session that dies before the first point of a run has done nothing.
    """
    newest = [path for day in list(days(folder))[:1] for path in files_of(day)]
    return sum(entry.finished for entry in night.entries), sum(n_points(path) for path in of_night(newest, night.name))


def of_night(paths: list[Path], name: str) -> Iterator[Path]:
    """Files of measurements of a night."""
    for path in paths:
        start = start_of(path)
        if start is not None and start.get("night") == name:
            yield path


def n_points(path: Path) -> int:
    """Events in the stream "primary" of a run, as far as its file can be read."""
    primary, found = set(), 0
    try:
        for name, doc in journal.read(path):
            if name == "descriptor" and doc.get("name") == "primary":
                primary.add(doc["uid"])
            found += name == "event" and doc["descriptor"] in primary
    except (OSError, journal.JournalError):
        return found
    return found
