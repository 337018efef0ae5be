"""A Thorlabs SC10 at byte level: its only way to open and to close is to toggle."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.emulators.wires import Emulator


@dataclass
class Sc10Emulator(Emulator):
    """Echo, value, prompt.

    open_reads : what `ens?` reads while the blade is open
    open_shutter, close_shutter : what becomes of it
    stuck : the blade does not follow; lost : so many of the next toggles are not heard at all
    refuses : the controller answers everything with its error
    """

    end: bytes = b"\r"
    open_reads: int = 1
    open_shutter: Callable[[], Any] = lambda: None
    close_shutter: Callable[[], Any] = lambda: None
    is_open: bool = False
    stuck: bool = False
    lost: int = 0
    refuses: bool = False
    n_toggles: int = 0

    def answer(self, command: str) -> bytes:
        if self.refuses:
            return f"{command}\rCommand error CMD_NOT_DEFINED\r>".encode()
        if command == "ens?":
            return f"ens?\r{self.open_reads if self.is_open else 1 - self.open_reads}\r>".encode()
        if command != "ens":
            return f"{command}\rCommand error CMD_NOT_DEFINED\r>".encode()
        if self.lost:
            self.lost -= 1
            return b""
        self.n_toggles += 1
        if not self.stuck:
            self.is_open = not self.is_open
            (self.open_shutter if self.is_open else self.close_shutter)()
        return b"ens\r>"
