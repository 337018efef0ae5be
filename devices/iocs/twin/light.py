"""What the light process drives on the simulated light path: shutter, pulsed and continuous laser.

An opened interlock drops everything for good: closing it again lights nothing by itself.
"""

from __future__ import annotations

import math
from pathlib import Path

from devices.iocs.twin.beam import BeamReader, BeamWriter, set_interlock
from devices.iocs.twin.preset import LaserPreset


class TwinLight:
    """Lasers and shutter; dark at birth. Call `refresh` more often than every half second to stay lit."""

    def __init__(self, beam_path: Path, preset: LaserPreset) -> None:
        self.preset = preset
        self._path = beam_path
        self._writer = BeamWriter(beam_path)
        self._reader = BeamReader(beam_path)
        self._writer.update(repetition_hz=preset.repetition_hz)

    @property
    def max_w_cm2(self) -> float:
        """Highest intensity of the pulsed laser at the focus."""
        return self.preset.max_w_cm2

    @property
    def max_cw_w_cm2(self) -> float:
        """Highest intensity of the continuous laser at the focus."""
        return self.preset.max_cw_w_cm2

    def open_shutter(self) -> None:
        """Open; PermissionError while the interlock is open."""
        self._require_interlock()
        self._writer.update(shutter_open=True)
        self._writer.refresh()

    def close_shutter(self) -> None:
        """Close."""
        self._writer.update(shutter_open=False)

    def shutter_is_open(self) -> bool:
        """What the blade does, not what it was told."""
        return self._reader.read().path_open

    def pulsed(self, on: bool, repetition_hz: float, w_cm2: float) -> None:
        """Set the pulsed laser; ValueError for a rate or intensity it does not have."""
        rates_hz = self.preset.rates_hz
        if repetition_hz not in rates_hz:
            raise ValueError(f"repetition_hz = {repetition_hz}: the selector has {rates_hz}")
        if on:
            self._require_interlock()
        self._writer.update(pulsed_on=on, repetition_hz=repetition_hz, pulsed_w_cm2=_within(w_cm2, self.max_w_cm2))

    def cw(self, on: bool, w_cm2: float) -> None:
        """Set the continuous laser."""
        if on:
            self._require_interlock()
        self._writer.update(cw_on=on, cw_w_cm2=_within(w_cm2, self.max_cw_w_cm2))

    @property
    def interlock(self) -> bool:
        """True while the interlock loop is closed."""
        return self._reader.read().interlock_closed

    def set_interlock(self, closed: bool) -> None:
        """Close the loop or open it, as the door would."""
        set_interlock(self._path, closed)

    def refresh(self) -> None:
        """Keep an open shutter open; one that fell shut stays shut."""
        state = self._reader.read()
        if not state.interlock_closed:
            self._writer.update(shutter_open=False, pulsed_on=False, cw_on=False)
        elif state.path_open:
            self._writer.refresh()
        elif state.shutter_open:
            self._writer.update(shutter_open=False)

    def close(self) -> None:
        """Everything off."""
        self._writer.close()

    def _require_interlock(self) -> None:
        if not self.interlock:
            raise PermissionError("the interlock is open: close the enclosure first")


def _within(w_cm2: float, most_w_cm2: float) -> float:
    """The intensity; ValueError beyond what the laser has."""
    if not (math.isfinite(w_cm2) and 0 <= w_cm2 <= most_w_cm2):
        raise ValueError(f"intensity = {w_cm2} W/cm2: allowed is 0..{most_w_cm2:g}")
    return float(w_cm2)
