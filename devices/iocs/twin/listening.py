"""What both counters click at one spot, under continuous light, laser pulses or both, piece by piece."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from devices.iocs.twin.clicks import REACH, Detector
from devices.iocs.twin.cw_light import CwLight
from devices.iocs.twin.photons import TICKS_PER_NS, Expected, Slots, Ticks, detections
from devices.iocs.twin.preset import SpadPreset
from devices.iocs.twin.sample import FWHM_PER_SIGMA
from devices.iocs.twin.streams import TICKS_PER_S, CwPhotons

PIECE_PHOTONS = 1_000_000
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Pulses:
    """Light of the pulsed laser in equal slices of an acquisition.

    expected : of each route; its flat light is not used
    counted : (n_slices,) share of each slice that was counted
    """

    expected: tuple[Expected, ...]
    counted: Floats
    period: int
    slice_periods: int

    @staticmethod
    def of(expected: tuple[Expected, ...], counted: Floats, *, slice_s: float, repetition_hz: float) -> Pulses | None:
        """The light, or None if there is none."""
        if repetition_hz == 0 or not any(one.cps.any() for one in expected):
            return None
        dark = tuple(replace(one, flat_cps=np.zeros_like(one.flat_cps)) for one in expected)
        period = round(1e9 / repetition_hz * TICKS_PER_NS)
        return Pulses(dark, counted, period, max(round(slice_s * repetition_hz), 1))

    @property
    def length(self) -> int:
        """Ticks of a slice."""
        return self.period * self.slice_periods

    def photons(self, first: int, last: int, rng: np.random.Generator) -> list[Ticks]:
        """Photon times in each route in some slices."""
        slots = Slots(self.period, self.length, self.length, last - first)
        parts = [one.part(slice(first, last), self.counted[first:last]) for one in self.expected]
        return [detections(part, slots, rng) + first * self.length for part in parts]


def listen(
    light: CwLight, pulses: Pulses | None, n_slices: int, spads: tuple[SpadPreset, ...], rng: np.random.Generator
) -> Iterator[tuple[list[Ticks], int]]:
    """Clicks of each route since the last piece and before `end`, with that `end`; the last is the end of all."""
    jitter_ns = np.array([spad.jitter_fwhm_ns for spad in spads]) / FWHM_PER_SIGMA
    stream, detectors = CwPhotons(light, jitter_ns, rng), [_detector(spad, rng) for spad in spads]
    final = round(light.duration_s * TICKS_PER_S)
    length = pulses.length if pulses else round(final / n_slices)
    first = 0
    for last in _pieces(light, pulses, n_slices):
        end = last * length if last < n_slices else max(n_slices * length, final)
        photons = stream.until(end)
        if pulses:
            photons = [np.concatenate(pair) for pair in zip(photons, pulses.photons(first, last, rng), strict=True)]
        heard = final if last == n_slices else min(end - REACH, final)
        yield [detector.hear(one, heard) for detector, one in zip(detectors, photons, strict=True)], heard
        first = last


def _detector(spad: SpadPreset, rng: np.random.Generator) -> Detector:
    return Detector(
        dead_time_ns=spad.dead_time_ns,
        afterpulse_probability=spad.afterpulse_probability,
        afterpulse_ns=spad.afterpulse_ns,
        rng=rng,
    )


def _pieces(light: CwLight, pulses: Pulses | None, n_slices: int) -> Iterator[int]:
    """Ends of pieces that fit the memory, in slices."""
    cps = (light.signal_cps + light.flat_cps).sum(axis=1)
    so_far = np.append(0.0, np.cumsum(cps * np.diff(light.edges_s)))
    slices_s = np.linspace(light.edges_s[0], light.edges_s[-1], n_slices + 1)
    photons = np.diff(np.interp(slices_s, light.edges_s, so_far))
    if pulses:
        photons += sum(one.cps.sum(axis=1) for one in pulses.expected) * light.duration_s / n_slices
    total = np.cumsum(photons)
    first = 0
    while first < n_slices:
        before = total[first - 1] if first else 0.0
        first = max(int(np.searchsorted(total, before + PIECE_PHOTONS, side="right")), first + 1)
        yield first
