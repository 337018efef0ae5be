"""Drift of the scene: a deterministic function of simulated time, zero at time zero.

Wandering is a sum of slow sinusoids, scaled to a typical displacement over the 1000 s of an image; a constant
velocity and one sudden jump are there to test what corrects it.
"""

from __future__ import annotations

from zlib import crc32

import numpy as np
from numpy.typing import ArrayLike, NDArray

from devices.iocs.twin.preset import DriftPreset

PERIODS_S = (1800.0, 21600.0)
N_SINUSOIDS = 6
FRAME_S = 1000.0
WORST_OVER_TYPICAL = 1.6  # 0.6 um typical stays below the published 1 um


class Drift:
    """Where the scene has moved since time zero."""

    def __init__(self, preset: DriftPreset, seed: int) -> None:
        self.preset = preset
        sequence = np.random.SeedSequence(seed, spawn_key=(crc32(b"drift"), preset.seed))
        rng = np.random.default_rng(sequence)
        shortest, longest = np.log(PERIODS_S)
        self._period_s = np.exp(rng.uniform(shortest, longest, (N_SINUSOIDS, 2)))
        self._phase = rng.uniform(0, 2 * np.pi, (N_SINUSOIDS, 2))
        self._amplitude_um = self._period_s / PERIODS_S[1] * rng.normal(1, 0.3, (N_SINUSOIDS, 2))
        self._amplitude_um *= preset.typical_um_per_1000s / self._typical_um()

    def displacement_um(self, t_s: ArrayLike) -> NDArray[np.float64]:
        """Displacement (x, y) in um at simulated times, shape (..., 2)."""
        time_s = np.asarray(t_s, dtype=float)
        jumped = (time_s >= self.preset.jump_at_s)[..., None] * np.array(self.preset.jump_um)
        if self.preset.kind == "constant":
            angle = np.deg2rad(self.preset.direction_deg)
            velocity = self.preset.typical_um_per_1000s / FRAME_S * np.array([np.cos(angle), np.sin(angle)])
            return time_s[..., None] * velocity + jumped
        return self._wandered_um(time_s) + jumped

    def _wandered_um(self, time_s: NDArray[np.float64]) -> NDArray[np.float64]:
        phase = 2 * np.pi * time_s[..., None, None] / self._period_s + self._phase
        return (self._amplitude_um * (np.sin(phase) - np.sin(self._phase))).sum(axis=-2)

    def _typical_um(self) -> float:
        """Displacement per frame before scaling: the rms, or a share of the worst if that is more."""
        start_s = np.arange(0.0, 2 * 86400.0, 60.0)
        moved_um = self._wandered_um(start_s + FRAME_S) - self._wandered_um(start_s)
        length_um = np.hypot(*moved_um.T)
        return max(float(np.sqrt(np.mean(length_um**2))), float(length_um.max()) / WORST_OVER_TYPICAL)
