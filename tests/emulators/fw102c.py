"""A Thorlabs FW102C at byte level."""

import re
from dataclasses import dataclass, field

from tests.emulators.wires import Emulator

ERRORS = ("CMD_NOT_DEFINED", "CMD_ARG_INVALID")


@dataclass
class Fw102cEmulator(Emulator):
    """Echo, value, prompt; errors end with LF.

    looks_per_turn : how often a turning wheel is asked for its position before it stands at the new one
    blocked : it does not turn
    """

    end: bytes = b"\r"
    at: int = 1
    n_positions: int = 6
    looks_per_turn: int = 0
    blocked: bool = False
    settings: dict[str, int] = field(default_factory=lambda: {"speed": 1, "trig": 0, "sensors": 1})
    goal: int | None = None
    looks: int = 0

    def answer(self, command: str) -> bytes:
        value = self.value(command)
        if value in ERRORS:
            return f"{command}\rCommand error {value}\r\n> ".encode()
        return f"{command}\r{value}\r> ".encode() if value else f"{command}\r> ".encode()

    def value(self, command: str) -> str:
        if command == "pos?":
            return str(self.position())
        if command == "*idn?":
            return "THORLABS FW102C/FW212C Filter Wheel version 1.07"
        if command == "pcount?":
            return str(self.n_positions)
        if command == "save":
            return ""
        found = re.fullmatch(r"(pos|speed|trig|sensors)=(\d+)", command)
        return self.set(found[1], int(found[2])) if found else "CMD_NOT_DEFINED"

    def set(self, word: str, number: int) -> str:
        low, high = (1, self.n_positions) if word == "pos" else (0, 1)
        if not low <= number <= high:
            return "CMD_ARG_INVALID"
        if word != "pos":
            self.settings[word] = number
        elif not self.blocked:
            self.goal, self.looks = number, self.looks_per_turn
        return ""

    def position(self) -> int:
        if self.goal is not None and self.looks == 0:
            self.at, self.goal = self.goal, None
        self.looks -= 1
        return self.at
