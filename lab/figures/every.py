"""All figures of a data folder, drawn from its stored runs alone: those that were composed, and each run's overview."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from analysis.figures import digest
from lab.figures.drawings import DRAWINGS, PLANS, draw
from lab.figures.keep import keep, recipe_of
from lab.figures.origin import whence
from lab.figures.rebuild import redrawn
from lab.figures.recipe import Recipe
from lab.figures.sources import Sources
from lab.stored.again import cohort_of

IDENTICAL, DIFFERENT, NEW, FAILED = "identical", "different", "new", "failed"
GROUPS = {"power_series_analysis": "power_series", "cohort_analysis": "cohort"}


@dataclass(frozen=True)
class Wanted:
    """A figure that there is to be: its file, its recipe, the runs and stored analyses behind it.

    recipe : None: that of the overview of the first run, once its result is known
    digest : of its arrays as the catalog noted them, "" if it did not
    """

    path: Path
    recipe: Recipe | None
    runs: tuple[str, ...]
    derived: tuple[str, ...]
    digest: str = ""


@dataclass(frozen=True)
class Made:
    """A figure that was drawn: identical, different, new or failed; `why` says what of it."""

    path: Path
    state: str
    why: str = ""

    def __str__(self) -> str:
        return f"{self.state:10} {self.path}" + (f"  ({self.why})" if self.why else "")


def every_figure(data: str | Path, *, parts: bool = False) -> Iterator[Made]:
    """Draw all figures of a data folder, and say of each whether it is as it was.

    One that is missing is written. One that is there stays as it is: it is compared, and where it is different the
    new one is written beside it as `<name>.new.png`.

    parts : draw also each run of a campaign or power series, which a session does not

    LookupError if the folder has no journal.
    """
    sources = Sources(data)
    for wanted in every_wanted(sources, parts=parts):
        try:
            yield made(wanted, sources)
        except (LookupError, ValueError, OSError) as why:
            yield Made(wanted.path, FAILED, str(why))


def every_wanted(sources: Sources, *, parts: bool) -> Iterator[Wanted]:
    """Overviews of runs, oldest first, then those of groups, then what was composed of them."""
    index = sources.index
    for start in index.of_purpose("measurement"):
        part = start.get("campaign") or start.get("power_series")
        if start.get("plan_name") in PLANS and start["uid"] not in index.continued and (parts or not part):
            yield of_run(start["uid"], sources)
    for start in index.of_purpose("analysis"):
        if start["plan_name"] in GROUPS:
            yield of_group(start, sources)
    for start in latest(index.of_purpose("figure")):
        about = tuple(start["analysis_of"]), tuple(start["derived"]), start["digest"]
        for name in start["files"]:
            yield Wanted((sources.data / name).resolve(), Recipe.of(start["recipe"]), *about)


def of_run(uid: str, sources: Sources) -> Wanted:
    """The overview of a run."""
    derived = sources.index.analyses.get(uid)
    return Wanted(overview_path(uid, sources), None, (uid,), (derived,) if derived else ())


def of_group(start: Mapping[str, Any], sources: Sources) -> Wanted:
    """The overview of a power series or a cohort, by its stored analysis."""
    uids = tuple(start["analysis_of"])
    recipe = Recipe(GROUPS[start["plan_name"]], {"runs": uids}, cohort_of(start))
    return Wanted(overview_path(start["uid"], sources), recipe, uids, (start["uid"],))


def overview_path(uid: str, sources: Sources) -> Path:
    return sources.data / "figures" / f"{uid[:8]}-overview.png"


def latest(notes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The newest note of each composed figure that this version can draw."""
    newest = {tuple(start["files"]): start for start in notes}
    return [start for start in newest.values() if start["recipe"]["kind"] in DRAWINGS]


def made(wanted: Wanted, sources: Sources) -> Made:
    """Draw one figure; compare it with what there is, in its file or in the catalog."""
    if wanted.path.exists():
        return beside(wanted, sources)
    recipe, runs = wanted.recipe, wanted.runs
    if recipe is None:
        result = sources.of(runs[0])
        recipe, runs = recipe_of(result), (*runs, *getattr(result, "analysis_of", ()))
    figure = draw(recipe, sources)
    keep(figure, wanted.path, recipe, uids=runs, derived=wanted.derived, data=sources.data)
    if not wanted.digest:
        return Made(wanted.path, NEW)
    if digest(figure) == wanted.digest:
        return Made(wanted.path, IDENTICAL, "to what the catalog noted; its file was gone")
    return Made(wanted.path, DIFFERENT, "from what the catalog noted; its file was gone")


def beside(wanted: Wanted, sources: Sources) -> Made:
    """Compare a figure that is there with one drawn now; write that beside it if they differ."""
    origin = whence(wanted.path)
    if origin.recipe is None:
        return Made(wanted.path, DIFFERENT, "it kept no arrays to be compared with; delete it to have it drawn anew")
    now = redrawn(origin, sources, None)
    if now.identical:
        return Made(wanted.path, IDENTICAL)
    new = wanted.path.with_name(f"{wanted.path.stem}.new{wanted.path.suffix}")
    keep(now.figure, new, origin.recipe, uids=origin.runs, derived=origin.derived, data=sources.data)
    return Made(wanted.path, DIFFERENT, f"{now.differences[0]}; the new one is {new.name}")
