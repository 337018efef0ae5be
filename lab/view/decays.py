"""Decay curves straight from the files of the counting card: summed over a run, or over lines evenly spread in it."""

import logging
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from lab import journal
from lab.flim.results import pulse_width
from lab.stored.whereabouts import file_in
from lab.view.charts import Chart, Curve
from lab.view.entry import Entry

log = logging.getLogger(__name__)

MOST_FRAMES = 8  # of a large file; more would make a reader wait
LARGE = 50_000_000  # values
KEYS = ("scanner_histograms", "timeharp_histograms")
KINDS = ("one", "two")


def decay_chart(entry: Entry, raw: Path) -> Chart | None:
    """The decays of a run by route, counts against nanotime; None where it has none, or its file is not there.

    raw : folder of the instruments' files in this data folder, which may have been moved since
    """
    tcspc = entry.start.get("tcspc") or {}
    if entry.exit_status == "running" or entry.start.get("wiring") != "raster" or "bin_width_ns" not in tcspc:
        return None
    try:
        found = summed(entry.path, entry.size, raw)
    except (OSError, KeyError, ValueError, TypeError, journal.JournalError) as why:
        log.warning("no decay of run %s: %s", entry.uid[:8], why)
        return None
    if found is None:
        return None
    counts, used, total = found
    times = np.arange(counts.shape[-1]) * float(tcspc["bin_width_ns"])
    routes = entry.start.get("routes") or ["", ""]
    kept = slice(0, int(np.flatnonzero(counts.any(axis=0)).max(initial=0)) + 1)
    curves = tuple(
        Curve(str(route), times[kept], each[kept].astype(float), kind=kind)
        for route, each, kind in zip(routes, counts, KINDS, strict=False)
    )
    note = "summed over the whole run" if used == total else f"summed over {used} of {total} lines, evenly spread"
    title = "Instrument response" if entry.plan_name == "irf" else "Decay"
    if entry.plan_name == "irf":
        note += "".join(f"; {each.name}: FWHM {pulse_width(each.y) * times[1]:.2f} ns" for each in curves)
    return Chart(title, "nanotime (ns)", "counts", curves, log=True, note=note)


@lru_cache(maxsize=32)
def summed(path: Path, size: int, raw: Path) -> tuple[np.ndarray, int, int] | None:
    """Counts, shape (routes, bins), of how many frames of how many; None if the run has no histograms."""
    import h5py

    resource = histograms(path)
    file = None if resource is None else moved(str(resource["uri"]), raw)
    if resource is None or file is None:
        return None
    with h5py.File(file, "r", swmr=True, locking=False) as opened:
        data: Any = opened[resource["parameters"]["dataset"]]
        total = int(data.shape[0])
        step = 1 if data.size < LARGE else max(1, total // MOST_FRAMES)
        frames = range(step // 2, total, step)
        counts = sum(np.asarray(data[i], np.int64).reshape(-1, *data.shape[-2:]).sum(axis=0) for i in frames)
    return np.asarray(counts), len(frames), total


def histograms(path: Path) -> Mapping[str, Any] | None:
    """The file of histograms that a run names last: the light comes after the dark."""
    found = [doc for name, doc in journal.read(path) if name == "stream_resource"]
    fitting = [doc for doc in found if doc.get("data_key") in KEYS and "dataset" in (doc.get("parameters") or {})]
    return fitting[-1] if fitting else None


def moved(uri: str, raw: Path) -> Path | None:
    """A file of the instruments where it is today: below `raw`, also behind links; None if it is not there."""
    file = file_in(uri, raw)
    return file if file is not None and file.resolve().is_relative_to(raw.resolve()) else None
