"""The session of a night: opened, used once, closed. It may be killed at any moment, its keeper begins anew."""

import argparse
import json
import logging
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lab.config import ConfigError, LabConfig, read
from lab.display import live_display
from lab.home import in_profile
from lab.lock import RigLocked
from lab.night.keeper import DONE, FAILED, REFUSED, STOPPED
from lab.night.ledger import LedgerError, require_same
from lab.night.queue import load_script, read_queue
from lab.night.watch import Watch
from lab.processes import command_line
from lab.server import StorageError
from lab.services import ServiceError
from lab.session import ledger_of, start
from plans.stubs import PlanError
from plans.unattended import told

log = logging.getLogger(__name__)

ENDING_S = 40.0  # of the session of a keeper that was killed
TWIN = ("preset", "seed", "speed")


def run(given: argparse.Namespace) -> int:
    """Carry out the night that the command line asks for; the exit code tells what became of it."""
    try:
        config = read(given.config)
        to_log(config)
        named = None if given.go_on else read_early(given.queue)
        if named is not None and not given.new:
            require_this(config, named.items, given.name or named.options.get("name"))
        session = opened(config, {key: getattr(given, key) for key in TWIN})
        try:
            return carried_out(session, given, named)
        finally:
            session.close()
    except (PlanError, LedgerError, ConfigError, RigLocked, ServiceError, StorageError) as why:
        return refused(why)
    except Exception as why:
        log.error("the session cannot go on: %s", told(why))
        log.debug("", exc_info=why)
        return FAILED


def read_early(path: Path | None) -> Any:
    """A queue file of TOML is judged before anything is started; a script needs the session."""
    return read_queue(path) if path is not None and path.suffix != ".py" else None


def require_this(config: LabConfig, items: Sequence[Any], name: str | None):
    """LedgerError if another night is unfinished, before anything is started."""
    if not (config.folders.data / "nights.sqlite").exists():
        return
    ledger = ledger_of(config)
    try:
        if (unfinished := ledger.unfinished()) is not None:
            require_same(unfinished, items, name)
    finally:
        ledger.close()


def opened(config: LabConfig, twin: dict[str, Any]) -> Any:
    """The session; that of a night whose keeper was killed is about to end, wait for it."""
    deadline = time.monotonic() + ENDING_S
    while True:
        try:
            return start(config, **twin)
        except RigLocked:
            if time.monotonic() > deadline or not is_night(config):
                raise
            time.sleep(0.2)


def is_night(config: LabConfig) -> bool:
    """Whether the session that holds the rig is one of a night."""
    try:
        holder = json.loads((config.folders.data / "rig.lock").read_text())["pid"]
    except (OSError, ValueError, KeyError):
        return True
    return "--child" in command_line(holder)


def carried_out(session: Any, given: argparse.Namespace, named: Any) -> int:
    """The night in this session."""
    unfinished = session.ledger.unfinished()
    if given.new and not given.go_on and unfinished is not None:
        session.ledger.finish(unfinished.name, "given up")
        unfinished = None
    items, options = chosen(session, given, named, unfinished)
    if given.explain:
        sys.stdout.write(f"{session.explain(session.night(items, **options))}\n")
        return DONE
    session.RE.obey_signals()
    live_display(session, bar=False)
    watch = Watch(session)
    watch.start()
    try:
        session.RE(session.night(items, **options))
    except (PlanError, LedgerError) as why:
        return refused(why)
    finally:
        watch.close()
    return STOPPED if session.ledger.night(session.ledger.names()[-1]).stopped_by == "stop" else DONE


def chosen(session: Any, given: argparse.Namespace, named: Any, unfinished: Any) -> tuple[Sequence[Any], dict]:
    """The items of the night and its options: of the unfinished one if it goes on, else of the queue."""
    if unfinished is not None and (given.go_on or given.queue is None):
        return [entry.item for entry in unfinished.entries], {"name": unfinished.name}
    options = {"name": given.name} if given.name else {}
    if named is not None:
        return named.items, {**named.options, **options}
    return load_script(given.queue or in_profile(session.config.file, "overnight.py"), session), options


def refused(why: Exception) -> int:
    """Nothing was begun, and beginning again would not help."""
    sys.stderr.write(f"{why}\n")
    return REFUSED


def to_log(config: LabConfig):
    """What concerns the operator on the terminal, all that the lab says in a file."""
    config.folders.run.mkdir(parents=True, exist_ok=True)
    kept, shown = logging.FileHandler(config.folders.run / "night.log", encoding="utf-8"), logging.StreamHandler()
    shown.setLevel(logging.WARNING)
    form = "%(asctime)s  %(levelname)s %(message)s"
    logging.basicConfig(format=form, datefmt="%H:%M:%S", level=logging.INFO, handlers=[kept, shown])
    for name in ("lab", "plans"):
        logging.getLogger(name).setLevel(logging.DEBUG)
    for name in ("bluesky", "caproto"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    for name in ("httpx", "tiled"):
        logging.getLogger(name).setLevel(logging.WARNING)
    os.environ.setdefault("MPLBACKEND", "Agg")
