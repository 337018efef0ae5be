"""A run for those who write files: facts, streams, rows of files, and what was derived from it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from lab.export.errors import ExportError
from lab.stored import streams

PRIMARY = streams.PRIMARY


@dataclass(frozen=True, eq=False)
class Filed:
    """Rows that lie in files of the instruments, in the order of their Events. unit : of the numbers"""

    stream: streams.Stream
    key: str
    unit: str

    def __len__(self) -> int:
        return len(self.stream.filed(self.key))

    def rows(self) -> Iterator[np.ndarray]:
        """Each row, read when it is asked for; ExportError if its file is gone or shorter than it was."""
        try:
            for _, row in self.stream.rows(self.key):
                yield row
        except LookupError as why:
            raise ExportError(f"{why}, then export again") from why


@dataclass(frozen=True, eq=False)
class Stream:
    """Columns of one stream: key -> (n_events, ...) and its unit; `filed` holds what is in files."""

    columns: dict[str, tuple[np.ndarray, str]]
    time_s: np.ndarray
    filed: dict[str, Filed]

    def column(self, key: str) -> np.ndarray:
        return self.columns[key][0]


@dataclass(frozen=True, eq=False)
class Derived:
    """The newest analysis of a run: its start document, and key -> (array or number, unit)."""

    start: dict[str, Any]
    arrays: dict[str, tuple[np.ndarray, str]]

    @property
    def parameters(self) -> dict[str, Any]:
        return self.start.get("parameters", {})


@dataclass(frozen=True, eq=False)
class Stored:
    """A run for those who write files."""

    start: dict[str, Any]
    stop: dict[str, Any]
    streams: dict[str, Stream]
    derived: Derived | None

    @property
    def uid(self) -> str:
        return self.start["uid"]

    @property
    def plan(self) -> str:
        return str(self.start.get("plan_name", "run"))

    @property
    def is_analysis(self) -> bool:
        return self.start.get("purpose") == "analysis"

    @property
    def told(self) -> str:
        """The run in a word, for messages."""
        of = ", ".join(uid[:8] for uid in self.start.get("analysis_of", ()))
        return f"run {self.uid[:8]} ({self.plan}{f' of {of}: export that' if of and self.is_analysis else ''})"

    def array(self, key: str) -> np.ndarray:
        """An array of the analysis; ExportError that says how to make it if there is none."""
        if self.derived is None or key not in self.derived.arrays:
            raise self.not_analysed(key)
        return self.derived.arrays[key][0]

    def not_analysed(self, what: str) -> ExportError:
        lacks = "no stored analysis" if self.derived is None else f"no {what} in its analysis"
        return ExportError(
            f'{self.told} has {lacks}: session.replay("{self.uid[:8]}") makes it anew; then export again. '
            "What was measured can be exported as it is to .nxs"
        )
