"""The run that goes on: how far it is, how bright, what it knows by now; read further from where it was read last."""

import math
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from lab import journal
from lab.night.runs import rates
from lab.progress import STREAMS, seconds_in, told
from lab.view.analysed import signs
from lab.view.entry import Entry

KEPT = 3000  # points of a curve


@dataclass
class Growing:
    """What the documents of one run tell so far.

    done, total : points, lines or seconds (`unit`), those of the runs that it goes on with included; total 0: unknown
    """

    start: Mapping[str, Any] = field(default_factory=dict)
    streams: dict[str, str] = field(default_factory=dict)
    done: float = 0.0
    rates: dict[str, list[tuple[float, float]]] = field(default_factory=dict)
    estimate: dict[str, Any] = field(default_factory=dict)
    newest_s: float = math.nan

    def take(self, name: str, doc: Mapping[str, Any]) -> None:
        """One more document."""
        if name == "start":
            self.start, self.newest_s = doc, float(doc["time"])
        elif name == "descriptor":
            self.streams[doc["uid"]] = doc.get("name", "primary")
        elif name == "event":
            self.event(self.streams.get(doc["descriptor"], ""), doc["data"], float(doc["time"]))
        elif name == "event_page":
            times = [float(each) for each in doc["time"]]
            self.newest_s = max(times, default=self.newest_s)
            self.done += len(times) if self.streams.get(doc["descriptor"]) in STREAMS else 0

    def event(self, stream: str, data: Mapping[str, Any], time_s: float) -> None:
        self.newest_s = time_s
        if stream in STREAMS:
            self.done += seconds_in(dict(data)) if self.unit == "s" else 1
            for route, cps in rates(self.start, data).items():
                self.rates.setdefault(route, []).append((time_s, cps))
                del self.rates[route][:-KEPT]
        elif stream == "estimate":
            self.estimate = dict(data)

    @property
    def unit(self) -> str:
        """What progress counts."""
        if self.start.get("num_points"):
            return "lines" if "raster" in self.start else "points"
        return "s"

    @property
    def total(self) -> float:
        points = self.start.get("num_points")
        limit_s = (self.start.get("stop_rule") or {}).get("max_time_s") or self.start.get("duration_s")
        return float(points or limit_s or 0.0) + self.before

    @property
    def before(self) -> float:
        """Lines of the run that this one goes on with."""
        return float(self.start.get("first_line") or 0)

    @property
    def progress(self) -> float | None:
        """0 to 1; None: nobody knows."""
        return min(1.0, (self.before + self.done) / self.total) if self.total else None

    def left_s(self, now_s: float) -> float | None:
        """How long it will still take at the pace so far; None: unknown, or less than 1 % is done."""
        taken_s, to_do = now_s - float(self.start.get("time", now_s)), self.total - self.before
        share = min(1.0, self.done / to_do) if to_do > 0 else 0.0
        return taken_s * (1 - share) / share if share > 0.01 else None

    @property
    def words(self) -> str:
        """The number that it is measured for, as the progress bar tells it."""
        try:
            return signs(told(self.estimate, self.start.get("stop_rule") or {})) if self.estimate else ""
        except (KeyError, TypeError, ValueError):
            return ""


class Follower:
    """Reads growing runs, each line once; any thread may ask."""

    def __init__(self) -> None:
        self._alone = threading.Lock()
        self._path: Path | None = None
        self._behind = 0
        self._growing = Growing()

    def __call__(self, entry: Entry) -> Growing:
        """What is known by now of a run."""
        with self._alone:
            if entry.path != self._path:
                self._path, self._behind, self._growing = entry.path, 0, Growing()
            try:
                for behind, name, doc in journal.read_from(entry.path, self._behind):
                    self._behind = behind
                    self._growing.take(name, doc)
            except (OSError, journal.JournalError, KeyError, TypeError):
                pass
            return self._growing


def age_s(time_s: float) -> float:
    """How long ago something was."""
    return max(0.0, time.time() - time_s)


def brightness(growing: Growing) -> dict[str, float]:
    """The last rates by route."""
    return {route: points[-1][1] for route, points in growing.rates.items() if points and np.isfinite(points[-1][1])}
