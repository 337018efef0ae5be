"""Real lasers and shutter, with what they do written where the bench reads it.

Light is told before it can fall, and darkness once the shutter was read closed: in doubt the sample counts as lit.
"""

from pathlib import Path

from devices.iocs.backends import Light
from devices.iocs.beam import BeamWriter, set_interlock
from devices.iocs.drivers.followed import leave


class ToldLight:
    """A `Light` that writes the state of the light path into a file (see `devices.iocs.beam`)."""

    def __init__(self, light: Light, path: Path) -> None:
        self.light, self._path = light, path
        self._writer = BeamWriter(path)
        self._told_closed: bool | None = None

    @property
    def max_w_cm2(self) -> float:
        return self.light.max_w_cm2

    @property
    def max_cw_w_cm2(self) -> float:
        return self.light.max_cw_w_cm2

    @property
    def interlock(self) -> bool:
        closed = self.light.interlock
        if closed is not self._told_closed:
            set_interlock(self._path, closed)
            self._told_closed = closed
        return closed

    def open_shutter(self) -> None:
        self._writer.update(shutter_open=True)
        self._writer.refresh()
        self.light.open_shutter()

    def close_shutter(self) -> None:
        self.light.close_shutter()
        self.shutter_is_open()

    def shutter_is_open(self) -> bool:
        """What the shutter reads back; one that cannot be read raises, and counts as open."""
        try:
            opened = self.light.shutter_is_open()
        except Exception:
            self._writer.update(shutter_open=True)
            raise
        self._writer.update(shutter_open=opened)
        return opened

    def pulsed(self, on: bool, repetition_hz: float, w_cm2: float) -> None:
        if on:
            self._writer.update(pulsed_on=True, repetition_hz=repetition_hz, pulsed_w_cm2=w_cm2)
        self.light.pulsed(on, repetition_hz, w_cm2)
        self._writer.update(pulsed_on=on, repetition_hz=repetition_hz, pulsed_w_cm2=w_cm2)

    def cw(self, on: bool, w_cm2: float) -> None:
        if on:
            self._writer.update(cw_on=True, cw_w_cm2=w_cm2)
        self.light.cw(on, w_cm2)
        self._writer.update(cw_on=on, cw_w_cm2=w_cm2)

    def refresh(self) -> None:
        self._writer.refresh()
        self.light.refresh()

    def close(self) -> None:
        """End dark, and say so."""
        leave(self.light)
        self._writer.close()
