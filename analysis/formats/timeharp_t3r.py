"""Photons in TimeHarp 200 time-tag files (.t3r), versions 2, 3, 5 and 6.

Beyond the vendor's names, the header holds "SpecialHeader" (its words), "NumberOfOverflows" (turns of the 16-bit
clock, also after the last photon) and "Trailer" (a line end that some files have).
"""

import math
from pathlib import Path
from typing import Any

import numpy as np

from analysis.formats import _timeharp_records as records
from analysis.formats._bytes import Cursor
from analysis.formats._timeharp_checks import check_markers, check_photons
from analysis.formats._timeharp_header import header_bytes, own_header, read_trailer
from analysis.formats._timeharp_layout import MOST, N_CHANNELS, TIME_TAGS
from analysis.formats.photons import Markers, Photons

CHUNK = 1 << 18  # records at once: they stay in the cache of the processor


def read_photons(cursor: Cursor, header: dict[str, Any]) -> Photons:
    """The photons that follow the header of a time-tag file.

    nanotime is kept as recorded: it runs backwards, from the photon to the next sync. ValueError for a record that is
    unknown or goes back in time.
    """
    n_records = header["NumberOfRecords"]
    cursor.need(4 * n_records, f"{n_records} records")
    photons, markers, n_overflows = _decode(cursor, n_records)
    trailer = read_trailer(cursor, f"{n_records} records")
    macrotime, nanotime, route = photons
    index, pattern, marker_macrotime = markers
    return Photons(
        macrotime=macrotime,
        macrotime_unit_s=header["TTTRGlobclock"] / 1e9,
        nanotime=nanotime,
        nanotime_unit_s=header["Resolution"] / 1e9,
        route=route,
        marker=Markers(index, pattern),
        marker_macrotime=marker_macrotime,
        n_channels=N_CHANNELS,
        reversed=True,
        sync_hz=float(header["SyncRate"]) if header["SyncRate"] > 0 else float("nan"),
        header=header | {"NumberOfOverflows": n_overflows, "Trailer": trailer},
    )


def write_t3r(path: str | Path, photons: Photons, *, version: str | None = None) -> None:
    """Write photons as a time-tag file of the TimeHarp 200.

    version : "2.0", "3.0", "5.0" or "6.0"; as in photons.header, or 5.0

    A file that was read is written again byte for byte. Photons of other cards get a header of usual settings.
    ValueError for what such a file cannot hold: photons without nanotimes, more than 4096 channels or 4 routes, a clock
    that is no whole number of ns.
    """
    check_photons(photons)
    check_markers(photons)
    own, version = own_header(photons.header, version)
    words = _encode(photons, int(own.get("NumberOfOverflows", 0)))
    special = np.array(own.get("SpecialHeader", []) if version in ("5.0", "6.0") else [], "<i4")
    known = (
        _usual(photons) | own | _derived(photons) | {"NumberOfRecords": words.size, "SpecHeaderLength": special.size}
    )
    head = header_bytes(known, version, TIME_TAGS)
    trailer = str(own.get("Trailer", "")).encode("latin-1")
    with Path(path).open("wb") as file:
        file.writelines((head, special.tobytes(), words.data, trailer))


def _decode(cursor: Cursor, n_records: int) -> tuple[list[np.ndarray], list[np.ndarray], int]:
    """Photons (macrotime, nanotime, route), markers (index, pattern, macrotime) and the turns of the clock."""
    photons = np.empty(n_records, np.int64), np.empty(n_records, np.uint16), np.empty(n_records, np.uint8)
    chunk_size = min(CHUNK, n_records)
    marks = np.empty(chunk_size, np.int64), np.empty(chunk_size, np.uint8), np.empty(chunk_size, np.int64)
    buffer = np.empty(chunk_size, "<u4")
    kept = [[mark[:0] for mark in marks]]
    n, turns, last, last_marker = 0, 0, 0, 0
    for done in range(0, n_records, CHUNK):
        chunk, first = buffer[: n_records - done], cursor.offset
        cursor.fill(chunk, f"{chunk.size} records")
        so_far = n, 0, turns, last, last_marker
        (n, m, turns, last, last_marker), n_known = records.decode(chunk, so_far, photons, marks)
        if n_known < chunk.size:
            raise cursor.error(_what_is_wrong(int(chunk[n_known])), first + 4 * n_known)
        kept.append([mark[:m].copy() for mark in marks])
    return [values[:n] for values in photons], [np.concatenate(parts) for parts in zip(*kept, strict=True)], turns


def _what_is_wrong(word: int) -> str:
    if word >> 30 == 1 or records.is_special(word):
        return f"record 0x{word:08X} is earlier than the one before, expected times that never decrease"
    return f"record 0x{word:08X} is none of photon, marker and overflow, expected one of them"


def _encode(photons: Photons, n_overflows: int) -> np.ndarray:
    """Records (n,) uint32 that decode to the photons, with at least n_overflows turns of the clock."""
    n_overflows = max(n_overflows, _last(photons) // records.TURN)
    n_records = len(photons) + photons.marker.index.size + n_overflows
    if n_records > MOST:
        raise ValueError(f"{n_records} records, {n_overflows} of the clock: a T3R file holds at most {MOST}")
    raw = (N_CHANNELS - 1 - photons.delay.astype(np.int64)).astype(np.uint16)
    words = np.empty(n_records, "<u4")
    tags, marks = (photons.macrotime, raw, photons.route), (*photons.marker, photons.marker_macrotime)
    if not records.encode(tags, marks, words):
        raise ValueError("a marker lies long before the photon that precedes it: sort the markers")
    return words


def _last(photons: Photons) -> int:
    times = photons.macrotime[-1:], photons.marker_macrotime[-1:]
    return max(int(time.max(initial=0)) for time in times)


def _usual(photons: Photons) -> dict[str, Any]:
    duration_s = _last(photons) * photons.macrotime_unit_s
    duration_ms = min(math.ceil(duration_s * 1e3), MOST)
    return {
        "RoutingChannels": int(photons.route.max(initial=0)) + 1,
        "AcquisitionTime": duration_ms,
        "StopAfter": duration_ms,
        "AverageCFDRate": min(round(len(photons) / duration_s), MOST) if duration_s else 0,
    }


def _derived(photons: Photons) -> dict[str, Any]:
    rate = {"SyncRate": round(photons.sync_hz)} if 0 < photons.sync_hz <= MOST else {}
    clock_ns = round(photons.macrotime_unit_s * 1e9)
    return rate | {"Resolution": np.float32(photons.bin_width_ns), "TTTRGlobclock": clock_ns}
