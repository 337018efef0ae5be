"""The card on the bench: its settings, its sync meter, and acquisitions at the present spot."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from devices.iocs.twin.card import N_CHANNELS, CardSettings, conversions, delivered, limited
from devices.iocs.twin.photons import Slots, after_dead_time, detections
from devices.iocs.twin.preset import ROUTES
from devices.iocs.twin.train import MAX_SLICES, SLICE_S, Glimpse, OpticalTrain, View

METER_S = 0.5
BATCH_PHOTONS = 500_000
BATCH_TICKS = 2**61

Generator = Callable[[bytes, int, int], np.random.Generator]  # of a device, an acquisition and an index
Record = Callable[[str, int, int, View, float, NDArray[np.float64]], None]  # what was seen, from where


@dataclass(frozen=True)
class Block:
    """One histogram per route, with what the light did meanwhile; times are simulated seconds."""

    histograms: NDArray[np.uint16]
    overflow: NDArray[np.bool_]
    lit_fraction: float
    started_s: float
    elapsed_s: float
    interrupted: bool


class TwinTimeHarp:
    """A TimeHarp 200 in histogramming mode behind a router."""

    n_channels = N_CHANNELS

    def __init__(
        self,
        train: OpticalTrain,
        generator: Generator,
        record: Record,
    ) -> None:
        self._train, self._generator, self._record = train, generator, record
        self._preset = train.preset.card
        self.serial = self._preset.serial
        self.base_resolution_ps = self._preset.base_resolution_ps
        codes = self._preset.range_codes
        self.settings = CardSettings.of(self._preset, 2 if 2 in codes else codes[0], 0.0)

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
        """Laser pulses per second after the meter has settled (0.5 s), in its coarse steps."""
        self._train.clock.advance(METER_S, stop)
        quantum_hz = self._preset.sync_quantum_hz
        return round(self._train.repetition_hz() / quantum_hz) * quantum_hz

    def acquire(self, tacq_s: float, *, acquisition: int, index: int, stop: threading.Event | None = None) -> Block:
        """Integrate for `tacq_s` where the stage is; what was counted so far if `stop` is set."""
        if not (math.isfinite(tacq_s) and tacq_s > 0):
            raise ValueError(f"tacq_s = {tacq_s}: it must be finite and > 0")
        slice_s = tacq_s / min(max(math.ceil(tacq_s / SLICE_S - 1e-9), 1), MAX_SLICES)
        started_s, spot_um = self._train.clock.now_s, self._train.stage.at_um[:2]
        glimpses = self._watch(tacq_s, slice_s, stop)
        spots_um = np.repeat([spot_um], len(glimpses), axis=0)
        view = view_of(self._train, spots_um, glimpses)
        counts = np.zeros(len(ROUTES) * N_CHANNELS, dtype=np.int64)
        rng = self._generator(b"card", acquisition, index)
        for _, indices in self._photons(view, glimpses, slice_s, rng):
            counts += np.bincount(indices % counts.size, minlength=counts.size)
        histograms, overflow = limited(counts.reshape(1, len(ROUTES), N_CHANNELS))
        self._record("block", acquisition, index, view, slice_s, spots_um)
        complete, lit = glimpses[-1].complete, float(view.lit.mean())
        elapsed_s = tacq_s if complete else self._train.clock.now_s - started_s
        return Block(histograms[0], overflow, lit, started_s, elapsed_s, not complete)

    def _watch(self, tacq_s: float, slice_s: float, stop: threading.Event | None) -> list[Glimpse]:
        """Let the slices of an acquisition pass, until `stop`."""
        glimpses: list[Glimpse] = []
        for _ in range(round(tacq_s / slice_s)):
            glimpses.append(self._train.watch(slice_s, stop))
            if not glimpses[-1].complete:
                break
        return glimpses

    def line(
        self, view: View, glimpses: list[Glimpse], dwell_s: float, rng: np.random.Generator
    ) -> tuple[NDArray[np.uint16], NDArray[np.bool_]]:
        """Histograms (n_pixels, n_routes, 4096) of a row of pixels, and which routes overflowed."""
        parts, overflow = [], np.zeros(len(ROUTES), dtype=bool)
        for count, indices in self._photons(view, glimpses, dwell_s, rng):
            histograms, full = delivered(indices, count, len(ROUTES))
            parts.append(histograms)
            overflow |= full
        return (np.concatenate(parts) if len(parts) != 1 else parts[0]), overflow

    def _photons(
        self, view: View, glimpses: list[Glimpse], dwell_s: float, rng: np.random.Generator
    ) -> Iterator[tuple[int, NDArray[np.int64]]]:
        """Batches of dwells: how many, and the flat index (dwell in batch, route, channel) of each count."""
        repetition_hz = max(glimpse.repetition_hz for glimpse in glimpses)
        if repetition_hz == 0:  # nothing stops the converter
            yield len(glimpses), np.zeros(0, dtype=np.int64)
            return
        counted = [one.passed_s / dwell_s * (one.repetition_hz == repetition_hz) for one in glimpses]
        pause_ns = 2 * (self.settings.window_ns + self._preset.dead_time_ns + self._preset.blind_start_ns)
        for first, last in _batches(view.total_cps.sum(axis=1) * dwell_s, dwell_s):
            count = last - first
            slots = Slots.of(count, dwell_s=dwell_s, repetition_hz=repetition_hz, apart_ns=pause_ns)
            parts = [one.part(slice(first, last), np.array(counted[first:last])) for one in view.expected]
            clicks = [
                after_dead_time(detections(part, slots, rng), spad.dead_time_ns)
                for part, spad in zip(parts, self._train.spads, strict=True)
            ]
            yield count, conversions(clicks, slots, np.arange(count), self._preset, self.settings)


def view_of(train: OpticalTrain, spots_um: NDArray[np.float64], glimpses: list[Glimpse]) -> View:
    """What was seen from the spots (n, 2) during n glimpses."""
    t_s, lit, w_cm2 = np.array([(one.t_s, one.lit, one.w_cm2) for one in glimpses]).T
    return train.view(spots_um, t_s, lit, w_cm2)


def _batches(photons: NDArray[np.float64], dwell_s: float) -> Iterator[tuple[int, int]]:
    """Ranges of dwells that fit the memory and the time axis."""
    most = max(int(BATCH_TICKS / (2 * (dwell_s * 1e9 + 1e5) * 2**14)), 1)
    first = 0
    while first < len(photons):
        within = np.searchsorted(np.cumsum(photons[first : first + most]), BATCH_PHOTONS, side="right")
        last = first + max(int(within), 1)
        yield first, last
        first = last
