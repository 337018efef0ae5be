"""T3 records of newer cards as the T3R records of a TimeHarp 200, so that all else is the same."""

from dataclasses import dataclass

import numpy as np

from devices.iocs.drivers.timeharp.records import PHOTON_BIT, ROUTE_SHIFT, TURN

N_CHANNELS = 4096
TICKS_PER_S = 1e7
TURN_WORD = np.uint32(0x0800FFFF)


@dataclass(frozen=True)
class T3Layout:
    """Where a record keeps what: bits of the sync counter and of the time after the sync; what is special."""

    sync_bits: int
    time_bits: int
    channel_bits: int
    special_bit: bool  # the highest bit tells of a special record; without it, all channel bits do
    first_input: int  # channel number of router input or input 0
    counted: bool  # an overflow record tells how many overflows it stands for


PICOHARP = T3Layout(16, 12, 4, special_bit=False, first_input=1, counted=False)
TIMEHARP260 = T3Layout(10, 15, 6, special_bit=True, first_input=0, counted=True)


def as_t3r(words: np.ndarray, layout: T3Layout, sync_hz: float, *, turn_to_s: float) -> np.ndarray:
    """T3R records: start-stop times run backwards, macro times in units of 100 ns.

    words : (n,) uint32 T3 records; photons later than 4096 channels after their sync are left out
    turn_to_s : the clock of the result turns over until then, as that of a TimeHarp 200 would
    """
    wide = words.astype(np.int64)
    sync = wide & ((1 << layout.sync_bits) - 1)
    time = wide >> layout.sync_bits & ((1 << layout.time_bits) - 1)
    channel = wide >> (layout.sync_bits + layout.time_bits) & ((1 << layout.channel_bits) - 1)
    last = (1 << layout.channel_bits) - 1
    special = (wide >> 31 != 0) if layout.special_bit else channel == last
    turned = special & (channel == last if layout.special_bit else time == 0)
    turns = np.where(turned, np.maximum(sync, 1) if layout.counted else 1, 0)
    pulses = sync + (np.cumsum(turns) << layout.sync_bits)
    ticks = np.floor(pulses * (TICKS_PER_S / sync_hz)).astype(np.int64)
    photon = ~special & (time < N_CHANNELS)
    kept = photon | (special & ~turned)
    made = (ticks & (TURN - 1)) | np.where(photon, (N_CHANNELS - 1 - time) << 16, marker(channel, time, layout) << 16)
    route = np.maximum(channel - layout.first_input, 0) & 3
    made |= np.where(photon, int(PHOTON_BIT) | route << int(ROUTE_SHIFT), 0)
    return with_turns(made[kept].astype(np.uint32), ticks[kept], int(turn_to_s * TICKS_PER_S))


def marker(channel: np.ndarray, time: np.ndarray, layout: T3Layout) -> np.ndarray:
    """Bits of the first three marker inputs."""
    return (channel if layout.special_bit else time) & 7


def with_turns(words: np.ndarray, ticks: np.ndarray, until: int) -> np.ndarray:
    """The records with one of TURN_WORD for each time that their clock turned over."""
    turns = np.maximum.accumulate(ticks // TURN) if len(ticks) else np.zeros(0, np.int64)
    before = np.diff(turns, prepend=0)
    after = max(until // TURN - (int(turns[-1]) if len(turns) else 0), 0)
    result = np.full(len(words) + int(before.sum()) + after, TURN_WORD, np.uint32)
    result[np.arange(len(words)) + np.cumsum(before)] = words
    return result
