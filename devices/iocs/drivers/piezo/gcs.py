"""GCS 2.0, the language of PI controllers: its replies and its error codes.

Lines end with LF, and of a reply with several lines all but the last have a space before it. Every parser raises
BadReplyError for what is not exactly such a reply: nothing is guessed from a part of one.
"""

import math
import re
from collections.abc import Sequence

import numpy as np

from devices.iocs.drivers.wires.wire import BadReplyError, shown

MOVING, READY, GENERATING, STOP = b"\x05", b"\x07", b"\x09", b"\x18"
MOST_ARGUMENTS = 32
NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]*)?([eE][+-]?[0-9]{1,3})?")
READY_REPLIES = {"\xb1": True, "1": True, "\xb0": False, "0": False}
END_HEADER = "# END_HEADER"

ERRORS = {
    1: "it does not understand the syntax: is it a controller of GCS 2.0?",
    2: "it does not know this command: this model cannot do it",
    3: "the command is too long for it",
    5: "an axis is not referenced, or its servo is off: switch the servo on (SVO), reference the axis if it needs it",
    7: "the position is outside the limits of an axis: ask for one within them",
    8: "the velocity is outside its limits: set a lower one (VEL)",
    10: "it was stopped: by the stop command, or by someone at the controller",
    15: "an axis name is not valid: set `axes` to the names that SAI? tells",
    17: "a parameter is out of range",
    23: "an axis name is illegal: set `axes` to the names that SAI? tells",
    24: "the number of arguments is wrong",
    26: "an argument is missing",
    54: "it does not know this parameter",
    60: "the parameter is protected: it needs a higher command level (CCL)",
    66: "the voltage of a piezo is out of range: the stage may be loaded too much, or its zero has shifted (autozero)",
    73: "a wave generator is running: wait for its end, or stop it (WGO with mode 0)",
    89: "the axis is in another motion mode: leave it at the controller",
    -7: "it timed out while it listened to this computer: check the cable",
}


class GcsError(RuntimeError):
    """A command that the controller refused, with its code."""

    def __init__(self, url: str, command: str, code: int):
        self.code = code
        told = ERRORS.get(code, "look it up in the manual of the controller")
        super().__init__(f"{url}: {command!r} was refused with error {code}: {told}")


def command(word: str, *arguments: object) -> str:
    """One line without its end; ValueError if it has more arguments than a controller takes."""
    if len(arguments) > MOST_ARGUMENTS:
        raise ValueError(f"{word} with {len(arguments)} arguments: at most {MOST_ARGUMENTS}")
    return " ".join([word, *map(said, arguments)])


def said(value: object) -> str:
    """An argument as the controller reads it; ValueError for what is no finite number."""
    if not isinstance(value, float):
        return str(value)
    if not math.isfinite(value):
        raise ValueError(f"{value} cannot be sent: only finite numbers")
    return f"{value + 0.0:.6f}"


def whole(heard: bytes) -> bool:
    """Whether the last line is here."""
    return heard.endswith(b"\n") and not heard.endswith(b" \n")


def lines(reply: str) -> list[str]:
    """The lines of a reply that has lost its last end, without the spaces before their ends."""
    *first, last = reply.split("\n")
    if any(not line.endswith(" ") for line in first) or last.endswith(" "):
        raise BadReplyError(f"lines were cut in {quoted(reply)}")
    return [line[:-1] for line in first] + [last]


def values(reply: str, axes: Sequence[str]) -> list[str]:
    """The values of "axis=value" lines, in the order of `axes`: each of them once, and no other."""
    pairs = [line.partition("=") for line in lines(reply)]
    found = {axis: value for axis, _, value in pairs}
    if len(found) != len(pairs) or set(found) != set(axes):
        raise BadReplyError(f"{quoted(reply)} does not tell of axes {', '.join(axes)} once each")
    return [found[axis].lstrip(" ") for axis in axes]


def numbers(reply: str, axes: Sequence[str]) -> tuple[float, ...]:
    return tuple(number(value) for value in values(reply, axes))


def flags(reply: str, axes: Sequence[str]) -> tuple[bool, ...]:
    found = values(reply, axes)
    if not set(found) <= {"0", "1"}:
        raise BadReplyError(f"{quoted(reply)} holds something else than 0 and 1")
    return tuple(value == "1" for value in found)


def number(text: str) -> float:
    """A finite number; float() alone would take "nan", "inf" and "1_000", too."""
    if NUMBER.fullmatch(text) and math.isfinite(value := float(text)):
        return value
    raise BadReplyError(f"{quoted(text)} is no number")


def error_code(reply: str) -> int:
    if re.fullmatch(r"-?[0-9]{1,5}", reply):
        return int(reply)
    raise BadReplyError(f"{quoted(reply)} is no error code")


def bits(reply: str) -> int:
    """Which axes or generators are busy, a bit each, from a hexadecimal number."""
    if re.fullmatch(r"(0[xX])?[0-9a-fA-F]{1,8}", reply):
        return int(reply, 16)
    raise BadReplyError(f"{quoted(reply)} is no hexadecimal number")


def ready(reply: str) -> bool:
    """Read the reply to READY, which is one byte, not ASCII."""
    if reply in READY_REPLIES:
        return READY_REPLIES[reply]
    raise BadReplyError(f"{quoted(reply)} does not tell whether the controller is ready")


def recording(reply: str, *, n_samples: int, n_tables: int) -> np.ndarray:
    """What the data recorder holds, shape (n_samples, n_tables), from a header and lines of numbers."""
    told = [line.strip() for line in lines(reply)]
    if told.count(END_HEADER) != 1:
        raise BadReplyError(f"{quoted(reply)} has no {END_HEADER}")
    rows = [line.split() for line in told[told.index(END_HEADER) + 1 :]]
    if len(rows) != n_samples or any(len(row) != n_tables for row in rows):
        raise BadReplyError(f"{len(rows)} lines of the data recorder: expected {n_samples} of {n_tables} numbers")
    return np.array([[number(value) for value in row] for row in rows]).reshape(n_samples, n_tables)


def quoted(reply: str) -> str:
    return shown(reply.encode("latin-1", "replace"))
