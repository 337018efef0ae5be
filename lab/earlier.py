"""What earlier runs have found of a sample or an emitter, for forecasts; read from the journal, never from hardware."""

import json
import math
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from lab import journal
from lab.earlier_facts import REDUCED, counted
from lab.finder import days, files_of, start_of
from lab.stored.analyses import analysis_of
from plans.facts import Earlier

MOST_FILES = 5000  # of the newest: a forecast does not read a whole archive
COUNTED = ("irf", "time_zero", "lifetime_at")  # their own Events tell their rates
KEPT = ("uid", "time", "plan_name", "sample_name", "emitter", "analysis_of", "purpose", "twin", "excitation", "raster")
KEPT += ("scan", "tcspc", "repeats", "regions")


class EarlierRuns:
    """Call it with a plan's name, a sample and an emitter: the newest run of them on this bench, or None.

    Parameters
    ----------
    folder : the journal's
    twin : what start documents of this session say of the simulated bench; other benches do not count
    """

    def __init__(self, folder: str | Path, twin: Callable[[], Any] = lambda: False):
        self.folder, self.twin = Path(folder), twin
        self._starts: dict[str, dict[str, Any]] = {}  # by file name
        self._found: dict[str, Earlier | None] = {}  # by uid of the run that holds the numbers

    def __call__(self, plan_name: str, sample: str = "", emitter: str = "") -> Earlier | None:
        bench, wanted = self.twin(), plan_name if plan_name in COUNTED else analysis_of(plan_name)
        if plan_name not in COUNTED and plan_name not in REDUCED:
            return None
        for start, path in self._newest_first():
            if start.get("plan_name") != wanted or (sample and start.get("sample_name") != sample):
                continue
            if emitter and start.get("emitter") != emitter:
                continue
            if (found := self._earlier(plan_name, start, path)) and same_bench(found.start, bench):
                return found
        return None

    def began(self, uid: str) -> float:
        """When a run began, Unix time; NaN if it is not in the journal."""
        path = journal.path_of(self.folder, uid) if uid else None
        return float(self._start(path).get("time", math.nan)) if path else math.nan

    def _earlier(self, plan_name: str, start: Mapping[str, Any], path: Path) -> Earlier | None:
        """The numbers of one run; None if it has none. Looked up once."""
        if start["uid"] not in self._found:
            self._found[start["uid"]] = self._read(plan_name, start, path)
        return self._found[start["uid"]]

    def _read(self, plan_name: str, start: Mapping[str, Any], path: Path) -> Earlier | None:
        try:
            if plan_name in COUNTED:
                facts, measured = counted(journal.read(path)), start
            else:
                of = journal.path_of(self.folder, str(next(iter(start.get("analysis_of", [])), "")))
                measured = self._start(of) if of else {}
                facts = REDUCED[plan_name](last_event(path), measured)
        except (journal.JournalError, KeyError, ValueError, TypeError, IndexError, ZeroDivisionError):
            return None
        if not (facts and measured):
            return None
        return Earlier(plan_name, measured["uid"], float(measured["time"]), facts, measured)

    def _newest_first(self) -> Iterator[tuple[dict[str, Any], Path]]:
        left = MOST_FILES
        for day in days(self.folder):
            files = files_of(day)
            runs = [(start, path) for path in files if (start := self._start(path))]
            yield from sorted(runs, key=lambda run: run[0].get("time", 0.0), reverse=True)
            if (left := left - len(files)) <= 0:
                return

    def _start(self, path: Path) -> dict[str, Any]:
        """What is kept of a start document; empty while it is being written."""
        if path.name not in self._starts:
            start = start_of(path)
            if start is None:
                return {}
            self._starts[path.name] = {key: start[key] for key in KEPT if key in start}
        return self._starts[path.name]


def same_bench(start: Mapping[str, Any], bench: Any) -> bool:
    """Whether a run was measured on this simulated bench, or, where there is none, on real instruments."""
    return json.dumps(start.get("twin") or False, sort_keys=True) == json.dumps(bench or False, sort_keys=True)


def last_event(path: Path) -> dict[str, Any]:
    """The data of the last Event of a run; lists as arrays."""
    data: dict[str, Any] = {}
    for name, doc in journal.read(path):
        data = doc["data"] if name == "event" else data
    return {key: np.asarray(value) if isinstance(value, list) else value for key, value in data.items()}
