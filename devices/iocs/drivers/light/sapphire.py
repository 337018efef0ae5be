"""Coherent Sapphire lasers: one line with a value for each question; what is set is believed once it is read back.

The laser writes an empty line, or with its echo on the command itself, before the value. Echo and prompt are switched
off when the wire is opened.
"""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeVar

from devices.iocs.drivers.finding import Finding
from devices.iocs.drivers.light.cw_power import ENDS, SWITCH, CwOptions, WiredLaser, number
from devices.iocs.drivers.wires.wire import BadReplyError
from devices.iocs.drivers.wires.wire_log import WireLog

T = TypeVar("T")

STARTING, WARMING, STANDBY, ON, READY, BROKEN = range(1, 7)
STATES = {
    STARTING: "starting up",
    WARMING: "warming up",
    STANDBY: "standby",
    ON: "on",
    READY: "ready",
    BROKEN: "error",
}
QUIET_S, MOST_S = 0.1, 0.6


@dataclass(frozen=True)
class SapphireOptions(CwOptions):
    """See `CwOptions`.

    end : what ends a command: users tell of CRLF; if it is silent, take CR
    """

    end: Literal["CRLF", "CR"] = "CRLF"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.end not in ENDS:
            raise ValueError(f"end = {self.end!r}: one of {', '.join(ENDS)}")


class Sapphire(WiredLaser):
    """A Sapphire. It does not tell its interlock, and shines as soon as its key is turned."""

    baudrate = 19200
    options: SapphireOptions

    def __init__(self, options: SapphireOptions, *, log: WireLog | None = None) -> None:
        self.end = ENDS[options.end]
        super().__init__(options, log=log)

    def prepare(self) -> None:
        """Echo and prompt off."""
        self.order(">=0")

    def identity(self) -> str:
        """Number of the laser head."""
        return f"Sapphire, head {self.ask('?hid', number):.10g}"

    def order_power(self, mw: float) -> None:
        self.order(f"p={mw:.3f}")

    def ordered_mw(self) -> float:
        return self.ask("?sp", number)

    def limits_mw(self) -> tuple[float, float]:
        least_mw, most_mw = self.ask("?minlp", number), self.ask("?maxlp", number)
        return least_mw, most_mw

    def switch(self, on: bool) -> None:
        self.order("l=1" if on else "l=0")

    def is_on(self) -> bool:
        return self.ask("?l", SWITCH)

    def fault(self) -> str:
        if self.ask("?sta", state) != BROKEN:
            return ""
        return f"state 6, error: {self._faults()}; remove the cause, then turn the key off and on"

    def _faults(self) -> str:
        """Every line that it tells at once."""
        return self.wire.ask(
            "?fl", lambda heard: "; ".join(lines(heard, "?fl")), complete=lambda heard: is_line(heard, "?fl")
        )

    def hindrance(self) -> str:
        """Its state forbids it, or its key is off."""
        now = self.ask("?sta", state)
        if now in (STARTING, WARMING):
            return f"state {now}, it is {STATES[now]}: wait until it is at standby"
        if not self.ask("?k", SWITCH):
            return "its key is off: turn it"
        return self.fault()

    def findings(self) -> list[Finding]:
        """State, key, temperature, and that the interlock is not told."""
        now, key = self.ask("?sta", state), self.ask("?k", SWITCH)
        waits = "wait until it is at standby" if now in (STARTING, WARMING) else ""
        told = Finding("state word", "failed" if now == BROKEN else "ok", f"{now}, {STATES[now]}", waits)
        keyed = Finding("key", "ok" if key else "failed", "on" if key else "off", "" if key else "turn it")
        servo = Finding("temperature servo", "ok", "on" if self.ask("?t", SWITCH) else "off")
        dark = "this laser cannot tell it: open the enclosure with the shutter closed, and see that emission ends"
        return [told, keyed, servo, Finding("interlock", "unverified", "not told by this laser", dark)]

    def order(self, command: str) -> None:
        """Say a command, and let whatever comes back pass: an empty line, its echo, or a warning."""
        with self.wire.turn:
            self.wire.say(command)
            self._listen_until_quiet()

    def ask(self, command: str, parse: Callable[[str], T] = str) -> T:
        """The reply to a question, parsed."""
        return self.set_up_again(
            lambda: self.wire.ask(
                command, lambda heard: parse(line(heard, command)), complete=lambda heard: is_line(heard, command)
            )
        )

    def _listen_until_quiet(self) -> None:
        until = last = time.monotonic()
        until += MOST_S
        while time.monotonic() < min(until, last + QUIET_S):
            with self.wire.unbroken():
                if heard := self.wire.port.read(max(1, self.wire.port.in_waiting)):
                    self.wire.log.heard(heard)
                    last = time.monotonic()


def is_line(heard: bytes, command: str) -> bool:
    """Whether a line with something in it has ended, beside the echo of the command."""
    full = [one for one in re.split(b"[\r\n]+", heard) if one.strip() and one.strip() != command.encode("ascii")]
    return bool(full) and heard.endswith((b"\r", b"\n"))


def line(heard: str, command: str) -> str:
    """The one line of a reply, without the echo of its command; ValueError for anything else.

    >>> line("\\r\\n0.200\\r\\n", "?minlp"), line("?l\\r\\n1\\r\\n", "?l")
    ('0.200', '1')
    """
    found = lines(heard, command)
    if len(found) != 1:
        raise BadReplyError(f"it replied {heard!r}, one line was expected")
    return found[0]


def lines(heard: str, command: str) -> list[str]:
    """The lines of a reply without the echo of its command; ValueError for what cannot be printed."""
    found = [one.strip() for one in re.split("[\r\n]+", heard) if one.strip() not in ("", command)]
    if not all(one.isprintable() for one in found):
        raise BadReplyError(f"it replied {heard!r}, lines of text were expected")
    return found


def state(text: str) -> int:
    """The state of the laser.

    >>> state("3") == STANDBY
    True
    """
    if text not in map(str, STATES):
        raise BadReplyError(f"it replied {text!r}, a state from 1 to 6 was expected")
    return int(text)
