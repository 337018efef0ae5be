"""Figures drawn again from stored runs, and compared with what they were.

rebuild("demo/figure4.png")  # a card: identical, or which panel is different, and by how much
rebuild("demo/figure4.png", to="talk.pdf").figure  # the matplotlib Figure, to be restyled
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from analysis.figures import Difference, differences, prints
from analysis.figures.arrays import digest_of
from lab.figures.drawings import draw
from lab.figures.keep import keep
from lab.figures.origin import Origin, whence
from lab.figures.sources import Sources
from lab.version import code_version
from lab.wording import count, labelled

SHOWN = 8


@dataclass(frozen=True)
class Rebuilt:
    """A figure drawn again.

    origin : of the figure as it was; figure : as it is now; digest : of its arrays
    differences : what is not as it was, panel by panel; nothing: identical
    written : the new file, None if none was asked for
    """

    origin: Origin
    figure: Figure
    digest: str
    differences: tuple[Difference, ...]
    written: Path | None = None
    code_version: str = ""

    @property
    def identical(self) -> bool:
        """Whether every array and text is as it was."""
        return not self.differences and self.digest == self.origin.digest

    @property
    def verdict(self) -> str:
        """Identical, or different."""
        return "identical" if self.identical else "different"

    def __repr__(self) -> str:
        panels = {each.panel for each in self.differences}
        told = [str(each) for each in self.differences[:SHOWN]]
        more = len(self.differences) - len(told)
        what = "" if self.identical else f" in {count(len(panels), 'panel')}"
        same_code = self.origin.code_version == self.code_version
        code = self.code_version if same_code else f"{self.origin.code_version} then, {self.code_version} now"
        return "\n".join(
            [
                f"{self.origin.path.name}, {self.origin.kind} drawn again: {self.verdict}{what}",
                f"  arrays      digest {self.digest} now, {self.origin.digest} then",
                *labelled("different", [*told, *([f"and {more} more: .differences"] if more else [])]),
                f"  code        {code}",
                *([f"  written     {self.written}"] if self.written else []),
                f"  next        {self.next()}",
            ]
        )

    def _repr_html_(self) -> str:
        from html import escape

        return f"<pre>{escape(repr(self))}</pre>"

    def next(self) -> str:
        """What to type next."""
        if self.identical or self.origin.code_version == self.code_version:
            return ".figure to restyle it, .origin for its runs"
        return f"with the code of then, {self.origin.code_version}, it can be drawn as it was; .figure, .origin"


def rebuild(path: str | Path, to: str | Path | None = None, data: str | Path | None = None) -> Rebuilt:
    """Draw a figure again from its stored runs, without any instrument, and compare it with what it was.

    path : a figure that the lab wrote (.png, .pdf); it stays as it is
    to : where to write the new one; None: nowhere
    data : data folder with its runs; None: the one that the figure names

    ValueError for a figure that does not tell how it was drawn, LookupError where its runs are not found.
    """
    origin = whence(path, data)
    if origin.recipe is None:
        raise ValueError(
            f"{origin.path} names its runs, but not how it was drawn: it comes from code before recipes were kept "
            f"({origin.code_version or 'no version told'}); move it away, and `make figures FOLDER=...` draws all "
            "figures of that data folder"
        )
    if origin.data is None:
        raise LookupError(f"{origin.path}: its data folder is not found; say where it is: data='...'")
    return redrawn(origin, Sources(origin.data), None if to is None else Path(to))


def redrawn(origin: Origin, sources: Sources, to: Path | None) -> Rebuilt:
    """Draw a figure again from these sources."""
    assert origin.recipe is not None
    figure = draw(origin.recipe, sources)
    now = prints(figure)
    about = {"uids": origin.runs, "derived": origin.derived, "data": sources.data}
    written = None if to is None else keep(figure, to, origin.recipe, **about)
    return Rebuilt(origin, figure, digest_of(now), compared(origin.prints, now), written, code_version())


def compared(then: Sequence[Mapping[str, Any]], now: Sequence[Mapping[str, Any]]) -> tuple[Difference, ...]:
    """What is not as it was; of a figure that kept no prints, that."""
    if not then:
        return (Difference("page", "arrays", "nothing was kept to compare with"),)
    return differences(then, now)
