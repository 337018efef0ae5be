"""The whole report, from rows, figures and what is remembered of the runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lab.figures.origin import whence
from lab.night.html import document, listed, section, text
from lab.night.page import replaced
from lab.report.page.chapters import CHAPTERS, Chapter
from lab.report.page.numbers import numbers
from lab.report.page.overall import overall
from lab.report.page.plates import plate
from lab.report.page.runs import runs
from lab.report.page.title import rebuilding, title_page, troubles
from lab.report.rows import Row

STYLE = Path(__file__).with_name("sheet.css")
TITLE = "The paper on the twin"


@dataclass(frozen=True)
class Sheet:
    """What a report tells.

    rows : every number; folder : where the figures lie, as `figure4.png`
    starts : start documents of runs by uid; n_photons : counted in all of them, n_runs : how many there are
    missing : what was not measured, and why, by step; code_version : of the code that measured
    """

    rows: Sequence[Row]
    folder: Path
    starts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    n_photons: float = 0.0
    n_runs: int = 0
    missing: Mapping[str, str] = field(default_factory=dict)
    code_version: str = ""

    @property
    def uids(self) -> tuple[str, ...]:
        """Of all runs behind numbers and figures, each once."""
        drawn = [
            uid for chapter in CHAPTERS for one in chapter.plates for uid in behind(self.folder / f"{one.name}.png")
        ]
        return tuple(dict.fromkeys([*(uid for one in self.rows for uid in one.uids), *drawn]))


def behind(path: Path) -> tuple[str, ...]:
    """The runs of a figure, none if it does not tell."""
    try:
        return whence(path).runs
    except (OSError, ValueError):
        return ()


def write(sheet: Sheet, path: Path) -> Path:
    """Write the report, beside nothing else that it needs."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return replaced(path, render(sheet))


def render(sheet: Sheet) -> str:
    """The report as HTML."""
    parts = [
        title_page(sheet),
        troubles(sheet),
        section("At a glance", overall(sheet.rows)),
        *(chapter_of(one, sheet) for one in CHAPTERS),
        section("Runs", opening(sheet.uids) + runs(sheet.uids, sheet.starts), about="appendix"),
        section("Make it again", rebuilding(sheet)),
    ]
    style = f"<style>\n{STYLE.read_text(encoding='utf-8')}</style>\n"
    return document(f"{TITLE} · Luminescope", f'<main class="paper">{"".join(parts)}</main>', head=style)


def chapter_of(chapter: Chapter, sheet: Sheet) -> str:
    """A section of the paper."""
    drawn = "".join(plate(one, sheet.folder) for one in chapter.plates)
    found = numbers(chapter.rows(sheet.rows))
    heading = f'<h2 class="chapter" id="section-{chapter.number}"><b>{chapter.number}</b> {text(chapter.title)}</h2>'
    return f'<section class="card chapter">{heading}<div class="plates">{drawn}</div>{found}</section>'


def opening(uids: Sequence[str]) -> str:
    """How a run is opened."""
    first = uids[0][:8] if uids else "..."
    there = "<code>make past DATA=demo/data</code> opens a prompt with these runs; no instrument is needed"
    each = f'<code>db["{first}"]</code> is one of them, by the first letters of its uid'
    return listed([there, each], about=' class="plain small soft"')
