"""The cells of a run as a notebook file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from devices import portable
from lab.catalog import facts, reading
from lab.notebooks.cells import Cell, cells_of

if TYPE_CHECKING:
    from lab.catalog.run import Run

KERNEL = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}


def write_notebook(run: Run, folder: str | Path | None = None) -> Path:
    """Write the notebook of a run and return its path; one that was written before is kept, and the new one numbered.

    folder : where to; by default `notebooks` beside the data folder. LookupError if the data folder is not known.
    """
    if run.db.data is None:
        raise LookupError("the data folder is not known: open the runs with lab.past.opened(folder)")
    data = run.db.data.resolve()
    target = Path(folder).expanduser() if folder is not None else data.parent / "notebooks"
    target.mkdir(parents=True, exist_ok=True)
    plan = reading.plan_of(run.start)
    plan = plan if run.purpose != "analysis" or plan not in reading.HAS else str(run.start["plan_name"])
    source = run if plan.endswith("_analysis") else reading.measured(run)
    made = cells_of(plan, source.uid, facts.title(source.start, source.exit_status), str(data))
    path = free_name(target, f"{source.uid[:8]}-{plan}")
    draft = path.with_name(f".{path.name}.new")
    draft.write_text(as_text(made), encoding="utf-8")
    portable.replace(draft, path)
    return path


def as_text(cells: list[Cell]) -> str:
    """A notebook file without outputs."""
    made = [(new_markdown_cell if cell.told else new_code_cell)(cell.source) for cell in cells]
    for number, cell in enumerate(made):
        cell["id"] = f"cell-{number}"  # the same run gives the same file
    return nbformat.writes(new_notebook(cells=made, metadata=KERNEL))


def free_name(folder: Path, stem: str) -> Path:
    """A name that no file has yet: what somebody wrote into an earlier one stays."""
    names = (f"{stem}{'' if n == 1 else f'-{n}'}.ipynb" for n in range(1, 10_000))
    return next(folder / name for name in names if not (folder / name).exists())
