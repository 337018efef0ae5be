"""The photons of a run, from the records of its card, on one axis of time."""

import itertools
import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from analysis.formats.photons import Markers, Photons
from analysis.formats.records import Tags, decode_records
from lab.export.about import facts
from lab.export.errors import ExportError
from lab.export.stored import PRIMARY, Stored, Stream

RECORDS, CARD = "timeharp_records", "timeharp"
BEGINS, ENDS = 1, 2  # patterns of the markers of a segment
N_CHANNELS = 4096
NONE = "it has spectra, images or numbers: .nxs or .csv"
INSTEAD = {
    "flim_raster": "its pixels hold histograms, no photon has a time of its own: .nxs has the histograms, .ome.tif the "
    "images, .csv the decay",
    "irf": "it holds histograms: .nxs or .csv",
    "lifetime_at": "it holds one histogram: .nxs or .csv",
    "hbt": "the card counted start-stop pairs, no photon has a time of its own: .nxs or .csv",
    "time_zero": "the card counted start-stop pairs: .nxs or .csv",
    "blinking": 'it was recorded in bins: .nxs or .csv; blinking(..., record="photons") records photons',
}


@dataclass(frozen=True, eq=False)
class PhotonRun:
    """Photons of all segments, and for how long the card listened, gaps included."""

    photons: Photons
    duration_s: float
    wavelength_nm: float | None


def photons_of(run: Stored) -> PhotonRun:
    """The photons of a run, segment after segment at the times when they were recorded.

    Markers stand where a segment begins (1) and ends (2); between an end and the next beginning nothing was recorded.
    Nanotimes are kept where a pulsed laser gave them a meaning (T3), else left out (T2). ExportError for runs without
    records of photons.
    """
    stream = run.streams.get(PRIMARY)
    if stream is None or not stream.time_s.size or not stream.filed.get(RECORDS):
        why = INSTEAD.get(run.plan, NONE)
        raise ExportError(f"{run.told} has no records of photons: {why}")
    unit_s = float(run.start.get("record", {}).get("macrotime_unit_s") or 1e-7)
    segments = [tags_of(run, row, n) for row, n in zip(stream.filed[RECORDS].rows(), filled(stream), strict=True)]
    started_s, elapsed_s = (stream.column(f"{CARD}_{name}") for name in ("started", "elapsed"))
    begins = np.rint((started_s - started_s[0]) / unit_s).astype(np.int64)
    ends = begins + np.rint(elapsed_s / unit_s).astype(np.int64)
    repetition_hz = float(run.start.get("excitation", {}).get("repetition_hz") or math.nan)
    joined = joined_segments(segments, begins, ends, unit_s)
    timed = timed_by(run, segments, repetition_hz)
    photons = Photons(**joined, **timed, sync_hz=repetition_hz, header=dict(facts(run)))
    wavelength_nm = run.start.get("excitation", {}).get("wavelength_nm")
    return PhotonRun(photons, float(ends[-1] * unit_s), None if wavelength_nm is None else float(wavelength_nm))


def filled(stream: Stream) -> list[int]:
    """How many records of each row are filled; all, if the Events do not tell."""
    key = f"{CARD}_n_records"
    n = stream.time_s.size
    return [int(value) for value in stream.column(key)] if key in stream.columns else [-1] * n


def tags_of(run: Stored, row: np.ndarray, n_records: int) -> Tags:
    words = row if n_records < 0 else row[:n_records]
    try:
        return decode_records(words)
    except ValueError as why:
        raise ExportError(f"{run.told}: {why}; its raw file is damaged, .nxs keeps the records as they are") from why


def joined_segments(segments: list[Tags], begins: np.ndarray, ends: np.ndarray, unit_s: float) -> dict[str, Any]:
    """macrotime, route and markers of all segments, on the clock of the first."""
    macrotime = [tags.macrotime + begin for tags, begin in zip(segments, begins, strict=True)]
    ends = np.array([max(end, times[-1] if times.size else end) for end, times in zip(ends, macrotime, strict=True)])
    begins = np.maximum(begins, np.append(begins[0], ends[:-1]))
    n_before = np.cumsum([0, *(times.size for times in macrotime)])
    index = list(itertools.chain.from_iterable(itertools.pairwise(n_before)))
    marks = np.column_stack([begins, ends]).ravel()
    pattern = np.tile(np.array([BEGINS, ENDS], np.uint8), len(segments))
    return {
        "macrotime": np.maximum.accumulate(np.concatenate(macrotime)),
        "macrotime_unit_s": unit_s,
        "route": np.concatenate([tags.route for tags in segments]),
        "marker": Markers(np.array(index, np.int64), pattern),
        "marker_macrotime": marks.astype(np.int64),
    }


def timed_by(run: Stored, segments: list[Tags], repetition_hz: float) -> dict[str, Any]:
    """The nanotimes after laser pulses; none if there was no pulsed laser."""
    unit_s = run.start.get("record", {}).get("nanotime_unit_s")
    if not repetition_hz > 0 or unit_s is None:
        return {"nanotime": np.empty(0, np.uint16), "nanotime_unit_s": math.nan}
    return {
        "nanotime": np.concatenate([tags.nanotime for tags in segments]),
        "nanotime_unit_s": float(unit_s),
        "n_channels": N_CHANNELS,
        "reversed": True,
    }
