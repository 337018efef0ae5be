"""Start and stop from two counters: the first stop after each start, as a one-converter card sees it.

A click of the first counter starts the converter, one of the second stops it after its cable. A stop sooner than the
blind start is not seen and the next one counts. Until it is stopped or full scale is reached, and for its dead time
at least, the converter is busy: starts are lost. Times are ticks, as in photons.py.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from devices.iocs.twin.card import FULL_BIN, N_CHANNELS, CardSettings
from devices.iocs.twin.photons import TICKS_PER_NS, Ticks
from devices.iocs.twin.preset import CardPreset


class StartStop:
    """The converter and the memory behind it, filled piece by piece.

    counts : (4096,) stops so far, by raw time after the offset
    """

    def __init__(self, preset: CardPreset, settings: CardSettings) -> None:
        self._delay = round(preset.delay_ns * TICKS_PER_NS)
        self._times = np.array([preset.blind_start_ns, preset.dead_time_ns, settings.offset_ns, settings.window_ns])
        self._times = np.round(self._times * TICKS_PER_NS).astype(np.int64)
        self._bins_per_tick = 1 / (settings.bin_width_ns * TICKS_PER_NS)
        self._stops = np.zeros(0, np.int64)
        self._state = np.array([-1, -(2**62), 0])  # the present start, when the converter is free, starts taken
        self.counts = np.zeros(N_CHANNELS, np.int64)

    @property
    def n_starts(self) -> int:
        """Clicks that found the converter free."""
        return int(self._state[2])

    def add(self, starts: Ticks, stops: Ticks, end: int) -> None:
        """Clicks of both counters since the last call, in order; all that are still to come are at `end` or later."""
        stops = np.concatenate([self._stops, stops + self._delay])
        known = int(np.searchsorted(stops, end))
        self._stops = stops[known:]
        _convert(starts, stops[:known], self._times, self._bins_per_tick, self._state, self.counts)

    def histogram(self) -> tuple[NDArray[np.uint16], bool]:
        """(4096,) as 16 bits hold it, and whether it overflowed."""
        return np.minimum(self.counts, FULL_BIN).astype(np.uint16), bool(self.counts.max() > FULL_BIN)


@njit(cache=True, nogil=True)
def _convert(starts, stops, times, bins_per_tick, state, counts):
    """Let starts and stops happen in order of time; a stop at the time of a start comes first."""
    blind, dead, offset, window = times
    start, free, n_starts = state
    i, j = 0, 0
    while i < starts.size or j < stops.size:
        if j == stops.size or (i < starts.size and starts[i] < stops[j]):
            time = starts[i]
            i += 1
            if start >= 0 and time - start > window:
                free, start = start + max(window, dead), -1
            if start < 0 and time >= free:
                start = time
                n_starts += 1
            continue
        raw = stops[j] - start
        j += 1
        if start < 0 or raw < blind:
            continue
        early = raw - offset
        if early >= 0 and raw <= window:
            channel = np.int64(early * bins_per_tick)
            if channel < counts.size:
                counts[channel] += 1
        free, start = start + max(min(raw, window), dead), -1
    state[0], state[1], state[2] = start, free, n_starts
