"""Rows as a table for the screen, and as JSON."""

import json
import math
from collections.abc import Iterable
from dataclasses import asdict

from lab.report.rows import Row

WIDTHS = {"id": 7, "quantity": 49, "measured": 23, "published": 17, "verdict": 12}


def table(rows: Iterable[Row]) -> str:
    """The rows as aligned text of at most 120 columns, a summary as the last line."""
    rows = list(rows)
    rule = "-+-".join("-" * width for width in WIDTHS.values())
    verdicts = [one.verdict for one in rows]
    counted = [f"{verdicts.count(name)} {name}" for name in dict.fromkeys(verdicts)]
    return "\n".join([aligned(list(WIDTHS)), rule, *(aligned(cells(one)) for one in rows), ", ".join(counted)])


def aligned(texts: list[str]) -> str:
    """One line of the table; what is too long is cut."""
    columns = zip(texts, WIDTHS.values(), strict=True)
    return " | ".join(f"{text[:width]:{width}}" for text, width in columns).rstrip()


def cells(one: Row) -> list[str]:
    """The texts of one row."""
    measured = "-" if one.measured is None else f"{number(one.measured, one.error)} {one.unit}".strip()
    return [one.id, one.quantity, measured, one.published, one.verdict]


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
    """The rows as JSON, notes included; what was not measured is null."""
    return json.dumps([asdict(one) for one in rows], indent=2, allow_nan=False)
