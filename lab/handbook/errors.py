"""The page of all messages: what each means and what to do, room by room."""

import ast
from collections.abc import Iterable, Iterator
from itertools import groupby
from operator import attrgetter
from pathlib import Path

from lab.handbook.messages import ROOMS, Message, messages
from lab.handbook.public import parsed
from lab.handbook.remedies import remedy

HEAD = """\
# Messages

Every message of analysis, devices, plans and lab, as a pattern: words in {{braces}} stand for the values of the moment.
A message names the thing, its value, the limit and what to do; where it reports what an instrument did, the third
column says what to do. Search this page for a few words of the message. There are {n}, by folder:
{folders}.

Values come first, as they were typed, `name=value`. What an instrument refuses is preceded by the name of its process
variable, what is wrong with a file by its path and the byte. Nothing has moved when a plan is refused, and all problems
are told at once.

## Kinds

| kind | meaning |
|---|---|
"""
ORDER = ("plans", "lab", "devices", "analysis")
OF_FOLDERS = {
    "lab": "The running lab: session, processes, journal, storage.",
    "analysis": "Modules that stand alone.",
}
BUILT_IN = {
    "problem": "One line of a `PlanError`: an argument, a setting, a calibration. Correct it, type the plan again.",
    "warning": "A line of a result or of `explain`: the numbers stand, with this in mind.",
    "latch": "Why the shutter is closed and stays so until `microscope.shutter.reset()`.",
    "ValueError": "An argument or a file that cannot be: what was given, what is allowed.",
    "TypeError": "An argument of a kind that cannot be.",
    "LookupError": "Something that was named is not there: a run, an emitter, a dataset.",
    "KeyError": "A name that is not there, with those that are.",
    "IndexError": "A number beyond the end.",
    "OSError": "The system refused a file or a port.",
    "RuntimeError": "Something failed that no argument explains; the log says more.",
    "OverflowError": "More than a number can hold.",
    "PermissionError": "An interlock or the system forbids it.",
    "TimeoutError": "No answer in time.",
    "ConnectionError": "An instrument or a process is not there.",
    "LimitError": "A value outside the limits of a signal; nothing was set.",
    "ConnectionAbortedError": "A connection was given up.",
    "ConnectionResetError": "The other side closed the connection.",
    "Error": "A table of the lab (registry, ledger) that cannot be used.",
}


def page(house: Path) -> str:
    """The page in markdown, from the source tree at `house`."""
    found = messages(house)
    told = BUILT_IN | meanings(house)
    kinds = sorted({each.kind for each in found}, key=str.lower)
    rows = [f"| `{kind}` | {told.get(kind, '')} |" for kind in kinds]
    folders = ", ".join(f"[{room}](#{anchor(room)})" for room in sorted({each.room for each in found}, key=rank))
    head = HEAD.format(n=len(found), folders=folders)
    return head + "\n".join([*rows, "", *chapters(found, house)]).rstrip() + "\n"


def rank(room: str) -> tuple[int, str]:
    """Folders in the order in which a user meets them."""
    return ORDER.index(room.partition("/")[0]), room


def anchor(room: str) -> str:
    """The anchor of a heading as GitHub makes it."""
    return room.replace("/", "")


def meanings(house: Path) -> dict[str, str]:
    """What the docstring of each exception says, by its name."""
    modules = (parsed(path) for room in ROOMS for path in (house / room).rglob("*.py"))
    classes = (node for module in modules for node in module.body if isinstance(node, ast.ClassDef) and node.bases)
    return {
        each.name: text.split("\n\n")[0].replace("\n", " ") for each in classes if (text := ast.get_docstring(each))
    }


def chapters(found: Iterable[Message], house: Path) -> Iterator[str]:
    """A table for each folder, headed by what its package says of itself."""
    for room, every in groupby(sorted(found, key=lambda m: (rank(m.room), m.text, m.file)), key=attrgetter("room")):
        yield from (f"## {room}", "", OF_FOLDERS.get(room) or about(house / room / "__init__.py"), "")
        yield from ("| message | kind, where | what to do |", "|---|---|---|")
        yield from (row(text, list(same)) for text, same in groupby(every, key=attrgetter("text")))
        yield ""


def about(package: Path) -> str:
    """The first sentence of a package's docstring."""
    text = ast.get_docstring(parsed(package)) if package.is_file() else None
    return (text or "").split("\n\n")[0].replace("\n", " ")


def row(text: str, same: list[Message]) -> str:
    """One message, all files of a folder that give it."""
    files = dict.fromkeys(f"[{Path(each.file).name}](../../{each.file})" for each in same)
    return f"| {code(text)} | {same[0].kind}, {', '.join(files)} | {remedy(same[0])} |"


def code(text: str) -> str:
    """Text as code inside a table."""
    fence = "``" if "`" in text else "`"
    pad = " " if fence == "``" else ""
    return f"{fence}{pad}{text}{pad}{fence}".replace("|", "\\|")
