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
def _column(time, duration, n_columns, factor, shift):
    """Pixel of a line, time * n_columns // duration."""
    return np.uint64((time * factor) >> shift if shift > 0 else time * n_columns // duration)


@njit(**FAST)
def add_photons(photons, wanted, lines, inverse_binning, most, cube):
    """Count the photons of all lines into cube (rows, columns, bins); returns photons (inside, outside, overflowing).

    photons : macrotime, delay, route; wanted (256,) whether a route counts
    lines : row, first photon, photon after the last, start, duration (ticks), whether it runs backwards
    """
    macrotime, delay, route = photons
    row, first, last, start, duration, mirrored = lines
    _, n_columns, n_bins = cube.shape
    inside, outside, full = 0, 0, 0
    for k in range(row.size):
        pixels = cube[row[k]]
        ticks, backwards = duration[k], mirrored[k]
        factor, shift = _reciprocal(ticks, n_columns)
        for i in range(first[k], last[k]):
            time = macrotime[i] - start[k]
            bin_ = (np.int64(delay[i]) * inverse_binning) >> 32
            if not wanted[route[i]]:
                continue
            if np.uint64(time) >= np.uint64(ticks) or bin_ >= n_bins:
                outside += 1
                continue
            x = _column(time, ticks, n_columns, factor, shift)
            x = np.uint64(n_columns - 1) - x if backwards else x
            count = pixels[x, np.uint64(bin_)]
            full += count == most
            pixels[x, np.uint64(bin_)] = count + 1
            inside += 1
    return np.array((inside, outside, full))


@njit(**FAST)
def add_records(words, layout, use, lines, inverse_binning, most, cube):
    """As `add_photons`, straight from T3 records; first and last of `lines` are the records of the markers.

    use (128,) : 1 for the codes of photons to be counted, NO_ROUTE for those that mean nothing, whose presence is
    returned too.
    """
    row, first, last, _, duration, mirrored = lines
    _, n_columns, n_bins = cube.shape
    inside, outside, full, strange = 0, 0, 0, False
    for k in range(row.size):
        pixels = cube[row[k]]
        ticks, backwards = duration[k], mirrored[k]
        factor, shift = _reciprocal(ticks, n_columns)
        begun = -(np.int64(words[first[k]]) & layout.marker_time_mask)
        for i in range(first[k] + 1, last[k]):
            record = np.int64(words[i])
            if record >= layout.photons_end:
                begun += overflows_of(record, layout) * layout.wrap
                continue
            used = use[np.uint64(record >> layout.code_shift)]
            if used != 1:
                strange |= used == NO_ROUTE
                continue
            time = begun + (record & layout.time_mask)
            bin_ = (((record >> layout.nanotime_shift) & layout.nanotime_mask) * inverse_binning) >> 32
            if np.uint64(time) >= np.uint64(ticks) or bin_ >= n_bins:
                outside += 1
                continue
            x = _column(time, ticks, n_columns, factor, shift)
            x = np.uint64(n_columns - 1) - x if backwards else x
            count = pixels[x, np.uint64(bin_)]
            full += count == most
            pixels[x, np.uint64(bin_)] = count + 1
            inside += 1
    return np.array((inside, outside, full)), strange
