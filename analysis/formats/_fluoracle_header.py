"""What a Fluoracle text says before its numbers: rows of a key and one value for each curve, in any order."""

import csv
import re
from typing import NamedTuple

from analysis.formats._fluoracle_text import Line, Text

KEYS = (
    "Labels",
    "Type",
    "Comment",
    "Start",
    "Stop",
    "Step",
    "Fixed/Offset",
    "Xaxis",
    "Yaxis",
    "Scan Corr. by File",
    "Corr. by Ref. Det.",
    "Fixed/Offset Corr. by File",
    "Repeats",
    "Dwell Time",
    "Lamp",
    "Temp",
    "Scan Polariser",
    "Scan Slit",
    "Fixed/Offset Polariser",
    "Fixed/Offset Slit",
    "Detector",
)
NUMBERS = ("start", "stop", "step", "fixed/offset", "repeats", "dwell time", "temp", "scan slit", "fixed/offset slit")
FREE = ("labels", "comment")
COLLECTION = "Collection"
ENOUGH_KEYS, MOST_KEYS = 3, 1000
KEY = re.compile(rf'[ \t]*"?({"|".join(re.escape(key) for key in KEYS)})"? *([\t,;])', re.IGNORECASE)
NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
LONGEST_NUMBER = 64


class Header(NamedTuple):
    """values: key -> cells after it; starts: key in small letters -> character of its row; body: lines after them."""

    collection: str
    separator: str
    values: dict[str, list[str]]
    starts: dict[str, int]
    body: list[Line]


def known_keys(text: str) -> set[str]:
    """The keys of the vendor that begin a line of a text."""
    found = (KEY.match(line) for line in re.split(r"[\r\n]+", text))
    return {match[1].casefold() for match in found if match}


def read_header(text: Text) -> Header:
    """The rows before the first number.

    ValueError if there is a number before them, a row twice, or no row with a key of the vendor.
    """
    lines = text.lines
    separator = _separator(text, lines)
    header = Header("", separator, {}, {}, [])
    for index, line in enumerate(lines):
        cells = split(line.text, separator)
        if is_number(cells[0].replace(",", ".")) and header.values:
            return header._replace(body=lines[index:])
        if not any(cells):
            continue
        if separator not in line.text and not header.values:
            header = header._replace(collection=f"{header.collection} {line.text.strip()}".strip())
            continue
        _add(text, header, line, cells)
    return header


def curve_headers(text: Text, header: Header, n_curves: int) -> list[dict[str, str]]:
    """What the header says of each curve; ValueError if a text holds the separator, so that nobody can tell."""
    return [dict(zip(header.values, values, strict=True)) for values in _columns(text, header, n_curves)]


def split(line: str, separator: str) -> list[str]:
    """Cells of a line, at least one, without the blanks and quotes around them.

    >>> split('Labels,"film, new", 2', ",")
    ['Labels', 'film, new', '2']
    """
    quoted = '"' in line and len(line) < csv.field_size_limit()
    cells = next(csv.reader([line], delimiter=separator, skipinitialspace=True)) if quoted else line.split(separator)
    return [cell.strip() for cell in cells]


def n_filled(cells: list[str]) -> int:
    """How many cells there are up to the last one that holds something."""
    return max((index for index, cell in enumerate(cells, 1) if cell), default=0)


def is_number(cell: str) -> bool:
    """Whether a cell is a number, with a point for the decimals."""
    return len(cell) <= LONGEST_NUMBER and NUMBER.fullmatch(cell) is not None


def _separator(text: Text, lines: list[Line]) -> str:
    found = (KEY.match(line.text) for line in lines)
    match = next((match for match in found if match), None)
    if match is None:
        raise text.error("expected rows of a Fluoracle header, such as Type, Start, Stop and Step", 0)
    return match[2]


def _add(text: Text, header: Header, line: Line, cells: list[str]) -> None:
    key, values = cells[0], cells[1:]
    if not key or is_number(key.replace(",", ".")):
        raise text.error(f"found {key[:40]!r}, expected a key of the header", line.start)
    if key.casefold() in header.starts:
        raise text.error(f"{key[:40]!r} is there twice, expected once", line.start)
    if len(header.values) == MOST_KEYS:
        raise text.error(f"expected at most {MOST_KEYS} rows before the numbers", line.start)
    if header.separator != "," and key.casefold() in NUMBERS:
        values = [value.replace(",", ".") for value in values]
    header.values[key], header.starts[key.casefold()] = values, line.start


def _columns(text: Text, header: Header, n_curves: int) -> list[list[str]]:
    rows = []
    for key, values in header.values.items():
        n_values = n_filled(values)
        if n_values > n_curves > 1:
            found = f"{key[:40]!r} has {n_values} values for {n_curves} curves"
            raise text.error(f"{found}: take {header.separator!r} out of the labels", header.starts[key.casefold()])
        row = [header.separator.join(values[:n_values])] if n_curves == 1 else [*values, *[""] * n_curves]
        rows.append(row[:n_curves])
    return [list(column) for column in zip(*rows, strict=True)]
