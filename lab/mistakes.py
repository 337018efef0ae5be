"""What went wrong at the prompt, as one sentence: of errors that say it themselves, and of calls with wrong things."""

import linecache
import re
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from traceback import walk_tb
from types import FrameType, TracebackType
from typing import Any

HOUSE = Path(__file__).resolve().parent.parent
CALLED_WRONGLY = re.compile(r"(?:\w+\.)*(?P<name>\w+)\(\) (?:missing|got|takes)\b")
NEVER_RUN = re.compile(r"plan `(?P<name>\w+)` was never iterated")


def file_trouble(error: OSError) -> str:
    """Which file, what is wrong with it, what to do.

    >>> file_trouble(FileNotFoundError(2, "No such file or directory", "x.png"))
    'x.png: no such file or directory; see that the path is right'
    """
    advice = "another disk, or delete something" if error.errno == 28 else "see that the path is right"
    advice = "name a place where you may write, or ask its owner" if isinstance(error, PermissionError) else advice
    what = error.strerror or str(error)
    return f"{error.filename}: {what[:1].lower()}{what[1:]}; {advice}"


def refused_here(traceback: TracebackType) -> bool:
    """Whether the error was raised on purpose, by a line of lab/ or analysis/ that says `raise`."""
    frame, line = list(walk_tb(traceback))[-1]
    path = Path(frame.f_code.co_filename)
    ours = any(path.is_relative_to(HOUSE / folder) for folder in ("lab", "analysis"))
    return ours and linecache.getline(str(path), line).lstrip().startswith("raise ")


def typed_call(traceback: TracebackType) -> str:
    """The function of the lab that the typed line called and that failed; "" if a line of the user's own did."""
    typed, *inner = (frame for frame, _ in walk_tb(traceback) if "IPython" not in frame.f_code.co_filename)
    if typed.f_code.co_name not in ("<module>", "<cell line: 1>") or not inner:
        return ""
    strangers = ("<ipython-input", "ipykernel_", f"bluesky{'/'}run_engine")
    if any(one in frame.f_code.co_filename.replace("\\", "/") for frame in inner for one in strangers):
        return ""
    return inner[0].f_code.co_name if is_ours(inner[0]) else ""


def is_ours(frame: FrameType) -> bool:
    """Whether the code of a frame is the lab's, or the analysis'."""
    path = Path(frame.f_code.co_filename)
    return any(path.is_relative_to(HOUSE / folder) for folder in ("lab", "analysis"))


def wrong_call(error: Exception, traceback: TracebackType) -> str:
    """A sentence for a call with arguments that are missing, unknown or of a wrong kind; "" if that is not so."""
    frames = [frame for frame, _ in walk_tb(traceback) if "IPython" not in frame.f_code.co_filename]
    name = typed_call(traceback)
    if name:
        asked = f"{name}? tells what it takes, " if name in frames[0].f_globals else ""
        shown = "[...]" if name == "__getitem__" else f"{name}(...)"
        return f"{shown} cannot use what it was given: {error}; {asked}%tb shows where it failed"
    found = CALLED_WRONGLY.match(str(error))
    if found and len(frames) == 1 and is_bound_here(frames[0], found["name"]):
        return f"{error}; {found['name']}? tells what it takes" if found["name"] in frames[0].f_globals else str(error)
    return ""


def is_bound_here(frame: FrameType, name: str) -> bool:
    """Whether a name, or a method of that name, that the typed line used is the lab's."""
    bound = frame.f_globals.get(name)
    if bound is None:
        return True  # a method: of whom is in the message
    return str(getattr(bound, "__module__", "")).split(".")[0] in ("lab", "plans", "analysis")


class UnusedPlans:
    """Plans that were made and not run, told in a line after the cell that forgot them, not in a page of stacks.

    A cell that failed made them for a call that did not happen: then nothing is told.
    """

    def __init__(self) -> None:
        self.names: list[str] = []
        self.show = warnings.showwarning

    def noticed(self, message: Any, *where: Any, **more: Any) -> None:
        """In place of `warnings.showwarning`."""
        found = NEVER_RUN.search(str(message))
        if found:
            self.names.append(found["name"])
        else:
            self.show(message, *where, **more)

    def tell(self, result: Any = None) -> None:
        """After a cell."""
        names, self.names = list(dict.fromkeys(self.names)), []
        if getattr(result, "success", True):
            sys.stderr.writelines(f"{line}\n" for line in forgotten(names))


def forgotten(names: list[str]) -> Iterator[str]:
    """What to type instead.

    >>> list(forgotten(["hbt"]))
    ['hbt(...) was made, but never run: RE(hbt(...)) at the prompt, `yield from hbt(...)` in a plan of your own']
    """
    for name in names:
        yield (
            f"{name}(...) was made, but never run: RE({name}(...)) at the prompt, `yield from {name}(...)` in a plan "
            "of your own"
        )
