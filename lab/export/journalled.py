"""A run as the journal has it, without storage: enough to export it from a folder of data."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab import journal
from lab.export.errors import ExportError
from lab.stored import whereabouts
from lab.stored.analyses import analysis_of, belongs_to
from lab.stored.index import starts


@dataclass(frozen=True)
class JournalRun:
    """One run of a journal; like a run of the catalog it has `start`, `documents()` and `derived()`."""

    folder: Path
    start: dict[str, Any]

    def documents(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """The documents of the run as they were emitted; files of a folder that was moved are found where they are."""
        return whereabouts.documents(self.folder.parent, self.start["uid"])

    def derived(self) -> "JournalRun | None":
        """The newest analysis of this run itself."""
        uid, name = self.start["uid"], analysis_of(str(self.start.get("plan_name")))
        analyses = (start for start in starts(self.folder) if start.get("plan_name") == name)
        found = [start for start in analyses if belongs_to(start, uid)]
        return JournalRun(self.folder, max(found, key=lambda start: start["time"])) if found else None


def journalled(folder: str | Path, uid: str) -> JournalRun:
    """The run whose uid begins like this, in the journal of a data folder; ExportError if there is none, or several."""
    place = Path(folder) / "journal" if (Path(folder) / "journal").is_dir() else Path(folder)
    if not place.is_dir():
        raise ExportError(f"{folder} is no data folder (there is no journal in it): name that of a lab, such as data")
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
