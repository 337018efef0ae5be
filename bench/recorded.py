"""What a night recorded: every row of photons and every point, by item and place in it, as a fingerprint."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

import h5py
import numpy as np

from lab import journal

Key = tuple[int, str, str, int]  # item, plan, emitter, number of the line or row


@dataclass(frozen=True)
class Recorded:
    """rows : fingerprint of each; twice : rows that more than one run holds; endless : runs without an end."""

    rows: dict[Key, str]
    twice: tuple[Key, ...]
    endless: tuple[str, ...]
    n_runs: int


def recorded(folder: Path) -> Recorded:
    """Everything that the runs of a night hold; `folder` of the journal.

    Lines of rasters count wherever they were taken. Of what is measured again whole, the last run counts. Calibrations
    that were repeated after a restart belong to no item.
    """
    runs = [Run(path) for path in journal.paths(folder)]
    of_night = sorted((run for run in runs if "item" in run.start), key=lambda run: run.start["time"])
    rows: dict[Key, str] = {}
    twice: list[Key] = []
    for run in of_night:
        found = dict(run.rows())
        if run.is_raster:
            twice += [key for key in found if key in rows]
        rows |= found
    return Recorded(rows, tuple(twice), tuple(run.uid for run in runs if not run.stop), len(of_night))


class Run:
    """One run, as its documents tell."""

    def __init__(self, path: Path):
        self.path, self.start, self.stop = path, {}, {}
        self.streams: dict[str, str] = {}
        self.files: dict[str, dict[str, Any]] = {}
        self.row_of: dict[int, tuple[str, int]] = {}
        self.events: dict[int, dict[str, Any]] = {}
        for name, doc in journal.read(path):
            getattr(self, f"take_{name}", lambda doc: None)(doc)

    @property
    def uid(self) -> str:
        return self.start.get("uid", self.path.stem)

    @property
    def is_raster(self) -> bool:
        return self.start.get("plan_name") == "flim_raster"

    def take_start(self, doc):
        self.start = doc

    def take_stop(self, doc):
        self.stop = doc

    def take_descriptor(self, doc):
        self.streams[doc["uid"]] = doc["name"]

    def take_stream_resource(self, doc):
        self.files[doc["uid"]] = doc

    def take_stream_datum(self, doc):
        if self.streams.get(doc["descriptor"]) == "primary":
            for index in range(doc["indices"]["start"], doc["indices"]["stop"]):
                self.row_of[index] = (doc["stream_resource"], index)

    def take_event(self, doc):
        if self.streams.get(doc["descriptor"]) == "primary":
            self.events[doc["seq_num"]] = doc["data"]

    def rows(self) -> Iterator[tuple[Key, str]]:
        """Each row or point of the primary stream with its fingerprint."""
        about = (int(self.start["item"]), str(self.start["plan_name"]), str(self.start.get("emitter", "")))
        for number, data in sorted(self.events.items()):
            place = int(data.get("scanner_line", number))
            yield (*about, place), fingerprint(self.photons(number - 1, data))

    def photons(self, row: int, data: dict[str, Any]) -> Iterator[bytes]:
        """What was measured: the row of the file if there is one, else the counts of the Event."""
        if row in self.row_of:
            resource, index = self.row_of[row]
            file = self.files[resource]
            path = unquote(urlparse(file["uri"]).path)
            with h5py.File(path, "r", swmr=True, locking=False) as opened:
                yield np.ascontiguousarray(opened[file["parameters"]["dataset"]][index]).tobytes()
        for key in sorted(data):
            if key.endswith("counts"):
                yield np.ascontiguousarray(data[key], dtype=float).tobytes()


def fingerprint(parts: Iterator[bytes]) -> str:
    """The same for the same bytes."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.hexdigest()[:16]
