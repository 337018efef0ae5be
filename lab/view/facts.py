"""One run as a page tells it: what, when, how it ended and why, its settings, whom it used and who uses it."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from lab import journal
from lab.night.html import moment, span
from lab.view.entry import Entry
from lab.view.house import flat
from lab.view.index import Index

SETTINGS = {
    "sample": "Sample",
    "excitation": "Excitation",
    "detection": "Detection",
    "raster": "Raster",
    "scan": "Scan",
    "tcspc": "Counting card",
    "record": "Record",
    "search": "Search",
    "stop_rule": "Ends when",
    "delay": "Cable delay",
    "calibration": "Wavelength calibration",
    "parameters": "Parameters of the analysis",
}
TOLD = (
    *SETTINGS, "uid", "time", "plan_name", "plan_type", "purpose", "sample_name", "emitter", "campaign", "code_version",
    "twin", "scan_id", "versions", "hints", "analysis_of", "warnings", "operator", "night", "item", "protocol_version",
)  # fmt: skip
ARRAYS = ("extents", "shape", "snaking", "num_intervals", "detectors", "motors")
UNITS = {
    "_w_cm2": "W/cm²", "_kj_cm2": "kJ/cm²", "_ns": "ns", "_nm": "nm", "_um": "µm", "_ms": "ms", "_s": "s", "_hz": "Hz",
    "_cps": "cps", "_percent": "%", "_mhz": "MHz", "_uw": "µW",
}  # fmt: skip
LONGEST = 160


@dataclass(frozen=True)
class Setting:
    """A name and a value in words."""

    name: str
    value: str


@dataclass(frozen=True)
class Stream:
    """What a run recorded under one name: how many events, and the columns with their units."""

    name: str
    n_events: int
    columns: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Link:
    """A way to another run: what it is for; `entry` None: it is not in this data folder."""

    role: str
    uid: str
    entry: Entry | None


def settings(start: Mapping[str, Any]) -> list[tuple[str, list[Setting]]]:
    """The settings of a run under their headings; what has none comes last."""
    groups = [(title, values(start[key])) for key, title in SETTINGS.items() if isinstance(start.get(key), Mapping)]
    rest = {key: value for key, value in start.items() if key not in (*TOLD, *ARRAYS) and not key.endswith("uid")}
    return [(title, told) for title, told in (*groups, ("Further", values(rest))) if told]


def values(group: Mapping[str, Any]) -> list[Setting]:
    """One group, in words; columns of tables and empty values are left out."""
    shown = flat({key: value for key, value in group.items() if key != "columns"})
    told = {key: value for key, value in shown.items() if value not in ("", None, [], ()) and not key.endswith("uid")}
    return [Setting(*named(key, value)) for key, value in told.items()]


def named(key: str, value: Any) -> tuple[str, str]:
    """Name and value with its unit.

    >>> named("raster dwell_ms", 100), named("settle", True), named("delay t0_err_ns", 0.0031867)
    (('raster dwell', '100 ms'), ('settle', 'yes'), ('delay t0 err', '0.003187 ns'))
    """
    unit = next((ending for ending in UNITS if key.endswith(ending)), "")
    stem = key.removesuffix(unit)
    return stem.replace("_", " "), f"{written(value)} {UNITS.get(unit, '')}".strip()


def written(value: Any) -> str:
    """A value in words."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return (f"{value:,.0f}" if abs(value) >= 1e4 else f"{value:.4g}") if math.isfinite(value) else "unknown"
    if isinstance(value, (list, tuple)) and all(isinstance(each, (int, float, str)) for each in value):
        return ", ".join(written(each) for each in value)[:LONGEST]
    if isinstance(value, (int, np.integer)):
        return f"{value:,}"
    return str(value)[:LONGEST]


def facts(entry: Entry) -> list[Setting]:
    """When, how long, by whom, with which code, on what."""
    start = entry.start
    took = "" if entry.exit_status == "running" else span(entry.took_s)
    told = {
        "began": moment(entry.began_s),
        "took": took,
        "sample": entry.sample,
        "emitter": entry.emitter,
        "campaign": start.get("campaign"),
        "operator": start.get("operator"),
        "instruments": bench(start),
        "code": start.get("code_version"),
        "number": start.get("scan_id"),
        "night": start.get("night"),
    }
    return [Setting(name, str(value)) for name, value in told.items() if value not in (None, "")]


def bench(start: Mapping[str, Any]) -> str:
    """Twin or real, as the run says it itself."""
    twin = start.get("twin")
    if isinstance(twin, Mapping):
        told = f"digital twin, preset {twin.get('preset', '?')}, seed {twin.get('seed', '?')}"
        return f"real, but simulated: {', '.join(map(str, twin['instruments']))}" if "instruments" in twin else told
    return "real instruments" if twin is False else ""


def warnings(start: Mapping[str, Any]) -> list[str]:
    """What the plan itself warned of."""
    found = start.get("warnings")
    return [str(each) for each in found] if isinstance(found, (list, tuple)) else []


def uses(entry: Entry, index: Index) -> list[Link]:
    """The runs that this one was measured with, or made of."""
    named_ = [(role, uid) for role, uid in dict.fromkeys(entry.links) if uid != entry.uid]
    if entry.is_analysis:
        named_ = [("analysis of", uid) for uid in entry.of] + [pair for pair in named_ if pair[1] not in entry.of]
    return [Link(role, uid, index.find(uid)) for role, uid in named_]


def used_by(entry: Entry, index: Index) -> list[Link]:
    """Analyses of this run, and runs that name it."""
    found = [Link(part_in(each, entry), each.uid, each) for each in index.analyses_of(entry.uid)]
    seen = {link.uid for link in found}
    users = [(role, each) for role, each in index.users_of(entry.uid) if each.uid not in seen]
    return found + [Link(f"as {role}", each.uid, each) for role, each in users]


def part_in(analysis: Entry, run: Entry) -> str:
    """What an analysis makes of a run."""
    return "analysis" if analysis.of[:1] == (run.uid,) else "compared in"


def streams(entry: Entry) -> tuple[Stream, ...]:
    """What was recorded, stream by stream; nothing if the file cannot be read."""
    return tuple(read_streams(entry.path, entry.size))


@lru_cache(maxsize=64)
def read_streams(path: Path, size: int) -> tuple[Stream, ...]:
    try:
        return tuple(stream_facts(path))
    except (OSError, journal.JournalError, KeyError, TypeError, AttributeError):
        return ()


def stream_facts(path: Path) -> Iterator[Stream]:
    names: dict[str, str] = {}
    columns: dict[str, tuple[tuple[str, str], ...]] = {}
    n_events: dict[str, int] = {}
    for name, doc in journal.read(path):
        if name == "descriptor":
            names[doc["uid"]] = doc.get("name", "primary")
            columns[names[doc["uid"]]] = tuple((key, column(about)) for key, about in sorted(doc["data_keys"].items()))
        elif name in ("event", "event_page"):
            stream = names.get(doc["descriptor"], "primary")
            n_events[stream] = n_events.get(stream, 0) + (len(doc["time"]) if name == "event_page" else 1)
    return (Stream(name, n_events.get(name, 0), columns[name]) for name in columns)


def column(about: Mapping[str, Any]) -> str:
    """Shape and unit of a column.

    >>> column({"dtype": "array", "shape": [100, 2], "units": "counts"}), column({"dtype": "string"})
    ('100 × 2, counts', 'text')
    """
    shape = " × ".join(str(n) for n in about.get("shape") or ())
    kind = shape or {"string": "text"}.get(str(about.get("dtype")), "")
    return ", ".join(part for part in (kind, str(about.get("units") or "")) if part and part != "1") or "number"
