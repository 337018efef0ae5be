"""Time-tagged records of the card with a free-running clock on its sync input: the T3R words of a TimeHarp 200.

Both counters share the converter through the router. A click starts it, the next tick of the clock that is no sooner
than the blind start stops it; if that is beyond the range there is no record. A record holds the time of the click in
units of 100 ns; every 65536 of them the card writes a record that its clock turns over. Records wait in a FIFO that
the computer empties at a limited rate: when it is full, the measurement ends.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from devices.iocs.twin.card import N_CHANNELS, CardSettings
from devices.iocs.twin.photons import TICKS_PER_NS, Ticks
from devices.iocs.twin.preset import CardPreset

GLOBAL_CLOCK_NS = 100
TICK = GLOBAL_CLOCK_NS * TICKS_PER_NS
TURN = 65536
OVERFLOW_WORD = np.uint32(0x0800FFFF)
PHOTON_BIT = 1 << 30
FRAME_MARKER = np.uint32(4 << 16)  # the marker of a new frame, at time 0: the measurement begins
MAX_RECORDS = 1 << 22


class Recorder:
    """The card in time-tagging mode, fed piece by piece.

    counts : (n_routes,) photons recorded
    """

    def __init__(self, preset: CardPreset, settings: CardSettings, n_routes: int) -> None:
        times = (preset.blind_start_ns, preset.dead_time_ns, settings.offset_ns, settings.window_ns)
        period = preset.clock_period_ns
        self._times = np.round(np.array([*times, period]) * TICKS_PER_NS).astype(np.int64)
        self._rates = np.array(
            [
                1 / (settings.bin_width_ns * TICKS_PER_NS),
                preset.readout_records_per_s / (TICKS_PER_NS * 1e9),
                float(preset.fifo_records),
            ]
        )
        # the converter is free; turns of the clock; records; the last one; 1 after an overrun
        self._state = np.array([-(2**62), 0, 1, 0, 0])
        self._level = np.ones(1)
        self._parts = [np.array([FRAME_MARKER])]
        self.counts = np.zeros(n_routes, np.int64)

    @property
    def overrun_s(self) -> float | None:
        """When the FIFO or the memory was full; None as long as all is well."""
        return float(self._state[3] / (TICKS_PER_NS * 1e9)) if self._state[4] else None

    def add(self, clicks: list[Ticks], end: int) -> None:
        """Clicks of all counters since the last call, in order; all that are still to come are at `end` or later."""
        times = np.concatenate(clicks)
        routes = np.repeat(np.arange(len(clicks), dtype=np.uint32), [len(route) for route in clicks])
        order = np.argsort(times, kind="stable")
        self._parts.append(
            _recorded(times[order], routes[order], end, self._times, self._rates, self._state, self._level, self.counts)
        )

    def records(self) -> NDArray[np.uint32]:
        """(n,) all records so far."""
        return np.concatenate(self._parts)


@njit(cache=True, nogil=True)
def _recorded(times, routes, end, settings, rates, state, level, counts):
    """Records of the clicks before `end`; state, level of the FIFO and counts are left as they are then."""
    blind, dead, offset, window, period = settings
    records = np.empty(times.size + end // (TICK * TURN) - state[1] + 2, np.uint32)
    n = 0
    for i in range(times.size + 1):
        time = end if i == times.size else times[i]
        while state[4] == 0 and (state[1] + 1) * TURN * TICK <= time:
            state[1] += 1
            if _stored(state[1] * TURN * TICK, rates, state, level):
                records[n] = OVERFLOW_WORD
                n += 1
        if i == times.size or state[4] != 0:
            break
        if time < state[0]:
            continue
        raw = blind + (-time - blind) % period
        state[0] = time + max(min(raw, window), dead)
        channel = np.int64((raw - offset) * rates[0])
        if raw >= offset and channel < N_CHANNELS and _stored(time, rates, state, level):
            tag = np.uint32(time // TICK - state[1] * TURN)
            records[n] = tag | np.uint32(channel << 16) | (routes[i] << np.uint32(28)) | np.uint32(PHOTON_BIT)
            counts[routes[i]] += 1
            n += 1
    return records[:n]


@njit(cache=True, nogil=True)
def _stored(time, rates, state, level):
    """Put a record into the FIFO; False if it or the memory is full."""
    level[0] = max(level[0] - (time - state[3]) * rates[1], 0.0) + 1
    state[3] = time
    if level[0] > rates[2] or state[2] == MAX_RECORDS:
        state[4] = 1
        return False
    state[2] += 1
    return True
