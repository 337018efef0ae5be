"""Inner loops of images: lines from markers, and photons of lines into the pixels and bins of a cube."""

import numpy as np
from numba import njit

from analysis.formats._ptu_records import FAST, INLINE, NO_ROUTE, overflows_of


@njit(**FAST)
def find_lines(pattern, scan, row, first, last):
    """Complete lines among the markers: their row, and the markers that start and stop them; returns their number.

    scan : rows, and the marker bits of line start, line stop and frame (0: none; the rows then repeat)
    """
    n_rows, start, stop, frame = scan
    n, y, begun = 0, -1, -1
    for m in range(pattern.size):
        if pattern[m] & frame:
            y, begun = -1, -1
        if pattern[m] & stop:
            if begun >= 0 and y < n_rows:
                row[n], first[n], last[n] = y, begun, m
                n += 1
            begun = -1
        if pattern[m] & start:
            y, begun = y + 1, m
            if frame == 0 and y == n_rows:
                y = 0
    return n


@njit(**INLINE)
def _reciprocal(duration, n_columns):
    """(factor, shift) such that time * factor >> shift is exactly time * n_columns // duration within the line.

    The factor is less than 1 too large, which adds less than time / 2**shift < 1 / duration, too little to reach the
    next integer. (0, 0) where this takes more than 63 bits.
    """
    shift = 0
    while duration >> shift > 0:
        shift += 1
    shift *= 2
    if shift > 60 or n_columns >= 1 << (62 - shift):
        return 0, 0
    return ((n_columns << shift) + duration - 1) // duration, shift


@njit(**INLINE)
def _way(duration, mirrored, n_columns, n_bins):
    """A line as `_cell` wants it: ticks, columns, bins, factor, shift, cell it starts in, cells from pixel to pixel."""
    factor, shift = _reciprocal(duration, n_columns)
    first, step = ((n_columns - 1) * n_bins, -n_bins) if mirrored else (0, n_bins)
    return duration, n_columns, n_bins, factor, shift, first, step


@njit(**INLINE)
def _cell(time, bin_, way, divide):
    """Where in its row of the cube (columns * bins) a photon counts that comes `time` after the line; -1: nowhere."""
    ticks, n_columns, n_bins, factor, shift, first, step = way
    if np.uint64(time) >= np.uint64(ticks) or bin_ >= n_bins:
        return -1
    column = time * n_columns // ticks if divide else (time * factor) >> shift
    return first + column * step + bin_


@njit(**INLINE)
def _photons_of_line(photons, wanted, start, way, inverse_binning, most, cells, divide, tally):
    """Count the photons of one line, and add to the tally (inside, outside, overflowing)."""
    macrotime, delay, route = photons
    inside, outside, full = 0, 0, 0
    for i in range(macrotime.size):
        if not wanted[route[i]]:
            continue
        cell = _cell(macrotime[i] - start, (np.int64(delay[i]) * inverse_binning) >> 32, way, divide)
        if cell < 0:
            outside += 1
            continue
        count = cells[np.uint64(cell)]
        full += count == most
        cells[np.uint64(cell)] = count + 1
        inside += 1
    tally[0] += inside
    tally[1] += outside
    tally[2] += full


@njit(**INLINE)
def _records_of_line(words, layout, use, way, inverse_binning, most, cells, divide, tally):
    """As `_photons_of_line`, from the marker that starts the line on; tally[3] becomes 1 if a code means nothing."""
    inside, outside, full, strange = 0, 0, 0, 0
    begun = -(np.int64(words[0]) & layout.marker_time_mask)
    for i in range(1, words.size):
        record = np.int64(words[i])
        if record >= layout.photons_end:
            begun += overflows_of(record, layout) * layout.wrap
            continue
        used = use[np.uint64(record >> layout.code_shift)]
        if used != 1:
            strange |= np.int64(used == NO_ROUTE)
            continue
        delay = (record >> layout.nanotime_shift) & layout.nanotime_mask
        cell = _cell(begun + (record & layout.time_mask), (delay * inverse_binning) >> 32, way, divide)
        if cell < 0:
            outside += 1
            continue
        count = cells[np.uint64(cell)]
        full += count == most
        cells[np.uint64(cell)] = count + 1
        inside += 1
    tally[0] += inside
    tally[1] += outside
    tally[2] += full
    tally[3] |= strange


@njit(**FAST)
def add_photons(photons, wanted, lines, inverse_binning, most, cube):
    """Count the photons of all lines into cube (rows, columns, bins); returns photons (inside, outside, overflowing).

    photons : macrotime, delay, route; wanted (256,) whether a route counts
    lines : row, first photon, photon after the last, start, duration (ticks), whether it runs backwards
    """
    row, first, last, start, duration, mirrored = lines
    tally = np.zeros(3, np.int64)
    for k in range(row.size):
        cells, way = cube[row[k]].ravel(), _way(duration[k], mirrored[k], cube.shape[1], cube.shape[2])
        mine = slice(first[k], last[k])
        some = photons[0][mine], photons[1][mine], photons[2][mine]
        if way[4] == 0:
            _photons_of_line(some, wanted, start[k], way, inverse_binning, most, cells, True, tally)
        else:
            _photons_of_line(some, wanted, start[k], way, inverse_binning, most, cells, False, tally)
    return tally


@njit(**FAST)
def add_records(words, layout, use, lines, inverse_binning, most, cube):
    """As `add_photons`, straight from T3 records; first and last of `lines` are the records of the markers.

    use (128,) : 1 for the codes of photons to be counted, NO_ROUTE for those that mean nothing; a fourth number is
    returned, 1 if there are any.
    """
    row, first, last, _, duration, mirrored = lines
    tally = np.zeros(4, np.int64)
    for k in range(row.size):
        cells, way = cube[row[k]].ravel(), _way(duration[k], mirrored[k], cube.shape[1], cube.shape[2])
        some = words[first[k] : last[k]]
        if way[4] == 0:
            _records_of_line(some, layout, use, way, inverse_binning, most, cells, True, tally)
        else:
            _records_of_line(some, layout, use, way, inverse_binning, most, cells, False, tally)
    return tally
