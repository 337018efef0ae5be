"""Rows as Markdown: one table per case, every row an anchor, and where a peer wins or did not run."""

import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np

from bench.measure import Row, cores_in_use
from bench.targets import outcomes

PACKAGES = (
    *("numpy", "scipy", "numba", "iminuit", "lmfit", "tttrlib", "flimlib", "trattoria", "pycorrelate", "astropy"),
    *("ruptures", "scikit-image", "pystackreg", "KDEpy", "lifelines", "ptufile", "phconvert"),
)
HEAD = """\
# Ours beside the peers

Written by `make bench`; not edited. Same data, same instrument response, ours and the peer in turn in one process, best
of several, CPU time of one core unless the row speaks of wall time. **A ratio above 1 means ours is ahead.** Absolute
numbers hold for this machine and only beside their ratio. How each row is made: [README.md](README.md). A row is cited
by its name: `bench/RESULTS.md#row`.
"""
LEGEND = """\
Of estimates: bias is that of the median, in units of the Cramér-Rao bound (σ) and in %; std/CRB the standard deviation
in the same unit, 1 the best there can be; robust half the distance of the 16 % and 84 % quantiles, likewise; pulls the
same of error over stated error, 1 if honest; covers how often truth lies within one stated error, 68 % if honest.
"""
COLUMNS = ("row", "what", "peer", "unit", "ours", "peer's", "ratio", "ours is", "the peer is", "note")


def report(rows: Mapping[str, Sequence[Row]], titles: Mapping[str, str]) -> str:
    """The whole page: rows and titles by case."""
    everything = [row for measured in rows.values() for row in measured]
    parts = [HEAD, "## Machine and versions\n", *(f"- {line}" for line in machine()), f"\n{LEGEND}"]
    parts += ["## Targets\n", targets(everything), ""]
    for case, measured in rows.items():
        parts += [f"## {titles[case]}\n", table(measured), ""]
    return "\n".join([*parts, *_honest(everything), ""])


def targets(rows: Sequence[Row]) -> str:
    """What was aimed at and the worst of the rows about it."""
    lines = [_line(("target", "worst row", "measured", "")), _line(["---"] * 4)]
    for found in outcomes(rows):
        verdict = "not measured" if found.met is None else "met" if found.met else "**missed**"
        lines.append(
            _line(
                (found.target.what, f"[{found.row}](#{found.row})" if found.row else "", number(found.value), verdict)
            )
        )
    return "\n".join(lines)


def table(rows: Sequence[Row]) -> str:
    """One row of Markdown per row, with its anchor."""
    lines = [_line(COLUMNS), _line(["---"] * len(COLUMNS))]
    return "\n".join(lines + [_line(_cells(row)) for row in rows])


def machine() -> list[str]:
    """Processor, cores, system and versions: nothing that names the place."""
    found = ", ".join(f"{name} {_version(name)}" for name in PACKAGES)
    return [
        f"{_processor()}, {len(cores_in_use())} cores, {platform.system()}",
        f"Python {platform.python_version()}, {found}",
    ]


def number(value: float) -> str:
    """Three digits, thousands kept apart.

    >>> number(123456.0), number(12.345), number(0.00123), number(float("nan"))
    ('123 000', '12.3', '0.00123', '')
    """
    if not np.isfinite(value):
        return ""
    if abs(value) < 1000:
        return f"{value:.3g}"
    digits = 2 - int(np.floor(np.log10(abs(value))))
    return f"{round(value, digits):,.0f}".replace(",", " ")


def _cells(row: Row) -> list[str]:
    anchor = f'<a id="{row.id}"></a>`{row.id}`'
    if row.measured is None:
        return [anchor, row.quantity, row.peer, row.unit, "", "", "", "", "", f"not measured: {row.why_not}"]
    found = row.measured
    ratio = f"**{number(found.ratio)}**" if np.isfinite(found.ratio) else ""
    return [
        *(anchor, row.quantity, row.peer, row.unit, number(found.ours), number(found.theirs), ratio),
        *(found.accuracy_ours, found.accuracy_theirs, found.note),
    ]


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


def _honest(rows: Sequence[Row]) -> list[str]:
    ratios = [(row, row.measured.ratio) for row in rows if row.measured]
    behind = [f"- `{row.id}`: {row.peer} is {number(1 / ratio)} times ahead" for row, ratio in ratios if ratio < 1]
    absent = [f"- `{row.id}` ({row.peer}): {row.why_not}" for row in rows if row.measured is None]
    return [
        *("## Where a peer wins\n", *(behind or ["Nowhere in these rows."])),
        *("\n## What was not measured\n", *(absent or ["Everything was."])),
    ]


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _processor() -> str:
    names = Path("/proc/cpuinfo")
    if names.exists():
        for line in names.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
