"""The card on the bench: its wiring, its settings, its sync meter, and acquisitions at the present spot."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from devices.iocs.twin import raster, wirings
from devices.iocs.twin.blocks import Block, HbtBlock, RecordBlock
from devices.iocs.twin.card import N_CHANNELS, CardSettings
from devices.iocs.twin.clicks import in_bins
from devices.iocs.twin.dot_memory import remembered_numbers
from devices.iocs.twin.observation import observe
from devices.iocs.twin.preset import ROUTES
from devices.iocs.twin.records import MAX_RECORDS, Recorder
from devices.iocs.twin.spads import clicked_cps
from devices.iocs.twin.start_stop import StartStop
from devices.iocs.twin.streams import TICKS_PER_S
from devices.iocs.twin.train import OpticalTrain
from devices.iocs.twin.view import Glimpse, View

METER_S = 0.5
NOT_YET = -1

Generator = Callable[[bytes, int, int], np.random.Generator]  # of a device, an acquisition and an index
Record = Callable[[str, int, int, View, float, NDArray[np.float64]], None]  # what was seen, from where


class TwinTimeHarp:
    """A TimeHarp 200 with a router; what it can measure depends on what is cabled to it, which `memory` keeps."""

    n_channels = N_CHANNELS
    max_records = MAX_RECORDS

    def __init__(
        self,
        train: OpticalTrain,
        generator: Generator,
        record: Record,
        memory: Path | None = None,
    ) -> None:
        self._train, self._generator, self._record = train, generator, record
        self._preset, self._wired = train.preset.card, remembered_numbers(memory, NOT_YET)
        self.serial = self._preset.serial
        self.base_resolution_ps = self._preset.base_resolution_ps
        codes = self._preset.range_codes
        self.settings = CardSettings.of(self._preset, 2 if 2 in codes else codes[0], 0.0)

    @property
    def wiring(self) -> str:
        """What is cabled to the card, one of WIRINGS."""
        return self.cabled or "raster"

    @wiring.setter
    def wiring(self, name: str) -> None:
        self._wired[0] = list(wirings.WIRINGS).index(wirings.known(name))

    @property
    def cabled(self) -> str:
        """The wiring that somebody chose; "" if nobody has yet."""
        return "" if self._wired[0] == NOT_YET else list(wirings.WIRINGS)[int(self._wired[0])]

    def require(self, wiring: str) -> None:
        """ValueError unless the card is wired so."""
        wirings.require(self.wiring, wiring)

    def configure(self, range_code: int, offset_ns: float) -> float:
        """Choose range and offset; the offset the card really has. ValueError if it cannot."""
        self.settings = CardSettings.of(self._preset, range_code, offset_ns)
        return self.settings.offset_ns

    @property
    def range_codes(self) -> tuple[int, ...]:
        """Ranges this card has."""
        return self._preset.range_codes

    @property
    def range_code(self) -> int:
        """The present range."""
        return self.settings.range_code

    @property
    def bin_width_ns(self) -> float:
        """Width of one channel in the present range."""
        return self.settings.bin_width_ns

    def sync_rate_hz(self, stop: threading.Event | None = None) -> float:
        """What the sync input hears per second after the meter has settled (0.5 s), in its coarse steps."""
        self._train.clock.advance(METER_S, stop)
        quantum_hz = self._preset.sync_quantum_hz
        return round(self._sync_hz() / quantum_hz) * quantum_hz

    def _sync_hz(self) -> float:
        if self.wiring == "raster":
            return self._train.repetition_hz()
        if self.wiring == "clock":
            return 1e9 / self._preset.clock_period_ns
        return float(clicked_cps(self._train)[1])

    def acquire(self, tacq_s: float, *, acquisition: int, index: int, stop: threading.Event | None = None) -> Block:
        """Integrate for `tacq_s` where the stage is; what was counted so far if `stop` is set."""
        self.require("raster")
        self._train.begin(b"card", acquisition, index)
        seen = observe(self._train, tacq_s, stop)
        view, rng = seen.view.as_flat(), self._generator(b"card", acquisition, index)
        histograms, overflow = raster.block(self._train, self.settings, view, seen.glimpses, seen.slice_s, rng)
        self._record("block", acquisition, index, seen.view, seen.slice_s, seen.spots_um)
        lit = float(view.lit.mean())
        return Block(histograms, overflow, lit, seen.started_s, seen.elapsed_s, seen.interrupted)

    def acquire_hbt(
        self, tacq_s: float, *, n_bins: int, acquisition: int, index: int, stop: threading.Event | None = None
    ) -> HbtBlock:
        """As `acquire`, starts and stops from the two counters; what they click meanwhile in `n_bins` equal bins."""
        self.require("hbt")
        self._train.begin(b"card", acquisition, index)
        if n_bins < 1:
            raise ValueError(f"n_bins = {n_bins}: it must be at least 1")
        seen = observe(self._train, tacq_s, stop)
        converter = StartStop(self._preset, self.settings)
        edges = np.round(np.linspace(0, tacq_s * TICKS_PER_S, n_bins + 1)).astype(np.int64)
        counts = np.zeros((n_bins, len(ROUTES)), np.int64)
        for (starts, stops), end in seen.clicks(self._train, self._generator(b"hbt", acquisition, index)):
            converter.add(starts, stops, end)
            counts += in_bins([starts, stops], edges)
        self._record("hbt", acquisition, index, seen.view, seen.slice_s, seen.spots_um)
        histogram, full = converter.histogram()
        return HbtBlock(
            histogram, counts, np.array([full]), seen.lit_fraction, seen.started_s, seen.elapsed_s, seen.interrupted
        )

    def acquire_records(
        self, tacq_s: float, *, acquisition: int, index: int, stop: threading.Event | None = None
    ) -> RecordBlock:
        """As `acquire`, every photon with its time; until the FIFO is full."""
        self.require("clock")
        self._train.begin(b"card", acquisition, index)
        seen = observe(self._train, tacq_s, stop)
        recorder = Recorder(self._preset, self.settings, len(ROUTES))
        for clicks, end in seen.clicks(self._train, self._generator(b"records", acquisition, index)):
            recorder.add(clicks, end)
        self._record("records", acquisition, index, seen.view, seen.slice_s, seen.spots_um)
        full_s = recorder.overrun_s
        elapsed_s = seen.elapsed_s if full_s is None else full_s
        return RecordBlock(
            recorder.records(), recorder.counts, full_s is not None, seen.lit_fraction, seen.started_s,
            elapsed_s, seen.interrupted,
        )  # fmt: skip

    def line(
        self, view: View, glimpses: list[Glimpse], dwell_s: float, rng: np.random.Generator
    ) -> tuple[NDArray[np.uint16], NDArray[np.bool_]]:
        """Histograms (n_pixels, n_routes, 4096) of a row of pixels, and which routes overflowed."""
        return raster.line(self._train, self.settings, view, glimpses, dwell_s, rng)
