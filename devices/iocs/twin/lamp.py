"""The xenon lamp of the spectrofluorometer: its spectrum, and how its level moves with simulated time."""

from __future__ import annotations

import math
from pathlib import Path
from zlib import crc32

import numpy as np
from numpy.typing import ArrayLike, NDArray

from devices.iocs.twin.absorption import ANCHOR_NM
from devices.iocs.twin.clock import Clock
from devices.iocs.twin.dot_memory import remembered_numbers
from devices.iocs.twin.spectral_preset import LampPreset

HOUR_S = 3600.0
SHORTEST_S = 1e-6  # rounding of the clock


class Lamp:
    """Lit `lit_before_s` before time zero; its level is 1 at 405 nm when it is warm.

    `memory` keeps since when it burns; None forgets.
    """

    def __init__(self, preset: LampPreset, clock: Clock, seed: int, memory: Path | None = None) -> None:
        self.preset, self._clock = preset, clock
        self._since_s = remembered_numbers(memory, -preset.lit_before_s)
        rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(crc32(b"lamp"),)))
        self._phase = rng.uniform(0, 2 * math.pi)
        self._unit = float(self._shape(np.array(ANCHOR_NM)))

    @property
    def _lit_s(self) -> float | None:
        """Since when it burns; None if it is off."""
        since_s = float(self._since_s[0])
        return None if math.isnan(since_s) else since_s

    @property
    def is_on(self) -> bool:
        """True while it burns, warm or not."""
        return self._lit_s is not None

    @property
    def warm_up_s(self) -> float:
        """Simulated seconds until it is ready, from now or, if it is off, from switching it on."""
        lit_s = self._lit_s
        burnt_s = 0.0 if lit_s is None else self._clock.now_s - lit_s
        left_s = self.preset.warm_up_s - burnt_s
        return left_s if left_s > SHORTEST_S else 0.0

    @property
    def state(self) -> str:
        """off, warming or ready."""
        if not self.is_on:
            return "off"
        return "warming" if self.warm_up_s > 0 else "ready"

    def switch(self, on: bool) -> None:
        """Ignite it, or put it out; a lamp that burns is not lit anew."""
        if on != self.is_on:
            self._since_s[0] = self._clock.now_s if on else math.nan

    def level(self, t_s: float) -> float:
        """How bright it is at a simulated time, flicker aside; 0 when off."""
        lit_s = self._lit_s
        if lit_s is None or t_s < lit_s:
            return 0.0
        given, period_s = self.preset, self.preset.drift_period_h * HOUR_S
        wave = given.drift_per_h * given.drift_period_h / (2 * math.pi)
        drifted = 1 + wave * math.sin(2 * math.pi * t_s / period_s + self._phase)
        return drifted * (1 - given.warm_up_depth * math.exp(-(t_s - lit_s) / given.warm_up_time_s))

    def spectrum(self, wavelength_nm: ArrayLike) -> NDArray[np.float64]:
        """Light per nm at level 1, dead sectors included."""
        nm = np.asarray(wavelength_nm, float)
        dead = np.zeros(nm.shape, dtype=bool)
        for low_nm, high_nm in self.preset.dead_nm:
            dead |= (nm >= low_nm) & (nm <= high_nm)
        return self._shape(nm) / self._unit * np.where(dead, self.preset.dead_level, 1.0)

    def _shape(self, nm: NDArray[np.float64]) -> NDArray[np.float64]:
        """Broad band and line, before any sector is taken out."""
        given = self.preset
        broad = np.exp(-(((nm - given.centre_nm) / given.sigma_nm) ** 2) / 2)
        line = np.exp(-4 * np.log(2) * ((nm - given.line_nm) / given.line_fwhm_nm) ** 2)
        return broad * (1 + given.line_height * line)
