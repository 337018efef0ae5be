"""How small Thorlabs controllers reply: the echo of the command, a value if there is one, and the prompt ">"."""

import re

from devices.iocs.drivers.wires.wire import BadReplyError

PROMPT = re.compile(rb"[^>\s][^>]*[\r\n]> ?[\r\n]*$")

TAIL = 200  # bytes that are looked at: a babbling controller must not take the time of this computer


class CommandRefusedError(RuntimeError):
    """The controller understood the wire, but not the command, or will not do it; its own words are in the message."""


def is_whole(heard: bytes) -> bool:
    """Whether the prompt has come, and not alone: one that is left over from before ends nothing.

    >>> is_whole(b"ens?\\r1\\r>"), is_whole(b"pos?\\r2\\r")
    (True, False)
    """
    return PROMPT.search(heard[-TAIL:]) is not None


def reply(heard: str, command: str) -> str:
    """What stands between the echo of a command and the prompt, empty for nothing; ValueError for anything else.

    A prompt that is left over from before does no harm.

    >>> reply("ens?\\r1\\r>", "ens?"), reply("pos=3\\r> ", "pos=3"), reply("> pos?\\r2\\r> ", "pos?")
    ('1', '', '2')
    """
    words = [one.strip() for one in re.split("[\r\n]+", heard.lstrip("> \r\n").rstrip())]
    if len(words) < 2 or words[0] != command or words[-1] != ">":
        raise BadReplyError(f"it replied {heard!r}, expected the echo of {command!r} and the prompt")
    inner = [one for one in words[1:-1] if one]
    if len(inner) > 1 or not all(one.isascii() and one.isprintable() for one in inner):
        raise BadReplyError(f"it replied {heard!r}, one value at most was expected")
    if inner and "CMD_" in inner[0]:
        raise CommandRefusedError(f"it refused {command!r}: {inner[0]}")
    return "".join(inner)


def done(heard: str, command: str) -> None:
    """ValueError if a command that has no value was answered by one."""
    if value := reply(heard, command):
        raise BadReplyError(f"it replied {value!r} to {command!r}, expected nothing but the prompt")


def whole_number(heard: str, command: str, low: int, high: int) -> int:
    """The number a question is answered by; ValueError for any other, or none.

    >>> whole_number("pos?\\r2\\r> ", "pos?", 1, 12)
    2
    """
    value = reply(heard, command)
    if value not in map(str, range(low, high + 1)):
        raise BadReplyError(f"it replied {value!r} to {command!r}, expected a number from {low} to {high}")
    return int(value)
