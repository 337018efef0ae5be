"""Tables as text: a header of lines that begin with "# ", then columns separated by commas."""

import csv
from pathlib import Path
from typing import Any

import numpy as np

from lab.export.about import facts
from lab.export.stored import Stored
from lab.export.table import Table

MARK = "# "
TITLE = "Luminescope export"


def header_of(run: Stored, table: Table) -> dict[str, str]:
    """What the header says: the table, the facts of its run, the unit of every column."""
    units = "; ".join(f"{name} [{unit}]" for name, (_, unit) in table.columns.items() if unit)
    more = {"units": units} if units else {}
    return {TITLE: table.name, **facts(run), **table.facts, **more}


def write_csv(path: Path, header: dict[str, str], table: Table) -> None:
    """Write a table; numbers have all their digits, so that they come back as they were."""
    columns = [values.tolist() for values, _ in table.columns.values()]
    with path.open("w", encoding="utf-8", newline="") as file:
        file.writelines(f"{MARK}{key}: {text}\n" for key, text in header.items())
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(table.columns)
        writer.writerows(zip(*columns, strict=True))


def read_csv(path: str | Path) -> tuple[dict[str, str], dict[str, np.ndarray]]:
    """The header and the columns of a table that was exported; ValueError if it is none."""
    with Path(path).open(encoding="utf-8", newline="") as file:
        lines = file.read().splitlines()
    told = [line[len(MARK) :].partition(": ") for line in lines if line.startswith(MARK)]
    header = {key: text for key, _, text in told}
    if TITLE not in header:
        raise ValueError(f'{path}: expected "{MARK}{TITLE}: ..." in the first line, this is no table of ours')
    names, *rows = csv.reader(lines[len(told) :])
    columns = zip(*rows, strict=True) if rows else [()] * len(names)
    return header, {name: values(column) for name, column in zip(names, columns, strict=True)}


def values(cells: Any) -> np.ndarray:
    """Whole numbers, numbers, or text: the first that all cells are."""
    for kind in (np.int64, np.float64):
        try:
            return np.array(cells, dtype=str).astype(kind)
        except ValueError:
            continue
    return np.array(cells, dtype=str)
