"""PTU files: the photons of PicoQuant's later cards, T2 and T3, read and written.

T2 records tell when a photon came, in ticks of the clock; T3 records tell after which laser pulse (the macrotime, in
pulses) and how long after it (the nanotime). Route: in T3 the detectors count from 0; in T2 route 0 is the sync input
and the others follow.

Source: PicoQuant, Unified Tag Dictionary and TTTR Record Format, https://picoquant.github.io/snAPI.
"""

import math
import uuid
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from analysis.formats._ptu_file import (
    CHANNELS_TAG,
    CHUNK,
    LATEST,
    LONGEST_S,
    SHORTEST_S,
    Records,
    Survey,
    open_ptu,
    strange_record,
    survey,
)
from analysis.formats._ptu_records import BLOCK, SPECIAL, RecordType, decode, encode, layout_of, routes
from analysis.formats._ptu_tags import HEADER_END, MAGIC, VERSION, tag
from analysis.formats.photons import Photons
from analysis.threads import in_threads, stretches

__all__ = ["RecordType", "is_ptu", "read_ptu", "write_ptu"]

MOST_DISORDER_S = 1e-6  # photons of two inputs may come out of the card this much out of order
MOST_RECORDS = 2**31


def is_ptu(head: bytes) -> bool:
    """Whether a file that begins with `head` (8 bytes or more) is a PTU file."""
    return head[:8] == MAGIC


def read_ptu(path: str | Path) -> Photons:
    """The photons of a PTU file of any card.

    macrotime is in ticks of MeasDesc_GlobalResolution (T2) or in laser pulses (T3); n_channels is that of one laser
    period, or more if there are later photons. Photons up to 1 us out of order are sorted.
    A damaged, truncated or foreign file: ValueError with the byte offset and what was expected there.
    """
    records = open_ptu(path)
    found = survey(records)
    macrotime, nanotime, route, largest = _decode(records, found)
    return Photons(
        macrotime=macrotime,
        macrotime_unit_s=records.macrotime_unit_s,
        nanotime=nanotime,
        nanotime_unit_s=records.nanotime_unit_s,
        route=route,
        marker=found.marker,
        marker_macrotime=found.marker_macrotime,
        n_channels=max(records.n_channels, largest + 1) if records.kind.is_t3 else 0,
        sync_hz=records.sync_hz,
        header=records.header,
    )


def _decode(records: Records, found: Survey) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    """Second pass: macrotime, nanotime, route of all photons, and the largest nanotime."""
    n, table = int(found.photons_before[-1]), routes(records.kind)
    macrotime, route = np.empty(n, np.int64), np.empty(n, np.uint8)
    nanotime = np.empty(n if records.kind.is_t3 else 0, np.uint16)

    def chunk(a: int, b: int):
        mine = slice(found.photons_before[a], found.photons_before[b])
        words = records.words[a * BLOCK : b * BLOCK]
        start = int(found.overflows_before[a])
        return decode(words, records.layout, table, start, macrotime[mine], nanotime[mine], route[mine])

    results = in_threads(chunk, stretches(found.photons_before.size - 1, CHUNK))
    if any(strange for _, strange, _ in results):
        raise strange_record(records)
    edges = found.photons_before[::CHUNK]
    edges = edges[(edges > 0) & (edges < n)]
    if any(early for _, _, early in results) or np.any(macrotime[edges - 1] > macrotime[edges]):
        macrotime, nanotime, route = _sorted(records, macrotime, nanotime, route)
    return macrotime, nanotime, route, max([0, *(int(largest) for largest, _, _ in results)])


def _sorted(records: Records, macrotime: np.ndarray, nanotime: np.ndarray, route: np.ndarray) -> list[np.ndarray]:
    """Photons that come a little too early, in order; ValueError if they come much too early."""
    if np.min(np.diff(macrotime)) * records.macrotime_unit_s < -MOST_DISORDER_S:
        raise _step_back(records, macrotime)
    order = np.argsort(macrotime, kind="stable")
    return [column[order] if column.size else column for column in (macrotime, nanotime, route)]


def _step_back(records: Records, macrotime: np.ndarray) -> ValueError:
    """The error for the first photon that comes long before the one in front of it."""
    photon = np.flatnonzero(np.diff(macrotime) * records.macrotime_unit_s < -MOST_DISORDER_S)[0] + 1
    record = np.flatnonzero(records.words < records.layout.photons_end)[photon]
    return records.error(
        int(record), f"expected a photon no earlier than tick {macrotime[photon - 1]}, found {macrotime[photon]}"
    )


def write_ptu(
    path: str | Path,
    photons: Photons,
    *,
    record_type: RecordType | int | None = None,
    header: dict[str, Any] | None = None,
) -> None:
    """Write photons and markers as a PTU file: T3 if they have nanotimes, else T2.

    record_type : the card whose records to use; by default those of the MultiHarp, which hold most
    header : further tags by name (such as ImgHdr_PixX), or other values of those that describe no records

    Nanotimes that run backwards are turned round, since every reader takes them as the time after the pulse. The lowest
    4 bits of the time of a marker have no room in PICOHARP_T2. What does not fit the records: ValueError.
    """
    kind = RecordType(record_type or (RecordType.GENERIC_T3 if photons.n_channels else RecordType.GENERIC_T2))
    words = _encode(photons, kind)
    tags = {**_described(photons, kind), **(header or {}), **_required(photons, kind, words.size)}
    head = b"".join([MAGIC, VERSION, *(tag(*item) for item in tags.items()), HEADER_END])
    with Path(path).open("wb") as file:
        file.write(head)
        file.write(words.astype("<u4", copy=False).data)


def _described(photons: Photons, kind: RecordType) -> dict[str, Any]:
    """Tags that a caller may replace."""
    last = [times[-1] for times in (photons.macrotime, photons.marker_macrotime) if times.size]
    return {
        "File_GUID": f"{{{uuid.uuid4()}}}".upper(),
        "File_CreatingTime": datetime.now(),
        "File_Comment": "",
        "CreatorSW_Name": "Luminescope",
        "CreatorSW_Version": version("luminescope"),
        "Measurement_SubMode": 1,
        "HW_Type": kind.name,
        "MeasDesc_BinningFactor": 1,
        "MeasDesc_AcquisitionTime": math.ceil(max([0, *last]) * photons.macrotime_unit_s * 1e3),
    }


def _required(photons: Photons, kind: RecordType, n_records: int) -> dict[str, Any]:
    """Tags that tell how to read the records."""
    tick_s = float(photons.macrotime_unit_s)
    sync_hz = photons.sync_hz if math.isfinite(photons.sync_hz) else 1 / tick_s if kind.is_t3 else 0
    return {
        "Measurement_Mode": 3 if kind.is_t3 else 2,
        "MeasDesc_GlobalResolution": tick_s,
        "MeasDesc_Resolution": float(photons.nanotime_unit_s) if kind.is_t3 else tick_s,
        "TTResult_SyncRate": round(sync_hz),
        "TTResult_NumberOfRecords": n_records,
        "TTResultFormat_TTTRRecType": int(kind),
        "TTResultFormat_BitsPerRecord": 32,
        CHANNELS_TAG: photons.n_channels,
    }


def _encode(photons: Photons, kind: RecordType) -> np.ndarray:
    """(n_records,) uint32 records of photons and markers, with the overflows between them."""
    _check_fit(photons, kind)
    arguments = (
        np.ascontiguousarray(photons.macrotime, np.int64),
        np.ascontiguousarray(photons.delay, np.uint16),
        _codes(kind)[photons.route],
        np.ascontiguousarray(photons.marker.index, np.int64),
        np.ascontiguousarray(photons.marker.pattern, np.uint8),
        np.ascontiguousarray(photons.marker_macrotime, np.int64),
        layout_of(kind),
    )
    n_records, wrong = encode(*arguments, np.empty(0, np.uint32))
    if wrong >= 0:
        raise ValueError(
            f"event {wrong} (photon or marker) is earlier than the one before it: sort photons and markers"
        )
    if n_records > MOST_RECORDS:
        raise ValueError(f"{n_records} records of {kind.name}, mostly overflows; choose GENERIC or longer ticks")
    words = np.empty(n_records, np.uint32)
    if n_records:
        encode(*arguments, words)
    return words


def _codes(kind: RecordType) -> np.ndarray:
    """(256,) uint8 code of each route."""
    table = routes(kind)
    codes = np.flatnonzero(table < SPECIAL)
    code_of = np.zeros(256, np.uint8)
    code_of[table[codes]] = codes
    return code_of


def _check_fit(photons: Photons, kind: RecordType) -> None:
    """ValueError unless the records of this card can hold the photons and markers."""
    layout, n, m = layout_of(kind), len(photons), photons.marker.index.size
    known = routes(kind)
    checks = (
        (photons.macrotime_unit_s, SHORTEST_S, LONGEST_S, "macrotime_unit_s"),
        (photons.nanotime_unit_s if kind.is_t3 else 1, SHORTEST_S, LONGEST_S, "nanotime_unit_s"),
        (photons.n_channels, min(1, layout.nanotime_mask), layout.nanotime_mask + 1 if kind.is_t3 else 0, "n_channels"),
        (photons.delay, 0, layout.nanotime_mask, "nanotime"),
        (photons.nanotime.size, n * kind.is_t3, n * kind.is_t3, "number of nanotimes"),
        (photons.route.size, n, n, "number of routes"),
        (photons.route, 0, known[known < SPECIAL].max(), "route"),
        (photons.macrotime, 0, LATEST, "macrotime"),
        (photons.marker_macrotime, 0, LATEST, "marker_macrotime"),
        (photons.marker_macrotime.size, m, m, "number of marker_macrotime"),
        (photons.marker.pattern.size, m, m, "number of marker patterns"),
        (photons.marker.pattern, 1, 15, "marker pattern"),
        (photons.marker.index, 0, n, "marker index"),
        (np.diff(photons.marker.index), 0, n, "step of the marker index"),
    )
    for values, low, high, name in checks:
        wrong = np.atleast_1d(values)[~((np.atleast_1d(values) >= low) & (np.atleast_1d(values) <= high))]
        if wrong.size:
            raise ValueError(f"{name} {wrong[0]} does not fit {kind.name} records: from {low} to {high}")
