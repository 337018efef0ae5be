"""Whether the interlock of the enclosure is closed, as far as an instrument can tell."""

import math
import threading
import time
from typing import Literal

from devices.iocs.drivers.light.keeping import Complaints
from devices.iocs.drivers.light.light_parts import CwLaser

STALE_S = 2.0

ToldBy = Literal["cw_laser", "hardware"]


class Interlock:
    """As the continuous-wave laser tells it, or, if it is wired in hardware alone, closed for all that is known here.

    told_by : "cw_laser" or "hardware"
    """

    def __init__(self, told_by: ToldBy, cw: CwLaser, complaints: Complaints) -> None:
        if told_by == "cw_laser" and not cw.tells_interlock:
            raise ValueError(
                'shutter.interlock = "cw_laser": this laser does not tell its interlock; wire it in hardware, and '
                'write interlock = "hardware"'
            )
        self.told_by, self.cw, self.complaints = told_by, cw, complaints
        self._told, self._read_s, self._looked = False, -math.inf, threading.Event()

    @property
    def closed(self) -> bool:
        """As it was read last; False if that is too long ago. Never waits."""
        return self._told and time.monotonic() - self._read_s < STALE_S

    def look(self, *, laser_is_on: bool) -> None:
        """Read it; a laser that is on and cannot be reached counts as an open interlock."""
        if self.told_by == "cw_laser":
            self._told = self.complaints.tried("interlock", self.cw.interlock_closed) is True
        else:
            self._told = not laser_is_on or self.complaints.tried("interlock", self.cw.is_on) is not None
        self._read_s = time.monotonic()
        self._looked.set()

    def require(self) -> None:
        """PermissionError unless it is closed; waits for the very first look."""
        self._looked.wait(STALE_S)
        if not self.closed:
            why = self.complaints.last.get("interlock", "")
            raise PermissionError(f"the interlock is open or cannot be read: close the enclosure first. {why}".strip())
