"""A run as the journal has it, without storage: enough to export it from a folder of data."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab import journal
from lab.catalog.moved import found_again
from lab.export.errors import ExportError
from lab.export.gathering import analysis_of
from lab.finder import start_of


@dataclass(frozen=True)
class JournalRun:
    """One run of a journal; like a run of the catalog it has `start`, `documents()` and `derived()`."""

    folder: Path
    start: dict[str, Any]

    def documents(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """The documents of the run as they were emitted; files of a folder that was moved are found where they are."""
        path = journal.path_of(self.folder, self.start["uid"])
        assert path is not None
        return found_again(journal.read(path), self.folder.parent)

    def derived(self) -> "JournalRun | None":
        """The newest analysis of this run itself."""
        uid, name = self.start["uid"], analysis_of(str(self.start.get("plan_name")))
        found = [start for start in starts(self.folder) if uid in own(start) and start.get("plan_name") == name]
        return JournalRun(self.folder, max(found, key=lambda start: start["time"])) if found else None


def own(start: dict[str, Any]) -> tuple[str, ...]:
    """The runs that an analysis is about, without those it was only compared with."""
    return (*start.get("analysis_of", ())[:1], *start.get("earlier_runs", ()))


def starts(folder: Path) -> Iterator[dict[str, Any]]:
    """The start documents of a journal, oldest day first."""
    found = (start_of(path) for path in journal.paths(folder))
    return (start for start in found if start is not None)


def journalled(folder: str | Path, uid: str) -> JournalRun:
    """The run whose uid begins like this, in the journal of a data folder; ExportError if there is none, or several."""
    place = Path(folder) / "journal" if (Path(folder) / "journal").is_dir() else Path(folder)
    found = [path for path in journal.paths(place) if path.stem.startswith(uid)]
    if len(found) != 1:
        what = "no run" if not found else f"{len(found)} runs"
        raise ExportError(
            f"uid {uid!r}: {what} of the journal {place} begins so; give more of the uid, or another folder"
        )
    start = next((doc for name, doc in journal.read(found[0]) if name == "start"), None)
    if start is None:
        raise ExportError(f"{found[0]} holds no run: its start document was never written")
    return JournalRun(place, start)
