"""Lines that were taken in an earlier run of the same raster."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from analysis.callbacks.filed import PRIMARY
from analysis.flim import FULLY_LIT, FlimRaster
from analysis.formats.histograms import HistogramRows

FULL_LIGHT = FULLY_LIT


class RasterRun:
    """One run of a raster, from its documents: which lines it took, and where they are.

    Attributes
    ----------
    start : the start document; first_line : the line in row 0 of its file
    facts : line -> "lit" and "saturated", of lines with an Event; dark : counts and seconds of a dark frame, or None
    """

    def __init__(self, documents: Iterable[tuple[str, Mapping[str, Any]]]):
        self.start: dict[str, Any] = {}
        self.facts: dict[int, dict[str, Any]] = {}
        self.dark: tuple[np.ndarray, float] | None = None
        self._streams: dict[str, str] = {}
        self._resources: dict[str, dict[str, Any]] = {}
        self._resource_of: dict[int, str] = {}
        self._files: dict[str, HistogramRows | None] = {}
        for name, doc in documents:
            if (look := getattr(self, f"_{name}", None)) is not None:
                look(doc)

    @property
    def lines(self) -> list[int]:
        """Lines with an Event and a place in a file."""
        return sorted(self.facts.keys() & self._resource_of.keys())

    def row(self, line: int) -> np.ndarray:
        """Histograms of a line; LookupError if its file is gone."""
        rows = self._rows_of(line)
        if rows is None:
            raise LookupError(f"the file with line {line} of run {self.start['uid'][:8]} cannot be read")
        return rows.row(line - self.first_line)

    def is_written(self, line: int) -> bool:
        """Whether the row stands in the file, whole."""
        rows = self._rows_of(line)
        return rows is not None and rows.is_written(line - self.first_line)

    def feed(self, raster: FlimRaster, before: int):
        """Give the raster the lines below `before`, and the dark frame."""
        if self.dark is not None:
            raster.add_dark(*self.dark)
        for line in self.lines:
            if line < before:
                raster.add_line(line, self.row(line))
                raster.add_facts(line, **self.facts[line])

    def close(self):
        """Let go of the files: one that stays open shows later readers in this process what it was."""
        for rows in self._files.values():
            if rows is not None:
                rows.close()
        self._files.clear()

    @property
    def first_line(self) -> int:
        return int(self.start.get("first_line", 0))

    def _rows_of(self, line: int) -> HistogramRows | None:
        uid = self._resource_of[line]
        if uid not in self._files:
            try:
                self._files[uid] = HistogramRows(self._resources[uid])
            except (OSError, KeyError):
                self._files[uid] = None
        return self._files[uid]

    def _start(self, doc):
        self.start = dict(doc)

    def _descriptor(self, doc):
        self._streams[doc["uid"]] = doc.get("name", PRIMARY)

    def _stream_resource(self, doc):
        self._resources[doc["uid"]] = dict(doc)

    def _stream_datum(self, doc):
        if self._streams.get(doc["descriptor"], PRIMARY) == PRIMARY:
            rows = range(doc["indices"]["start"], doc["indices"]["stop"])
            self._resource_of |= {self.first_line + row: doc["stream_resource"] for row in rows}

    def _event(self, doc):
        stream, data = self._streams.get(doc["descriptor"]), doc["data"]
        if stream == PRIMARY:
            facts = {"lit": float(data["scanner_lit"]), "saturated": bool(data["scanner_overflow"])}
            self.facts[int(data["scanner_line"])] = facts
        elif stream == "dark":
            self.dark = np.asarray(data["timeharp_counts"]), float(data["timeharp_elapsed"])


def feed_earlier(raster: FlimRaster, runs: list[RasterRun], first_line: int):
    """Give a raster the lines of its earlier runs, in order: of each those below where a later one went on."""
    for k, run in enumerate(runs):
        run.feed(raster, min([first_line, *(later.first_line for later in runs[k + 1 :])]))
        run.close()
