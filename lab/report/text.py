"""Rows as a table for the screen, as JSON, as CSV."""

import csv
import io
import json
import math
from collections.abc import Iterable
from dataclasses import asdict

from lab.report.rows import Row

WIDTHS = {"id": 7, "quantity": 47, "published": 17, "measured": 22, "verdict": 7, "run": 10}
GAP = "  "
MISSING = "not measured"
COLUMNS = (
    "id", "quantity", "unit", "published", "asked", "measured", "error", "verdict", "n_photons", "quality", "where",
    "uids", "note",
)  # fmt: skip


def table(rows: Iterable[Row]) -> str:
    """The rows as aligned text of at most 120 columns, a summary as the last line."""
    rows = list(rows)
    rule = GAP.join("-" * width for width in WIDTHS.values())
    return "\n".join([aligned(list(WIDTHS)), rule, *(aligned(cells(one)) for one in rows), summary(rows)])


def summary(rows: Iterable[Row]) -> str:
    """How many rows have which verdict.

    >>> summary([])
    'nothing was compared'
    """
    verdicts = [one.verdict for one in rows]
    return ", ".join(f"{verdicts.count(name)} {name}" for name in dict.fromkeys(verdicts)) or "nothing was compared"


def aligned(texts: list[str]) -> str:
    """One line of the table; what is too long is cut."""
    columns = zip(texts, WIDTHS.values(), strict=True)
    return GAP.join(f"{text[:width]:{width}}" for text, width in columns).rstrip()


def cells(one: Row) -> list[str]:
    """The texts of one row; `+` after a uid: there are more, in results.json and in the report."""
    measured = MISSING if one.verdict == MISSING else told(one)
    run = one.uids[0][:8] + " +" * (len(one.uids) > 1) if one.uids else ""
    return [one.id, one.quantity, one.published, measured, "-" if one.verdict == MISSING else one.verdict, run]


def told(one: Row) -> str:
    """What was measured, with error and unit."""
    return "-" if one.measured is None else f"{number(one.measured, one.error)} {one.unit}".strip()


def number(value: float, error: float | None) -> str:
    """A value with its error to two digits, both to the same place.

    >>> number(1.8934, 0.0212), number(44.2, 1.9), number(250, None), number(12.0, 0.0)
    ('1.893 +- 0.021', '44.2 +- 1.9', '250', '12')
    """
    if not error or not math.isfinite(error):
        return f"{value:.4g}"
    digits = max(0, 1 - math.floor(math.log10(error)))
    return f"{value:.{digits}f} +- {error:.{digits}f}"


def to_json(rows: Iterable[Row]) -> str:
    """The rows as JSON, with all that is known of them; what was not measured is null."""
    return json.dumps([asdict(one) for one in rows], indent=2, allow_nan=False)


def to_csv(rows: Iterable[Row]) -> str:
    """The rows as CSV with a line of heads; several uids are separated by a space, what is not known is empty."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(COLUMNS)
    for one in rows:
        values = {**asdict(one), "uids": " ".join(one.uids)}
        writer.writerow(["" if values[name] is None else values[name] for name in COLUMNS])
    return file.getvalue()
