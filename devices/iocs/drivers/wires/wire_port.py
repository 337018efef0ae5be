"""The port under a conversation: opened when it is needed, left when it breaks, listened to until it is quiet."""

import threading
import time
from collections.abc import Callable
from typing import Any

import serial

from devices.iocs.drivers.wires import tcp_port
from devices.iocs.drivers.wires.wire_log import BROKEN, SCHEME, Replay, WireLog

try:
    import termios

    TERMINAL_ERROR: type[Exception] = termios.error  # a port that is gone raises it, and it is no OSError
except ImportError:  # Windows
    TERMINAL_ERROR = OSError

POLL_S = 0.01
QUIET_S = 0.05
MOST_BYTES = 1 << 20  # of one reply; a babbling instrument ends here
SILENT = "it is silent"


class WireError(ConnectionError):
    """The instrument does not answer, or not to the question; it names the wire, the question and the reply."""


class OddReplyError(WireError):
    """Something came each time, but never an answer."""


class BrokenWireError(WireError):
    """The port failed in mid conversation; it is closed now, and can be opened anew."""


class BadReplyError(ValueError):
    """A reply that is no answer to the question."""


class WirePort:
    """A port that is opened anew after it broke; see `Wire` for its settings."""

    def __init__(
        self,
        url: str,
        *,
        baudrate: int = 115200,
        end: bytes = b"\n",
        timeout_s: float = 1.0,
        gap_s: float = 0.0,
        attempts: int = 2,
        opened: Callable[[Any], Any] | None = None,
        log: WireLog | None = None,
        **settings: Any,
    ):
        self.url, self.baudrate, self.end, self.timeout_s, self.gap_s = url, baudrate, end, timeout_s, gap_s
        self.attempts, self.opened, self.log, self.settings = attempts, opened, log or WireLog(None), settings
        self.port: Any = None
        self.turn = threading.RLock()
        self.said_s = -float("inf")
        self.opening, self.owed = False, 0  # owed: how often the line is to be searched for a reply that came too late
        self.openings = 0
        self.replay: Replay | None = None

    def forget_what_came(self) -> None:
        """Drop what came unasked, or too late for the question it belongs to."""
        if self.owed:
            self.owed = 0 if self.calm_down(self.timeout_s) else self.owed - 1
        with self.unbroken():
            self.port.reset_input_buffer()

    def hear(self, whole: Callable[[bytes], bool], timeout_s: float) -> bytes:
        """The bytes of one reply; TimeoutError telling what came of it."""
        heard, until = b"", time.monotonic() + timeout_s
        while not whole(heard):
            if time.monotonic() > until or len(heard) > MOST_BYTES:
                self.log.heard(heard)
                raise TimeoutError(f"only {shown(heard)} came within {timeout_s:g} s" if heard else SILENT)
            with self.unbroken():
                heard += self.port.read(max(1, self.port.in_waiting))
        self.log.heard(heard)
        return heard

    def calm_down(self, patience_s: float = QUIET_S) -> bytes:
        """Listen until the line is quiet, so that the rest of one reply is not taken for the next; what came.

        patience_s : how long to wait for a first byte
        """
        heard, began = b"", time.monotonic()
        last = began
        with self.unbroken():
            while self.port is not None and time.monotonic() < min(began + self.timeout_s, last + patience_s):
                if rest := self.port.read(max(1, self.port.in_waiting)):
                    heard += rest
                    last, patience_s = time.monotonic(), QUIET_S
        self.log.heard(heard)
        return heard

    def open(self) -> None:
        """Open the port if it is closed; WireError saying why it cannot be."""
        with self.turn:
            if self.port is not None:
                return
            if self.opening:
                raise WireError(f"{self.url}: the wire broke while the instrument was asked who it is")
            try:
                self.port = self.opened_port()
            except (serial.SerialException, OSError, ValueError) as why:
                raise WireError(f"{self.url}: cannot be opened ({why}); name the port of the instrument") from why
            self.log.note(f"opened {self.url}")
            self.opening, self.owed, self.openings = True, 0, self.openings + 1
            try:
                if self.opened is not None:
                    self.opened(self)
            except BaseException:
                self.close()
                raise
            finally:
                self.opening = False

    def opened_port(self) -> Any:
        if self.url.startswith(SCHEME):
            self.replay = self.replay or Replay(self.url.removeprefix(SCHEME))
            return self.replay
        if self.url.startswith(tcp_port.SCHEME):
            return tcp_port.TcpPort(self.url, timeout_s=POLL_S, write_timeout_s=self.timeout_s)
        return serial.serial_for_url(
            self.url, baudrate=self.baudrate, timeout=POLL_S, write_timeout=self.timeout_s, **self.settings
        )

    def close(self) -> None:
        """Leave the port; the next command opens it again."""
        with self.turn:
            port, self.port = self.port, None
            if port is not None:
                port.close()

    def unbroken(self) -> "Unbroken":
        return Unbroken(self)


class Unbroken:
    """Turn what a broken port raises into WireError, and leave the port so that it is opened anew."""

    def __init__(self, wire: WirePort):
        self.wire = wire

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, fault: BaseException | None, _: Any) -> None:
        if isinstance(fault, OSError | TERMINAL_ERROR) and not isinstance(fault, TimeoutError | WireError):
            self.wire.log.note(f"{BROKEN}{fault}")
            self.wire.close()
            raise BrokenWireError(
                f"{self.wire.url}: the wire broke ({fault}); is the instrument on, and its cable in?"
            ) from fault


def shown(data: bytes) -> str:
    """Bytes for a message, not too many."""
    return repr(data if len(data) <= 60 else data[:57] + b"...")[1:]
