"""Figures as files that know where they came from, and their notes in the catalog."""

import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from event_model import compose_run
from matplotlib.figure import Figure

from analysis import figures
from lab.emitters.groups import CohortResult, Group
from lab.emitters.results import EmitterRun, EmittersResult
from lab.figures.overviews import overview_of
from lab.figures.recipe import Recipe
from lab.flim.results import FlimResult
from lab.spectra.results import SpectralResult
from lab.version import code_version

Drawable = FlimResult | SpectralResult | EmitterRun | Group


def keep(
    figure: Figure,
    path: Path,
    recipe: Recipe,
    *,
    uids: Iterable[str] = (),
    derived: Sequence[str] = (),
    data: Path | None = None,
) -> Path:
    """Write a figure with all that is needed to draw it again.

    uids : all runs behind it, those of the recipe first; derived : their stored analyses
    data : the data folder that has them; noted as it is reached from the figure
    """
    runs = list(dict.fromkeys([*recipe.uids, *uids]))
    more = {"recipe": recipe.told(), "runs": runs, "derived": list(derived), "data": reached(data, path.parent)}
    about = {"selection": recipe.selection, "code_version": code_version()}
    return figures.save(figure, path, uids=[*runs, *derived], **about, **more)


def keep_overview(result: Drawable, folder: Path) -> Path | None:
    """Draw what was found and write it to `folder`, named after the run; None where there is nothing to be seen."""
    name = result.derived_uid if isinstance(result, Group) else result.uid
    if name is None or (figure := overview_of(result)) is None:
        return None
    derived = [result.derived_uid] if result.derived_uid else []
    about = {"uids": getattr(result, "analysis_of", ()), "derived": derived, "data": folder.parent}
    return keep(figure, folder / f"{name[:8]}-overview.png", recipe_of(result), **about)


def recipe_of(result: Drawable) -> Recipe:
    """How the overview of a result is drawn again."""
    match result:
        case FlimResult():
            selection = {"route": "perovskite", "scans": result.map.scans_used.tolist()}
            return Recipe("flim_raster", {"run": result.uid}, selection)
        case SpectralResult():
            return Recipe(result.start["plan_name"], {"run": result.uid}, {"regions": list(result.start["regions"])})
        case EmittersResult():
            return Recipe("find_emitters", {"run": result.uid}, {"names": list(result.ids)})
        case EmitterRun():
            return Recipe(result.start["plan_name"], {"run": result.uid}, {"emitter": result.emitter})
        case CohortResult():
            emitters = {group: list(ids) for group, ids in result.emitters.items()}
            return Recipe("cohort", {"runs": result.uids}, {"emitters": emitters, "parameters": result.parameters})
    return Recipe("power_series", {"runs": result.uids})


def reached(data: Path | None, folder: Path) -> str:
    """A data folder as it is reached from a figure's folder, so that both may move together; "" if it is not known.

    >>> reached(Path("/lab/data"), Path("/lab/data/figures")), reached(None, Path("/lab"))
    ('..', '')
    """
    if data is None:
        return ""
    try:
        return Path(os.path.relpath(data.absolute(), folder.absolute())).as_posix()
    except ValueError:  # another drive
        return data.absolute().as_posix()


def record_figure(
    record: Callable[[str, dict], None],
    recipe: Recipe,
    figure: Figure,
    files: Sequence[Path],
    *,
    uids: Iterable[str] = (),
    derived: Sequence[str] = (),
    data: Path,
) -> str:
    """Note a composed figure in the catalog as a run of its own, of purpose "figure"; returns its uid."""
    runs = list(dict.fromkeys([*recipe.uids, *uids]))
    about = {"purpose": "figure", "plan_name": recipe.kind, "analysis_of": runs, "derived": list(derived)}
    told = {"recipe": recipe.told(), "files": [reached(path, data) for path in files], "code_version": code_version()}
    told["digest"] = figures.digest(figure)
    run = compose_run(metadata={**about, **told}, validate=False)
    record("start", dict(run.start_doc))
    record("stop", dict(run.compose_stop(exit_status="success", validate=False)))
    return run.start_doc["uid"]
