"""Cobolt lasers of the series 04, 06 and 08: short words ended by CR, one line back, "OK" for what is set."""

import contextlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from devices.iocs.drivers.finding import Finding
from devices.iocs.drivers.light.cw_check import interlock
from devices.iocs.drivers.light.cw_power import SWITCH, CwOptions, LaserError, WiredLaser, watt
from devices.iocs.drivers.wires.wire import BadReplyError, WireError

T = TypeVar("T")

FAULTS = {
    1: "fault 1: its temperature is wrong; let it cool, then clear the fault",
    3: "fault 3: the interlock opened; close it, turn the key, then clear the fault",
    4: "fault 4: constant power was not reached in time; lower the power, then clear the fault",
}
MODES = {"0": "constant current", "1": "constant power", "2": "modulation"}


@dataclass(frozen=True)
class CoboltOptions(CwOptions):
    """See `CwOptions`.

    interlock_closed_reads : what `ilk?` reads while the interlock is closed, 0 as the maker's own program has it, or 1
    """

    interlock_closed_reads: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.interlock_closed_reads not in (0, 1):
            raise ValueError(f"interlock_closed_reads = {self.interlock_closed_reads}: 0 or 1, as ilk? reads then")


class Cobolt(WiredLaser):
    """A Cobolt under host control: its autostart is switched off when the wire is opened.

    The interlock is told by `ilk?`.
    """

    options: CoboltOptions
    gap_s = 0.1
    tells_interlock = True

    def prepare(self) -> None:
        """Host control: without autostart, and not in direct control."""
        if (told := self.ask("@cobas 0", verdict)) != "OK":
            raise LaserError(f"its autostart cannot be switched off: it replied {told!r}; use the maker's program")
        with contextlib.suppress(WireError):  # not every series has it, and then says so or nothing
            self.ask("@cobasdr 0", verdict, attempts=1)

    def identity(self) -> str:
        """Serial number and firmware."""
        return f"Cobolt {self.ask('sn?', identity_word)}, firmware {self.ask('gfv?', identity_word)}"

    def order_power(self, mw: float) -> None:
        self.order(f"p {mw * 1e-3:.5f}")
        self.order("cp")

    def ordered_mw(self) -> float:
        return 1e3 * self.ask("p?", watt)

    def switch(self, on: bool) -> None:
        self.order("l1" if on else "l0")

    def is_on(self) -> bool:
        return self.ask("l?", SWITCH)

    def interlock_closed(self) -> bool | None:
        told = self.ask("ilk?", interlock_word)
        return None if told is None else told == bool(self.options.interlock_closed_reads)

    def fault(self) -> str:
        code = self.ask("f?", fault_code)
        return "" if code == 0 else FAULTS.get(code, f"fault {code}: its manual tells what this is")

    def findings(self) -> list[Finding]:
        """Interlock and mode."""
        told, mode = interlock(self.interlock_closed(), "close the enclosure, turn the key"), self.ask("gam?")
        known = MODES.get(mode, f"mode {mode!r}")
        polarity = "open the enclosure with the shutter closed, and check that this line turns to open"
        turn = Finding(
            "interlock word", "unverified", f"ilk? {self.options.interlock_closed_reads} is taken for closed", polarity
        )
        auto = Finding("autostart", "ok", "switched off by this PC: the laser waits for its commands")
        return [told, turn, auto, Finding("mode", "ok", f"{known}; each power set turns it to constant power")]

    def order(self, command: str) -> None:
        """Say what is answered by OK; LaserError with the reply otherwise."""
        if (told := self.ask(command, verdict)) != "OK":
            raise LaserError(f"{command!r} was refused, it replied {told!r}: {self.fault() or 'look at its manual'}")

    def ask(self, command: str, parse: Callable[[str], T] = str, attempts: int | None = None) -> T:
        """The reply to a command, parsed; an empty one is an error."""
        return self.wire.ask(command, lambda heard: parse(line(heard)), complete=is_line, attempts=attempts)


def is_line(heard: bytes) -> bool:
    """Whether a line with something in it has ended."""
    return bool(heard.strip()) and heard.endswith((b"\r", b"\n"))


def line(heard: str) -> str:
    """The one line of a reply; ValueError for none, or more than one, or what cannot be printed.

    >>> line("0.0500\\r\\n")
    '0.0500'
    """
    lines = [one for one in re.split("[\r\n]+", heard.strip("\r\n")) if one]
    if len(lines) != 1 or not lines[0].isprintable():
        raise BadReplyError(f"it replied {heard!r}, one line was expected")
    return lines[0].strip()


def verdict(text: str) -> str:
    """OK, or a complaint in the laser's words; ValueError for what is neither.

    >>> verdict("OK"), verdict("Syntax error: illegal command")
    ('OK', 'Syntax error: illegal command')
    """
    if text != "OK" and "error" not in text.casefold():
        raise BadReplyError(f"it replied {text!r}, OK was expected")
    return text


def interlock_word(text: str) -> bool | None:
    """0 or 1; None if the laser complains that it does not know the question."""
    return None if "error" in text.casefold() else SWITCH(text)


def identity_word(text: str) -> str:
    """A serial number or a version; ValueError for a complaint of the laser, or none of its words."""
    if not text or "error" in text.casefold() or text == "OK":
        raise BadReplyError(f"it replied {text!r}, a serial number or version was expected: is this a Cobolt laser?")
    return text


def fault_code(text: str) -> int:
    """The number of a fault.

    >>> fault_code("3")
    3
    """
    if not (text.isascii() and text.isdigit() and len(text) <= 3):
        raise BadReplyError(f"it replied {text!r}, the number of a fault was expected")
    return int(text)
