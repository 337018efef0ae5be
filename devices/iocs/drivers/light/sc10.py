"""The Thorlabs SC10 shutter controller: CR ends a command, its echo comes back, then a value, then the prompt ">".

`ens` toggles: there is no command that opens and none that closes. So the state is read before, read after, and a
toggle whose reply was lost is never said again before the state was read anew on a quiet line.
"""

import math
import threading
from dataclasses import dataclass
from typing import Literal

from devices.iocs.drivers.finding import Finding
from devices.iocs.drivers.wires.thorlabs import CommandRefusedError, done, is_whole, whole_number
from devices.iocs.drivers.wires.wire import Wire, WireError
from devices.iocs.drivers.wires.wire_log import WireLog

BAUD = 9600
TRIES = 2


@dataclass(frozen=True)
class Sc10Options:
    """What lab.toml says about the shutter.

    port : "COM5", "/dev/ttyUSB1" or "socket://host:port"
    open_reads : what `ens?` reads while the blade is open, 0 or 1: users of this controller disagree. Find out with the
        lasers off: read it, press Enable on the front panel, look at the blade, read again
    interlock : who tells the interlock of the enclosure: "cw_laser", or "hardware" if none of the instruments does
    timeout_s : for one reply; a shutter that cannot be reached must be known soon
    """

    port: str
    open_reads: int
    interlock: Literal["cw_laser", "hardware"] = "cw_laser"
    timeout_s: float = 0.3

    def __post_init__(self) -> None:
        if not self.port.strip():
            raise ValueError('port = "": name the serial port of the shutter, "COM5" or "socket://host:port"')
        if self.open_reads not in (0, 1):
            raise ValueError(f"open_reads = {self.open_reads}: 0 or 1, as `ens?` reads while the blade is open")
        if self.interlock not in ("cw_laser", "hardware"):
            raise ValueError(f"interlock = {self.interlock!r}: 'cw_laser' or 'hardware'")
        if not (math.isfinite(self.timeout_s) and 0 < self.timeout_s <= 1):
            raise ValueError(f"timeout_s = {self.timeout_s}: above 0, at most 1 s")


class ShutterError(RuntimeError):
    """The shutter is not as it was told to be, or nobody knows how it is."""


class Sc10:
    """One shutter. Whatever is lost on the wire, `close_blade` ends closed or raises, and never opens."""

    def __init__(self, options: Sc10Options, *, log: WireLog | None = None) -> None:
        self.options = options
        self.wire = Wire(options.port, baudrate=BAUD, end=b"\r", timeout_s=options.timeout_s, log=log)
        self.turn = threading.RLock()

    def is_open(self) -> bool:
        """As it reads now; WireError if it cannot be read."""
        with self.turn:
            return self._read() == self.options.open_reads

    def open_blade(self) -> None:
        """Open and read back; ShutterError or WireError if it is not surely open."""
        self._drive(self.options.open_reads)

    def close_blade(self) -> None:
        """Close and read back; ShutterError or WireError if it is not surely closed."""
        self._drive(1 - self.options.open_reads)

    def _drive(self, wanted: int) -> None:
        with self.turn:
            told = self._read_twice()
            for _ in range(TRIES):
                if told == wanted:
                    return
                self._toggle()
                told = self._read_twice()
            if told != wanted:
                word = "open" if wanted == self.options.open_reads else "close"
                raise ShutterError(
                    f"the shutter did not {word}: ens? reads {told}; look at its front panel (mode Manual, interlock, "
                    "blade), and whether open_reads in lab.toml is right"
                )

    def _toggle(self) -> None:
        """Say it once. If the reply is lost, the reading that follows tells what became of it."""
        try:
            self.wire.ask("ens", lambda heard: done(heard, "ens"), complete=is_whole, attempts=1)
        except WireError:
            self._wait_for_late_replies()

    def _read_twice(self) -> int:
        """The state, read the same two times in a row."""
        try:
            first = self._read()
        except WireError:
            self._wait_for_late_replies()
            first = self._read()
        if first != (second := self._read()):
            raise ShutterError(f"the shutter reads {first}, then {second}: it moves, or the wire is noisy; look at it")
        return second

    def _read(self) -> int:
        return self.wire.ask("ens?", enabled, complete=is_whole, attempts=1)

    def _wait_for_late_replies(self) -> None:
        """So that no reply from before is taken for one from now; a wire that stayed open does that by itself."""
        if self.wire.port is None:
            self.wire.open()
            self.wire.calm_down(self.options.timeout_s)

    def check(self) -> list[Finding]:
        """Read the state; the blade does not move."""
        try:
            with self.turn:
                told = self._read_twice()
        except (WireError, ShutterError, CommandRefusedError) as why:
            return [Finding("shutter", "failed", f"{why}", "correct port or cable, mode Manual; then check again")]
        word = "open" if told == self.options.open_reads else "closed"
        turn = "lasers off: press Enable on its front panel, look at the blade, and see that this line turns with it"
        dead = "lasers off: pull its cable while it is open; if it stays open, wire its interlock to the enclosure"
        return [
            Finding("reply", "ok", f"ens? reads {told}"),
            Finding("polarity", "unverified", f"{word}, because open_reads = {self.options.open_reads}", turn),
            Finding("without this PC", "unverified", "no spring of its own: it stays as it was told last", dead),
            Finding("interlock", "unverified", f"told by: {self.options.interlock}", "open the enclosure, and look"),
        ]

    def close(self) -> None:
        """Leave the port; the blade stays as it is."""
        self.wire.close()


def enabled(heard: str) -> int:
    """What `ens?` reads, 0 or 1.

    >>> enabled("ens?\\r0\\r>")
    0
    """
    return whole_number(heard, "ens?", 0, 1)
