"""What continuous-wave lasers on a serial wire share: power in mW, emission, and that every setting is read back."""

import contextlib
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from devices.iocs.drivers.finding import Finding
from devices.iocs.drivers.light.cw_check import check
from devices.iocs.drivers.wires.wire import OddReplyError, Wire, WireError
from devices.iocs.drivers.wires.wire_log import WireLog

T = TypeVar("T")

ENDS = {"CRLF": b"\r\n", "CR": b"\r"}
ON_S = 3.0  # from the command to emission, at most
LOOK_S = 0.05
RESOLUTION_MW, RELATIVE = 0.06, 0.005  # of a power that is read back


class LaserError(RuntimeError):
    """The laser answers, but is not as it was told to be; the message says what to do."""


@dataclass(frozen=True)
class CwOptions:
    """What lab.toml says about a continuous-wave laser.

    port : "COM3", "/dev/ttyACM0" or "socket://host:port"
    w_cm2_per_mw : peak intensity at the focus for each mW that the laser says it emits: measure the power behind the
        objective, P, and the radius of the focus at 1/e2, w; the intensity is 2 P / (pi w2)
    max_mw : no more than this is ever asked for
    identity : a text that the laser's identity must contain, its serial number for instance; empty: any
    timeout_s : for one reply
    """

    port: str
    w_cm2_per_mw: float
    max_mw: float
    identity: str = ""
    timeout_s: float = 0.5

    def __post_init__(self) -> None:
        if not self.port.strip():
            raise ValueError('port = "": name the serial port of the laser, "COM3" or "socket://host:port"')
        for name in ("w_cm2_per_mw", "max_mw", "timeout_s"):
            if not (math.isfinite(getattr(self, name)) and getattr(self, name) > 0):
                raise ValueError(f"{name} = {getattr(self, name)}: a number above 0")


class WiredLaser:
    """A continuous-wave laser on a wire. It connects at first use, which changes no emission.

    A subclass says how its laser is spoken to: `prepare`, `identity`, `order_power`, `ordered_mw`, `switch`, `is_on`,
    `limits_mw`, `fault`, `interlock_closed`, `hindrance` and `findings`.
    """

    baudrate = 115200
    end = b"\r"
    gap_s = 0.0
    tells_interlock = False

    def __init__(self, options: CwOptions, *, log: WireLog | None = None) -> None:
        self.options, self.max_mw, self.w_cm2_per_mw = options, options.max_mw, options.w_cm2_per_mw
        self.wire = Wire(
            options.port,
            baudrate=self.baudrate,
            end=self.end,
            timeout_s=options.timeout_s,
            gap_s=self.gap_s,
            opened=self.opened,
            log=log,
        )

    def opened(self, wire: Wire) -> None:
        """Set the wire up, and make sure that this laser is at its other end; WireError if another one is."""
        self.prepare()
        told = self.identity()
        if self.options.identity not in told:
            raise WireError(
                f"{self.options.port}: the laser there is {told!r}, expected one with {self.options.identity!r} in its "
                "identity: correct port or identity in lab.toml"
            )

    def set_up_again(self, exchange: Callable[[], T]) -> T:
        """An exchange; if its reply is a wrong one, the laser may have restarted: it is set up anew and asked again."""
        try:
            return exchange()
        except OddReplyError:
            if self.wire.opening:
                raise
            self.wire.log.note("set up again")
            if self.wire.port is not None:
                self.prepare()
            return exchange()  # a wire that was closed is opened, which sets it up, too

    def set_power_mw(self, mw: float) -> None:
        """Set the power and read it back; ValueError beyond what is allowed, before anything is sent."""
        if not (math.isfinite(mw) and 0 <= mw <= self.max_mw):
            raise ValueError(f"power = {mw:g} mW: must be 0..{self.max_mw:g} mW (max_mw in lab.toml)")
        least_mw, most_mw = self.limits_mw()
        if not least_mw <= mw <= most_mw:
            raise ValueError(f"power = {mw:g} mW: this laser takes {least_mw:g}..{most_mw:g} mW")
        self.order_power(mw)
        told_mw = self.ordered_mw()
        if abs(told_mw - mw) > RESOLUTION_MW + RELATIVE * mw:
            raise LaserError(f"the power was set to {mw:g} mW, but reads back {told_mw:g} mW: set it again")

    def emission(self, on: bool) -> None:
        """Switch and read back; LaserError if the laser does not obey. Off is always sent, on only if it is off."""
        if not on:
            with contextlib.suppress(WireError, LaserError):  # whatever it replied, what the laser reads back decides
                self.switch(False)
        elif not self.is_on():
            if why := self.hindrance():
                raise LaserError(f"the laser stays off: {why}")
            self.switch(True)
        until = time.monotonic() + ON_S
        while self.is_on() != on:
            if time.monotonic() > until:
                raise LaserError(disobeyed(on, self.fault))
            time.sleep(LOOK_S)

    def check(self) -> list[Finding]:
        """Look at the laser; nothing of its light changes."""
        return check(self)

    def close(self) -> None:
        """Leave the port; the laser stays as it is."""
        self.wire.close()

    def prepare(self) -> None:
        """What must be said before anything else."""

    def identity(self) -> str:
        raise NotImplementedError

    def order_power(self, mw: float) -> None:
        raise NotImplementedError

    def ordered_mw(self) -> float:
        """The set power, as the laser tells it."""
        raise NotImplementedError

    def limits_mw(self) -> tuple[float, float]:
        """Least and most power, as the laser tells them; (0, inf) if it does not."""
        return 0.0, math.inf

    def switch(self, on: bool) -> None:
        raise NotImplementedError

    def is_on(self) -> bool:
        raise NotImplementedError

    def interlock_closed(self) -> bool | None:
        """None: this laser does not tell."""
        return None

    def fault(self) -> str:
        """The fault as a sentence with its code; empty if there is none."""
        raise NotImplementedError

    def hindrance(self) -> str:
        """Why it must not be switched on now; empty if nothing."""
        if self.interlock_closed() is False:
            return "its interlock is open; close the enclosure and turn the key"
        return self.fault()

    def findings(self) -> list[Finding]:
        """What else this laser can tell."""
        return []


def disobeyed(on: bool, fault: Callable[[], str]) -> str:
    """What to do with a laser that does not follow; its fault is asked for only if it stays off."""
    if not on:
        return "the laser does not go off: turn its key, then look for the cause"
    return f"the laser does not go on ({fault() or 'it tells no fault'}): look at key, interlock and its panel"


def number(text: str) -> float:
    """A finite number; ValueError for anything else, "nan" included.

    >>> number(" 0.050")
    0.05
    """
    value = float(text)
    if not math.isfinite(value) or "_" in text or not text.isascii():
        raise ValueError(f"{text!r} is no number")
    return value


def watt(text: str) -> float:
    """A power in W that a laser of this size can have; ValueError for anything else."""
    value = number(text)
    if not -0.001 <= value <= 10.0:
        raise ValueError(f"{text!r} is no power in W")
    return value


def one_of(words: dict[str, bool]):
    """A parser that takes these words alone.

    >>> one_of({"0": False, "1": True})("1")
    True
    """

    def parse(text: str) -> bool:
        if text.strip() not in words:
            raise ValueError(f"{text!r}: one of {', '.join(words)} was expected")
        return words[text.strip()]

    return parse


SWITCH = one_of({"0": False, "1": True})
