"""Real lasers and a real shutter as one light. What is not known counts as light, and as an open interlock.

Two ways to be dark that do not need each other: the shutter, and the standby of the continuous-wave laser. A standby
that failed is ordered again until the laser obeys. The shutter has no spring, so this process is one: without `refresh`
it closes. (A controller whose PC dies stays as it was: see the check of the shutter.)
"""

import math
import threading
import time

from devices.iocs.drivers.light.interlock import Interlock, ToldBy
from devices.iocs.drivers.light.keeping import Complaints, Hurry, Keepers
from devices.iocs.drivers.light.light_parts import CwLaser, PulsedLaser, Shutter

HOLD_S = 1.0  # without a refresh for so long the shutter closes
CLOSE_S = 1.5  # the longest that closing is waited for
LOOK_S = 0.1
LASER_LOOK_S = 0.3
MOST_CLOSING = 3  # attempts that hang


class RealLight:
    """Answers `Light`; it speaks to nothing before it is first used, and then puts the laser at standby.

    interlock : who tells it; ValueError for "cw_laser" if that laser does not
    """

    def __init__(self, pulsed: PulsedLaser, cw: CwLaser, shutter: Shutter, *, interlock: ToldBy = "cw_laser") -> None:
        self.pulsed_laser, self.cw_laser, self.shutter = pulsed, cw, shutter
        self.standby_owed, self.cw_on, self.maybe_open = True, False, True
        self.refreshed_s = time.monotonic()
        self.laser_turn, self.complaints = threading.RLock(), Complaints()
        self.door = Interlock(interlock, cw, self.complaints)
        self.keepers = Keepers({"shutter": (self._keep_shutter, LOOK_S), "laser": (self._keep_laser, LASER_LOOK_S)})
        self.closing = Hurry("closing the shutter", MOST_CLOSING)

    @property
    def max_w_cm2(self) -> float:
        return self.pulsed_laser.max_w_cm2

    @property
    def max_cw_w_cm2(self) -> float:
        return self.cw_laser.max_mw * self.cw_laser.w_cm2_per_mw

    @property
    def interlock(self) -> bool:
        """As it was read last; open if that is too long ago, or a laser that is on cannot be reached. Never waits."""
        return self.door.closed

    def open_shutter(self) -> None:
        """Open and read back; PermissionError while the interlock is open."""
        self.keepers.begin()
        self._require_interlock()
        self.refreshed_s, self.maybe_open = time.monotonic(), True
        self.shutter.open_blade()
        self.maybe_open = True  # whatever a closing that ended meanwhile has noted

    def close_shutter(self) -> None:
        """Close and read back, or raise; soon, also on a dead wire, where closing goes on being tried."""
        self.keepers.begin()
        self.closing.do(self.shutter.close_blade, CLOSE_S)
        self.maybe_open = False

    def shutter_is_open(self) -> bool:
        """As it reads now; True if it cannot be read."""
        return self.complaints.tried("shutter", self.shutter.is_open) is not False

    def pulsed(self, on: bool, repetition_hz: float, w_cm2: float) -> None:
        """Set the pulsed laser; ValueError for what is not declared. Standby comes before anything is refused."""
        if not on:
            self.pulsed_laser.emission(False)
        self.pulsed_laser.require_rate(repetition_hz)
        self.pulsed_laser.require_w_cm2(w_cm2, on=on)
        if on:
            self._require_interlock()
            self.pulsed_laser.emission(True)

    def cw(self, on: bool, w_cm2: float) -> None:
        """Set the continuous-wave laser, read back; standby comes before anything that may be refused."""
        self.keepers.begin()
        with self.laser_turn:
            if not on:
                self.standby_owed = True
                self.cw_laser.emission(False)
                self.standby_owed = self.cw_on = False
                _within(w_cm2, self.max_cw_w_cm2)
                return
            _within(w_cm2, self.max_cw_w_cm2)
            self._require_interlock()
            self.cw_on = True
            try:
                self.cw_laser.set_power_mw(w_cm2 / self.cw_laser.w_cm2_per_mw)
                self.cw_laser.emission(True)
            except Exception:
                self.standby_owed = True
                raise
            self.standby_owed = False

    def refresh(self) -> None:
        """Hold an open shutter open for another moment. Never waits."""
        self.refreshed_s = time.monotonic()
        self.keepers.begin()

    def close(self) -> None:
        """End dark, as far as it goes; the threads end."""
        self.keepers.end()
        self.complaints.tried("shutter", self.shutter.close_blade)
        self.complaints.tried("laser", lambda: self.cw_laser.emission(False))

    def _keep_shutter(self) -> None:
        """The spring: nobody held it open."""
        if self.maybe_open and time.monotonic() - self.refreshed_s > HOLD_S:
            self.complaints.tried("spring of the shutter", self._spring)

    def _spring(self) -> bool:
        self.shutter.close_blade()
        self.maybe_open = time.monotonic() - self.refreshed_s <= HOLD_S
        return True

    def _keep_laser(self) -> None:
        """Look at the interlock, and order the standby that is owed; a command that is under way comes first."""
        self.door.look(laser_is_on=self.cw_on)
        if self.standby_owed and self.laser_turn.acquire(blocking=False):
            try:
                if self.standby_owed and self.complaints.tried("laser", self._standby):
                    self.standby_owed = False
            finally:
                self.laser_turn.release()

    def _standby(self) -> bool:
        self.cw_laser.emission(False)
        self.cw_on = False
        return True

    def _require_interlock(self) -> None:
        self.keepers.begin()
        self.door.require()


def _within(w_cm2: float, most_w_cm2: float) -> None:
    """ValueError beyond what a laser has."""
    if not (math.isfinite(w_cm2) and 0 <= w_cm2 <= most_w_cm2):
        raise ValueError(f"intensity = {w_cm2} W/cm2: allowed is 0..{most_w_cm2:g}")
