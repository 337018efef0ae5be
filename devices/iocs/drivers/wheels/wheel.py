"""One Thorlabs FW102C filter wheel: where it stands, and turning it until it stands elsewhere."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from devices.iocs.drivers.finding import Finding
from devices.iocs.drivers.wires.thorlabs import CommandRefusedError, done, is_whole, reply, whole_number
from devices.iocs.drivers.wires.wire import BrokenWireError, Wire, WireError
from devices.iocs.drivers.wires.wire_log import WireLog

T = TypeVar("T")

UNKNOWN = "unknown"
MOST_POSITIONS = 12


@dataclass(frozen=True)
class WheelPort:
    """One wheel.

    port : "COM7" or "socket://host:port"
    positions : names of the filters from position 1 on, as pairings and plans name them; what is left over is not used
    identity : a text that its identity must contain; empty: any
    turn_s : the longest that a turn takes
    """

    port: str
    positions: tuple[str, ...]
    identity: str = ""
    turn_s: float = 10.0

    def __post_init__(self) -> None:
        if not self.port.strip():
            raise ValueError('port = "": name the serial port of the wheel, "COM7" or "socket://host:port"')
        if not 0 < len(self.positions) <= MOST_POSITIONS:
            raise ValueError(f"positions = {list(self.positions)}: 1 to {MOST_POSITIONS} names, from position 1 on")
        for name in self.positions:
            named("positions", name)
        if len(set(self.positions)) < len(self.positions):
            raise ValueError(f"positions = {list(self.positions)}: a name stands there twice")
        if not 0 < self.turn_s <= 60:
            raise ValueError(f"turn_s = {self.turn_s}: above 0, at most 60 s")


class Wheel:
    """One FW102C. Its position sensors shine, so they are switched off while it stands."""

    def __init__(self, place: str, port: WheelPort, *, log: WireLog | None = None) -> None:
        self.place, self.port = place, port
        self.wire = Wire(port.port, baudrate=115200, end=b"\r", timeout_s=0.6, opened=self.opened, log=log)

    def opened(self, wire: Wire) -> None:
        """Which wheel it is, that it has so many positions, and its sensors off."""
        if self.port.identity not in (told := self.identity()):
            raise WireError(
                f"{self.port.port}: {told!r} is there, expected {self.port.identity!r} in its identity: correct port "
                f"or identity of the {self.place} wheel in lab.toml"
            )
        if len(self.port.positions) > (count := self.count()):
            raise WireError(
                f"{self.port.port}: the {self.place} wheel has {count} positions, lab.toml names "
                f"{len(self.port.positions)}: correct the list"
            )
        self.order("sensors=0")

    def identity(self) -> str:
        """Model and firmware, as it tells them; WireError if it tells none."""
        if not (told := self.wire.ask("*idn?", lambda heard: reply(heard, "*idn?"), complete=is_whole)):
            raise WireError(f"{self.port.port}: it tells no identity; correct the port of the {self.place} wheel")
        return told

    def count(self) -> int:
        return self.wire.ask(
            "pcount?", lambda heard: whole_number(heard, "pcount?", 1, MOST_POSITIONS), complete=is_whole
        )

    def position(self) -> int:
        """From 1 on."""
        return self.ask("pos?")

    def name(self) -> str:
        """The filter that is in; unknown with its number if lab.toml does not name it."""
        at = self.position()
        return self.port.positions[at - 1] if at <= len(self.port.positions) else f"{UNKNOWN} (position {at})"

    def turn(self, name: str) -> None:
        """Turn until it reads the position of this filter; WireError or TimeoutError if it does not."""
        wanted = self.port.positions.index(name) + 1
        until = time.monotonic() + self.port.turn_s
        self._told(lambda: self.order(f"pos={wanted}", timeout_s=self.port.turn_s))
        while (at := self._told(self.position)) != wanted:
            if time.monotonic() > until:
                raise TimeoutError(
                    f"the {self.place} wheel did not reach position {wanted} ({name}) within {self.port.turn_s:g} s, "
                    f"it reads {at or 'nothing'}: see whether it is blocked"
                )
            time.sleep(0.05)

    def _told(self, exchange: Callable[[], T]) -> T | None:
        """None while it turns and does not answer; WireError if the wire is broken, and cannot be opened again."""
        try:
            return exchange()
        except BrokenWireError:
            raise
        except WireError:
            self.wire.open()
            return None

    def ask(self, question: str) -> int:
        return self.wire.ask(
            question, lambda heard: whole_number(heard, question, 1, MOST_POSITIONS), complete=is_whole
        )

    def order(self, command: str, timeout_s: float | None = None) -> None:
        """Every command of a wheel may be said twice."""
        self.wire.ask(command, lambda heard: done(heard, command), complete=is_whole, timeout_s=timeout_s)

    def check(self) -> list[Finding]:
        """Who it is and where it stands; it does not turn."""
        what = f"{self.place} wheel"
        try:
            found = f"position {self.position()} of {self.count()}, {self.name()}"
            known = [Finding(f"{what}: identity", "ok", self.identity())]
        except (WireError, CommandRefusedError) as why:
            return [Finding(what, "failed", f"{why}", "correct port or cable, then check again")]
        look = "open the wheel's cover with the SPADs off, and compare the engraved names with the list in lab.toml"
        trigger = "nothing may be plugged into its trigger socket: a pulse there turns it"
        return [
            *known,
            Finding(f"{what}: filter", "unverified", found, look),
            Finding(f"{what}: trigger", "unverified", "not read", trigger),
        ]

    def close(self) -> None:
        self.wire.close()


def named(key: str, name: str) -> None:
    """ValueError for a name that no filter may have."""
    if not (name.strip() == name and name and name.isprintable() and len(name) < 80) or name.startswith(UNKNOWN):
        raise ValueError(f"{key} = {name!r}: a name in printable letters, not {UNKNOWN!r}")
