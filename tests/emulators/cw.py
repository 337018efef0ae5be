"""What emulated continuous-wave lasers share: a set power, emission, an interlock, and light that becomes of it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.emulators.wires import Emulator


@dataclass
class CwEmulator(Emulator):
    """A laser of at most `most_mw`.

    shine : called with (emission, power in mW) after every change
    stuck : emission does not follow
    ignores_power : the set power stays as it was
    """

    end: bytes = b"\r"
    set_mw: float = 1.0
    most_mw: float = 50.0
    on: bool = False
    interlock_closed: bool = True
    fault: int = 0
    stuck: bool = False
    ignores_power: bool = False
    shine: Callable[[bool, float], Any] = field(default=lambda on, mw: None)

    def switch(self, on: bool):
        if not self.stuck:
            self.on = on and self.interlock_closed
        self.shine(self.on, self.set_mw)

    def set_power(self, mw: float):
        if not self.ignores_power:
            self.set_mw = mw
        self.shine(self.on, self.set_mw)


def shine_of(light: Any, w_cm2_per_mw: float) -> Callable[[bool, float], None]:
    """What a laser's emission and power do to the light path of a twin."""
    return lambda on, mw: light.cw(on, mw * w_cm2_per_mw)
