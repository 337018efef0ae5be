"""One conversation with an instrument, over a serial port or TCP: commands out, replies in, and what to do about noise.

A reply that is cut, late or garbled never becomes a value: it is refused by whoever parses it, the line is listened to
until it is quiet, and the question is asked again. A wire that breaks is opened anew at the next command, and `opened`
then makes sure that the same instrument is at its other end.
"""

import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

import serial

from devices.iocs.drivers.wire_log import SCHEME, Replay, WireLog

T = TypeVar("T")

POLL_S = 0.01
QUIET_S = 0.05
MOST_BYTES = 1 << 20  # of one reply; a babbling instrument ends here


class WireError(ConnectionError):
    """The instrument does not answer, or not to the question; it names the wire, the question and the reply."""


class BadReplyError(ValueError):
    """A reply that is no answer to the question."""


class Wire:
    """A line-oriented conversation; safe to use from several threads, one exchange at a time.

    url : "COM3", "/dev/ttyUSB0", "socket://192.168.1.5:50000", or "replay:<file of a wire log>"
    end : what ends a command given as text; commands given as bytes go out as they are
    timeout_s : for a whole reply
    gap_s : least time between two commands, for instruments that need it
    attempts : how often a question is asked before it is given up; `say` never repeats itself
    opened : called with this wire whenever it was opened: sets the instrument up and checks which one it is
    log : where everything said and heard is written down
    settings : for the port: bytesize, parity, stopbits, xonxoff, rtscts
    """

    def __init__(
        self,
        url: str,
        *,
        baudrate: int = 115200,
        end: bytes = b"\n",
        timeout_s: float = 1.0,
        gap_s: float = 0.0,
        attempts: int = 2,
        opened: Callable[["Wire"], Any] | None = None,
        log: WireLog | None = None,
        **settings: Any,
    ):
        self.url, self.baudrate, self.end, self.timeout_s, self.gap_s = url, baudrate, end, timeout_s, gap_s
        self.attempts, self.opened, self.log, self.settings = attempts, opened, log or WireLog(None), settings
        self.port: Any = None
        self.turn = threading.RLock()
        self.said_s = -float("inf")

    def say(self, command: str | bytes) -> None:
        """Send a command that has no reply; WireError if the wire is broken. It is never sent twice."""
        with self.turn:
            self.send(command)

    def ask(
        self,
        command: str | bytes,
        parse: Callable[[str], T] = str,
        *,
        complete: Callable[[bytes], bool] | None = None,
        attempts: int | None = None,
        timeout_s: float | None = None,
    ) -> T:
        """Send a question and parse its reply; asked again if the reply is cut, late or garbled.

        parse : from the reply without its last end; a ValueError refuses it
        complete : whether these bytes are the whole reply; usually that they end with `end`
        attempts : 1 for what must not be said twice
        """
        whole = complete or (lambda heard: heard.endswith(self.end))
        n_attempts, why = attempts or self.attempts, ""
        with self.turn:
            for _ in range(n_attempts):
                heard = b""
                try:
                    self.send(command)
                    heard = self.hear(whole, self.timeout_s if timeout_s is None else timeout_s)
                    return parse(heard.removesuffix(self.end).decode("ascii"))
                except (ValueError, TimeoutError) as fault:
                    why = f"{fault}" if isinstance(fault, BadReplyError) else f"it replied {shown(heard)}"
                    if isinstance(fault, TimeoutError):
                        why = f"{fault}"
                    self.calm_down()
        raise WireError(
            f"{self.url}: no answer to {shown(self.encoded(command))}: {why}; check the cable, the power and that no "
            "other program uses the port"
        )

    def send(self, command: str | bytes) -> None:
        self.open()
        wait_s = self.said_s + self.gap_s - time.monotonic()
        if wait_s > 0:
            time.sleep(wait_s)
        data = self.encoded(command)
        with self.unbroken():
            self.port.reset_input_buffer()  # whatever came late belongs to another question
            self.port.write(data)
        self.said_s = time.monotonic()
        self.log.sent(data)

    def hear(self, whole: Callable[[bytes], bool], timeout_s: float) -> bytes:
        """The bytes of one reply; TimeoutError telling what came of it."""
        heard, until = b"", time.monotonic() + timeout_s
        while not whole(heard):
            if time.monotonic() > until or len(heard) > MOST_BYTES:
                self.log.heard(heard)
                raise TimeoutError(f"only {shown(heard)} came within {timeout_s:g} s" if heard else "it is silent")
            with self.unbroken():
                heard += self.port.read(max(1, self.port.in_waiting))
        self.log.heard(heard)
        return heard

    def calm_down(self) -> None:
        """Listen until the line is quiet, so that the rest of one reply is not taken for the next."""
        until = time.monotonic() + self.timeout_s
        with self.unbroken():
            last = time.monotonic()
            while self.port is not None and time.monotonic() < min(until, last + QUIET_S):
                if rest := self.port.read(max(1, self.port.in_waiting)):
                    self.log.heard(rest)
                    last = time.monotonic()

    def open(self) -> None:
        """Open the port if it is closed; WireError saying why it cannot be."""
        if self.port is not None:
            return
        try:
            if self.url.startswith(SCHEME):
                self.port = Replay(self.url.removeprefix(SCHEME))
            else:
                self.port = serial.serial_for_url(
                    self.url, baudrate=self.baudrate, timeout=POLL_S, write_timeout=self.timeout_s, **self.settings
                )
        except (serial.SerialException, OSError, ValueError) as why:
            raise WireError(f"{self.url}: cannot be opened ({why}); name the port of the instrument") from why
        self.log.note(f"opened {self.url}")
        if self.opened is not None:
            try:
                self.opened(self)
            except BaseException:
                self.close()
                raise

    def close(self) -> None:
        """Leave the port; the next command opens it again."""
        with self.turn:
            port, self.port = self.port, None
            if port is not None:
                port.close()

    def unbroken(self) -> "Unbroken":
        return Unbroken(self)

    def encoded(self, command: str | bytes) -> bytes:
        return command if isinstance(command, bytes) else command.encode("ascii") + self.end


class Unbroken:
    """Turn what a broken port raises into WireError, and leave the port so that it is opened anew."""

    def __init__(self, wire: Wire):
        self.wire = wire

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, fault: BaseException | None, _: Any) -> None:
        if isinstance(fault, OSError) and not isinstance(fault, TimeoutError | WireError):
            self.wire.log.note(f"broken: {fault}")
            self.wire.close()
            raise WireError(
                f"{self.wire.url}: the wire broke ({fault}); is the instrument on, and its cable in?"
            ) from fault


def shown(data: bytes) -> str:
    """Bytes for a message, not too many."""
    return repr(data if len(data) <= 60 else data[:57] + b"...")[1:]
