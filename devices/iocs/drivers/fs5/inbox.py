"""The files that may answer a request: the first that fits is taken, of the others it is told why not."""

import hashlib
from pathlib import Path

from analysis.formats.fluoracle import is_fluoracle, read_fluoracle
from analysis.formats.fluoracle_curves import CountsAre
from devices.iocs.backends import Point
from devices.iocs.drivers.fs5.export import misfits, points
from devices.iocs.drivers.fs5.ticket import Ticket, sentence
from devices.iocs.drivers.fs5.watch import Watch

CLOCK_S = 2.0  # to which some file systems keep the time of a change
MOST_TOLD = 1000  # characters of what is wrong; a PV holds little more


class Inbox:
    """Exports that appear in a folder after a request. taken: digests of those that were delivered before."""

    def __init__(self, ticket: Ticket, watch: Watch, *, counts_are: CountsAre, taken: set[bytes]) -> None:
        self.ticket, self.watch, self.counts_are, self.taken = ticket, watch, counts_are, taken
        self._problems: dict[str, str] = {}

    @property
    def instruction(self) -> str:
        """What is asked for, after what is wrong with the files there are."""
        wrong = [f"{name} was not taken: {why}." for name, why in self._problems.items()]
        return " ".join([*wrong, ""])[:MOST_TOLD] + sentence(self.ticket)

    def look(self) -> list[Point] | None:
        """The points of the first file that fits."""
        try:
            settled = self.watch.settled()
        except OSError as why:
            self._problems = {str(self.watch.folder): f"it cannot be read ({why.strerror})"}
            return None
        self._problems = {name: why for name, why in self._problems.items() if (self.watch.folder / name).exists()}
        for path in sorted(settled, key=lambda path: not self._is_named(path)):
            if (found := self._open(path)) is not None:
                return found
        return None

    def _open(self, path: Path) -> list[Point] | None:
        """What a file brings; None, and not looked at again before it changes, if it does not fit."""
        self._problems.pop(path.name, None)
        try:
            found = self._points(path) if self._is_named(path) or is_fluoracle(path) else None
        except OSError as why:
            self._problems[path.name] = f"it cannot be opened ({why.strerror})"
            return None
        except ValueError as why:
            self._problems[path.name] = str(why).removeprefix(f"{path}: ")
            found = None
        if found is None:
            self.watch.done_with(path)
        return found

    def _points(self, path: Path) -> list[Point] | None:
        """ValueError unless a file answers the request."""
        if path.stat().st_mtime < self.ticket.issued_s - CLOCK_S:
            raise ValueError("it is older than the request")
        digest = hashlib.sha256(path.read_bytes()).digest()
        if digest in self.taken and not self._is_named(path):
            raise ValueError("it is the same as one taken before")
        spectrum = read_fluoracle(path)
        if wrong := misfits(spectrum, self.ticket.scan):
            raise ValueError("; ".join(wrong))
        if not self.watch.is_unchanged(path):
            return None
        self.taken.add(digest)
        return points(spectrum, self.ticket.scan, self.counts_are)

    def _is_named(self, path: Path) -> bool:
        return self.ticket.is_named_in(path.name)
