"""What a reproduction leaves in its folder: results.json, results.csv, report.html."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lab.report.backing import evidence_of
from lab.report.memory import Memory
from lab.report.page import Sheet, write
from lab.report.paper import Paper
from lab.report.rows import Row
from lab.report.text import to_csv, to_json

PARTS = ("on ", "rise ")  # of other roles: their photons are counted there


def publish(paper: Paper, memory: Memory, folder: Path, starts: Mapping[str, Mapping[str, Any]]) -> list[Row]:
    """Compare with the paper, write the three files; returns the rows.

    folder : has the figures, as `figure4.png`; starts : start documents of the runs by uid
    """
    rows = paper.rows()
    (folder / "results.json").write_text(to_json(rows), encoding="utf-8")
    (folder / "results.csv").write_text(to_csv(rows), encoding="utf-8")
    counted = [one.n_photons for role, one in evidence_of(paper).items() if not role.startswith(PARTS)]
    sheet = Sheet(
        rows=rows,
        folder=folder,
        starts=starts,
        n_photons=sum(n for n in counted if n is not None and math.isfinite(n)),
        n_runs=sum(start.get("purpose") == "measurement" for start in starts.values()),
        missing=memory.missing,
        code_version=memory.code_version,
    )
    write(sheet, folder / "report.html")
    return rows


def nothing_measured(rows: list[Row]) -> bool:
    """Whether no number comes from any run."""
    return not any(one.uids and one.verdict in ("ok", "missed") for one in rows)
