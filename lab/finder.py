"""Which earlier run a new one is compared with: the newest that was completed and fits."""

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from lab import journal
from lab.encoding import decode

SPAN = ("start_nm", "stop_nm", "step_nm")
NEEDS_BLANK = "absorption"
SOME_UID = re.compile(r"[0-9A-Za-z-]{4,64}")


class RunFinder:
    """Call it with plan name, sample and what must be the same; it returns a uid, "" if there is none.

    Parameters
    ----------
    folder : the journal's: every run of this and of earlier sessions is there, whether storage is up or not
    twin : what start documents of this session say of the simulated bench; runs on another bench do not fit
    """

    def __init__(self, folder: str | Path, twin: Callable[[], Any] = lambda: False):
        self.folder, self.twin = Path(folder), twin

    def __call__(self, plan_name: str, sample_name: str, scan: Mapping[str, Any]) -> str:
        wanted = {"plan_name": plan_name, "sample_name": sample_name}
        for start, path in self.newest_first(wanted):
            if self.same_bench(start) and fits(start, scan) and completed(path, start["num_points"]):
                return start["uid"]
        return ""

    def resolve(self, uid: str) -> tuple[str, str]:
        """Whole uid and plan name of the run whose uid begins so; two empty words if there is none, or several."""
        found = list(self.folder.glob(f"[0-9]*/[0-9]*/[0-9]*/{uid}*.jsonl")) if SOME_UID.fullmatch(uid) else []
        start = start_of(found[0], {}) if len(found) == 1 else None
        return (start["uid"], start.get("plan_name", "")) if start is not None else ("", "")

    def same_bench(self, start: Mapping[str, Any]) -> bool:
        return start.get("backend") != "twin" or start.get("twin") == self.twin()

    def newest_first(self, wanted: dict[str, str]) -> Iterator[tuple[dict[str, Any], Path]]:
        """Start documents of the runs of one plan on one sample, day by day, with their files."""
        days: dict[Path, list[Path]] = {}
        for path in reversed(journal.paths(self.folder)):
            days.setdefault(path.parent, []).append(path)
        for paths in days.values():
            starts = [(start, path) for path in paths if (start := start_of(path, wanted)) is not None]
            yield from sorted(starts, key=lambda found: found[0]["time"], reverse=True)


def start_of(path: Path, wanted: Mapping[str, str]) -> dict[str, Any] | None:
    """The start document of a run, if it says what is wanted."""
    with path.open("rb") as file:
        line = file.readline()
    if not line.endswith(b"\n") or any(json.dumps(value).encode() not in line for value in wanted.values()):
        return None  # a quick look, before the line is read as a document
    name, doc = json.loads(line)
    start = decode(doc)
    return start if name == "start" and all(start.get(key) == value for key, value in wanted.items()) else None


def completed(path: Path, num_points: int) -> bool:
    """Whether the run came to its own end, with all its points."""
    last, doc = "", {}
    for last, doc in journal.read(path):  # noqa: B007  (the last document tells)
        pass
    done = doc.get("num_events", {}).get("primary", 0)
    return last == "stop" and doc["exit_status"] == "success" and done >= num_points


def fits(start: Mapping[str, Any], needs: Mapping[str, Any]) -> bool:
    """Whether a run was measured with the same settings, on the same grid of wavelengths, over at least this range."""
    scan = start.get("scan", {})
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
