"""Photon-HDF5: the open archive of photons, read and written.

Markers, and whether nanotimes run backwards, have no place in the format; we keep them in its group /user, as
/user/luminescope/{reversed, marker_index, marker_pattern, marker_macrotime}, and the header of the original data as
JSON in /user/luminescope/header. All fields of the format keep their meaning without them: nanotimes are written as
they were recorded.

Source: A. Ingargiola et al., Biophys. J. 110, 26 (2016); https://photon-hdf5.readthedocs.io, version 0.5.
"""

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import h5py
import numpy as np

from analysis.formats._bytes import opened
from analysis.formats._photon_hdf5_fields import BRANCHES, FORMAT, title
from analysis.formats._photon_hdf5_input import BROKEN, Fields
from analysis.formats.photons import Markers, Photons

SIGNATURE = b"\x89HDF\r\n\x1a\n"
MOST_FIELDS, LARGEST_FIELD = 10_000, 1024  # of the header
MOST_CHANNELS = 2**24
LATEST = 2**62  # ticks
SHORTEST_S, LONGEST_S = 1e-18, 1e3  # of a tick or a channel
USER = "user/luminescope"
SPECS = "photon_data/measurement_specs"
EVENTS = {f"photon_data/{name}" for name in ("timestamps", "detectors", "nanotimes", "particles")} | {
    f"{USER}/marker_{name}" for name in ("index", "pattern", "macrotime")
}
CHUNK = 2**17
AS_TEXT = {"CLASS": "ARRAY", "VERSION": "2.4", "FLAVOR": "python"}  # or PyTables yields text as arrays


def is_photon_hdf5(path: str | Path) -> bool:
    """Whether a file is HDF5 with photons in it, or HDF5 too damaged to tell."""
    with opened(Path(path)) as cursor:
        if cursor.left < len(SIGNATURE) or cursor.bytes(len(SIGNATURE), "HDF5") != SIGNATURE:
            return False
    try:
        with h5py.File(path, "r", locking=False) as file:
            return any(str(name).startswith("photon_data") for name in file)
    except BROKEN:
        return True


def read_photon_hdf5(path: str | Path) -> Photons:
    """The photons of a Photon-HDF5 file with one spot.

    Events that the file declares to be no photons (non_photon_id) become markers whose pattern is that id. `header`
    holds the other fields by their path in the file. What is missing, damaged or makes no sense: ValueError with the
    path in the file and what was expected there.
    """
    path = Path(path)
    with opened(path) as cursor:
        if cursor.left < len(SIGNATURE) or cursor.bytes(len(SIGNATURE), "HDF5") != SIGNATURE:
            raise cursor.error("expected the signature of an HDF5 file", 0)
    try:
        file = h5py.File(path, "r", locking=False)
    except BROKEN as error:
        raise ValueError(f"{path}: /: expected an HDF5 file, it cannot be opened: {error}") from error
    with file:
        return _read(Fields(path, file))


def _read(fields: Fields) -> Photons:
    """Photons of an open file."""
    _single_spot(fields)
    name = "photon_data/timestamps"
    macrotime = fields.required(name, fields.numbers(name, 0, LATEST)).astype(np.int64)
    if (back := np.flatnonzero(macrotime[1:] < macrotime[:-1])).size:
        raise fields.error(name, f"expected times in order, photon {back[0] + 1} is earlier than the one before it")
    unit = f"{name}_specs/timestamps_unit"
    route = fields.numbers("photon_data/detectors", 0, 255, macrotime.size)
    photons = Photons(
        macrotime=macrotime,
        macrotime_unit_s=fields.required(unit, fields.number(unit, SHORTEST_S, LONGEST_S)),
        route=np.zeros(macrotime.size, np.uint8) if route is None else route.astype(np.uint8),
        sync_hz=_first(fields, 0, f"{SPECS}/laser_repetition_rate", "setup/laser_repetition_rates") or math.nan,
        reversed=bool(fields.number(f"{USER}/reversed", 0, 1)),
        header=_header(fields),
        **_nanotimes(fields, macrotime.size),
    )
    return _with_markers(fields, photons)


def _single_spot(fields: Fields) -> None:
    try:
        spots = sorted(
            name for name in map(str, fields.file) if name.startswith("photon_data") and name != "photon_data"
        )
    except BROKEN as error:
        raise fields.damaged("", error) from error
    if spots:
        raise fields.error(
            spots[0], f"expected one spot in /photon_data, found {len(spots)} more; read them one by one"
        )


def _first(fields: Fields, low: float, *names: str, high: float = 1e12) -> float | None:
    """The first of several fields that is there."""
    found = (fields.number(name, low, high) for name in names)
    return next((value for value in found if value is not None), None)


def _nanotimes(fields: Fields, n_photons: int) -> dict[str, Any]:
    """nanotime, nanotime_unit_s and n_channels."""
    name = "photon_data/nanotimes"
    nanotime = fields.numbers(name, 0, MOST_CHANNELS - 1, n_photons)
    if nanotime is None:
        return {"nanotime": np.empty(0, np.uint16), "nanotime_unit_s": math.nan, "n_channels": 0}
    specs = f"{name}_specs/tcspc_unit", "setup/detectors/tcspc_units", "setup/detectors/tcspc_unit"
    unit = fields.required(specs[0], _first(fields, SHORTEST_S, *specs, high=LONGEST_S))
    specs = f"{name}_specs/tcspc_num_bins", "setup/detectors/tcspc_num_bins"
    channels = fields.required(specs[0], _first(fields, 1, *specs, high=MOST_CHANNELS))
    largest = int(nanotime.max(initial=0))
    if largest >= channels and fields.number(f"{USER}/reversed", 0, 1):
        raise fields.error(name, f"expected nanotimes below {channels}, found {largest}")
    n_channels = max(int(channels), largest + 1)
    dtype = np.uint16 if n_channels <= 2**16 else np.uint32
    return {"nanotime": nanotime.astype(dtype), "nanotime_unit_s": unit, "n_channels": n_channels}


def _with_markers(fields: Fields, photons: Photons) -> Photons:
    """`photons` with the markers of the file, and without events that are none."""
    index = fields.numbers(f"{USER}/marker_index", 0, len(photons))
    ids = fields.numbers(f"{SPECS}/detectors_specs/non_photon_id", 0, 255)
    if index is not None:
        names = f"{USER}/marker_pattern", f"{USER}/marker_macrotime"
        pattern = fields.required(names[0], fields.numbers(names[0], 0, 255, index.size))
        macrotime = fields.required(names[1], fields.numbers(names[1], 0, LATEST, index.size))
        if np.any(np.diff(index.astype(np.int64)) < 0):
            raise fields.error(f"{USER}/marker_index", "expected numbers that do not decrease")
        marker = Markers(index.astype(np.int64), pattern.astype(np.uint8))
        return replace(photons, marker=marker, marker_macrotime=macrotime.astype(np.int64))
    if ids is None or not (other := np.isin(photons.route, ids)).any():
        return photons
    before = np.cumsum(~other)[other]
    return replace(
        photons,
        macrotime=photons.macrotime[~other],
        nanotime=photons.nanotime[~other] if photons.nanotime.size else photons.nanotime,
        route=photons.route[~other],
        marker=Markers(before, photons.route[other]),
        marker_macrotime=photons.macrotime[other],
    )


def _header(fields: Fields) -> dict[str, Any]:
    """All small fields by their path; text as str, single numbers as numbers."""
    header: dict[str, Any] = {}
    seen = []

    def visit(name: str, node: Any) -> bool | None:
        seen.append(name)
        small = isinstance(node, h5py.Dataset) and node.size is not None and node.size <= LARGEST_FIELD
        if small and name not in EVENTS:
            header[name] = _plain(fields.required(name, fields.find(name))[()])
        return True if len(seen) > MOST_FIELDS else None

    try:
        fields.file.visititems(visit)
    except BROKEN as error:
        raise fields.damaged(seen[-1] if seen else "", error) from error
    return header


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return value.item() if isinstance(value, np.generic) else value


def write_photon_hdf5(
    path: str | Path,
    photons: Photons,
    *,
    description: str = "",
    author: str = "",
    author_affiliation: str = "",
    sample_name: str = "",
    source: str | Path = "",
    duration_s: float | None = None,
    excitation_nm: float | None = None,
    detection_nm: Sequence[float] = (),
    detectors: Literal["split", "spectral", "polarization"] = "split",
    compression: int = 4,
) -> None:
    """Write photons, markers and header as a Photon-HDF5 file with one spot.

    source : the file that the photons came from; its name is kept
    duration_s : of the measurement; by default the time of the last photon or marker
    excitation_nm, detection_nm : wavelengths of the laser, and of each spectral band
    detectors : what distinguishes them, if there are several: a beam splitter, their spectral band or polarisation
    compression : of deflate, 0 (none) to 9

    Photons with nanotimes need sync_hz, since every reader asks for the rate of the laser: ValueError without.
    """
    _check(photons, compression, detectors)
    fields = {
        **dict(_measurement(photons, duration_s, description)),
        **dict(_photon_data(photons, detectors)),
        **dict(_setup(photons, detectors)),
        **dict(_identity(Path(path).name)),
        **dict(_user(photons)),
        "setup/excitation_wavelengths": [] if excitation_nm is None else [excitation_nm * 1e-9],
        "setup/detection_wavelengths": [wavelength * 1e-9 for wavelength in detection_nm],
        "identity/author": author,
        "identity/author_affiliation": author_affiliation,
        "provenance/filename": Path(source).name,
        "sample/sample_name": sample_name,
    }
    with h5py.File(path, "w", locking=False) as file:
        for name, value in fields.items():
            if not (isinstance(value, str | list) and not value):
                _store(file, name, value, compression)
        _finish(file)


def _check(photons: Photons, compression: int, detectors: str) -> None:
    """ValueError unless these photons make a file that can be read again."""
    n, m = len(photons), photons.marker.index.size
    if photons.nanotime.size != (n if photons.n_channels else 0) or photons.route.size != n:
        raise ValueError(
            f"{n} photons with {photons.nanotime.size} nanotimes and {photons.route.size} routes: give one of each"
        )
    if photons.marker.pattern.size != m or photons.marker_macrotime.size != m:
        raise ValueError(
            f"{m} markers with {photons.marker.pattern.size} patterns, {photons.marker_macrotime.size} times: "
            "give one of each"
        )
    if n and (photons.macrotime[0] < 0 or np.any(photons.macrotime[1:] < photons.macrotime[:-1])):
        raise ValueError("macrotimes are negative or not in order: sort the photons first")
    if photons.n_channels and not 0 < photons.sync_hz < math.inf:
        raise ValueError(
            f"sync_hz = {photons.sync_hz}: the rate of the laser is needed, dataclasses.replace(photons, sync_hz=...)"
        )
    if photons.n_channels and photons.nanotime.max(initial=0) >= photons.n_channels:
        raise ValueError(f"nanotime {photons.nanotime.max()} with {photons.n_channels} channels: give one below")
    if not 0 <= compression <= 9 or detectors not in BRANCHES:
        raise ValueError(
            f"compression {compression}, detectors {detectors!r}: expected 0 to 9, and one of {list(BRANCHES)}"
        )


def _measurement(photons: Photons, duration_s: float | None, description: str) -> Iterator[tuple[str, Any]]:
    """Fields of the root."""
    last = max([0, *photons.macrotime[-1:], *photons.marker_macrotime[-1:]])
    yield "acquisition_duration", float(last * photons.macrotime_unit_s if duration_s is None else duration_s)
    yield "description", description or " "
    yield "format_name", FORMAT["name"]
    yield "format_version", FORMAT["version"]


def _identity(filename: str) -> Iterator[tuple[str, Any]]:
    """Fields of /identity that nobody needs to tell."""
    yield "identity/creation_time", datetime.now().strftime("%Y-%m-%d %H:%M:%S")
    yield "identity/filename", filename
    yield "identity/software", "Luminescope"
    yield "identity/software_version", version("luminescope")
    for name, value in FORMAT.items():
        yield f"identity/format_{name}", value


def _photon_data(photons: Photons, detectors: str) -> Iterator[tuple[str, Any]]:
    """Fields of /photon_data."""
    yield "photon_data/timestamps", photons.macrotime.astype(np.int64, copy=False)
    yield "photon_data/timestamps_specs/timestamps_unit", float(photons.macrotime_unit_s)
    yield "photon_data/detectors", photons.route.astype(np.uint8, copy=False)
    if photons.n_channels:
        yield "photon_data/nanotimes", photons.nanotime
        yield "photon_data/nanotimes_specs/tcspc_unit", float(photons.nanotime_unit_s)
        yield "photon_data/nanotimes_specs/tcspc_num_bins", photons.n_channels
        yield "photon_data/nanotimes_specs/tcspc_range", float(photons.nanotime_unit_s) * photons.n_channels
    yield f"{SPECS}/measurement_type", "generic"
    if math.isfinite(photons.sync_hz):
        yield f"{SPECS}/laser_repetition_rate", float(photons.sync_hz)
    yield f"{SPECS}/detectors_specs", None
    ids = np.unique(photons.route)
    if ids.size > 1:
        for number, route in enumerate(ids, 1):
            yield f"{SPECS}/detectors_specs/{detectors}_ch{number}", np.array([route], np.uint8)


def _setup(photons: Photons, detectors: str) -> Iterator[tuple[str, Any]]:
    """Fields of /setup."""
    ids, counts = np.unique(photons.route, return_counts=True)
    pulsed = math.isfinite(photons.sync_hz)
    yield "setup/num_pixels", max(ids.size, 1)
    yield "setup/num_spots", 1
    for branch in BRANCHES:
        yield f"setup/num_{branch}_ch", max(ids.size, 1) if branch == detectors else 1
    yield "setup/modulated_excitation", np.uint8(0)
    yield "setup/excitation_alternated", np.zeros(1, np.uint8)
    yield "setup/lifetime", np.uint8(photons.n_channels > 0)
    yield "setup/excitation_cw", np.array([not pulsed], np.uint8)
    if pulsed:
        yield "setup/laser_repetition_rates", np.array([photons.sync_hz])
    if ids.size:
        yield "setup/detectors/id", ids.astype(np.uint8)
        yield "setup/detectors/id_hardware", ids.astype(np.uint8)
        yield "setup/detectors/counts", counts


def _user(photons: Photons) -> Iterator[tuple[str, Any]]:
    """What the format has no place for."""
    yield f"{USER}/reversed", np.uint8(photons.reversed)
    yield f"{USER}/marker_index", photons.marker.index.astype(np.int64)
    yield f"{USER}/marker_pattern", photons.marker.pattern.astype(np.uint8)
    yield f"{USER}/marker_macrotime", photons.marker_macrotime.astype(np.int64)
    if photons.header:
        yield f"{USER}/header", json.dumps(photons.header, default=str)


def _store(file: h5py.File, name: str, value: Any, compression: int) -> None:
    """One field; None makes a group. Text is stored with a fixed length, as the format asks."""
    if value is None:
        file.require_group(name)
    elif isinstance(value, np.ndarray) and value.size > 1000:
        packing = {"compression": "gzip", "compression_opts": compression, "shuffle": True} if compression else {}
        file.create_dataset(name, data=value, chunks=(min(value.size, CHUNK),), fletcher32=True, **packing)
    elif isinstance(value, str):
        node = file.create_dataset(name, data=np.bytes_(value.encode()))
        for attribute, text in AS_TEXT.items():
            node.attrs[attribute] = np.bytes_(text)
    else:
        file.create_dataset(name, data=value)


def _finish(file: h5py.File) -> None:
    """Titles of all fields and groups, and the name of the format."""
    file.attrs["TITLE"] = np.bytes_(title("/"))
    for name, value in FORMAT.items():
        file.attrs[f"format_{name}"] = np.bytes_(value)

    def entitle(name: str, node: h5py.Group | h5py.Dataset) -> None:
        node.attrs["TITLE"] = np.bytes_(title(name))

    file.visititems(entitle)
