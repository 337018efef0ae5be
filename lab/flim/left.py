"""What is left to do of a raster that was broken off, from the journal and the files of its lines."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from analysis.callbacks.earlier import FULL_LIGHT, RasterRun
from lab import journal
from lab.finder import RunFinder, days, files_of, start_of
from plans.continuing import Left


class LeftOver:
    """Call it with the uid of a raster, or its first letters; LookupError, with the reason, if it is none.

    folder : the journal's
    """

    def __init__(self, folder: str | Path):
        self.folder = Path(folder)
        self.finder = RunFinder(folder)

    def __call__(self, uid: str) -> Left:
        whole, plan_name = self.finder.resolve(str(uid))
        if not whole:
            raise LookupError("the journal has no such run, or several: give the whole uid of a raster")
        if plan_name != "flim_raster":
            raise LookupError(f"that run is of the plan {plan_name!r}: only a flim_raster can be continued")
        runs = [RasterRun(journal.read(self.path_of(one))) for one in self.chain(whole)]
        taken = {line for run in runs for line in complete_lines(run)}
        raster = runs[0].start["raster"]
        n_lines = int(raster["n_pixels"]) * int(raster["n_scans"])
        missing = next((line for line in range(n_lines) if line not in taken), n_lines)
        uids = tuple(run.start["uid"] for run in runs)
        return Left(uids, runs[0].start, missing, open=journal.being_written(self.path_of(uids[-1])))

    def path_of(self, uid: str) -> Path:
        path = journal.path_of(self.folder, uid)
        if path is None:
            raise LookupError(f"the journal no longer has the run {uid[:8]} that it is part of")
        return path

    def chain(self, uid: str) -> list[str]:
        """All runs of the raster that run `uid` is part of, in order."""
        start = next(doc for name, doc in journal.read(self.path_of(uid)) if name == "start")
        found = [*start.get("earlier_runs", ()), uid]
        while (following := continued_in(self.folder, found[-1])) is not None:
            found.append(following)
        return found


def continued_in(folder: str | Path, uid: str) -> str | None:
    """The newest run that goes on with run `uid`, or None."""
    path = journal.path_of(folder, uid)
    if path is None:
        return None
    following = [start for start in starts_since(Path(folder), path.parent) if start.get("continues") == uid]
    return max(following, key=lambda start: start["time"])["uid"] if following else None


def starts_since(folder: Path, day: Path) -> Iterator[Mapping[str, Any]]:
    """Start documents of all runs of this day and of later ones."""
    for later in days(folder):
        if later < day:
            return
        yield from (start for path in files_of(later) if (start := start_of(path)) is not None)


def complete_lines(run: RasterRun) -> list[int]:
    """Lines that were measured under full light, and whose rows stand in the file, which is closed again."""
    try:
        return [line for line in run.lines if run.facts[line]["lit"] >= FULL_LIGHT and run.is_written(line)]
    finally:
        run.close()
