"""Histograms between laser pulses: of each pixel of a row, or of one spot."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from devices.iocs.twin.card import N_CHANNELS, CardSettings, conversions, delivered, limited
from devices.iocs.twin.photons import Slots, after_dead_time, detections
from devices.iocs.twin.preset import ROUTES
from devices.iocs.twin.train import OpticalTrain
from devices.iocs.twin.view import Glimpse, View

BATCH_PHOTONS = 500_000
BATCH_TICKS = 2**61


def line(
    train: OpticalTrain, settings: CardSettings, view: View, glimpses: list[Glimpse], dwell_s: float,
    rng: np.random.Generator,
) -> tuple[NDArray[np.uint16], NDArray[np.bool_]]:  # fmt: skip
    """Histograms (n_pixels, n_routes, 4096) of a row of pixels, and which routes overflowed."""
    parts, overflow = [], np.zeros(len(ROUTES), dtype=bool)
    for count, indices in _photons(train, settings, view, glimpses, dwell_s, rng):
        histograms, full = delivered(indices, count, len(ROUTES))
        parts.append(histograms)
        overflow |= full
    return (np.concatenate(parts) if len(parts) != 1 else parts[0]), overflow


def block(
    train: OpticalTrain, settings: CardSettings, view: View, glimpses: list[Glimpse], slice_s: float,
    rng: np.random.Generator,
) -> tuple[NDArray[np.uint16], NDArray[np.bool_]]:  # fmt: skip
    """Histograms (n_routes, 4096) of all slices of one integration, and which routes overflowed."""
    counts = np.zeros(len(ROUTES) * N_CHANNELS, dtype=np.int64)
    for _, indices in _photons(train, settings, view, glimpses, slice_s, rng):
        counts += np.bincount(indices % counts.size, minlength=counts.size)
    histograms, overflow = limited(counts.reshape(1, len(ROUTES), N_CHANNELS))
    return histograms[0], overflow


def _photons(
    train: OpticalTrain, settings: CardSettings, view: View, glimpses: list[Glimpse], dwell_s: float,
    rng: np.random.Generator,
) -> Iterator[tuple[int, NDArray[np.int64]]]:  # fmt: skip
    """Batches of dwells: how many, and the flat index (dwell in batch, route, channel) of each count."""
    preset, repetition_hz = train.preset.card, max(glimpse.repetition_hz for glimpse in glimpses)
    if repetition_hz == 0:  # nothing stops the converter
        yield len(glimpses), np.zeros(0, dtype=np.int64)
        return
    counted = [one.passed_s / dwell_s * (one.repetition_hz == repetition_hz) for one in glimpses]
    pause_ns = 2 * (settings.window_ns + preset.dead_time_ns + preset.blind_start_ns)
    for first, last in _batches(view.total_cps.sum(axis=1) * dwell_s, dwell_s):
        count = last - first
        slots = Slots.of(count, dwell_s=dwell_s, repetition_hz=repetition_hz, apart_ns=pause_ns)
        parts = [one.part(slice(first, last), np.array(counted[first:last])) for one in view.expected]
        clicks = [
            after_dead_time(detections(part, slots, rng), spad.dead_time_ns)
            for part, spad in zip(parts, train.spads, strict=True)
        ]
        yield count, conversions(clicks, slots, np.arange(count), preset, settings)


def _batches(photons: NDArray[np.float64], dwell_s: float) -> Iterator[tuple[int, int]]:
    """Ranges of dwells that fit the memory and the time axis."""
    most = max(int(BATCH_TICKS / (2 * (dwell_s * 1e9 + 1e5) * 2**14)), 1)
    first = 0
    while first < len(photons):
        within = np.searchsorted(np.cumsum(photons[first : first + most]), BATCH_PHOTONS, side="right")
        last = first + max(int(within), 1)
        yield first, last
        first = last
