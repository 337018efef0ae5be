"""An open PTU file: what its header tells of the records, and a first pass over them."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from analysis.formats._bytes import Cursor, opened
from analysis.formats._ptu_records import (
    BLOCK,
    NO_ROUTE,
    Layout,
    RecordType,
    count_blocks,
    find_markers,
    layout_of,
    routes,
)
from analysis.formats._ptu_tags import read_tags
from analysis.formats.photons import Markers
from analysis.threads import in_threads, stretches

CHUNK = 256  # blocks that a thread works on at a time
SHORTEST_S, LONGEST_S = 1e-15, 1e3  # of a tick or a channel
LATEST = 2**62  # ticks
CHANNELS_TAG = "Luminescope_Channels"


@dataclass(frozen=True, eq=False)
class Records:
    """A PTU file whose records are still undecoded: words (n,) uint32, the first at byte `offset`."""

    path: Path
    header: dict[str, Any]
    kind: RecordType
    words: np.ndarray
    offset: int
    macrotime_unit_s: float
    nanotime_unit_s: float
    sync_hz: float

    @property
    def layout(self) -> Layout:
        return layout_of(self.kind)

    @property
    def n_channels(self) -> int:
        """Channels that the file says, or that one laser period has; 0 for T2."""
        most = self.layout.nanotime_mask + 1 if self.kind.is_t3 else 0
        period = math.ceil(min(1 / (self.sync_hz * self.nanotime_unit_s) - 1e-6, most)) if most else 0
        told = self.header.get(CHANNELS_TAG)
        return told if isinstance(told, int) and 0 < told <= most else period

    def error(self, record: int | np.integer, message: str) -> ValueError:
        """What is wrong with a record; to be raised."""
        return ValueError(f"{self.path}: byte {self.offset + 4 * int(record)}: {message}")


class Survey(NamedTuple):
    """Photons and overflows before each block (n_blocks + 1,), and the markers, with the record of each."""

    photons_before: np.ndarray
    overflows_before: np.ndarray
    marker: Markers
    marker_macrotime: np.ndarray
    marker_record: np.ndarray


def open_ptu(path: str | Path) -> Records:
    """The header of a PTU file and its records, which stay on disk until they are looked at."""
    with opened(Path(path)) as cursor:
        header, offsets = read_tags(cursor)
        told = _Numbers(cursor, header, offsets)
        kind = told.kind()
        told.number("TTResultFormat_BitsPerRecord", 32, 32, absent=32, zero=32)
        n_records = told.n_records()
        tick_s = told.tick_s(kind)
        channel_s = told.number("MeasDesc_Resolution", SHORTEST_S, LONGEST_S) if kind.is_t3 else math.nan
        sync_hz = told.sync_hz(kind, tick_s)
        offset = cursor.offset
    if n_records == 0:
        words = np.empty(0, np.uint32)
    else:  # copy-on-write: the kernels are compiled for arrays that may be written to
        mapped = np.memmap(path, "<u4", "c", offset, (n_records,)).view(np.ndarray)
        words = np.require(mapped, np.uint32, "A")
    return Records(Path(path), header, kind, words, offset, tick_s, channel_s, sync_hz)


class _Numbers(NamedTuple):
    """The numbers of a header, checked; errors tell at which byte they stand."""

    cursor: Cursor
    header: dict[str, Any]
    offsets: dict[str, int]

    def number(self, name: str, low: float, high: float, absent: float | None = None, zero: float | None = None):
        """A number between `low` and `high`; `absent` if there is no such tag, `zero` if it is 0."""
        value = self.header.get(name, absent)
        if value is None:
            raise self.cursor.error(f"the header has no {name}")
        if value == 0 and zero is not None:
            return zero
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            at = self.offsets.get(name)
            raise self.cursor.error(f"expected {name} between {low:g} and {high:g}, found {value!r}", at)
        return value

    def kind(self) -> RecordType:
        value = self.number("TTResultFormat_TTTRRecType", 0, 2**63)
        if value not in list(RecordType):
            known = ", ".join(f"{kind:#010x} {kind.name}" for kind in RecordType)
            at = self.offsets["TTResultFormat_TTTRRecType"]
            raise self.cursor.error(f"unknown record type {int(value):#010x}; known are {known}", at)
        return RecordType(value)

    def n_records(self) -> int:
        """Records that the header promises and the file holds; all that follow if it promises none."""
        held = self.cursor.left // 4
        promised = self.number("TTResult_NumberOfRecords", 0, 2**62)
        if promised > held:
            message = f"expected {promised} records after byte {self.cursor.offset}, the file has {held}"
            raise self.cursor.error(message, self.offsets["TTResult_NumberOfRecords"])
        if promised == 0 and self.cursor.left % 4:
            raise self.cursor.error(f"expected records of 4 bytes, found {self.cursor.left} bytes")
        return int(promised) or held

    def tick_s(self, kind: RecordType) -> float:
        rate = self.header.get("TTResult_SyncRate")
        period = 1 / rate if kind.is_t3 and isinstance(rate, int) and rate > 0 else None
        return float(self.number("MeasDesc_GlobalResolution", SHORTEST_S, LONGEST_S, absent=period))

    def sync_hz(self, kind: RecordType, tick_s: float) -> float:
        """Rate of the laser: as told, or more precisely from the period if that is the tick."""
        precise = 1 / tick_s if kind.is_t3 else math.nan
        rate = self.number("TTResult_SyncRate", 1, 1e12, absent=precise, zero=precise)
        return precise if kind.is_t3 and round(precise) == rate else float(rate)


def survey(records: Records) -> Survey:
    """First pass over the records: what came before each block, and all markers."""
    n_blocks = -(-records.words.size // BLOCK)
    n_photons, n_overflows, n_others = np.zeros((3, n_blocks), np.int64)
    in_threads(
        lambda a, b: count_blocks(
            records.words[a * BLOCK : b * BLOCK], records.layout, n_photons[a:b], n_overflows[a:b], n_others[a:b]
        ),
        stretches(n_blocks, CHUNK),
    )
    photons_before, overflows_before = (np.append(0, np.cumsum(n)) for n in (n_photons, n_overflows))
    late = np.searchsorted(overflows_before, LATEST // records.layout.wrap)
    if late < overflows_before.size:
        raise records.error(
            (int(late) - 1) * BLOCK, "the overflows of the clock exceed the age of the universe: damage"
        )
    size = int(n_others.sum())
    record, index, macrotime = np.empty((3, size), np.int64)
    pattern = np.empty(size, np.uint8)
    blocks = np.flatnonzero(n_others)
    before = photons_before, overflows_before
    find_markers(records.words, records.layout, blocks, *before, record, index, pattern, macrotime)
    if np.any(routes(records.kind)[records.words[record] >> records.layout.code_shift] == NO_ROUTE):
        raise strange_record(records)
    return Survey(photons_before, overflows_before, Markers(index, pattern), macrotime, record)


def strange_record(records: Records) -> ValueError:
    """The error for the first record whose code means nothing."""
    first = np.flatnonzero(routes(records.kind)[records.words >> records.layout.code_shift] == NO_ROUTE)[0]
    message = f"expected a {records.kind.name} record, found {records.words[first]:#010x}, whose code means nothing"
    return records.error(first, message)
