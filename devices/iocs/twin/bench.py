"""The simulated bench: one instrument, one mounted sample, one clock, and every backend that drives it.

The same seed, acquisition, index and simulated time give bit-identical data at any speed: each line and
each block has a generator of its own, and nothing else draws from it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from devices.iocs.backends import Illumination
from devices.iocs.twin import preset as presets
from devices.iocs.twin.beam import BeamReader
from devices.iocs.twin.clock import Clock
from devices.iocs.twin.counters import TwinCounters
from devices.iocs.twin.dot_memory import inside, remembered_numbers
from devices.iocs.twin.dots import Dots
from devices.iocs.twin.drift import Drift
from devices.iocs.twin.filters import TwinFilters
from devices.iocs.twin.mounting import Mounting
from devices.iocs.twin.piezo import TwinStage
from devices.iocs.twin.preset import ROUTES, Preset, SamplePreset
from devices.iocs.twin.sample import Sample
from devices.iocs.twin.scanner import LineScanner
from devices.iocs.twin.spads import TwinSpads
from devices.iocs.twin.spectrofluorometer import TwinSpectrofluorometer
from devices.iocs.twin.timeharp import TwinTimeHarp
from devices.iocs.twin.train import OpticalTrain
from devices.iocs.twin.truth import TruthFile
from devices.iocs.twin.view import View
from devices.iocs.twin.world import World


class Bench:
    """Everything the instrument processes need of the simulated world.

    Parameters
    ----------
    preset : its instrument is the bench; its sample is mounted first, in place of a built-in one of that name
    others : presets whose samples can be mounted too, on the same bench
    memory : folder that keeps what photons depend on beside the clock, and the moments of `World`; None forgets
    truth : where the sealed truth goes; None keeps none
    """

    routes = ROUTES

    def __init__(
        self,
        preset: Preset,
        *,
        seed: int,
        clock: Clock,
        beam: BeamReader,
        truth: Path | None = None,
        others: Sequence[Preset] = (),
        memory: Path | None = None,
    ) -> None:
        self.preset, self.seed, self.clock = preset, seed, clock
        self._given = {given.name: given for given in (*others, preset)}
        self.samples = tuple(sorted({*presets.names(), *self._given}))
        self._mounted = remembered_numbers(inside(memory, "mounted.bin"), self.samples.index(preset.name))
        self._made: dict[str, Sample] = {}
        self._memory = memory
        self._truth = TruthFile(truth, preset, seed) if truth else None
        instrument = preset.instrument
        self._world = World(clock, memory, self._look_again)
        self.stage = TwinStage(instrument.piezo, clock, seed, inside(memory, "stage.bin"))
        self.filters = TwinFilters(inside(memory, "filters.bin"))
        self._train = OpticalTrain(
            instrument,
            clock,
            beam,
            self.stage,
            Drift(instrument.drift, seed),
            self._sample(self.mounted),
            Mounting(instrument.mounting, seed, instrument.piezo.travel_um, inside(memory, "mountings.bin")),
            self.filters,
            self._world.begin_part,
        )
        self.spads = TwinSpads(self._train, seed)
        self.card = TwinTimeHarp(self._train, self._generator, self._record, inside(memory, "wiring.bin"))
        self.counters = TwinCounters(self._train, self._generator, self._record)
        scanner = LineScanner(self._train, self.card, self._generator, self._record)
        self.scan_line, self.scan_counts = scanner.scan_line, scanner.scan_counts
        self.spectrofluorometer = TwinSpectrofluorometer(
            instrument.fs5,
            clock,
            seed,
            self._samples(),
            mounted=preset.name,
            truth=self._truth,
            memory=memory,
            begin=self._world.begin_part,
        )

    @property
    def mounted(self) -> str:
        """Name of the sample under the objective."""
        return self.samples[int(self._mounted[0])]

    def begin_step(self, step: str) -> bool:
        """Begin a step, "" for none; whether the bench is not as it was (see `World`)."""
        return self._world.begin(step)

    def knows_step(self, step: str) -> bool:
        """Whether a step was begun before (see `World`)."""
        return self._world.knows(step)

    def _look_again(self) -> None:
        """The sample on the stage, and how it lies, may be those of another moment."""
        self._train.sample = self._sample(self.mounted)
        self._train.mounting.lay()

    def mount(self, name: str) -> None:
        """Put another sample under the objective; ValueError if there is none of that name."""
        if name not in self.samples:
            raise ValueError(f"sample = {name!r}: there are {', '.join(self.samples)}")
        self._train.sample = self._sample(name)
        self._mounted[0] = self.samples.index(name)
        self._train.mounting.put_back()

    def illumination(self) -> Illumination:
        """Whether light reaches the sample, and the intensity of the lasers that are on."""
        light = self._train.beam.read()
        return Illumination(light.lit, light.pulsed_w_cm2 * light.pulsed_on + light.cw_w_cm2 * light.cw_on)

    def dots(self, name: str = "") -> Dots:
        """The dots of the sample of that name, or of the mounted one."""
        return self._sample(name or self.mounted).dots

    def next_acquisition(self) -> int:
        """A number no acquisition had before, also across a restart of this process."""
        return self.clock.next_acquisition()

    def finish_acquisition(self, acquisition: int) -> None:
        """Seal the truth about an acquisition that has ended."""
        if self._truth:
            self._truth.finish(acquisition)

    def close(self) -> None:
        """Seal the truth about everything."""
        if self._truth:
            self._truth.close()

    def _sample(self, name: str) -> Sample:
        """The sample of that name, made when first needed."""
        if name not in self._made:
            optics = self.preset.instrument.optics
            self._made[name] = Sample(
                self._preset(name).sample,
                self.seed,
                name=name,
                travel_um=self.preset.instrument.piezo.travel_um[:2],
                psf_fwhm_um=optics.psf_fwhm_um,
                cw_profile_um=(optics.cw_excitation_fwhm_um, optics.cw_psf_fwhm_um),
                memory=inside(self._memory, f"dots-{crc32(name.encode()):08x}.bin"),
            )
        if self._truth:
            self._truth.sample(name, self._made[name])
        return self._made[name]

    def _preset(self, name: str) -> Preset:
        return self._given.get(name) or presets.load(name)

    def _samples(self) -> dict[str, Callable[[], SamplePreset]]:
        """Every sample by name, read when first needed."""
        return {name: lambda name=name: self._preset(name).sample for name in self.samples}

    def _generator(self, device: bytes, acquisition: int, index: int) -> np.random.Generator:
        """Random numbers of one line or block, whenever and however fast it is measured."""
        key = (crc32(device), acquisition, index)
        return np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=key))

    def _record(self, kind: str, acquisition: int, index: int, view: View, dwell_s: float, spots_um: NDArray) -> None:
        """Hand the truth about a line or block to the file."""
        if not self._truth:
            return
        settings = self.card.settings
        about = {
            "kind": kind,
            "sample": self.mounted,
            "dwell_s": dwell_s,
            "filters": self.filters.as_dict(),
            **self._train.mounting.as_dict(),
            "range_code": settings.range_code,
            "offset_ns": settings.offset_ns,
            "bin_width_ns": settings.bin_width_ns,
            "repetition_hz": self._train.repetition_hz(),
        }
        self._truth.line(acquisition, index, spots_um, view, about)
