"""The start-stop card: photons in, histograms out, as a TimeHarp 200 with router delivers them.

One converter serves all routes. A photon starts it, the next laser pulse stops it, so time runs backwards;
a stop within the blind start is ignored and the one after it counts. The histogram is delivered forwards in
time: channel = 4095 - raw channel. Counts saturate at 16 bits and raise the overflow flag.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from devices.iocs.twin.photons import TICKS_PER_NS, Slots, Ticks, accepted
from devices.iocs.twin.preset import CardPreset

N_CHANNELS = 4096
FULL_BIN = 65535
OFFSET_STEP_NS = 2.5
MAX_OFFSET_NS = 2000.0


@dataclass(frozen=True)
class CardSettings:
    """Range and offset of the time window."""

    range_code: int
    offset_ns: float
    bin_width_ns: float

    @staticmethod
    def of(preset: CardPreset, range_code: int, offset_ns: float) -> CardSettings:
        """Settings the card can have, offset rounded to its steps; ValueError otherwise."""
        if range_code not in preset.range_codes:
            raise ValueError(f"range_code = {range_code}: this card has {preset.range_codes}")
        if not (math.isfinite(offset_ns) and 0 <= offset_ns <= MAX_OFFSET_NS):
            raise ValueError(f"offset_ns = {offset_ns}: allowed is 0..{MAX_OFFSET_NS:g} ns")
        actual_ns = round(offset_ns / OFFSET_STEP_NS) * OFFSET_STEP_NS
        return CardSettings(int(range_code), actual_ns, preset.base_resolution_ps * 2**range_code / 1000)

    @property
    def window_ns(self) -> float:
        """Latest raw time that fits the histogram."""
        return self.offset_ns + N_CHANNELS * self.bin_width_ns


def conversions(
    routes: list[Ticks], slots: Slots, rows: NDArray[np.intp], preset: CardPreset, settings: CardSettings
) -> NDArray[np.int64]:
    """Flat index (row, route, channel) of every photon that ends up in a histogram.

    Parameters
    ----------
    routes : sorted click times of each counter
    rows : the histogram that each slot adds to, shape (n_slots,)
    """
    times, route = _merged(routes)
    raw = _raw_time(times, slots.period, int(preset.blind_start_ns * TICKS_PER_NS))
    busy = np.minimum(raw, int(settings.window_ns * TICKS_PER_NS))
    busy = np.maximum(busy, int(preset.dead_time_ns * TICKS_PER_NS))
    early = raw - int(settings.offset_ns * TICKS_PER_NS)
    channel = (early * (1 / (settings.bin_width_ns * TICKS_PER_NS))).astype(np.int64)
    kept = accepted(times, times + busy) & (early >= 0) & (channel < N_CHANNELS)
    index = np.repeat(rows * len(routes), slots.counts(times))
    index += route
    index *= N_CHANNELS
    index += (N_CHANNELS - 1) - channel
    return index[kept]


def _merged(routes: list[Ticks]) -> tuple[Ticks, Ticks]:
    """All clicks in order of time, and the route of each."""
    bits = max(len(routes) - 1, 0).bit_length()
    tagged = np.concatenate([(times << bits) | route for route, times in enumerate(routes)])
    tagged.sort(kind="stable")
    return tagged >> bits, tagged & ((1 << bits) - 1)


def _raw_time(times: Ticks, period: int, blind: int) -> Ticks:
    """From each photon to the first laser pulse that can stop it: blind <= raw < blind + period."""
    return blind + (-times - blind) % period


def delivered(index: NDArray[np.int64], n_rows: int, n_routes: int) -> tuple[NDArray, NDArray[np.bool_]]:
    """The 16-bit histograms (n_rows, n_routes, 4096) of those photons, and which routes overflowed."""
    counts = np.bincount(index, minlength=n_rows * n_routes * N_CHANNELS)
    return limited(counts.reshape(n_rows, n_routes, N_CHANNELS))


def limited(counts: NDArray[np.int64]) -> tuple[NDArray[np.uint16], NDArray[np.bool_]]:
    """Counts (n_rows, n_routes, 4096) as 16 bits hold them, and which routes overflowed."""
    overflow = counts.max(axis=(0, 2)) > FULL_BIN
    kept = np.minimum(counts, FULL_BIN) if overflow.any() else counts
    return kept.astype(np.uint16), overflow
