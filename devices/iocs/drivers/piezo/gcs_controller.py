"""A conversation in GCS 2.0: questions with their replies, and commands that are followed by a look at the error."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TypeVar

from devices.iocs.drivers.piezo import gcs
from devices.iocs.drivers.piezo.gcs import GcsError
from devices.iocs.drivers.wires.wire import BrokenWireError, Wire, WireError

T = TypeVar("T")


class Controller:
    """Questions and commands to one controller; its wire does the rest."""

    def __init__(self, wire: Wire):
        self.wire = wire

    def ask(self, question: str, parse: Callable[[str], T] = str, timeout_s: float | None = None) -> T:
        """The reply; GcsError if the controller is silent because it refused the question."""
        try:
            return self.wire.ask(question, parse, complete=gcs.whole, timeout_s=timeout_s)
        except BrokenWireError:
            raise
        except WireError:
            code = 0
            if self.wire.port is not None:
                with suppress(WireError):
                    code = self.error_code()
            if code:
                raise GcsError(self.wire.url, question, code) from None
            raise

    def numbers(self, word: str, axes: Sequence[str]) -> tuple[float, ...]:
        return self.ask(gcs.command(word, *axes), lambda reply: gcs.numbers(reply, axes))

    def flags(self, word: str, axes: Sequence[str]) -> tuple[bool, ...]:
        return self.ask(gcs.command(word, *axes), lambda reply: gcs.flags(reply, axes))

    def bits(self, byte: bytes) -> int:
        return self.wire.ask(byte, gcs.bits)

    def is_ready(self) -> bool:
        return self.wire.ask(gcs.READY, gcs.ready, encoding="latin-1")

    def error_code(self) -> int:
        """The last error. Reading may clear it, so it is asked once: asked again, it might be gone."""
        return self.wire.ask("ERR?", gcs.error_code, attempts=1)

    def set(self, word: str, *arguments: object) -> None:
        """Say it once; GcsError if it was refused, WireError if nobody knows."""
        command = gcs.command(word, *arguments)
        with self.wire.turn:
            self.wire.say(command)
            openings = self.wire.openings
            code = self.error_code()
            if self.wire.openings != openings:
                raise BrokenWireError(f"{self.wire.url}: the wire broke after {command!r}, which may be lost")
        if code:
            raise GcsError(self.wire.url, command, code)

    def stop_all(self) -> None:
        """Stop every axis and generator; the error that tells of it is read and forgotten."""
        with self.wire.turn:
            self.wire.say(gcs.STOP)
            with suppress(WireError):
                self.error_code()
