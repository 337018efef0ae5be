"""Files of queues: tables of items in TOML, or a Python script that lists them. Nothing is measured here."""

import importlib.util
import stat
import time
import tomllib
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.machinery import SourceFileLoader
from pathlib import Path
from typing import Any

from lab.night.entry import name_problem
from plans.item import Item
from plans.moments import moment_of
from plans.night import as_queue
from plans.stubs import PlanError, outside

LARGEST_BYTES = 1_000_000
TABLES = {"night", "item"}
OF_NIGHT = ("name", "until", "max_time_s")
EXAMPLE = '[[item]]\n    plan = "flim_raster"\n    sample = "A"'


class QueueError(PlanError):
    """A file that is no queue. The message names the file and every problem in it."""


@dataclass(frozen=True)
class QueueFile:
    """A queue as it was written: its items, and options of the night (`name`, `until`, `max_time_s`)."""

    path: Path
    items: tuple[Item, ...]
    options: dict[str, Any]


class Script(SourceFileLoader):
    """Loads a script and leaves no compiled copy beside it."""

    def set_data(self, path: Any, data: Any, *, _mode: int = 0) -> None:
        """Nothing is written."""


def read_queue(path: str | Path, now_s: float | None = None) -> QueueFile:
    """The queue in a TOML file; QueueError says what is wrong, with file, item and key."""
    path = Path(path)
    written = parsed(path)
    night, items = written.get("night", {}), written.get("item", [])
    problems = [f"{key}: there is no such table; there are [night] and [[item]]" for key in written.keys() - TABLES]
    problems += night_problems(night)
    if not isinstance(items, list) or not all(isinstance(each, Mapping) for each in items):
        items, _ = [], problems.append(f"item: must be tables, each begun with {EXAMPLE.splitlines()[0]}")
    elif not items:
        problems.append(f"there is no item in it; write one such as\n    {EXAMPLE}")
    queue, wrong = as_queue(items, time.time() if now_s is None else now_s) if items else ([], [])
    refuse(path, problems + wrong)
    return QueueFile(path, tuple(queue), dict(night))


def parsed(path: Path) -> dict[str, Any]:
    """The tables of a TOML file."""
    try:
        return tomllib.loads(text_of(path))
    except (tomllib.TOMLDecodeError, RecursionError) as why:
        raise refusal(path, [f"it is not TOML: {why}"]) from why


def text_of(path: Path) -> str:
    """The text of an ordinary, small file."""
    try:
        facts = path.stat()
        if not stat.S_ISREG(facts.st_mode):
            raise refusal(path, ["it is not a file; give a queue such as tonight.toml"])
        if facts.st_size > LARGEST_BYTES:
            raise refusal(path, [f"it has {facts.st_size / 1e6:.1f} MB; a queue has less than 1 MB"])
        raw = path.read_bytes()
        if b"\0" in raw:
            raise refusal(path, [f"byte {raw.index(0)} is zero: it is no text"])
        return raw.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as why:
        raise refusal(path, [f"byte {why.start} is no UTF-8: save it as UTF-8 text"]) from why
    except (OSError, ValueError) as why:
        if isinstance(why, PlanError):
            raise
        raise refusal(path, [f"it cannot be read: {getattr(why, 'strerror', None) or why}"]) from why


def night_problems(night: Any) -> list[str]:
    """What is wrong with the table of the whole night."""
    if not isinstance(night, Mapping):
        return [f"night={night!r}: must be a table, [night]"]
    found: list[str | None] = [
        f"night: {key}: there is no such key; there are {', '.join(OF_NIGHT)}" for key in night if key not in OF_NIGHT
    ]
    longest = night.get("max_time_s")
    found.append(name_problem(night["name"]) if "name" in night else None)
    if longest is not None:
        found.append(outside("max_time_s", longest, 1e-3, 1e9))
    found.append(moment_of("until", night.get("until"), 0.0)[1] if is_wrong_moment(night.get("until")) else None)
    return [f"night: {problem}".replace("night: night:", "night:") for problem in found if problem]


def is_wrong_moment(value: Any) -> bool:
    """Whether it is no moment at all; whether it is too late is judged when the night begins."""
    return "days from now" not in str(moment_of("until", value, 0.0)[1] or "days from now")


def load_script(path: str | Path, lab: Any) -> list[Any]:
    """What the function `tonight(lab)` of a Python script returns: a list of called plans and items."""
    path = Path(path)
    text_of(path)
    try:
        loader = Script("_queue_script", str(path))
        spec = importlib.util.spec_from_loader(loader.name, loader)
        assert spec is not None
        module = importlib.util.module_from_spec(spec)
        loader.exec_module(module)
        tonight = getattr(module, "tonight", None)
        items = tonight(lab) if callable(tonight) else None
    except Exception as why:
        raise refusal(path, [f"{where(path, why)}{type(why).__name__}: {first_line(why)}"]) from why
    if not callable(tonight):
        raise refusal(path, ["it has no function tonight(lab) that returns a list of plans"])
    if not isinstance(items, (list, tuple)):
        raise refusal(path, [f"tonight(lab) returned {items!r}"[:100] + ": must be a list of plans and items"])
    return list(items)


def where(path: Path, why: BaseException) -> str:
    """The last line of the script that an error went through."""
    if isinstance(why, SyntaxError):
        return f"line {why.lineno}: "
    lines = [frame.lineno for frame in traceback.extract_tb(why.__traceback__) if frame.filename == str(path)]
    return f"line {lines[-1]}: " if lines else ""


def first_line(why: BaseException) -> str:
    """What an error says; a refusal of a plan has its reasons behind the first line."""
    lines = [line.removeprefix("  - ") for line in str(why).splitlines()]
    return "; ".join(lines[1:] if isinstance(why, PlanError) and len(lines) > 1 else lines[:1])


def refuse(path: Path, problems: list[str]):
    """Raise what is wrong with a file, or do nothing."""
    if problems:
        raise refusal(path, problems)


def refusal(path: Path, problems: list[str]) -> QueueError:
    return QueueError(f"{path}: nothing has moved, no run was opened:\n  - " + "\n  - ".join(problems))
