"""How an item that was cut off goes on: what is added to its arguments, and which runs it already has."""

import logging
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from lab import journal
from lab.night.entry import Entry, Night

log = logging.getLogger(__name__)

RASTER, CAMPAIGN = "flim_raster", "qd_campaign"


def continuation(night: Night, index: int, folder: Path | None) -> dict[str, Any]:
    """What is added to the arguments of an item.

    A raster goes on in a new run behind the last one of this attempt that has a complete line. A campaign is the same
    one from the first attempt on, by its name. All other plans are repeated whole.

    folder : the journal; None: nothing is known of earlier runs
    """
    entry = night.entries[index]
    if entry.item.plan == CAMPAIGN:
        return {} if "campaign" in entry.item.arguments else {"campaign": f"{night.name}-{index}"}
    if entry.item.plan != RASTER or folder is None or "continues" in entry.item.arguments:
        return {}
    begun = next((uid for uid in reversed(attempted(entry)) if has_line(folder, uid)), None)
    return {"continues": begun} if begun else {}


def attempted(entry: Entry) -> tuple[str, ...]:
    """Runs of the present attempt: after a failure, everything is taken again."""
    return entry.runs[int(entry.facts.get("runs_before", 0)) :]


def has_line(folder: Path, uid: str) -> bool:
    """Whether the journal has at least one row of the primary stream of a run."""
    path, primary = journal.path_of(folder, uid), set()
    if path is None:
        return False
    for _, name, doc in documents(path):
        if name == "descriptor" and doc["name"] == "primary":
            primary.add(doc["uid"])
        if name in ("event", "event_page") and doc["descriptor"] in primary:
            return True
    return False


def recorded_runs(folder: Path, night: Night) -> dict[int, list[str]]:
    """Uids of the measurements of a night by item, oldest first, as the journal has them."""
    found: dict[int, list[tuple[float, str]]] = {}
    first_day = f"{datetime.fromtimestamp(night.began_s - 86_400):%Y/%m/%d}"
    for path in journal.paths(folder):
        if path.parent.relative_to(folder).as_posix() < first_day:
            continue
        _, name, start = next(documents(path), (0, "", {}))
        if name == "start" and start.get("night") == night.name and is_measurement(start):
            found.setdefault(int(start["item"]), []).append((start["time"], start["uid"]))
    return {index: [uid for _, uid in sorted(runs)] for index, runs in found.items()}


def is_measurement(start: dict[str, Any]) -> bool:
    return start.get("purpose", "measurement") == "measurement" and "item" in start


def documents(path: Path) -> Iterator[tuple[int, str, dict[str, Any]]]:
    """The documents of a run, as far as they can be read."""
    try:
        yield from journal.read_from(path, 0)
    except (OSError, journal.JournalError) as why:
        log.error("a run is not looked at for the night: %s", why)
