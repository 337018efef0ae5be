"""How a sample lies on the stage: not quite as it lay before it was taken off."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from devices.iocs.twin.dot_memory import remembered_count
from devices.iocs.twin.preset import MountingPreset

Floats = NDArray[np.float64]


class Mounting:
    """Places of the sample for places of the bench; without error until it is put back for the first time.

    Each time it then comes to lie `remount_um` away in some direction, turned by `remount_deg` one way or the other
    about the centre of travel. `memory` keeps how often that was; None forgets.
    """

    def __init__(
        self, preset: MountingPreset, seed: int, travel_um: tuple[float, ...], memory: Path | None = None
    ) -> None:
        self.preset, self._seed = preset, seed
        self._centre_um = np.array(travel_um[:2]) / 2
        self._times = remembered_count(memory)
        self.lay()

    def put_back(self) -> None:
        """Take the sample off and put it, or another one, back."""
        self._times[0] += 1
        self.lay()

    def lay(self) -> None:
        """Lie as it was put the last time."""
        number = int(self._times[0])
        rng = np.random.default_rng(np.random.SeedSequence(self._seed, spawn_key=(crc32(b"mounting"), number)))
        direction, sense = rng.uniform(0, 2 * np.pi), rng.choice((-1, 1))
        again = float(number > 0)
        self.shift_um = again * self.preset.remount_um * np.array([np.cos(direction), np.sin(direction)])
        self.rotation_deg = float(again * sense * self.preset.remount_deg)
        angle = np.deg2rad(self.rotation_deg)
        self._matrix = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        self._exact = not (self.shift_um.any() or self.rotation_deg)

    def as_dict(self) -> dict[str, Any]:
        """Shift and rotation, as the truth tells them."""
        return {"mounting_um": self.shift_um.tolist(), "mounting_deg": self.rotation_deg}

    def of_sample_um(self, bench_um: Floats) -> Floats:
        """Places (n, 2) of the sample: those of the bench, turned back and shifted back."""
        if self._exact:
            return bench_um
        return self._centre_um + (bench_um - self.shift_um - self._centre_um) @ self._matrix
