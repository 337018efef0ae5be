"""Shutter, monochromators and detectors of the spectrofluorometer: they move and count, one point at a time."""

from __future__ import annotations

import threading
from pathlib import Path
from zlib import crc32

import numpy as np

from devices.iocs.backends import Point, Stop
from devices.iocs.twin.clock import Clock
from devices.iocs.twin.dot_memory import remembered_numbers
from devices.iocs.twin.lamp import Lamp
from devices.iocs.twin.scan_program import ScanProgram
from devices.iocs.twin.spectral_detectors import photomultiplier_counts, read_point
from devices.iocs.twin.spectral_preset import SpectrofluorometerPreset
from devices.iocs.twin.truth import TruthFile

PARKED_NM = 500.0


class OpticalHead:
    """Each point has a generator of its own, made from seed, acquisition and number of the point."""

    def __init__(
        self,
        preset: SpectrofluorometerPreset,
        clock: Clock,
        seed: int,
        lamp: Lamp,
        truth: TruthFile | None,
        memory: Path | None = None,
    ) -> None:
        self._preset, self._clock, self._seed, self._lamp, self._truth = preset, clock, seed, lamp, truth
        self.shutter = threading.Event()
        self._at_nm = remembered_numbers(memory, (PARKED_NM, PARKED_NM))

    def point(self, program: ScanProgram, index: int, acquisition: int, stop: Stop | None) -> Point | None:
        """Move, wait for the dwell, read; None if stopped, or shut, on the way."""
        to_nm, dwell_s = program.told_nm(index), program.scan.dwell_s
        away_nm = max(abs(to - at) for to, at in zip(to_nm, self._at_nm.tolist(), strict=True))
        if not self._clock.advance(away_nm / self._preset.move_nm_s, stop):
            return None
        self._at_nm[:] = to_nm
        time_s = self._clock.now_s + dwell_s / 2
        if not self._clock.advance(dwell_s, stop) or not self.shutter.is_set():
            return None
        level = self._lamp.level(time_s)
        if self._truth:
            self._truth.point(acquisition, index, program.about, program.true(index, time_s, level))
        rng = self._generator(b"fs5", acquisition, index)
        return read_point(program, index, level=level, time_s=time_s, preset=self._preset, rng=rng)

    def dark(self, seconds: float, acquisition: int, stop: Stop | None) -> tuple[float, float]:
        """Counts behind the closed shutter, and the simulated seconds they were counted in."""
        self.shutter.clear()
        started_s = self._clock.now_s
        complete = self._clock.advance(seconds, stop)
        counted_s = float(seconds) if complete else self._clock.now_s - started_s
        if counted_s <= 0:
            return 0.0, 0.0
        rng = self._generator(b"fs5-dark", acquisition, 0)
        return photomultiplier_counts(0.0, counted_s, self._preset.photomultiplier, rng), counted_s

    def _generator(self, device: bytes, acquisition: int, index: int) -> np.random.Generator:
        key = (crc32(device), acquisition, index)
        return np.random.default_rng(np.random.SeedSequence(self._seed, spawn_key=key))
