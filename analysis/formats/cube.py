"""Decay images from photons and the markers of a scanner: counts (rows, columns, bins).

A line runs from its start to its stop marker and is divided evenly into pixels; photons between lines belong to no
pixel. All frames are summed, row by row, and every row tells how often it was scanned.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from analysis.formats._cube_kernels import add_photons, add_records, find_lines
from analysis.formats._ptu_file import Records, open_ptu, strange_record, survey
from analysis.formats._ptu_records import NO_ROUTE, routes
from analysis.formats.photons import Photons
from analysis.threads import in_threads, stretches

MOST_CELLS = 2**32  # of a cube: 8 GiB of uint16
MOST_CHANNELS = 2**16
ROWS_PER_TASK = 32


@dataclass(frozen=True)
class Scan:
    """How markers draw an image: its size, and the marker bits that mean start and stop of a line, and a new frame.

    frame = 0: no such marker, the rows repeat. bidirectional: every other line of a frame runs backwards.
    """

    n_rows: int
    n_columns: int
    line_start: int = 1
    line_stop: int = 2
    frame: int = 4
    bidirectional: bool = False

    def __post_init__(self):
        for name, low in (("n_rows", 1), ("n_columns", 1), ("line_start", 1), ("line_stop", 1), ("frame", 0)):
            high = MOST_CELLS if name.startswith("n_") else 255
            if not low <= getattr(self, name) <= high:
                raise ValueError(f"{name} = {getattr(self, name)}: expected an integer from {low} to {high}")
        if self.line_start & self.line_stop:
            raise ValueError(f"line start {self.line_start} and stop {self.line_stop} share a marker bit: which is it?")


@dataclass(frozen=True, eq=False)
class DecayCube:
    """Decays of the pixels of an image, Poisson distributed: the error of a count is its square root.

    counts : (n_rows, n_columns, n_bins) uint16 or uint32; bin_width_ns
    n_scans, dwell_s : (n_rows,) lines summed in a row, and the time that all of them spent on one pixel
    n_photons : photons in `counts`; n_outside : wanted photons of the lines that came after the last bin, or before or
    after their line
    """

    counts: np.ndarray
    bin_width_ns: float
    n_scans: np.ndarray
    dwell_s: np.ndarray
    n_photons: int
    n_outside: int


class _Lines(NamedTuple):
    """Lines of an image; first and last are markers here, and photons or records in the kernels."""

    row: np.ndarray
    first: np.ndarray
    last: np.ndarray
    start: np.ndarray
    duration: np.ndarray
    mirrored: np.ndarray


def scan_of(header: dict[str, Any]) -> Scan:
    """What the header of a PTU image tells of its markers. ValueError if it is no image, or its pixels are uneven."""
    if "ImgHdr_LineStart" not in header:
        raise ValueError(
            "the header has no ImgHdr_LineStart: describe the scan, decay_cube(..., scan=Scan(rows, columns))"
        )
    if header.get("ImgHdr_SinCorrection"):
        raise ValueError(
            f"sinusoidal scan (ImgHdr_SinCorrection {header['ImgHdr_SinCorrection']}): only even lines are read"
        )
    names = "ImgHdr_PixY", "ImgHdr_PixX", "ImgHdr_LineStart", "ImgHdr_LineStop", "ImgHdr_Frame"
    numbers = [header.get(name, 0) for name in names]
    for name, number in zip(names, numbers, strict=True):
        if not isinstance(number, int) or not 0 <= number <= (MOST_CELLS if "Pix" in name else 8):
            raise ValueError(f"{name} = {number!r}: expected the number of pixels, or of a marker from 1 to 8")
    bits = [1 << number >> 1 for number in numbers[2:]]
    return Scan(*numbers[:2], *bits, bidirectional=bool(header.get("ImgHdr_BiDirect")))


def decay_cube(
    photons: Photons | str | Path,
    scan: Scan | None = None,
    *,
    n_bins: int | None = None,
    binning: int = 1,
    route: int | None = None,
    dtype: type = np.uint16,
) -> DecayCube:
    """The decay image of photons with markers, or of a T3 PTU file (which then never is in memory as photons).

    scan : how the markers draw the image; by default as the header of a PTU file tells
    n_bins, binning : bins of the decays, and channels summed in each; by default all channels
    route : the detector to count, by default all
    dtype : uint16 or uint32; ValueError if a bin has more counts than that holds

    >>> from analysis.formats.photons import Markers
    >>> photons = Photons(np.array([2, 5, 6, 12]), 1e-6, np.array([0, 1, 1, 0]), 1e-9, np.zeros(4, int),
    ...                   Markers(np.array([0, 3]), np.array([1, 2])), np.array([0, 8]), n_channels=2)
    >>> decay_cube(photons, Scan(1, 2)).counts.tolist()
    [[[1, 0], [0, 2]]]
    """
    source = photons if isinstance(photons, Photons) else open_ptu(photons)
    scan = scan or _told(source)
    binning = _between("binning", binning, 1, MOST_CHANNELS)
    n_channels = _between("n_channels", source.n_channels, 1, MOST_CHANNELS)
    n_bins = _between("n_bins", -(-n_channels // binning) if n_bins is None else n_bins, 1, MOST_CHANNELS)
    target = _Target(_empty(scan, n_bins, dtype), -(-(2**32) // binning), np.iinfo(dtype).max, route)
    lines, (inside, outside, full) = _count(source, scan, target)
    if full:
        raise ValueError(f"{full} photons fall into bins that already hold {target.most}: ask for dtype=np.uint32")
    return DecayCube(
        counts=target.counts,
        bin_width_ns=source.nanotime_unit_s * binning * 1e9,
        n_scans=np.bincount(lines.row, minlength=scan.n_rows),
        dwell_s=np.bincount(lines.row, lines.duration, scan.n_rows) * source.macrotime_unit_s / scan.n_columns,
        n_photons=int(inside),
        n_outside=int(outside),
    )


def _told(source: Photons | Records) -> Scan:
    """The scan that the header of the source describes."""
    try:
        return scan_of(source.header)
    except ValueError as error:
        where = f"{source.path}: " if isinstance(source, Records) else ""
        raise ValueError(f"{where}{error}") from error


class _Target(NamedTuple):
    """Where photons go: the cube, 2**32 / binning rounded up, the most that a bin can hold, the wanted route."""

    counts: np.ndarray
    inverse_binning: int
    most: int
    route: int | None

    def wanted(self) -> np.ndarray:
        """(256,) whether a route counts."""
        return np.ones(256, bool) if self.route is None else np.arange(256) == self.route


def _empty(scan: Scan, n_bins: int, dtype: type) -> np.ndarray:
    """The cube, still without photons."""
    if np.dtype(dtype) not in (np.uint16, np.uint32):
        raise ValueError(f"counts of {np.dtype(dtype)}: choose uint16 or uint32")
    shape = scan.n_rows, scan.n_columns, n_bins
    if math.prod(shape) > MOST_CELLS:
        raise ValueError(f"a cube of {shape} cells: at most {MOST_CELLS} in all; use binning")
    return np.zeros(shape, dtype)


def _between(name: str, value: int, low: int, high: int) -> int:
    if not low <= value <= high:
        why = "; T2 photons have no decays" if name == "n_channels" else ""
        raise ValueError(f"{name} = {value}: expected an integer from {low} to {high}{why}")
    return int(value)


def _lines(pattern: np.ndarray, macrotime: np.ndarray, scan: Scan) -> _Lines:
    """The lines that the markers draw, by row."""
    row, first, last = np.empty((3, pattern.size), np.int64)
    rules = scan.n_rows, scan.line_start, scan.line_stop, scan.frame
    n = find_lines(np.ascontiguousarray(pattern, np.uint8), rules, row, first, last)
    order = np.argsort(row[:n], kind="stable")
    row, first, last = row[order], first[order], last[order]
    start, duration = macrotime[first], macrotime[last] - macrotime[first]
    if n and duration.max() > 2**62 // scan.n_columns:
        raise ValueError(f"a line of {duration.max()} ticks: the markers are damaged; record them again")
    lines = _Lines(row, first, last, start, duration, (row % 2 == 1) & scan.bidirectional)
    return _Lines(*(column[duration > 0] for column in lines))


def _by_rows(work: Callable[[_Lines], np.ndarray], lines: _Lines) -> np.ndarray:
    """Sum of work(lines of some rows), by threads that share no row."""
    edges = np.flatnonzero(np.diff(lines.row, prepend=-1))
    edges = np.append(edges, lines.row.size)
    rows = stretches(edges.size - 1, ROWS_PER_TASK)
    results = in_threads(lambda a, b: work(_Lines(*(column[edges[a] : edges[b]] for column in lines))), rows)
    return np.sum(results, axis=0) if results else np.zeros(3, np.int64)


def _count(source: Photons | Records, scan: Scan, target: _Target) -> tuple[_Lines, np.ndarray]:
    """Fill the cube; returns the lines, and photons (inside, outside, overflowing)."""
    if isinstance(source, Photons):
        return _count_photons(source, scan, target)
    return _count_records(source, scan, target)


def _count_photons(photons: Photons, scan: Scan, target: _Target) -> tuple[_Lines, np.ndarray]:
    """Fill the cube from photons."""
    lines = _lines(photons.marker.pattern, np.asarray(photons.marker_macrotime, np.int64), scan)
    index = np.clip(np.asarray(photons.marker.index, np.int64), 0, len(photons))
    inner = lines._replace(first=index[lines.first], last=index[lines.last])
    columns = (
        np.ascontiguousarray(photons.macrotime, np.int64),
        np.ascontiguousarray(photons.delay, np.uint16),
        np.ascontiguousarray(photons.route, np.uint8),
    )
    wanted = target.wanted()
    return lines, _by_rows(lambda some: add_photons(columns, wanted, tuple(some), *_bins(target)), inner)


def _count_records(records: Records, scan: Scan, target: _Target) -> tuple[_Lines, np.ndarray]:
    """Fill the cube from undecoded T3 records."""
    found = survey(records)
    lines = _lines(found.marker.pattern, found.marker_macrotime, scan)
    inner = lines._replace(first=found.marker_record[lines.first], last=found.marker_record[lines.last])
    table = routes(records.kind)
    use = np.where(table == NO_ROUTE, NO_ROUTE, target.wanted()[table]).astype(np.uint8)

    def work(some: _Lines) -> np.ndarray:
        *tally, strange = add_records(records.words, records.layout, use, tuple(some), *_bins(target))
        if strange:
            raise strange_record(records)
        return np.array(tally)

    return lines, _by_rows(work, inner)


def _bins(target: _Target) -> tuple[int, int, np.ndarray]:
    return target.inverse_binning, target.most, target.counts
