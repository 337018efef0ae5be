"""One conversation with an instrument, over a serial port or TCP: commands out, replies in, and what to do about noise.

A reply that is cut, late or garbled never becomes a value: it is refused by whoever parses it, the line is listened to
until it is quiet, and the question is asked again. After a silence it is listened to for longer, because a reply that
comes late must not be taken for the answer to another question. A wire that breaks is opened anew, and `opened` then
makes sure that the same instrument is at its other end.
"""

import time
from collections.abc import Callable
from typing import TypeVar

from devices.iocs.drivers.wires import tcp_port
from devices.iocs.drivers.wires.wire_port import (
    SILENT,
    BadReplyError,
    BrokenWireError,
    OddReplyError,
    WireError,
    WirePort,
    shown,
)

__all__ = ["BadReplyError", "BrokenWireError", "OddReplyError", "Wire", "WireError", "shown"]
T = TypeVar("T")


class Wire(WirePort):
    """A line-oriented conversation; safe to use from several threads, one exchange at a time.

    url : "COM3", "/dev/ttyUSB0", "socket://192.168.1.5:50000", or "replay:<file of a wire log>"
    end : what ends a command given as text; commands given as bytes go out as they are
    timeout_s : for a whole reply
    gap_s : least time between two commands, for instruments that need it
    attempts : how often a question is asked before it is given up; `say` never repeats itself
    opened : called with this wire whenever it was opened: sets the instrument up and checks which one it is; what it
        raises goes to whoever gave the command
    openings : how often it was opened so far: another number than before means that the instrument may have restarted
    log : where everything said and heard is written down
    settings : for the port: bytesize, parity, stopbits, xonxoff, rtscts
    """

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
        encoding: str = "ascii",
    ) -> T:
        """Send a question and parse its reply; asked again if the reply is cut, late or garbled, or the wire broke.

        parse : from the reply without its last end; a ValueError refuses it
        complete : whether these bytes are the whole reply; usually that they end with `end`
        attempts : 1 for what must not be said twice
        encoding : of the reply; bytes outside of it refuse it
        """
        whole = complete or (lambda heard: heard.endswith(self.end))
        last, why = (attempts or self.attempts) - 1, ""
        with self.turn:
            for attempt in range(last + 1):
                try:
                    self.send(command)
                    heard = self.hear(whole, self.timeout_s if timeout_s is None else timeout_s)
                except TimeoutError as fault:
                    why, self.owed = f"{fault}", 2
                    continue
                except BrokenWireError:
                    if attempt == last or self.opening:
                        raise
                    continue
                try:
                    return parse(heard.removesuffix(self.end).decode(encoding))
                except ValueError as fault:
                    why = f"{fault}" if isinstance(fault, BadReplyError) else f"it replied {shown(heard)}"
                    self.calm_down()
            if self.owed and isinstance(self.port, tcp_port.TcpPort) and not self.opening:
                self.close()  # a connection that lost its cable may be silent for good
        raise (WireError if why == SILENT else OddReplyError)(
            f"{self.url}: no answer to {shown(self.encoded(command))}: {why}; check the cable, the power and that no "
            "other program uses the port"
        )

    def send(self, command: str | bytes) -> None:
        self.open()
        wait_s = self.said_s + self.gap_s - time.monotonic()
        if wait_s > 0:
            time.sleep(wait_s)
        data = self.encoded(command)
        try:
            self.forget_what_came()
        except BrokenWireError:  # since the last command; nothing of this one was said
            if self.opening:
                raise
            self.open()
        with self.unbroken():
            self.port.write(data)
        self.said_s = time.monotonic()
        self.log.sent(data)

    def encoded(self, command: str | bytes) -> bytes:
        return command if isinstance(command, bytes) else command.encode("ascii") + self.end
