"""Histograms of a raster from the files of the instrument: pixel by pixel, as they are, or registered."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from numbers import Integral
from typing import TYPE_CHECKING

import numpy as np

from analysis.callbacks.earlier import RasterRun
from analysis.flim import FULLY_LIT, raster_facts
from analysis.registration import sum_aligned
from lab.stored.streams import Arrays

if TYPE_CHECKING:
    from lab.catalog.run import Run

Pick = int | slice | None


def cube(run: Run, route: int, rows: np.ndarray) -> np.ndarray:
    """(ny, nx, n_bins) uint32 sum of all scans where they are, of lines under full light; rows left out are zero."""
    facts = raster_facts(run.start)
    total = np.zeros((facts.ny, facts.nx, facts.n_bins), np.uint32)
    for line, histograms in lines(run, set(rows.tolist()), facts.ny):
        total[line % facts.ny] += histograms[:, route]
    return total


def registered_cube(run: Run, route: int, arrays: Arrays) -> np.ndarray:
    """The same of the scans that were summed for the lifetimes, moved onto the first as they were there."""
    facts = raster_facts(run.start)
    used = np.asarray(arrays["scans_used"][0])
    shift_px = shifts(run, arrays, used, facts.ny)
    return sum_aligned(scans(run, route, set(used.tolist())), shift_px)[0]


def scans(run: Run, route: int, wanted: set[int]) -> Iterator[np.ndarray]:
    """Each wanted scan by itself, (ny, nx, n_bins), in order."""
    facts = raster_facts(run.start)
    for scan, taken in groupby(lines(run, None, facts.ny), key=lambda each: each[0] // facts.ny):
        if scan not in wanted:
            continue
        image = np.zeros((facts.ny, facts.nx, facts.n_bins), np.uint16)
        for line, histograms in taken:
            image[line % facts.ny] = histograms[:, route]
        yield image


def shifts(run: Run, arrays: Arrays, used: np.ndarray, ny: int) -> np.ndarray:
    """How far each used scan had moved, (n, 2), or each of its rows, (n, ny, 2), px."""
    drift, reliable = np.asarray(arrays["drift_px"][0]), np.asarray(arrays["drift_reliable"][0], bool)
    if not reliable[1:].any():
        return np.zeros((len(used), 2))
    moved = np.asarray(arrays["line_drift_px"][0]) if "line_drift_px" in arrays else drift
    return moved[reliable]


def lines(run: Run, rows: set[int] | None, ny: int) -> Iterator[tuple[int, np.ndarray]]:
    """Index and histograms (nx, n_routes, n_bins) of each line under full light, of this run and those before it."""
    parts = [RasterRun(run.db.documents(uid)) for uid in (*run.start.get("earlier_runs", ()), run.uid)]
    for k, part in enumerate(parts):
        before = min((later.first_line for later in parts[k + 1 :]), default=1 << 60)
        try:
            for line in part.lines:
                wanted = rows is None or line % ny in rows
                if wanted and line < before and part.facts[line]["lit"] >= FULLY_LIT:
                    yield line, part.row(line)
        finally:
            part.close()


def picked(pick: Pick, n: int, what: str) -> np.ndarray:
    """The indices that a number or a slice stands for; IndexError that says how many there are."""
    if pick is None:
        return np.arange(n)
    if isinstance(pick, slice):
        chosen = np.arange(n)[pick]
        if not chosen.size:
            raise IndexError(f"{what}={pick}: holds none of the {n}, numbered 0 to {n - 1}")
        return chosen
    if not isinstance(pick, Integral):
        raise ValueError(f"{what}={pick!r}: give a number 0 to {n - 1}, or a slice such as slice(0, {n})")
    index = int(pick)
    if not -n <= index < n:
        raise IndexError(f"{what}={pick}: the image has {n}, numbered 0 to {n - 1}")
    return np.array([index % n])
