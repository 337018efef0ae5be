"""Time tags of the TimeHarp 200: 32 bits per photon, marker, or turn of the 16-bit clock.

Bits 0-15 clock, 16-27 data, 28-29 route, 30 photon, 31 always 0. Data of a photon is its nanotime; without the photon
bit, data bits 0-2 are markers and data bit 11 says that the clock turns over after this record.
"""

import numpy as np
from numba import njit

TURN = 65536  # ticks
CLOCK = np.uint32(0xFFFF)
NANOTIME = np.uint32(0xFFF)
ROUTE = np.uint32(3)
PATTERN = np.uint32(7)
PHOTON = np.uint32(0x40000000)
OVERFLOW = np.uint32(0x08000000)
MARKED = np.uint32(0x00070000)
NOT_CLOCK = np.uint32(0xFFFF0000)
OVERFLOW_RECORD = np.uint32(0x0800FFFF)  # as the card writes it
DATA_SHIFT, OVERFLOW_SHIFT, ROUTE_SHIFT, TYPE_SHIFT = np.uint32(16), np.uint32(27), np.uint32(28), np.uint32(30)


def is_special(word: int) -> bool:
    """Whether a record without the photon bit is a marker or an overflow, and nothing else."""
    known = int(OVERFLOW | MARKED)
    return bool(word & known) and not word & int(NOT_CLOCK) & ~known


@njit(cache=True, nogil=True)
def decode(records, so_far, photons, markers):
    """Append what `records` hold to photons (macrotime, nanotime, route) and markers (index, pattern, macrotime).

    so_far : (photons, markers, turns of the clock, macrotime of the last photon, of the last marker)
    Returns where that leaves, and how many records were understood: all, or those before the first that is unknown
    or earlier than its predecessor.
    """
    macrotime, nanotime, route = photons
    index, pattern, marker_macrotime = markers
    n, m, turns, last, last_marker = so_far
    for i in range(records.size):
        word = records[i]
        time = turns * TURN + np.int64(word & CLOCK)
        if word >> TYPE_SHIFT == 1:
            if time < last:
                return (n, m, turns, last, last_marker), i
            at = np.uint64(n)  # no index can be negative: nothing to look after
            last = macrotime[at] = time
            nanotime[at] = (word >> DATA_SHIFT) & NANOTIME
            route[at] = (word >> ROUTE_SHIFT) & ROUTE
            n += 1
            continue
        known = word & (OVERFLOW | MARKED)
        if known == 0 or known != word & NOT_CLOCK:
            return (n, m, turns, last, last_marker), i
        if word & MARKED:
            if time < last_marker:
                return (n, m, turns, last, last_marker), i
            index[m], pattern[m] = n, (word >> DATA_SHIFT) & PATTERN
            last_marker = marker_macrotime[m] = time
            m += 1
        turns += np.int64(word >> OVERFLOW_SHIFT)
    return (n, m, turns, last, last_marker), records.size


@njit(cache=True, nogil=True)
def encode(photons, markers, records):
    """Fill `records` with photons, markers and the turns of the clock between them and after them.

    photons, markers : as in `decode`; records has room for each of them and for as many turns as there are
    False if a marker lies a turn of the clock before what comes before it.
    """
    macrotime, nanotime, route = photons
    index, pattern, marker_macrotime = markers
    n, m, turns = 0, 0, 0
    for i in range(records.size):
        marked = m < index.size and index[m] <= n
        if not marked and n == macrotime.size:
            records[i] = OVERFLOW_RECORD
            continue
        time = marker_macrotime[m] if marked else macrotime[n]
        if time // TURN < turns:
            return False
        if time // TURN > turns:
            records[i] = OVERFLOW_RECORD
            turns += 1
        elif marked:
            records[i] = np.uint32(time % TURN) | np.uint32(pattern[m]) << DATA_SHIFT
            m += 1
        else:
            data = np.uint32(nanotime[n]) << DATA_SHIFT | np.uint32(route[n]) << ROUTE_SHIFT
            records[i] = np.uint32(time % TURN) | data | PHOTON
            n += 1
    return True
