"""All runs of a data folder in memory: each file is opened once, and again only while its run grows."""

import logging
import os
import threading
import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from lab.finder import days
from lab.stored.analyses import belongs_to
from lab.view.entry import Entry, read_entry

log = logging.getLogger(__name__)

LOOK_S = 0.5  # between two looks at the folder
SHORTEST = 4  # letters of a uid


class Index:
    """Entries by uid; `look` takes in what is new. Any thread may ask.

    Parameters
    ----------
    folder : the journal's; it need not exist yet
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self._alone = threading.Lock()
        self._entries: dict[Path, Entry] = {}
        self._days: dict[Path, int] = {}  # folder -> when it was changed last
        self._files: dict[Path, set[Path]] = {}  # folder -> what it held then
        self._unreadable: dict[Path, tuple[int, str]] = {}
        self._looked_s = -LOOK_S
        self._arrange()

    def look(self) -> "Index":
        """Take in new runs and what became of those that were going on; not more often than twice a second."""
        with self._alone:
            if time.monotonic() - self._looked_s < LOOK_S:
                return self
            changed = self._changed_days()
            known = [self._renewed(entry) for entry in self._entries.values() if entry.exit_status in OPEN]
            if changed or any(known):
                self._arrange()
            self._looked_s = time.monotonic()
        return self

    def _changed_days(self) -> bool:
        """Read the files that are new since the last look, forget those that are gone."""
        changed, present = False, list(days(self.folder))
        for day in present:
            stamp = day.stat().st_mtime_ns
            if self._days.get(day) == stamp:
                continue
            changed = True
            self._days[day] = stamp if time.time_ns() - stamp > 1_000_000_000 else -1
            self._take(day)
        for day in set(self._days) - set(present):
            del self._days[day]
            self._forget(self._files.pop(day, set()))
            changed = True
        return changed or self._again()

    def _take(self, day: Path) -> None:
        with os.scandir(day) as files:
            found = {Path(file.path) for file in files if file.name.endswith(".jsonl") and file.is_file()}
        before = self._files.get(day, set())
        self._files[day] = found
        self._forget(before - found)
        for path in found - before:
            self._read(path)

    def _again(self) -> bool:
        """Try files that could not be read once more, where they have changed."""
        before = dict(self._unreadable)
        for path, (size, _) in before.items():
            if path.exists() and path.stat().st_size != size:
                self._read(path)
        return before.keys() != self._unreadable.keys()

    def _read(self, path: Path) -> None:
        try:
            self._entries[path] = read_entry(path)
            self._unreadable.pop(path, None)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as why:
            if path not in self._unreadable:
                log.warning("%s cannot be read: %s", path, why)
            self._unreadable[path] = (path.stat().st_size if path.exists() else -1, str(why))

    def _renewed(self, entry: Entry) -> bool:
        """Look again at a run without an end; whether there is anything new."""
        fresh = None
        try:
            fresh = read_entry(entry.path)
        except (OSError, ValueError) as why:
            log.warning("%s cannot be read any more: %s", entry.path, why)
        if fresh is None or replace(fresh, ended_s=entry.ended_s) == entry:
            return False
        self._entries[entry.path] = fresh
        return True

    def _forget(self, paths: Iterable[Path]) -> None:
        for path in paths:
            self._entries.pop(path, None)
            self._unreadable.pop(path, None)

    def _arrange(self) -> None:
        """Put the runs in order, and who speaks of whom; what readers hold stays as it is."""
        runs = sorted(self._entries.values(), key=lambda entry: entry.began_s, reverse=True)
        by_uid = {entry.uid: entry for entry in runs}
        analyses: dict[str, list[Entry]] = defaultdict(list)
        users: dict[str, list[tuple[str, Entry]]] = defaultdict(list)
        for entry in runs:
            for uid in dict.fromkeys(entry.of):
                analyses[uid].append(entry)
            for role, uid in dict.fromkeys(entry.links):
                users[uid].append((role, entry))
        self.runs, self.by_uid = tuple(runs), by_uid
        self._analyses, self._users = dict(analyses), dict(users)

    @property
    def unreadable(self) -> dict[Path, str]:
        """Files that hold no run that can be read, and why."""
        return {path: why for path, (_, why) in self._unreadable.items()}

    def find(self, uid: str) -> Entry | None:
        """The run whose uid begins so; None if there is none, or several."""
        if uid in self.by_uid:
            return self.by_uid[uid]
        found = [entry for entry in self.runs if entry.uid.startswith(uid)] if len(uid) >= SHORTEST else []
        return found[0] if len(found) == 1 else None

    def analyses_of(self, uid: str) -> list[Entry]:
        """Analyses that this run has a part in, newest first."""
        return self._analyses.get(uid, [])

    def analysis_of(self, uid: str) -> Entry | None:
        """The newest analysis of this very run; one that only compared another run with it does not count."""
        return next((entry for entry in self.analyses_of(uid) if belongs_to(entry.start, uid)), None)

    def users_of(self, uid: str) -> list[tuple[str, Entry]]:
        """Runs whose start document names this one, with what for, newest first."""
        return self._users.get(uid, [])

    def running(self) -> list[Entry]:
        """Runs that a living process is writing, newest first."""
        return [entry for entry in self.runs if entry.exit_status == "running"]


OPEN = ("running", "interrupted")
