"""One run in the index: what its file tells at both ends, without reading what lies between."""

import math
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lab import journal
from lab.stored.analyses import ending
from lab.stored.index import parsed

TAIL_BYTES = 1 << 16
LEFT_OUT = ("versions", "hints", "parameters", "extents", "detectors", "motors", "snaking")
DEPTH = 3


@dataclass(frozen=True)
class Entry:
    """One run; times are Unix seconds.

    start : its start document without the bulky parts
    exit_status : success, abort, fail, interrupted, or running: a living process writes it
    links : (what for, uid) of every other run that its start document names
    words : all that a search looks at, in small letters; size : bytes of the file when it was read
    """

    uid: str
    path: Path
    start: Mapping[str, Any] = field(repr=False)
    began_s: float
    ended_s: float
    exit_status: str
    reason: str
    n_events: Mapping[str, int]
    links: tuple[tuple[str, str], ...]
    words: str = field(repr=False)
    size: int

    @property
    def plan_name(self) -> str:
        return str(self.start.get("plan_name") or "run")

    @property
    def sample(self) -> str:
        return str(self.start.get("sample_name") or "")

    @property
    def emitter(self) -> str:
        return str(self.start.get("emitter") or "")

    @property
    def is_analysis(self) -> bool:
        return self.start.get("purpose") == "analysis"

    @property
    def of(self) -> tuple[str, ...]:
        """The runs that an analysis is of; the first is the one that it belongs to."""
        return tuple(str(uid) for uid in self.start.get("analysis_of") or ())

    @property
    def took_s(self) -> float:
        return self.ended_s - self.began_s

    @property
    def simulated(self) -> bool:
        """Whether the digital twin stood behind the instruments, or behind some of them."""
        return bool(self.start.get("twin"))


def read_entry(path: Path) -> Entry:
    """The run in a file; ValueError if it holds none that can be read."""
    with path.open("rb") as file:
        head = file.readline()
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - TAIL_BYTES))
        tail = file.read()
    name, start = parsed(head)
    if name != "start" or not isinstance(start.get("uid"), str):
        raise ValueError(f"{path}: its first line is no start of a run")
    stop = last_stop(tail)
    began_s = float(start.get("time", math.nan))
    return Entry(
        uid=start["uid"],
        path=path,
        start={key: value for key, value in start.items() if key not in LEFT_OUT},
        began_s=began_s,
        ended_s=float(stop.get("time", path.stat().st_mtime)),
        exit_status=status(path, stop),
        reason=str(stop.get("reason") or ""),
        n_events={str(key): int(n) for key, n in (stop.get("num_events") or {}).items()},
        links=tuple(named_uids(start)),
        words=" ".join(texts(start, stop)).casefold(),
        size=size,
    )


def last_stop(tail: bytes) -> dict[str, Any]:
    """The stop document at the end of a file; empty if there is none."""
    lines = tail[: tail.rfind(b"\n") + 1].splitlines(keepends=True)
    try:
        name, doc = parsed(lines[-1])
    except (IndexError, ValueError):
        return {}
    return doc if name == "stop" else {}


def status(path: Path, stop: Mapping[str, Any]) -> str:
    """How a run ended, in a word."""
    if stop:
        return ending(stop)
    return "running" if journal.being_written(path) else "interrupted"


def named_uids(start: Mapping[str, Any], depth: int = DEPTH, role: str = "") -> Iterator[tuple[str, str]]:
    """What a start document says of other runs: keys that end in `uid` with a uid behind them.

    >>> list(named_uids({"uid": "a", "irf_uid": "b", "delay": {"uid": "c"}, "blank_uid": ""}))
    [('irf', 'b'), ('delay', 'c')]
    """
    for key, value in start.items():
        if isinstance(value, Mapping) and depth and key not in ("sample", "versions"):
            inner = role if key == "parameters" else key
            yield from named_uids(value, depth - 1, inner)
        elif key == "continues" and isinstance(value, str) and value:
            yield "continues", value
        elif key.endswith("uid") and isinstance(value, str) and value and (role or key != "uid"):
            yield key.removesuffix("uid").rstrip("_").replace("_", " ") or role.replace("_", " "), value


def texts(start: Mapping[str, Any], stop: Mapping[str, Any]) -> Iterator[str]:
    """What a search looks at: every short text in the first two levels, and why the run ended."""
    for value in (*start.values(), *((start.get("sample") or {}).values() if start.get("sample") else ())):
        if isinstance(value, str):
            yield value[:300]
    yield str((start.get("excitation") or {}).get("laser", "")) if isinstance(start.get("excitation"), dict) else ""
    yield str(stop.get("reason") or "")[:300]
