"""The state of a lab as its data folder tells it: processes, the night, pictures. Nothing here asks an instrument."""

import json
import math
import re
import shutil
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from devices.iocs.config import Folders
from devices.polite import command_line
from lab.night.status import ItemStatus, NightStatus

PICTURE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}\.png", re.ASCII)
REPORT = re.compile(r"\w[\w.-]{0,99}\.html", re.ASCII)
STALE_S = 30.0
INCH_PX, USUAL_DPI = 140, 150.0  # print at 7 points becomes type of 14 pixels
STATES = {True: "up", False: "down"}


@dataclass(frozen=True)
class Process:
    """One process of the lab; `told`: more about it, in words."""

    name: str
    up: bool
    told: str = ""


@dataclass(frozen=True)
class Picture:
    """A picture in the folder of figures, when it was drawn, and how many pixels of a page it is wide (0: unknown)."""

    name: str
    drawn_s: float
    width_px: int = 0


@dataclass(frozen=True)
class House:
    """The data folder of a lab."""

    data: Path

    @property
    def folders(self) -> Folders:
        return Folders(self.data)

    @property
    def figures(self) -> Path:
        return self.data / "figures"

    def picture(self, name: str) -> Picture | None:
        """A picture by its file name; None if there is none of that name."""
        path = self.figures / name
        if not PICTURE.fullmatch(name) or path.is_symlink() or not path.is_file():
            return None
        return Picture(name, path.stat().st_mtime, width_px(path))

    def overview(self, uid: str) -> Picture | None:
        """The finished picture of a run, or of an analysis of several."""
        return self.picture(f"{uid[:8]}-overview.png")

    def processes(self) -> list[Process]:
        """Who of the lab lives: session, storage, instruments, keeper of the night."""
        services = read_json(self.folders.run / "lab.json")
        return [
            holder("session", self.data / "rig.lock"),
            *(service(name, services.get(key)) for name, key in (("instruments", "iocs"), ("storage", "storage"))),
            holder("night", self.folders.night / "keeper.lock"),
        ]

    def night(self) -> NightStatus | None:
        """The newest night, as its status tells; None if there was none."""
        told = read_json(self.folders.night / "status.json")
        known = {each.name for each in fields(NightStatus)}
        try:
            items = tuple(ItemStatus(**{**each, "runs": tuple(each["runs"])}) for each in told["items"])
            return NightStatus(**{**{key: told[key] for key in known & told.keys()}, "items": items})
        except (KeyError, TypeError, AttributeError):
            return None

    def reports(self) -> list[Path]:
        """Morning reports, newest first."""
        found = [path for path in self.folders.nights.glob("*.html") if REPORT.fullmatch(path.name)]
        return sorted((path for path in found if not path.is_symlink()), key=lambda path: path.name, reverse=True)

    def free_gb(self) -> float:
        """Room on the disk; NaN: unknown."""
        try:
            return shutil.disk_usage(self.data).free / 1e9
        except OSError:
            return math.nan


def width_px(path: Path) -> int:
    """How wide a picture is to be shown, so that its type is as large as that of the page; 0: nobody knows."""
    from PIL import Image

    try:
        with Image.open(path) as image:
            dots_per_inch = float(image.info.get("dpi", (USUAL_DPI,))[0])
            return round(image.width / dots_per_inch * INCH_PX) if dots_per_inch > 0 else 0
    except (OSError, ValueError, Image.DecompressionBombError):
        return 0


def read_json(path: Path) -> dict[str, Any]:
    """A file of JSON; empty if there is none, or if it is damaged."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def service(name: str, told: Any) -> Process:
    """A process that `run/lab.json` names: it is that one only if its command line is."""
    try:
        up = bool(told) and command_line(int(told["pid"])) == tuple(told["command"])
        where = f"port{'s' * (len(told['ports']) > 1)} {', '.join(map(str, told['ports']))}" if up else ""
    except (KeyError, TypeError, ValueError):
        up, where = False, ""
    return Process(name, up, where)


def holder(name: str, lock: Path) -> Process:
    """Who holds a lock, read without touching the lock: a process of this computer that was there when it was taken."""
    who = read_json(lock)
    try:
        up = who.get("host") == socket.gethostname() and began_before(int(who["pid"]), lock.stat().st_mtime)
        return Process(name, up, f"{who['user']} since {who['since']}" if up else "")
    except (KeyError, TypeError, ValueError, OSError):
        return Process(name, False)


def began_before(pid: int, time_s: float) -> bool:
    """Whether a process lives that is at least as old: process ids are used again."""
    import psutil

    try:
        return psutil.Process(pid).create_time() <= time_s + 2.0
    except (psutil.Error, ValueError):
        return False


def is_over(night: NightStatus) -> bool:
    return night.state in ("finished", "stopped")


def is_stale(night: NightStatus) -> bool:
    """Whether a night that is not over has not been heard of for half a minute."""
    return not is_over(night) and time.time() - night.written_s > STALE_S


def flat(values: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    """Nested settings under one name each.

    >>> flat({"raster": {"n_pixels": 4}, "a": 1})
    {'raster n_pixels': 4, 'a': 1}
    """
    found: dict[str, Any] = {}
    for key, value in values.items():
        name = f"{before} {key}".strip()
        found |= flat(value, name) if isinstance(value, Mapping) else {name: value}
    return found
