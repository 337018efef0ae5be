"""The runs of a night as the journal has them: when, how they ended, how bright, how far drifted, what was found.

No server and no session is needed: every document stands in the journal, the analyses too.
"""

import logging
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from lab import journal
from lab.night.entry import Night
from lab.night.numbers import Number, numbers_of

log = logging.getLogger(__name__)

ROUTES = ("perovskite", "qd")
Series = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class RunFacts:
    """One measurement of a night.

    item : index of its item in the queue; -1: of none
    exit_status : success, abort, fail, interrupted or open; reason : why it did not succeed
    rates_cps : route -> (Unix time, rate), one for each line, integration or segment
    moves_um : (Unix time, x, y), by how much the sample moved since the one before
    dark : whether the shutters were read back closed at its end, None: nobody could read them
    continued_by : uid of the run that goes on with this one, and then has the result of both
    stored : whether storage has it; derived_uid : its analysis, "" if there is none
    text, figure : the result as the prompt shows it, and its picture; "" and None if there is none
    """

    uid: str
    start: Mapping[str, Any] = field(default_factory=dict)
    item: int = -1
    ended_s: float = math.nan
    exit_status: str = "open"
    reason: str = ""
    n_events: int = 0
    rates_cps: Mapping[str, Series] = field(default_factory=dict)
    moves_um: tuple[tuple[float, float, float], ...] = ()
    dark: bool | None = None
    continued_by: str = ""
    stored: bool = False
    derived_uid: str = ""
    numbers: tuple[Number, ...] = ()
    text: str = ""
    figure: Path | None = None

    @property
    def plan_name(self) -> str:
        return str(self.start.get("plan_name", "run"))

    @property
    def about(self) -> str:
        """Of what it is."""
        return str(self.start.get("emitter") or self.start.get("sample_name") or "")

    @property
    def began_s(self) -> float:
        return float(self.start.get("time", math.nan))

    @property
    def interrupted(self) -> bool:
        """Whether a process died under it."""
        return self.exit_status in ("interrupted", "open")


def runs_of(folder: Path, night: Night) -> list[RunFacts]:
    """The runs of a night in the order of their beginning; one that cannot be read is told with its uid alone."""
    items = {uid: entry.index for entry in night.entries for uid in entry.runs}
    derived: dict[str, dict[str, Any]] = {}
    for start in starts(folder, night):
        if start.get("purpose") == "analysis" and start.get("analysis_of"):
            derived[start["analysis_of"][0]] = start
        elif start.get("night") == night.name:
            items.setdefault(start["uid"], int(start.get("item", -1)))
    found = [fact(folder, uid, item, derived.get(uid)) for uid, item in items.items()]
    next_of = {run.start["continues"]: run.uid for run in found if run.start.get("continues")}
    found = [replace(run, continued_by=next_of.get(run.uid, "")) for run in found]
    return sorted(found, key=lambda run: (not math.isfinite(run.began_s), run.began_s))


def starts(folder: Path, night: Night) -> Iterator[dict[str, Any]]:
    """Start documents of the days of a night, oldest first."""
    found: list[dict[str, Any]] = []
    for path in (path for day in days(night) for path in (folder / f"{day:%Y/%m/%d}").glob("*.jsonl")):
        try:
            found.append(next(doc for name, doc in journal.read(path) if name == "start"))
        except (OSError, StopIteration, journal.JournalError) as why:
            log.warning("%s is left out of the report: %s", path, why)
    yield from sorted(found, key=lambda start: start.get("time", 0.0))


def days(night: Night) -> list[datetime]:
    """The days on which runs of a night can have begun; two days, if it was never ended."""
    began, ended = (datetime.fromtimestamp(s) for s in (night.began_s, night.ended_s or night.began_s + 86400.0 * 2))
    first = began.replace(hour=0, minute=0, second=0, microsecond=0)
    return [first + timedelta(days=n) for n in range(max((ended - first).days, 0) + 1)]


def fact(folder: Path, uid: str, item: int, derived: dict[str, Any] | None) -> RunFacts:
    """One run, read from its documents."""
    path = journal.path_of(folder, uid)
    if path is None:
        return RunFacts(uid, item=item, reason="the journal does not have this run")
    reading = Reading()
    try:
        for name, doc in journal.read(path):
            reading(name, doc)
    except (OSError, journal.JournalError, KeyError, TypeError, ValueError) as why:
        reading.reason = f"its documents could not be read to the end: {why}"
    stored = path.with_suffix(".stored").exists()
    run = reading.facts(uid, item, stored=stored)
    return run if derived is None else with_analysis(run, folder, derived)


def with_analysis(run: RunFacts, folder: Path, derived: dict[str, Any]) -> RunFacts:
    """A run with what was found in it."""
    run = replace(run, derived_uid=derived["uid"])
    path = journal.path_of(folder, derived["uid"])
    try:
        documents = journal.read(path) if path else ()
        data = next((doc["data"] for name, doc in documents if name == "event"), {})
        moved = scan_moves(run, data) if derived["plan_name"] == "flim_analysis" else run.moves_um
        return replace(run, numbers=numbers_of(derived["plan_name"], data), moves_um=moved)
    except (OSError, journal.JournalError, KeyError, TypeError, ValueError) as why:
        log.warning("the analysis %s is left out of the report: %s", derived["uid"][:8], why)
        return run


def scan_moves(run: RunFacts, data: Mapping[str, Any]) -> tuple[tuple[float, float, float], ...]:
    """By how much the sample moved from scan to scan of a raster, x and y."""
    raster = run.start["raster"]
    shift_um = np.asarray(data["drift_px"], float)[:, ::-1] * raster["extent_um"] / raster["n_pixels"]
    times = np.linspace(run.began_s, run.ended_s, len(shift_um) + 1)[1:]
    steps = np.diff(shift_um, axis=0, prepend=shift_um[:1])
    return tuple(
        (float(t), float(dx), float(dy)) for t, (dx, dy) in zip(times, steps, strict=True) if math.isfinite(dx + dy)
    )


class Reading:
    """What the documents of one run tell."""

    def __init__(self):
        self.start: dict[str, Any] = {}
        self.streams: dict[str, str] = {}
        self.rates: dict[str, list[tuple[float, float]]] = {}
        self.places: list[tuple[float, float, float]] = []
        self.exit_status, self.reason = "open", ""
        self.ended_s, self.n_events, self.n_baselines = math.nan, 0, 0
        self.dark: bool | None = None

    def __call__(self, name: str, doc: Mapping[str, Any]):
        if name == "start":
            self.start = dict(doc)
        elif name == "descriptor":
            self.streams[doc["uid"]] = doc.get("name", "primary")
        elif name == "event":
            self.event(self.streams.get(doc["descriptor"], ""), doc["data"], float(doc["time"]))
        elif name == "stop":
            self.exit_status = "interrupted" if doc.get("interrupted") else doc["exit_status"]
            self.reason, self.ended_s = str(doc.get("reason") or ""), float(doc["time"])

    def event(self, stream: str, data: Mapping[str, Any], time_s: float):
        if stream == "baseline":
            self.n_baselines += 1
            shutters = [data[key] for key in ("shutter_state", "fs5_shutter") if key in data]
            if self.n_baselines > 1 and shutters:
                self.dark = all(state == "closed" for state in shutters)
            return
        self.n_events += stream == "primary"
        self.ended_s = time_s
        if stream == "primary":
            for route, rate in rates(self.start, data).items():
                self.rates.setdefault(route, []).append((time_s, rate))
        if stream == "refocus" and data.get("target_found"):
            self.places.append((time_s, float(data["target_x_um"]), float(data["target_y_um"])))

    def facts(self, uid: str, item: int, **more: Any) -> RunFacts:
        curves = {route: tuple(points) for route, points in self.rates.items()}
        return RunFacts(
            uid,
            self.start,
            item,
            self.ended_s,
            self.exit_status,
            self.reason,
            self.n_events,
            curves,
            moves(self.start.get("at_um"), self.places),
            self.dark,
            **more,
        )


def rates(start: Mapping[str, Any], data: Mapping[str, Any]) -> dict[str, float]:
    """Count rates of both routes in one line, integration or segment."""
    if "scanner_lit" in data:
        exposed_s = dwell_s(start)
        return {
            route: float(np.mean(counts)) / exposed_s
            for route in ROUTES
            if exposed_s > 0 and (counts := data.get(f"scanner_{route}_counts")) is not None and np.size(counts)
        }
    for card in ("timeharp", "counters"):
        exposed_s = float(data.get(f"{card}_elapsed", 0.0))
        if f"{card}_counts" in data and exposed_s > 0:
            counts = np.ravel(data[f"{card}_counts"])
            return {route: float(n) / exposed_s for route, n in zip(ROUTES, counts, strict=False)}
    return {}


def dwell_s(start: Mapping[str, Any]) -> float:
    """How long a pixel of a raster is exposed; 0: unknown."""
    return float((start.get("raster") or start.get("search") or {}).get("dwell_ms", 0.0)) / 1e3


def moves(
    at_um: Iterable[float] | None, places: list[tuple[float, float, float]]
) -> tuple[tuple[float, float, float], ...]:
    """Steps of an emitter from where it was expected to where it was seen, and on.

    >>> moves((1.0, 1.0), [(5.0, 1.5, 1.0), (6.0, 1.5, 0.5)])
    ((5.0, 0.5, 0.0), (6.0, 0.0, -0.5))
    """
    before = tuple(at_um)[:2] if at_um is not None else places[0][1:] if places else (0.0, 0.0)
    found = []
    for time_s, x_um, y_um in places:
        found.append((time_s, x_um - before[0], y_um - before[1]))
        before = (x_um, y_um)
    return tuple(found)
