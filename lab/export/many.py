"""Many runs at once, with a list of what was written."""

import csv
import hashlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.export.errors import ExportError
from lab.export.gathering import stored
from lab.export.kinds import KINDS, Kind
from lab.export.place import check, written
from lab.export.stored import Stored

MANIFEST = "manifest.csv"
COLUMNS: tuple[str, ...] = ("file", "uid", "plan", "sample", "kind", "bytes", "sha256")


@dataclass(frozen=True)
class Manifest:
    """What was written: a row for each file, by COLUMNS; `left_out` says which run is in no file, and why."""

    path: Path
    rows: tuple[dict[str, str], ...]
    left_out: tuple[str, ...]

    @property
    def files(self) -> tuple[Path, ...]:
        return tuple(self.path.parent / row["file"] for row in self.rows)

    def __repr__(self) -> str:
        size_mb = sum(int(row["bytes"]) for row in self.rows) / 1e6
        runs = len({row["uid"] for row in self.rows})
        lines = [f"{len(self.rows)} files of {runs} runs, {size_mb:.1f} MB, listed in {self.path}"]
        return "\n".join([*lines, *(f"  left out: {why}" for why in self.left_out)])


def export_all(
    runs: Iterable[Any],
    folder: str | os.PathLike[str],
    *,
    kinds: Iterable[str] | None = None,
    overwrite: bool = False,
) -> Manifest:
    """Write each run as every kind of file that it can be, and `manifest.csv` with a checksum of each file.

    kinds : names of `KINDS`; by default all. A kind that a run has no data for is passed over.

    ExportError before anything is written if a kind is unknown, or a file is there and may not be replaced; a run that
    cannot be written at all is named in `left_out`.
    """
    folder, wanted = Path(folder), kinds_of([*KINDS] if kinds is None else list(kinds))
    if folder.exists() and not folder.is_dir():
        raise ExportError(f"{folder} is a file: name a folder")
    runs = list({run.start["uid"]: run for run in runs}.values())
    if not runs:
        raise ExportError(f"there are no runs to write into {folder}: give some, such as find(sample='A')")
    planned = [MANIFEST, *(name_of(run, kind) for run in runs for kind in wanted)]
    for name in planned if folder.is_dir() else ():
        check(folder / name, overwrite=overwrite)
    folder.mkdir(parents=True, exist_ok=True)
    rows: list[dict[str, str]] = []
    left_out = [why for run in runs if (why := add_files(rows, run, wanted, folder, overwrite))]
    written(folder / MANIFEST, lambda path: write_manifest(path, rows), overwrite=overwrite)
    return Manifest(folder / MANIFEST, tuple(rows), tuple(left_out))


def kinds_of(names: list[str]) -> list[Kind]:
    unknown = [name for name in names if name not in KINDS]
    if unknown:
        raise ExportError(f"kinds={unknown}: expected some of {', '.join(KINDS)}")
    return [KINDS[name] for name in names]


def add_files(rows: list[dict[str, str]], run: Any, kinds: list[Kind], folder: Path, overwrite: bool) -> str:
    """Write one run and add a row for each file; says why if something of it was left out."""
    before = len(rows)
    try:
        rows.extend(files_of(stored(run), kinds, folder, overwrite))
    except ExportError as why:
        return str(why)
    told = f"run {run.start['uid'][:8]} ({run.start.get('plan_name')})"
    return "" if len(rows) > before else f"{told} cannot be {' or '.join(kind.name for kind in kinds)}"


def files_of(run: Stored, kinds: list[Kind], folder: Path, overwrite: bool) -> Iterator[dict[str, str]]:
    """Write one run; yields a row for each file."""
    for kind in kinds:
        try:
            write = kind.ready(run)
        except ExportError:
            continue
        path = written(folder / name_of(run, kind), write, overwrite=overwrite)
        yield {
            "file": path.name,
            "uid": run.uid,
            "plan": run.plan,
            "sample": str(run.start.get("sample_name", "")),
            "kind": kind.name,
            "bytes": str(path.stat().st_size),
            "sha256": checksum(path),
        }


def name_of(run: Any, kind: Kind) -> str:
    """Day, plan, sample and uid of a run, with the ending of a kind."""
    start = run.start
    sample = "".join(c if c.isalnum() or c in "-_" else "_" for c in str(start.get("sample_name", "")))
    parts = (start.get("plan_name", "run"), sample, start["uid"][:8])
    return "-".join(str(part) for part in parts if part) + kind.suffixes[0]


def checksum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_manifest(path: Path, rows: list[dict[str, str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
