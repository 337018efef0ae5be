"""Coherent OBIS lasers: SCPI words; with handshaking on, a line with the value and then a line OK, or one with ERR."""

import contextlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal, TypeVar

from devices.iocs.drivers.finding import Finding
from devices.iocs.drivers.light.cw_check import interlock
from devices.iocs.drivers.light.cw_power import ENDS, CwOptions, LaserError, WiredLaser, one_of, watt
from devices.iocs.drivers.wires.wire import BadReplyError, WireError
from devices.iocs.drivers.wires.wire_log import WireLog

T = TypeVar("T")

DONE = re.compile(rb"(?:^|[\r\n])(OK|ERR[ -]?\d+[^\r\n]*)[\r\n]+$")
ANSWERED = re.compile(rb"[^\r\n\s][^\r\n]*[\r\n]+OK[\r\n]+$|(?:^|[\r\n])ERR[ -]?\d+[^\r\n]*[\r\n]+$")
TAIL = 300  # bytes that are looked at: a babbling laser must not take the time of this computer
UNSUPPORTED = "ERR-100"
ERRORS = {
    UNSUPPORTED: "error -100: the laser does not know this command or does not support it",
}
IS_ON = one_of({"ON": True, "OFF": False})
INTERLOCK = one_of({"OK": True, "ON": True, "OFF": False})


@dataclass(frozen=True)
class ObisOptions(CwOptions):
    """See `CwOptions`.

    end : what ends a command: users tell of CRLF and of CR; if it is silent with one, take the other
    """

    end: Literal["CRLF", "CR"] = "CRLF"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.end not in ENDS:
            raise ValueError(f"end = {self.end!r}: one of {', '.join(ENDS)}")


class UnsupportedError(LaserError):
    """The laser does not know this question."""


class Obis(WiredLaser):
    """An OBIS with handshaking on. Its interlock is told by SYST:LOCK?: OK or ON is closed, OFF is open."""

    tells_interlock = True
    options: ObisOptions

    def __init__(self, options: ObisOptions, *, log: WireLog | None = None) -> None:
        self.end = ENDS[options.end]
        super().__init__(options, log=log)

    def prepare(self) -> None:
        """Handshaking on; from here on every reply ends with OK or an error."""
        try:
            self.wire.ask("SYST:COMM:HAND ON", attempts=1, complete=is_whole)
        except WireError:
            if self.wire.port is None:
                raise
            # Handshaking was off, or is on without a word: the identity that is asked for next will show it.

    def identity(self) -> str:
        return self.ask("*IDN?")

    def order_power(self, mw: float) -> None:
        self.order(f"SOUR:POW:LEV:IMM:AMPL {mw * 1e-3:.5f}")

    def ordered_mw(self) -> float:
        return 1e3 * self.ask("SOUR:POW:LEV:IMM:AMPL?", watt)

    def switch(self, on: bool) -> None:
        if on:
            with contextlib.suppress(LaserError):  # some have no sleep to wake from; emission is read back anyway
                self.order("SOUR:TEMP:APR ON")
        self.order(f"SOUR:AM:STAT {'ON' if on else 'OFF'}")

    def is_on(self) -> bool:
        return self.ask("SOUR:AM:STAT?", IS_ON)

    def interlock_closed(self) -> bool | None:
        try:
            return self.ask("SYST:LOCK?", INTERLOCK)
        except UnsupportedError:
            return None

    def fault(self) -> str:
        code = self.ask("SYST:FAUL?", bits)
        return f"fault {code:#x}: the manual of the laser tells its bits" if code else ""

    def findings(self) -> list[Finding]:
        """Interlock, status, emission delay."""
        to_do = "close the interlock plug or the enclosure, turn the key"
        turn = "open the interlock with the shutter closed, and check that the line above turns to open"
        cdrh = "ON delays emission by some seconds: switch it off, or expect that the laser does not go on in time"
        return [
            interlock(self.interlock_closed(), to_do),
            Finding("interlock word", "unverified", "SYST:LOCK? OK or ON is taken for closed", turn),
            Finding("status", "ok", self.asked("SYST:STAT?")),
            Finding("emission delay (CDRH)", "unverified", self.asked("SYST:CDRH?"), cdrh),
        ]

    def asked(self, command: str) -> str:
        """A reply for the reader alone: an error of the laser is one, too."""
        try:
            return self.ask(command)
        except LaserError as why:
            return f"{why}"

    def order(self, command: str) -> None:
        """Say what is answered by OK alone; LaserError with the code if the laser refuses."""
        with named(command):
            self.wire.ask(command, accepted, complete=is_whole)

    def ask(self, command: str, parse: Callable[[str], T] = str) -> T:
        """The value that is asked for; LaserError with the code if the laser refuses."""
        with named(command):
            return self.set_up_again(
                lambda: self.wire.ask(command, lambda heard: parse(value(heard)), complete=is_answered)
            )


@contextlib.contextmanager
def named(command: str) -> Iterator[None]:
    """Name the command in what the laser refuses."""
    try:
        yield
    except LaserError as why:
        raise type(why)(f"{command!r} was refused: {why}") from None


def is_whole(heard: bytes) -> bool:
    """Whether the last line is OK or an error."""
    return DONE.search(heard[-TAIL:]) is not None


def is_answered(heard: bytes) -> bool:
    """Whether a value and OK have come, or an error; a value may read OK, too.

    >>> is_answered(b"OK\\r\\n"), is_answered(b"OK\\r\\nOK\\r\\n")
    (False, True)
    """
    return ANSWERED.search(heard[-TAIL:]) is not None


def lines(heard: str) -> list[str]:
    """The lines of a reply without its OK; LaserError if it is an error, ValueError if it is neither.

    >>> lines("ON\\r\\nOK\\r\\n")
    ['ON']
    """
    found = [one.strip() for one in re.split("[\r\n]+", heard) if one.strip()]
    if not found or not all(one.isprintable() for one in found):
        raise BadReplyError(f"it replied {heard!r}, a line and OK were expected")
    if found[-1].startswith("ERR"):
        kind = UnsupportedError if found[-1] == UNSUPPORTED else LaserError
        raise kind(ERRORS.get(found[-1], f"{found[-1]}: an error of the laser, see its manual"))
    if found[-1] != "OK":
        raise BadReplyError(f"it replied {heard!r}, OK was expected at its end")
    return found[:-1]


def value(heard: str) -> str:
    """The one line before OK."""
    found = lines(heard)
    if len(found) != 1:
        raise BadReplyError(f"it replied {heard!r}, one line and OK were expected")
    return found[0]


def accepted(heard: str) -> None:
    """ValueError if a setting was answered by more than OK."""
    if lines(heard):
        raise BadReplyError(f"it replied {heard!r}, OK alone was expected")


def bits(text: str) -> int:
    """A hexadecimal word of up to 32 bits, as the laser writes it.

    >>> bits("0x0004"), bits("00000010")
    (4, 16)
    """
    if not re.fullmatch(r"(0x)?[0-9A-Fa-f]{1,8}", text.strip()):
        raise BadReplyError(f"it replied {text!r}, a hexadecimal number was expected")
    return int(text, 16)
