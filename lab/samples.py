"""The samples of the lab: a record each, in `samples.toml`, written into every run on them.

At the prompt: `samples`, `samples["A"]`, `samples["A"].runs`, `samples.add("E", doping_percent=0.2, thickness_nm=90)`.
"""

import datetime
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import tomlkit
from tomlkit.exceptions import TOMLKitError

from devices import portable
from lab.sample_records import KEYS, SampleError, check_name, checked, completed, missing

COLUMNS = ("name", "role", "doping %", "thickness nm", "date", "blank", "reference", "notes")


class Sample(dict[str, Any]):
    """The record of one sample, its facts by name; `runs` finds what was measured on it."""

    def __init__(self, name: str, facts: Mapping[str, Any], runs_of: Callable[[str], Any] | None = None):
        super().__init__(facts)
        self.name, self._runs_of = name, runs_of

    @property
    def runs(self) -> Any:
        """All runs on this sample, of either instrument, oldest first."""
        if self._runs_of is None:
            raise LookupError("no session is open, whose catalog knows the runs: make lab")
        return self._runs_of(self.name)

    def __repr__(self) -> str:
        return "\n".join([f"sample {self.name}", *(f"  {key:17} {value}" for key, value in self.items())])


class Samples(Mapping[str, Sample]):
    """All records by name; `add` writes a new one into the file, comments and order stay.

    Parameters
    ----------
    path : the TOML file; one that is missing is made by the first `add`; None keeps records in memory only
    runs_of : name of a sample -> its runs
    """

    def __init__(self, path: str | Path | None = None, *, runs_of: Callable[[str], Any] | None = None):
        self.path, self.runs_of = Path(path) if path else None, runs_of
        self._noted: dict[str, dict[str, Any]] = {}  # in memory only
        self._records = self._read(self._noted)

    def __getitem__(self, name: str) -> Sample:
        if name not in self._records:
            raise KeyError(missing(name, self._records))
        return Sample(name, completed(self._records[name], self._records), self.runs_of)

    def __contains__(self, name: object) -> bool:
        return name in self._records

    def __iter__(self) -> Iterator[str]:
        return iter(self._records)

    def __len__(self) -> int:
        return len(self._records)

    def add(self, name: str, *, doping_percent: float, thickness_nm: float, **facts: Any) -> Sample:
        """Write a new record; SampleError if the name is taken or a value makes no sense.

        facts : date, notes, role ("sample", "blank", "reference"), blank, reference, substrate, excitation_w_cm2
        """
        given = {"doping_percent": doping_percent, "thickness_nm": thickness_nm, **facts}
        record = {key: value.item() if isinstance(value, np.generic) else value for key, value in given.items()}
        if record.setdefault("date", datetime.date.today()) is None:
            del record["date"]
        with alone(self.path):
            known = self._read(self._noted)  # the file may have been edited since
            check_name(name, known)
            known = checked({**known, name: record}, f"samples.add({name!r}): nothing was written")
            if self.path is not None:
                append(self.path, name, record)
            else:
                self._noted[name] = record
        self._records = known
        return self[name]

    def note(self, name: str, **facts: Any) -> None:
        """Know a sample, or more of it, as long as this session lasts; the file stays as it is."""
        noted = {**self._noted, name: {**self._noted.get(name, {}), **facts}}
        self._records = self._read(noted)
        self._noted = noted

    def _read(self, noted: Mapping[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        """The records of the file, with what is noted beside it."""
        records = read(self.path) if self.path is not None and self.path.exists() else {}
        for name, facts in noted.items():
            records[name] = {**records.get(name, {}), **facts}
        return checked(records, f"{self.path or 'samples'}: correct these and start again")

    def __repr__(self) -> str:
        return table(self[name] for name in self)


def read(path: Path) -> dict[str, dict[str, Any]]:
    """The records of a file, unchecked; SampleError if it is not TOML."""
    try:
        return tomlkit.parse(path.read_text(encoding="utf-8-sig")).unwrap()
    except (OSError, UnicodeDecodeError, TOMLKitError) as why:
        raise SampleError(f"{path}: not a readable TOML file ({why}): correct that line") from why


def append(path: Path, name: str, record: Mapping[str, Any]):
    """Write one more record behind the others, in one step: a reader sees the old file or the new one."""
    document = tomlkit.parse(path.read_text(encoding="utf-8-sig")) if path.exists() else tomlkit.document()
    facts = tomlkit.table()
    for key in sorted(record, key=KEYS.index):
        facts.add(key, record[key])
    if document.body:
        document.add(tomlkit.nl())
    document.add(name, facts)
    replace(path, tomlkit.dumps(document))


@contextmanager
def alone(path: Path | None) -> Iterator[None]:
    """Rewrite a file while no other process does; those that want to wait."""
    if path is None:
        yield
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with portable.alone_in(path.parent):
        yield


def replace(path: Path, text: str):
    """Put a whole new text in place of a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(draft).chmod(path.stat().st_mode if path.exists() else 0o644)
        portable.replace(Path(draft), path)
    except BaseException:
        Path(draft).unlink(missing_ok=True)
        raise


def table(samples: Iterable[Sample]) -> str:
    """The records as lines of a table."""
    rows = [COLUMNS, *(row_of(sample) for sample in samples)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(COLUMNS) - 1)]
    lines = ["  ".join([*(cell.ljust(w) for cell, w in zip(row, widths, strict=False)), row[-1]]) for row in rows]
    return "\n".join(line.rstrip() for line in lines)


def row_of(sample: Sample) -> tuple[str, ...]:
    def said(key: str) -> str:
        value = sample.get(key)
        return "" if value is None else f"{value:g}" if isinstance(value, (int, float)) else str(value)

    keys = ("role", "doping_percent", "thickness_nm", "date", "blank", "reference", "notes")
    return (sample.name, *(said(key) for key in keys))
