"""Decay curves in TimeHarp 200 histogram files (.thd), versions 2, 3, 5 and 6.

Beyond the vendor's names, the header holds "Curves", a dict for each, and "Trailer" (a line end that some files have).
"""

from pathlib import Path
from typing import Any

import numpy as np

from analysis.formats._bytes import Cursor
from analysis.formats._timeharp_checks import check_decays
from analysis.formats._timeharp_header import as_bytes, as_dict, header_bytes, own_header, read_trailer
from analysis.formats._timeharp_layout import CURVE, HISTOGRAMS, MOST, N_CHANNELS, RESOLUTION_NS, offset_of
from analysis.formats.photons import Decays

STORED = np.dtype([("About", CURVE), ("Counts", "<u4", (N_CHANNELS,))])


def read_decays(cursor: Cursor, header: dict[str, Any]) -> Decays:
    """The curves that follow the header of a histogram file; their time axis runs forward.

    ValueError for a resolution that does not exist, or counts whose sum is not the one that was stored with them.
    """
    n_curves, first = header["NumberOfCurves"], cursor.offset
    stored = cursor.array(STORED, n_curves, f"{n_curves} curves")
    for index, curve in enumerate(stored):
        _check_curve(cursor, index, curve, first + index * STORED.itemsize)
    trailer = read_trailer(cursor, f"{n_curves} curves")
    rate = stored["About"]["SyncRate"].astype(float)
    return Decays(
        counts=stored["Counts"].astype(np.uint32),
        bin_width_ns=stored["About"]["Resolution"].astype(float),
        sync_hz=np.where(rate > 0, rate, np.nan),
        header=header | {"Curves": [as_dict(about) for about in stored["About"]], "Trailer": trailer},
    )


def write_thd(path: str | Path, decays: Decays, *, version: str | None = None) -> None:
    """Write curves (n_curves, 4096) as a histogram file of the TimeHarp 200.

    version : "2.0", "3.0", "5.0" or "6.0"; as in decays.header, or 5.0

    A file that was read is written again byte for byte. ValueError for counts or widths that such a file cannot hold.
    """
    check_decays(decays)
    own, version = own_header(decays.header, version)
    stored = _stored(decays, own.get("Curves", _usual_curves(decays)))
    usual = {"Resolution": decays.bin_width_ns[0].astype(np.float32)} if len(decays) else {}
    head = header_bytes(usual | own | {"NumberOfCurves": len(decays)}, version, HISTOGRAMS)
    trailer = str(own.get("Trailer", "")).encode("latin-1")
    with Path(path).open("wb") as file:
        file.writelines((head, stored.tobytes(), trailer))


def _usual_curves(decays: Decays) -> list[dict[str, Any]]:
    rates = decays.sync_hz if decays.sync_hz.size else np.full(len(decays), np.nan)
    return [
        {"CurveIndex": index, "SyncRate": round(rate) if 0 < rate <= MOST else 0} for index, rate in enumerate(rates)
    ]


def _stored(decays: Decays, about: list[dict[str, Any]]) -> np.ndarray:
    if len(about) != len(decays):
        raise ValueError(
            f"the header is about {len(about)} curves, counts hold {len(decays)}: "
            'select the same of header["Curves"], or drop the header'
        )
    stored = np.zeros(len(decays), STORED)
    stored["Counts"] = decays.counts
    for curve, values, width_ns in zip(stored, about, decays.bin_width_ns, strict=True):
        derived = {"Resolution": np.float32(width_ns), "IntegralCount": _sum(curve["Counts"])}
        curve["About"] = np.frombuffer(as_bytes(CURVE, values | derived), CURVE)[0]
    return stored


def _check_curve(cursor: Cursor, index: int, curve: np.void, first: int) -> None:
    width_ns, n_counts = float(curve["About"]["Resolution"]), int(curve["About"]["IntegralCount"])
    if not RESOLUTION_NS[0] <= width_ns <= RESOLUTION_NS[1]:
        found = f"Resolution of curve {index} is {width_ns}, expected {RESOLUTION_NS[0]} to {RESOLUTION_NS[1]} ns"
        raise cursor.error(found, first + offset_of(CURVE, "Resolution"))
    if _sum(curve["Counts"]) != n_counts:
        found = f"IntegralCount of curve {index} is {n_counts}, expected the sum of its counts, {_sum(curve['Counts'])}"
        raise cursor.error(found, first + offset_of(CURVE, "IntegralCount"))


def _sum(counts: np.ndarray) -> int:
    """Sum as a file stores it, in 32 bits."""
    return int(counts.sum(dtype=np.uint64).astype(np.uint32).astype(np.int32))
