"""Where a figure comes from, as its own file tells it.

whence("demo/figure4.png")  # a card
whence("demo/figure4.png").recipe
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from textwrap import wrap
from typing import Any

from analysis.figures.files import sidecar_of
from lab import journal
from lab.figures.recipe import Recipe
from lab.stored.analyses import ending
from lab.stored.index import ends
from lab.wording import count, labelled

SHOWN_RUNS = 12
LINE = 100  # characters of a line of the card
MANY = 6  # entries of a list, from which on they are counted


@dataclass(frozen=True)
class Origin:
    """What a figure is made of.

    path : the file; recipe : how it is drawn again, None for a figure that kept none
    runs, derived : uids of the runs behind it, and of their stored analyses; selection : what of them is shown
    code_version : of the code that drew it; digest : of the arrays in it, prints : by which others are compared with it
    data : the data folder that has the runs, None if it is not found
    """

    path: Path
    runs: tuple[str, ...]
    derived: tuple[str, ...] = ()
    selection: Mapping[str, Any] = field(default_factory=dict)
    code_version: str = ""
    recipe: Recipe | None = None
    digest: str = ""
    prints: tuple[Mapping[str, Any], ...] = ()
    data: Path | None = None

    def __repr__(self) -> str:
        shown = self.runs[:SHOWN_RUNS]
        hidden = len(self.runs) - len(shown)
        runs = [*(self.run_line(uid) for uid in shown), *([f"and {hidden} more: .runs"] if hidden else [])]
        return "\n".join(
            [
                f"{self.path.name}, {self.kind}, made from {count(len(self.runs), 'run')}",
                *labelled("runs", runs),
                *labelled("analyses", [*self.analysis_lines()]),
                *labelled("selection", [*self.selection_lines()]),
                f"  code        {self.code_version or 'not told'}",
                f"  arrays      digest {self.digest}, {count(len(self.prints), 'panel')}"
                if self.digest
                else "  arrays      no digest was kept",
                f"  data        {self.data if self.data is not None else 'folder not found: give data='}",
                f"  next        {self.next()}",
            ]
        )

    def _repr_html_(self) -> str:
        from html import escape

        return f"<pre>{escape(repr(self))}</pre>"

    @property
    def kind(self) -> str:
        """What is drawn, in a word."""
        return self.recipe.kind if self.recipe is not None else "a drawing that is not named"

    def run_line(self, uid: str) -> str:
        """A run with its part in the figure, its plan, sample, time and end, as far as they are known."""
        start, stop = self.ends(uid)
        roles = {} if self.recipe is None else self.recipe.runs
        parts = [role for role, uids in roles.items() if uid == uids or (not isinstance(uids, str) and uid in uids)]
        told = [f"{start['plan_name']} of {start.get('sample_name', '?')}", when(start)] if start else []
        ended = [ending(stop)] if start else []
        return ", ".join([" ".join([uid[:8], *([f"({', '.join(parts)})"] if parts else [])]), *told, *ended])

    def analysis_lines(self) -> Iterator[str]:
        """The stored analyses with their parameters."""
        for uid in self.derived[:SHOWN_RUNS]:
            start, _ = self.ends(uid)
            told = [f"{key} = {brief(value)}" for key, value in start.get("parameters", {}).items()]
            line = ", ".join([" ".join(filter(None, [uid[:8], start.get("plan_name", "")])), *told])
            yield from wrap(line, LINE, subsequent_indent="  ")
        if len(self.derived) > SHOWN_RUNS:
            yield f"and {len(self.derived) - SHOWN_RUNS} more: .derived"

    def selection_lines(self) -> Iterator[str]:
        """What is shown of the runs."""
        for key, value in self.selection.items():
            yield from wrap(f"{key} = {brief(value)}", LINE, subsequent_indent="  ")

    def ends(self, uid: str) -> tuple[dict[str, Any], dict[str, Any]]:
        """Start and stop document of a run; empty where they are not found."""
        path = None if self.data is None else journal.path_of(self.data / "journal", uid)
        return ({}, {}) if path is None else ends(path)

    def next(self) -> str:
        """What to type next."""
        if self.recipe is None:
            return f'db["{self.runs[0][:8]}"], the first of its runs' if self.runs else "nothing: it names no run"
        given = "" if self.data is not None else ', data="..."'
        return f'rebuild("{self.path.as_posix()}"{given})'


def whence(path: str | Path, data: str | Path | None = None) -> Origin:
    """Where a figure comes from: its runs, what of them is shown, with which code.

    path : a .png or .pdf that this program wrote; what stands in the file itself counts, `<path>.json` if it lost that
    data : data folder with the runs; None: the one that the figure names, from where it lies

    FileNotFoundError without the file, ValueError for a file that tells no origin.
    """
    path = Path(path)
    told = origin_in(path) or origin_beside(path)
    if told is None:
        raise ValueError(
            f"{path} tells no origin, and there is no {sidecar_of(path).name} beside it: another program made it, "
            "or one that leaves metadata out has copied it; ask for the file that the lab wrote (.png or .pdf)"
        )
    recipe = Recipe.of(told["recipe"]) if told.get("recipe") else None
    derived = tuple(told.get("derived", ()))
    folder = data_of(path, told, data)
    return Origin(
        path=path,
        runs=with_earlier(tuple(told.get("runs", told["uids"])), folder),
        derived=derived,
        selection=dict(told.get("selection", {})),
        code_version=str(told.get("code_version", "")),
        recipe=recipe,
        digest=str(told.get("digest", "")),
        prints=tuple(told.get("prints", ())),
        data=folder,
    )


def data_of(path: Path, told: Mapping[str, Any], given: str | Path | None) -> Path | None:
    """The data folder with the runs of a figure: as given, as the figure says, or one of those above it."""
    first = next(iter(told.get("runs", told["uids"])), "")
    named = [path.parent / told["data"]] if told.get("data") else []
    above = [place for folder in path.absolute().parents for place in (folder, folder / "data")]
    places = [Path(given)] if given is not None else [*named, *above]
    found = (place for place in places if (place / "journal").is_dir() and journal.path_of(place / "journal", first))
    place = next(found, None)
    if place is None and given is not None:
        raise LookupError(f"data={str(given)!r}: no run {first[:8]} in its journal; give the folder that has it")
    return None if place is None else place.resolve()


def with_earlier(runs: tuple[str, ...], data: Path | None) -> tuple[str, ...]:
    """Runs, and those that they continue: a raster that was cut off and gone on with is one image."""
    paths = [] if data is None else [journal.path_of(data / "journal", uid) for uid in runs]
    earlier = [uid for path in paths if path is not None for uid in ends(path)[0].get("earlier_runs", ())]
    return tuple(dict.fromkeys([*runs, *earlier]))


def origin_in(path: Path) -> dict[str, Any] | None:
    """What the metadata of a figure tell; None if they tell nothing."""
    with path.open("rb") as file:
        head = file.read(8)
    if head.startswith(b"\x89PNG"):
        return parsed(png_text(path))
    if head.startswith(b"%PDF"):
        return parsed(pdf_subject(path))
    raise ValueError(f"{path}: neither PNG nor PDF, and figures are nothing else here")


def origin_beside(path: Path) -> dict[str, Any] | None:
    """What the file beside a figure tells; None without one."""
    beside = sidecar_of(path)
    return parsed(beside.read_text(encoding="utf-8")) if beside.is_file() else None


def parsed(text: str) -> dict[str, Any] | None:
    """An origin, None for any other text."""
    try:
        told = json.loads(text)
    except ValueError:
        return None
    return told if isinstance(told, dict) and isinstance(told.get("uids"), list) else None


def png_text(path: Path) -> str:
    """The description in a PNG, "" without one."""
    from PIL import Image

    with Image.open(path) as image:
        return str(image.info.get("Description", ""))


def pdf_subject(path: Path) -> str:
    """The subject of a PDF, "" without one."""
    from lab.figures.pdf import subject

    return subject(path.read_bytes())


def when(start: Mapping[str, Any]) -> str:
    return f"{datetime.fromtimestamp(start['time']):%Y-%m-%d %H:%M}"


def brief(value: Any) -> str:
    """A value in a few words.

    >>> brief([1, 2]), brief(list(range(40))), brief({"a": list(range(9))}), brief(0.1234567)
    ('[1, 2]', '40 values', '{a: 9 values}', '0.12346')
    """
    if isinstance(value, Mapping) and len(value) <= MANY:
        return "{" + ", ".join(f"{key}: {brief(one)}" for key, one in value.items()) + "}"
    if isinstance(value, Mapping | list | tuple):
        return f"{len(value)} values" if len(value) > MANY else "[" + ", ".join(brief(one) for one in value) + "]"
    if isinstance(value, float):
        return f"{value:.5g}"
    return value[:8] if isinstance(value, str) and len(value) == 36 else f"{value}"
