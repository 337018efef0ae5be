"""The spectrofluorometer on the simulated bench: a sample chamber, a lamp, and scans that go on where they stopped.

Take a new acquisition for every scan, and the same one to go on with it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path

from devices.iocs import scan_check
from devices.iocs.backends import Point, Scan, Stop
from devices.iocs.twin.clock import Clock
from devices.iocs.twin.dot_memory import inside, remembered_numbers
from devices.iocs.twin.lamp import Lamp
from devices.iocs.twin.monochromators import OpticalPath
from devices.iocs.twin.optical_head import OpticalHead
from devices.iocs.twin.preset import SamplePreset
from devices.iocs.twin.scan_program import ScanProgram
from devices.iocs.twin.spectra import SampleSpectra
from devices.iocs.twin.spectral_preset import SpectrofluorometerPreset
from devices.iocs.twin.truth import TruthFile
from devices.iocs.twin.world import Begin, nothing

WARM_UP_STEP_S = 1.0
LONGEST_DARK_S = 3600.0


class TwinSpectrofluorometer:
    """See `devices.iocs.backends.Spectrofluorometer`; `samples` gives the preset of each name."""

    name = "twin"
    instruction = ""

    def __init__(
        self,
        preset: SpectrofluorometerPreset,
        clock: Clock,
        seed: int,
        samples: Mapping[str, Callable[[], SamplePreset]],
        *,
        mounted: str,
        truth: TruthFile | None = None,
        memory: Path | None = None,
        begin: Begin = nothing,
    ) -> None:
        self.preset, self.samples = preset, tuple(samples)
        self.limits: Mapping[str, tuple[float, float]] = {
            key: value for key, value in asdict(preset.limits).items() if key != "max_points"
        }
        self.max_points, self.dead_time_ns = preset.limits.max_points, preset.photomultiplier.dead_time_ns
        self._clock, self._seed, self._presets, self._truth = clock, seed, samples, truth
        self._lamp = Lamp(preset.lamp, clock, seed, inside(memory, "lamp.bin"))
        self._path = OpticalPath(preset, self._lamp)
        self._head = OpticalHead(preset, clock, seed, self._lamp, truth, inside(memory, "monochromators.bin"))
        self._made: dict[str, SampleSpectra] = {}
        self._mounted = remembered_numbers(inside(memory, "chamber.bin"), self.samples.index(mounted))
        self._begin = begin
        self.mount(self.mounted)

    @property
    def mounted(self) -> str:
        """Name of the sample in the chamber."""
        return self.samples[int(self._mounted[0])]

    def mount(self, name: str) -> None:
        """Put another sample into the chamber, in the dark; ValueError if there is none of that name."""
        if name not in self.samples:
            raise ValueError(f"sample = {name!r}: there are {', '.join(self.samples)}")
        self.close_shutter()
        self._spectra(name)
        self._mounted[0] = self.samples.index(name)

    def _spectra(self, name: str) -> SampleSpectra:
        """The sample of that name, made when first needed."""
        if name not in self._made:
            self._made[name] = SampleSpectra(self._presets[name](), self._seed, name=name)
        if self._truth:
            self._truth.spectra(name, self._made[name])
        return self._made[name]

    @property
    def lamp_state(self) -> str:
        """off, warming or ready."""
        return self._lamp.state

    @property
    def warm_up_s(self) -> float:
        """Simulated seconds until the lamp is ready; if it is off, from switching it on."""
        return self._lamp.warm_up_s

    def switch_lamp(self, on: bool) -> None:
        """Ignite the lamp, or put it out."""
        self._lamp.switch(on)

    def warm_up(self, stop: Stop | None = None) -> bool:
        """Wait until the lamp is ready; False if stopped, ValueError if it is off."""
        while self._lamp.state == "warming":
            if not self._clock.advance(min(self._lamp.warm_up_s, WARM_UP_STEP_S), stop):
                return False
        self._require_lamp()
        return True

    def shutter_is_open(self) -> bool:
        """True only while a scan is at work."""
        return self._head.shutter.is_set()

    def close_shutter(self) -> None:
        """Close; a scan that is at work ends."""
        self._head.shutter.clear()

    def next_acquisition(self) -> int:
        """A number no acquisition had before."""
        return self._clock.next_acquisition()

    def dark(self, seconds: float, *, acquisition: int, stop: Stop | None = None) -> tuple[float, float]:
        """Counts with the shutter closed, and the simulated seconds they were counted in."""
        if not (math.isfinite(seconds) and 0 < seconds <= LONGEST_DARK_S):
            raise ValueError(f"dark for {seconds} s: it must be more than 0 and at most {LONGEST_DARK_S:g} s")
        self._begin(b"fs5-dark", acquisition, 0)
        return self._head.dark(seconds, acquisition, stop)

    def check(self, scan: Scan) -> None:
        """ValueError if the lamp is off or the scan is not possible; nothing moves."""
        scan_check.check(scan, self.limits, self.max_points)
        self._require_lamp()

    def scan(
        self,
        scan: Scan,
        *,
        acquisition: int,
        first: int = 0,
        stop: Stop | None = None,
        on_point: Callable[[int, Point], None],
    ) -> bool:
        """Take the points from `first` on under an open shutter; False if stopped."""
        self.check(scan)
        if not 0 <= first < scan.n_points:
            raise ValueError(f"first = {first}: the scan has the points 0..{scan.n_points - 1}")
        program = ScanProgram(scan, self._path, self._spectra(self.mounted), self.preset, self.mounted)
        self._head.shutter.set()
        try:
            for index in range(first, scan.n_points):
                self._begin(b"fs5", acquisition, index)
                point = self._head.point(program, index, acquisition, stop)
                if point is None:
                    return False
                on_point(index, point)
        finally:
            self.close_shutter()
        return True

    def finish_acquisition(self, acquisition: int) -> None:
        """Seal the truth about an acquisition that has ended."""
        if self._truth:
            self._truth.finish(acquisition)

    def _require_lamp(self) -> None:
        if not self._lamp.is_on:
            raise ValueError("the lamp is off: switch it on and let it warm up")
