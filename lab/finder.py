"""Which earlier run a new one is compared with: the newest that was completed and fits."""

import json
import math
import os
import re
from collections.abc import Callable, Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any

from lab import journal
from lab.encoding import decode

SPAN = ("start_nm", "stop_nm", "step_nm")
KEPT = ("uid", "time", "plan_name", "sample_name", "scan", "num_points", "backend", "twin", "blank_uid")
NEEDS_BLANK = "absorption"
SOME_UID = re.compile(r"[0-9A-Za-z-]{4,64}")


class RunFinder:
    """Call it with plan name, sample and what must be the same; it returns a uid, "" if there is none.

    A file is opened once: what it says of its run is remembered, so later looks through years of runs are quick.

    Parameters
    ----------
    folder : the journal's: every run of this and of earlier sessions is there, whether storage is up or not
    twin : what start documents of this session say of the simulated bench; runs on another bench do not fit
    """

    def __init__(self, folder: str | Path, twin: Callable[[], Any] = lambda: False):
        self.folder, self.twin = Path(folder), twin
        self._known: dict[str, dict[str, Any]] = {}  # by file name

    def __call__(self, plan_name: str, sample_name: str, scan: Mapping[str, Any]) -> str:
        bench = self.twin()
        for run, path in self.newest_first():
            wanted = run["plan_name"] == plan_name and run["sample_name"] == sample_name
            if wanted and same_bench(run, bench) and fits(run, scan) and completed(path, run["num_points"]):
                return run["uid"]
        return ""

    def resolve(self, uid: str) -> tuple[str, str]:
        """Whole uid and plan name of the run whose uid begins so; two empty words if there is none, or several."""
        files = chain.from_iterable(map(files_of, days(self.folder)))
        found = [path for path in files if path.name.startswith(uid)] if SOME_UID.fullmatch(uid) else []
        start = start_of(found[0]) if len(found) == 1 else None
        return (start["uid"], start.get("plan_name", "")) if start is not None else ("", "")

    def newest_first(self) -> Iterator[tuple[dict[str, Any], Path]]:
        """What is kept of every spectrum, day by day, with its file."""
        for day in days(self.folder):
            runs = [(run, path) for path in files_of(day) if (run := self._run(path))]
            yield from sorted(runs, key=lambda found: found[0]["time"], reverse=True)

    def _run(self, path: Path) -> dict[str, Any]:
        """What is kept of the start of a run; empty if it is no spectrum."""
        if path.name not in self._known:
            start = start_of(path)
            if start is None:
                return {}
            self._known[path.name] = decode({key: start[key] for key in KEPT if key in start} if is_scan(start) else {})
        return self._known[path.name]


def days(folder: Path) -> Iterator[Path]:
    """The folders of a journal that hold runs, newest first."""
    for month in chain.from_iterable(map(dated, dated(folder))):
        yield from dated(month)


def dated(folder: Path) -> list[Path]:
    """The years, months or days in a folder, newest first; none if there is no such folder."""
    if not folder.is_dir():
        return []
    with os.scandir(folder) as entries:  # several times as quick as glob
        return sorted((Path(entry.path) for entry in entries if entry.name.isdigit()), reverse=True)


def files_of(day: Path) -> list[Path]:
    """The files of the runs of one day."""
    with os.scandir(day) as entries:
        return [Path(entry.path) for entry in entries if entry.name.endswith(".jsonl")]


def start_of(path: Path) -> dict[str, Any] | None:
    """The start document of a run as it is written; None while it is not complete, or if it is damaged."""
    with path.open("rb") as file:
        line = file.readline()
    try:
        name, doc = json.loads(line if line.endswith(b"\n") else b"")
    except ValueError:
        return None
    return doc if name == "start" else None


def is_scan(start: Mapping[str, Any]) -> bool:
    """Whether a start document tells of a scan of the spectrofluorometer."""
    scan, told = start.get("scan"), ("plan_name", "sample_name", "num_points")
    return isinstance(scan, dict) and all(key in scan for key in SPAN) and all(key in start for key in told)


def same_bench(run: Mapping[str, Any], bench: Any) -> bool:
    """Whether a run was measured on this simulated bench, or on a real instrument."""
    return run.get("backend") != "twin" or run.get("twin") == bench


def completed(path: Path, num_points: int) -> bool:
    """Whether the run came to its own end, with all its points."""
    last, doc = "", {}
    try:
        for last, doc in journal.read(path):  # noqa: B007  (the last document tells)
            pass
    except journal.JournalError:
        return False
    done = doc.get("num_events", {}).get("primary", 0)
    return last == "stop" and doc["exit_status"] == "success" and done >= num_points


def fits(start: Mapping[str, Any], needs: Mapping[str, Any]) -> bool:
    """Whether a run was measured with the same settings, on the same grid of wavelengths, over at least this range."""
    scan = start["scan"]
    if start["plan_name"] == NEEDS_BLANK and not start.get("blank_uid"):
        return False
    same = all(equal(scan.get(key, start.get(key)), value) for key, value in needs.items() if key not in SPAN)
    return same and covers(scan, needs)


def covers(scan: Mapping[str, Any], needs: Mapping[str, Any]) -> bool:
    """Whether the range of a scan holds the needed one; with `step_nm`, on the same grid."""
    slack = 1e-6
    if not (scan["start_nm"] <= needs["start_nm"] + slack and scan["stop_nm"] >= needs["stop_nm"] - slack):
        return False
    if "step_nm" not in needs:
        return True
    steps = (needs["start_nm"] - scan["start_nm"]) / needs["step_nm"]
    return equal(scan["step_nm"], needs["step_nm"]) and math.isclose(steps, round(steps), abs_tol=1e-4)


def equal(one: Any, other: Any) -> bool:
    """Whether two settings are the same."""
    if isinstance(one, (int, float)) and isinstance(other, (int, float)):
        return math.isclose(one, other, rel_tol=1e-6, abs_tol=1e-6)
    return one == other
