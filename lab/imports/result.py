"""What an import hands back: a line for each file, and the way to its runs."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lab.wording import count


@dataclass(frozen=True)
class ImportedRun:
    """A run made of a file; part : which of the file; derived_uid : its analysis, "" without one.

    note : why there is no analysis, or what would make it better
    """

    uid: str
    plan_name: str
    part: str = ""
    derived_uid: str = ""
    note: str = ""

    def __str__(self) -> str:
        of = f" of {self.part}" if self.part else ""
        analysed = f", analysis {self.derived_uid[:8]}" if self.derived_uid else ""
        return f"{self.plan_name}{of} {self.uid[:8]}{analysed}{'; ' if self.note else ''}{self.note}"


@dataclass(frozen=True, repr=False)
class ImportedFile:
    """What became of a file: "imported", "known" (its runs were there already) or "refused", then with the reason."""

    relative: str
    state: str
    format: str = ""
    runs: tuple[ImportedRun, ...] = ()
    reason: str = ""

    @property
    def uids(self) -> tuple[str, ...]:
        return tuple(run.uid for run in self.runs)

    def __repr__(self) -> str:
        return "\n".join(lines_of(self))


@dataclass(frozen=True, repr=False)
class Imported:
    """An imported folder; its length is the number of files, `uids` are those of all new runs."""

    folder: Path
    files: tuple[ImportedFile, ...]
    storage: str = ""

    @property
    def uids(self) -> tuple[str, ...]:
        return tuple(uid for file in self.files if file.state == "imported" for uid in file.uids)

    @property
    def refused(self) -> tuple[ImportedFile, ...]:
        return tuple(file for file in self.files if file.state == "refused")

    def __len__(self) -> int:
        return len(self.files)

    def __iter__(self) -> Iterator[ImportedFile]:
        return iter(self.files)

    def __repr__(self) -> str:
        states = Counter(file.state for file in self.files)
        counted = ", ".join(f"{states[state]} {state}" for state in ("imported", "known", "refused") if states[state])
        head = f"{count(len(self.files), 'file')} of {self.folder}: {counted or 'nothing to import'}"
        warning = [f"  WARNING     the journal has the runs; storage: {self.storage}"] if self.storage else []
        return "\n".join([head, *(line for file in self.files for line in lines_of(file)), *warning])


def lines_of(file: ImportedFile) -> list[str]:
    """A file and its runs."""
    head = f"  {file.relative}  {file.format}".rstrip()
    if file.state == "refused":
        return [f"{head}  REFUSED: {file.reason}"]
    known = "  known already" if file.state == "known" else ""
    return [f"{head}{known}", *(f"    {run}" for run in file.runs)]
