"""Two runs beside each other: what differs in settings, code, results and arrays, in standard deviations."""

from __future__ import annotations

import html
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lab.catalog import facts, reading
from lab.catalog.differences import (
    OF_ITS_OWN,
    ArrayPair,
    NumberPair,
    Pair,
    array_pair,
    arrays_of,
    before,
    different,
    flat,
    number_pairs,
    versions,
)
from lab.shown import framed
from lab.wording import count

if TYPE_CHECKING:
    from lab.catalog.run import Run

SHOWN = 8
WIDEST = 44
NOTABLE = 3.0  # standard deviations


@dataclass(frozen=True, repr=False)
class Comparison:
    """What differs between two runs; `settings` and `baseline` hold only what differs, `numbers` and `arrays` all.

    one, other : the runs in words; only_one, only_other : names of arrays that one of them has
    """

    one: str
    other: str
    settings: tuple[Pair, ...]
    baseline: tuple[Pair, ...]
    versions: tuple[Pair, ...]
    numbers: tuple[NumberPair, ...]
    arrays: tuple[ArrayPair, ...]
    only_one: tuple[str, ...]
    only_other: tuple[str, ...]
    same_photons: bool

    @property
    def identical(self) -> bool:
        """Whether all numbers and arrays of both are the same, bit for bit."""
        same = all(each.verdict == "identical" for each in self.numbers) and all(each.identical for each in self.arrays)
        return same and not self.only_one and not self.only_other and bool(self.numbers or self.arrays)

    def __repr__(self) -> str:
        blocks = [["", *(title.split(", ")[0] for title in (self.one, self.other)), ""]]
        blocks += [[*each.told, each.verdict] for each in self._notable()]
        for _, pairs in self._differences():
            blocks += [[name, one, other, ""] for name, one, other in pairs[:SHOWN]]
            blocks += [[f"and {len(pairs) - SHOWN} more", "", "", ""]] if len(pairs) > SHOWN else []
        cut = [[text if len(text) <= WIDEST else f"{text[: WIDEST - 1]}…" for text in row] for row in blocks]
        widths = [max(len(row[k]) for row in cut) for k in range(4)]
        lines = ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in cut]
        return "\n".join([*lines, *self._words()])

    def _repr_html_(self) -> str:
        parts = [table(name, [(*pair, "") for pair in pairs]) for name, pairs in self._differences() if pairs]
        parts.append(table("results", [(*each.told, each.verdict) for each in self._notable()]))
        words = "".join(f"<p>{html.escape(text)}</p>" for text in self._words())
        return framed(f"{self.one} and {self.other}", *parts, words)

    def _differences(self) -> list[tuple[str, tuple[Pair, ...]]]:
        return [("settings", self.settings), ("instruments before", self.baseline), ("code", self.versions)]

    def _notable(self) -> list[NumberPair]:
        """Numbers with errors first, the largest differences before the others."""
        known = [each for each in self.numbers if not math.isnan(each.one) or not math.isnan(each.other)]
        with_error = [each for each in known if each.one_err > 0 or each.other_err > 0]
        chosen = with_error or known
        return sorted(chosen, key=lambda each: -abs(each.sigma) if not math.isnan(each.sigma) else 0.0)

    def _words(self) -> list[str]:
        """What the tables do not say."""
        words = [] if any(pairs for _, pairs in self._differences()) else ["the settings are the same"]
        same = sum(each.identical for each in self.arrays)
        words += [f"arrays: {same} of {len(self.arrays)} identical"] if self.arrays else []
        words += [each.told for each in self.arrays if not each.identical][:SHOWN]
        for which, names in (("the first", self.only_one), ("the second", self.only_other)):
            words += [f"only {which} has {', '.join(names[:SHOWN])}"] if names else []
        if self.same_photons and not self.identical:
            words.append("both are of the same photons: their errors are not independent, sigma is no test")
        far = [each for each in self.numbers if abs(each.sigma) > NOTABLE and not math.isnan(each.sigma)]
        words += [f"{count(len(far), 'number')} apart by more than {NOTABLE:g} sigma"] if not self.same_photons else []
        return words


def compare(one: Run, other: Run) -> Comparison:
    """What differs between two runs or analyses of a catalog; what only one kind of run has is named, not compared."""
    first, second = arrays_of(one), arrays_of(other)
    starts = [reading.measured(run).start for run in (one, other)]
    shared = [name for name in first if name in second]
    return Comparison(
        one=facts.title(one.start, one.exit_status),
        other=facts.title(other.start, other.exit_status),
        settings=tuple(different(*(flat(start, OF_ITS_OWN) for start in starts))),
        baseline=tuple(different(*(flat(before(run)) for run in (one, other)))),
        versions=tuple(different(*(versions(run) for run in (one, other)))),
        numbers=tuple(number_pairs(first, second)),
        arrays=tuple(array_pair(name, first, second) for name in shared if np.ndim(first[name][0])),
        only_one=tuple(name for name in first if name not in second),
        only_other=tuple(name for name in second if name not in first),
        same_photons=starts[0]["uid"] == starts[1]["uid"],
    )


def table(name: str, rows: list[tuple[str, str, str, str]]) -> str:
    head = f"<tr><th>{name}</th><th>one</th><th>other</th><th></th></tr>"
    body = "".join(f"<tr>{''.join(f'<td>{html.escape(text)}</td>' for text in row)}</tr>" for row in rows)
    return f'<div class="wide"><table>{head}{body}</table></div>'
