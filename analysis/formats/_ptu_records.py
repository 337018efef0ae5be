"""The 32-bit records of PTU files: how each card packs them, and the loops that unpack and pack them.

A record is a photon, a marker or an overflow of the clock. Its upper bits are a code; records below `photons_end` are
photons, and their code names the detector. A first pass counts what every block of records holds; the sum of what
came before then lets any block be decoded on its own, by any thread.
"""

from enum import IntEnum
from typing import NamedTuple

import numpy as np
from numba import njit

FAST = {"error_model": "numpy", "cache": True, "nogil": True}
INLINE = {**FAST, "forceinline": True}
BLOCK = 4096  # records per block
NO_ROUTE, SPECIAL = 255, 254  # what `routes` says of codes that mean nothing, and of those that are no photons
MOST_ROUTES = 128  # routes stay below, the words above do not


class RecordType(IntEnum):
    """Cards and modes, by the numbers of TTResultFormat_TTTRRecType; GENERIC is MultiHarp and PicoHarp 330."""

    PICOHARP_T2 = 0x00010203
    PICOHARP_T3 = 0x00010303
    HYDRAHARP1_T2 = 0x00010204
    HYDRAHARP1_T3 = 0x00010304
    HYDRAHARP2_T2 = 0x01010204
    HYDRAHARP2_T3 = 0x01010304
    TIMEHARP260N_T2 = 0x00010205
    TIMEHARP260N_T3 = 0x00010305
    TIMEHARP260P_T2 = 0x00010206
    TIMEHARP260P_T3 = 0x00010306
    GENERIC_T2 = 0x00010207
    GENERIC_T3 = 0x00010307

    @property
    def is_t3(self) -> bool:
        """Whether photons carry a nanotime, and macrotimes count laser pulses."""
        return self >> 8 & 0xFF == 3


class Layout(NamedTuple):
    """Where the bits of a record stand; a mask applies after its shift, words are already in place.

    wrap : ticks per overflow; many : mask of the number of overflows that one record may tell, 0 if always one
    """

    wrap: int
    time_mask: int
    nanotime_shift: int
    nanotime_mask: int
    code_shift: int
    photons_end: int
    overflow_mask: int
    overflow_word: int
    many: int
    marker_word: int
    marker_shift: int
    marker_time_mask: int


PICOHARP_T2 = Layout(210698240, 0xFFFFFFF, 0, 0, 28, 0xF0000000, 0xF000000F, 0xF0000000, 0, 0xF0000000, 0, 0xFFFFFF0)
PICOHARP_T3 = Layout(65536, 0xFFFF, 16, 0xFFF, 28, 0xF0000000, 0xF00F0000, 0xF0000000, 0, 0xF0000000, 16, 0xFFFF)
HYDRAHARP_T2 = Layout(
    33554432, 0x1FFFFFF, 0, 0, 25, 0x82000000, 0xFE000000, 0xFE000000, 0x1FFFFFF, 0x80000000, 25, 0x1FFFFFF
)
HYDRAHARP_T3 = Layout(1024, 0x3FF, 10, 0x7FFF, 25, 0x80000000, 0xFE000000, 0xFE000000, 0x3FF, 0x80000000, 25, 0x3FF)


def layout_of(kind: RecordType) -> Layout:
    """The bits of one card: those of the PicoHarp 300, or those that all later cards share.

    >>> layout_of(RecordType.HYDRAHARP1_T2).wrap
    33552000
    """
    if kind in (RecordType.PICOHARP_T2, RecordType.PICOHARP_T3):
        return PICOHARP_T3 if kind.is_t3 else PICOHARP_T2
    layout = HYDRAHARP_T3 if kind.is_t3 else HYDRAHARP_T2
    if kind == RecordType.HYDRAHARP1_T2:
        return layout._replace(many=0, wrap=33552000)
    return layout._replace(many=0) if kind == RecordType.HYDRAHARP1_T3 else layout


def routes(kind: RecordType) -> np.ndarray:
    """(128,) uint8 route that a code means. T3: detectors from 0; T2: 0 is the sync input, the others follow."""
    table = np.full(128, NO_ROUTE, np.uint8)
    if kind == RecordType.PICOHARP_T3:
        table[1:5] = range(4)
        table[15] = SPECIAL
    elif kind == RecordType.PICOHARP_T2:
        table[:5] = range(5)
        table[15] = SPECIAL
    else:
        table[:64] = np.arange(64) + (not kind.is_t3)
        table[65:80] = SPECIAL
        table[127] = SPECIAL
        if not kind.is_t3:
            table[64] = 0
    return table


@njit(**INLINE)
def overflows_of(record, layout):
    """Overflows that a record which is no photon tells of."""
    if record & layout.overflow_mask != layout.overflow_word:
        return 0
    return max(record & layout.many, 1)


@njit(**FAST)
def count_blocks(records, layout, n_photons, n_overflows, n_others):
    """Photons, overflows and other records of every block of BLOCK records; all in 32 bits, so that it vectorises."""
    mask, word = np.uint32(layout.overflow_mask), np.uint32(layout.overflow_word)
    many, end = np.uint32(layout.many), np.uint32(layout.photons_end)
    for b in range(n_photons.size):
        block = records[b * BLOCK : (b + 1) * BLOCK]
        photons, tellers, low, high = np.uint32(0), np.uint32(0), np.uint32(0), np.uint32(0)
        for i in range(block.size):
            tells = np.uint32(np.uint32(block[i] & mask) == word)
            told = np.uint32(max(np.uint32(block[i] & many), np.uint32(1)) * tells)
            photons = np.uint32(photons + np.uint32(block[i] < end))
            tellers = np.uint32(tellers + tells)
            low = np.uint32(low + (told & np.uint32(0xFFFF)))
            high = np.uint32(high + (told >> np.uint32(16)))
        n_photons[b] = photons
        n_overflows[b] = np.int64(low) + (np.int64(high) << 16)
        n_others[b] = block.size - np.int64(photons) - np.int64(tellers)


@njit(**FAST)
def decode(records, layout, table, overflows_before, macrotime, nanotime, route):
    """Photons of consecutive records; returns (largest nanotime, some code means nothing, some photon comes too early).

    Every photon is looked at once: the bits of all routes and the signs of all steps gather in one word each.
    """
    start = overflows_before * layout.wrap
    n, largest, latest, steps, detectors = 0, 0, 0, 0, 0
    for i in range(records.size):
        record = np.int64(records[i])
        if record < layout.photons_end:
            time = start + (record & layout.time_mask)
            steps |= time - latest
            latest = time
            detector = table[np.uint64(record >> layout.code_shift)]
            detectors |= detector
            at = np.uint64(n)  # no index can be negative: nothing to look after
            macrotime[at] = time
            route[at] = detector
            if nanotime.size > 0:
                delay = (record >> layout.nanotime_shift) & layout.nanotime_mask
                largest = max(largest, delay)
                nanotime[at] = delay
            n += 1
        else:
            start += overflows_of(record, layout) * layout.wrap
    return largest, detectors >= MOST_ROUTES, steps < 0


@njit(**FAST)
def find_markers(records, layout, blocks, photons_before, overflows_before, record_index, index, pattern, macrotime):
    """Markers of the given blocks: their record, the photons before them, their bits and time; returns their number."""
    n = 0
    for b in blocks:
        photons = photons_before[b]
        start = overflows_before[b] * layout.wrap
        for i in range(b * BLOCK, min((b + 1) * BLOCK, records.size)):
            record = np.int64(records[i])
            if record < layout.photons_end:
                photons += 1
                continue
            overflows = overflows_of(record, layout)
            start += overflows * layout.wrap
            if overflows == 0:
                record_index[n] = i
                index[n] = photons
                pattern[n] = (record >> layout.marker_shift) & 15
                macrotime[n] = start + (record & layout.marker_time_mask)
                n += 1
    return n


@njit(**INLINE)
def _turn_over(time, epoch, layout, n, out):
    """Write the overflow records between `epoch` and `time`; returns (records so far, epoch of `time`)."""
    missing = time // layout.wrap - epoch
    most = max(layout.many, 1)
    if out.size == 0:
        return n + (missing + most - 1) // most, epoch + missing
    while missing > 0:
        told = min(missing, most)
        out[n] = layout.overflow_word | (told & layout.many)
        n += 1
        epoch += told
        missing -= told
    return n, epoch


@njit(**FAST)
def encode(macrotime, nanotime, code, index, pattern, marker_macrotime, layout, out):
    """Fill `out` with records, or only count them if it is empty; returns (records, first event that goes back or -1).

    code (n,) of the photons; index, pattern, marker_macrotime (m,) of the markers.
    """
    n, m, epoch = 0, 0, 0
    for i in range(macrotime.size + 1):
        while m < index.size and (i == macrotime.size or index[m] <= i):
            time = marker_macrotime[m]
            if time // layout.wrap < epoch:
                return n, m + i
            n, epoch = _turn_over(time, epoch, layout, n, out)
            if out.size > 0:
                bits = np.int64(pattern[m]) << layout.marker_shift
                out[n] = layout.marker_word | bits | (time % layout.wrap & layout.marker_time_mask)
            n += 1
            m += 1
        if i < macrotime.size:
            time = macrotime[i]
            if time // layout.wrap < epoch:
                return n, m + i
            n, epoch = _turn_over(time, epoch, layout, n, out)
            if out.size > 0:
                delay = np.int64(nanotime[i]) << layout.nanotime_shift if nanotime.size > 0 else 0
                out[n] = np.int64(code[i]) << layout.code_shift | delay | time % layout.wrap
            n += 1
    return n, -1
