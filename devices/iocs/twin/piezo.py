"""The simulated piezo stage: closed loop, so it believes its sensors.

Its readback is the commanded position with sensor noise; scale, crosstalk and sign errors move the true
position away from it unseen. The centre of travel is where all errors vanish.
"""

from __future__ import annotations

import math
import threading
from pathlib import Path
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from devices.iocs.twin.clock import Clock
from devices.iocs.twin.dot_memory import remembered_numbers
from devices.iocs.twin.preset import PiezoPreset

AXES = ("x", "y", "z")
Position = tuple[float, float, float]


class TwinStage:
    """Three axes in um; `move` returns when the stage has settled. `memory` keeps where it stands; None forgets."""

    def __init__(self, preset: PiezoPreset, clock: Clock, seed: int, memory: Path | None = None) -> None:
        self.preset = preset
        self.limits_um = tuple((0.0, travel) for travel in preset.travel_um)
        self.on_target = True
        self._clock = clock
        self._moving = threading.Lock()
        self._noise = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(crc32(b"stage"),)))
        self._noise_lock = threading.Lock()
        self._at = remembered_numbers(memory, np.array(preset.travel_um) / 2)
        errors, skew = np.diag(1 + np.array(preset.scale_error)), preset.axis_crosstalk
        self._matrix = np.diag(preset.axis_sign) @ (errors + skew * np.array([[0, 1], [1, 0]]))

    def move(self, x_um: float, y_um: float, z_um: float, stop: threading.Event | None = None) -> bool:
        """Go there and settle; False if `stop` came first (the stage then stands where it was stopped)."""
        target = self.check(x_um, y_um, z_um)
        with self._moving:
            start, settle_s = np.array(self.at_um), self.preset.settle_ms / 1000
            self.on_target, began_s = False, self._clock.now_s
            arrived = self._clock.advance(settle_s, stop)
            remaining = np.exp(-(self._clock.now_s - began_s) / (self.preset.time_constant_ms / 1000))
            halted = np.array(target) + (start - np.array(target)) * remaining
            self.place(*(target if arrived else halted))
        return arrived

    def check(self, x_um: float, y_um: float, z_um: float) -> Position:
        """The position as floats; ValueError if the stage cannot go there."""
        for axis, value, (low, high) in zip(AXES, (x_um, y_um, z_um), self.limits_um, strict=True):
            if not (math.isfinite(value) and low <= value <= high):
                raise ValueError(f"{axis} = {value} um: the stage goes from {low:g} to {high:g} um")
        return (float(x_um), float(y_um), float(z_um))

    def place(self, x_um: float, y_um: float, z_um: float) -> None:
        """Be there at once: for whoever times the motion itself, like the line scanner."""
        self._at[:], self.on_target = (x_um, y_um, z_um), True

    @property
    def at_um(self) -> Position:
        """The commanded position without sensor noise."""
        x_um, y_um, z_um = self._at.tolist()
        return (x_um, y_um, z_um)

    def position_um(self) -> Position:
        """The sensor reading, noise included."""
        with self._noise_lock:
            noise_um = self._noise.normal(0, self.preset.noise_nm / 1000, 3)
        x, y, z = np.array(self.at_um) + noise_um
        return (float(x), float(y), float(z))

    def true_um(self, xy_um: NDArray[np.float64]) -> NDArray[np.float64]:
        """Where commanded positions (..., 2) really are."""
        centre = np.array(self.preset.travel_um[:2]) / 2
        return centre + (xy_um - centre) @ self._matrix.T

    def lag_um(self, xy_um: NDArray[np.float64], settle_s: NDArray, dwell_s: float) -> NDArray[np.float64]:
        """How far behind the stage is on average over each dwell of a path.

        Parameters
        ----------
        xy_um : the path, shape (n + 1, 2), its first point being where the stage comes from
        settle_s : time between each move and its dwell, shape (n,)
        """
        constant_s = self.preset.time_constant_ms / 1000
        share = np.exp(-settle_s / constant_s) * -np.expm1(-dwell_s / constant_s) * constant_s / dwell_s
        return -np.diff(xy_um, axis=0) * share[:, None]
