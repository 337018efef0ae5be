"""What a search found: a list of runs that reads as a table."""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, overload

import pandas as pd

from lab.shown import framed
from lab.wording import count

if TYPE_CHECKING:
    from lab.catalog.run import Run

SHOWN = 20
COLUMNS = ("run", "when", "plan", "of", "ended", "found")
WIDEST = 72


class Found(Sequence["Run"]):
    """The runs a search found, oldest first; `found[-1]` is the newest. Printed as a table, newest first.

    advice : what to do if there are none; behind : how far storage is behind, "" if it has everything
    """

    def __init__(self, runs: Sequence[Run], advice: str = "", behind: str = ""):
        self._runs, self.advice, self.behind = runs, advice, behind

    def __len__(self) -> int:
        return len(self._runs)

    def __iter__(self) -> Iterator[Run]:
        return iter(self._runs)

    @overload
    def __getitem__(self, index: int) -> Run: ...
    @overload
    def __getitem__(self, index: slice) -> Found: ...
    def __getitem__(self, index: int | slice) -> Run | Found:
        return Found(self._runs[index]) if isinstance(index, slice) else self._runs[index]

    @property
    def uids(self) -> list[str]:
        """Of all runs, oldest first."""
        return [run.uid for run in self._runs]

    def table(self) -> pd.DataFrame:
        """All runs with what was found in them, newest first."""
        return pd.DataFrame([line(run) for run in reversed(self._runs)], columns=pd.Index(COLUMNS))

    def __repr__(self) -> str:
        if not len(self):
            return "\n".join([f"no runs found{': ' if self.advice else ''}{self.advice}", *self._more()])
        rows = [COLUMNS, *(line(run) for run in self._newest())]
        cells = [[cell if len(cell) <= WIDEST else f"{cell[: WIDEST - 1]}…" for cell in row] for row in rows]
        widths = [max(len(row[k]) for row in cells) for k in range(len(COLUMNS))]
        lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in cells]
        return "\n".join([self._title(), *(each.rstrip() for each in lines), *self._more()])

    def _repr_html_(self) -> str:
        if not len(self):
            return framed(repr(self))
        head = "".join(f"<th>{name}</th>" for name in COLUMNS)
        body = "".join(f"<tr>{''.join(map(cell, line(run)))}</tr>" for run in self._newest())
        table = f'<div class="wide"><table><tr>{head}</tr>{body}</table></div>'
        return framed(self._title(), table, *(f"<p>{html.escape(text)}</p>" for text in self._more()))

    def _newest(self) -> list[Run]:
        return list(self._runs[-1 : -SHOWN - 1 : -1])

    def _title(self) -> str:
        return f"{count(len(self), 'run')} found, newest first"

    def _more(self) -> list[str]:
        hidden = len(self) - SHOWN
        more = [f"and {hidden} before: .table() has all, since=..., sample=... narrow it"] if hidden > 0 else []
        return [*more, *([f"storage: {self.behind}; search again for what is missing"] if self.behind else [])]


def line(run: Run) -> tuple[str, ...]:
    """One run in a line."""
    about = run.start.get("emitter") or run.start.get("sample_name", "")
    when = f"{datetime.fromtimestamp(run.start['time']):%Y-%m-%d %H:%M}"
    return run.uid[:8], when, str(run.start.get("plan_name", run.purpose)), str(about), run.exit_status, run.headline()


def cell(text: Any) -> str:
    return f"<td>{html.escape(str(text))}</td>"
