"""The numbers of a Fluoracle text: rows of the axis and one value for each curve, and whether all of them are there."""

import math
import re
from typing import NamedTuple

import numpy as np

from analysis.formats._fluoracle_header import FREE, Header, is_number, n_filled, split
from analysis.formats._fluoracle_text import Line, Text

NO_NUMBER = {"nan": math.nan, "1.#ind": math.nan, "1.#qnan": math.nan, "inf": math.inf, "1.#inf": math.inf}
TOLERANCE = 0.1  # of a step, between where a point stands and where it should


class Rows(NamedTuple):
    """x: (n,); y, present: (n_curves, n), NaN and False for missing cells; cut: what is left of a last row, or none."""

    lines: list[Line]
    x: np.ndarray
    y: np.ndarray
    present: np.ndarray
    cut: str


def read_rows(text: Text, header: Header) -> Rows:
    """The rows that follow a header.

    ValueError for what is no number, for more values than curves, and for an axis that does not ascend.
    """
    lines, cut = _whole(text, header.body, header.separator)
    comma = header.separator != "," and not any("." in line.text for line in lines)
    cells = [split(line.text.replace(",", ".") if comma else line.text, header.separator) for line in lines]
    n_curves = _n_curves(text, header, lines, cells)
    if n_curves * len(lines) > len(text.content):
        raise text.error(
            f"{n_curves} curves of {len(lines)} points, but most values are missing; export it again", len(text.content)
        )
    table, present = np.full((2, len(lines), n_curves + 1), [[[np.nan]], [[0.0]]])
    for line, row, values, there in zip(lines, cells, table, present, strict=True):
        for index in range(max(1, n_filled(row))):
            values[index] = _number(text, line, row[index], may_miss=index > 0)
            there[index] = bool(row[index])
    _expect_ascending(text, lines, table[:, 0])
    return Rows(lines, table[:, 0].copy(), table[:, 1:].T.copy(), present[:, 1:].T > 0, cut)


def check_points(text: Text, header: Header, rows: Rows, curves: list[dict[str, str]], unit: str) -> None:
    """ValueError unless every curve has the points that its header announces: from Start to Stop by Step."""
    for index, curve in enumerate(curves):
        name = f" of curve {index + 1}" if len(curves) > 1 else ""
        there = np.flatnonzero(rows.present[index])
        start, stop, step = (_announced(curve, key) for key in ("start", "stop", "step"))
        if not math.isnan(start + stop + step):
            n_expected = _n_announced(text, header, name, start, stop, step)
            _expect_points(text, rows, there, start + step * np.arange(there.size), step, name)
            _expect_number(text, rows, there, n_expected, name, unit)
        elif not there.size:
            raise text.error(f"no points{name}, expected at least one", len(text.content))
    if rows.cut:
        raise text.error(f"truncated: the last row is {rows.cut[:40]!r}; export it again", len(text.content))


def _n_announced(text: Text, header: Header, name: str, start: float, stop: float, step: float) -> int:
    if not (step > 0 and math.isfinite((stop - start) / step)):
        raise text.error(f"Step{name} is {step:g}, expected a number above 0", header.starts["step"])
    if stop < start:
        raise text.error(f"Stop{name} is {stop:g}, expected at least {start:g}, where it starts", header.starts["stop"])
    return math.floor((stop - start) / step + TOLERANCE) + 1


def _expect_points(text: Text, rows: Rows, there: np.ndarray, wanted: np.ndarray, step: float, name: str) -> None:
    x = rows.x[there]
    off = np.flatnonzero(abs(x - wanted) > TOLERANCE * step)
    if off.size:
        first = off[0]
        found = (
            f"a point{name} at {x[first]:g}, expected {wanted[first]:g}, {first} steps of {step:g} from {wanted[0]:g}"
        )
        raise text.error(found, rows.lines[there[first]].start)


def _expect_number(text: Text, rows: Rows, there: np.ndarray, n_expected: int, name: str, unit: str) -> None:
    if there.size < n_expected:
        last = f", last at {rows.x[there[-1]]:g} {unit}".rstrip() if there.size else ""
        raise text.error(f"truncated: {there.size} of {n_expected} points{last}{name}", len(text.content))
    if there.size > n_expected:
        stop = rows.x[there[n_expected - 1]]
        found = f"{there.size} points{name}, expected {n_expected}, the last at {stop:g}"
        raise text.error(found, rows.lines[there[n_expected]].start)


def _announced(curve: dict[str, str], wanted: str) -> float:
    value = next((value for key, value in curve.items() if key.casefold() == wanted), "")
    return float(value) if is_number(value) else math.nan


def _whole(text: Text, body: list[Line], separator: str) -> tuple[list[Line], str]:
    """The rows up to the last that holds something, and what is left of it if it was cut.

    Cut is a row without a line end that has not the form of all those before it.
    """
    lines = body[: n_filled([line.text.strip(separator + " ") for line in body])]
    if len(lines) < 3 or text.content.endswith(("\n", "\r")):
        return lines, ""
    *before, last = (_form(line.text, separator) for line in lines)
    is_cut = len(set(before)) == 1 and last != before[0]
    return (lines[:-1], lines[-1].text) if is_cut else (lines, "")


def _form(row: str, separator: str) -> tuple[int, int, bool]:
    """How many delimiters a row has, and the decimals and the exponent of its last number."""
    mantissa, exponent, _ = row.rstrip(separator + " ").rpartition(separator)[2].upper().partition("E")
    decimals = re.search("[.,]([0-9]*)", mantissa)
    return row.count(separator), len(decimals[1]) if decimals else 0, bool(exponent)


def _n_curves(text: Text, header: Header, lines: list[Line], cells: list[list[str]]) -> int:
    """As many as the header tells of or, if it tells of none, as the rows have."""
    if not lines:
        raise text.error("the file ends after its header, expected rows of numbers", len(text.content))
    told = max((n_filled(v) for key, v in header.values.items() if key.casefold() not in FREE), default=0)
    n_curves = told or max(n_filled(row) for row in cells) - 1
    if n_curves < 1:
        raise text.error("rows of one number, expected a value beside it", lines[0].start)
    for line, row in zip(lines, cells, strict=True):
        if n_filled(row) - 1 > n_curves:
            found = f"{n_filled(row) - 1} values, expected {n_curves}, one for each curve of the header"
            raise text.error(found, line.start)
    return n_curves


def _number(text: Text, line: Line, cell: str, *, may_miss: bool) -> float:
    if is_number(cell):
        return float(cell)
    word = cell.lstrip("+-").casefold()
    if may_miss and word in NO_NUMBER:
        return -NO_NUMBER[word] if cell.startswith("-") else NO_NUMBER[word]
    if may_miss and not cell:
        return math.nan
    raise text.error(f"found {cell[:40]!r}, expected a number", line.start)


def _expect_ascending(text: Text, lines: list[Line], x: np.ndarray) -> None:
    for before, after, line in zip(x, x[1:], lines[1:], strict=False):
        if not after > before:
            raise text.error(f"{after:g} after {before:g}, expected rows that ascend", line.start)
    if not np.isfinite(x).all():
        raise text.error(f"{x[~np.isfinite(x)][0]:g}, expected a number that can be", lines[0].start)
