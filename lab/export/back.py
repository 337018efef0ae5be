"""What was exported, read again: the same arrays, by the same names."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from analysis.formats import Photons, read
from analysis.formats.nexus import read_nexus
from lab.encoding import decode
from lab.export.errors import ExportError
from lab.export.kinds import kind_of
from lab.export.text import read_csv

RESULTS, MEASURED, START = "entry/analysis/results/", "entry/measured/", "entry/documents/start/data"


@dataclass(frozen=True, eq=False)
class Back:
    """An exported file.

    uid : of its run; facts : its header, or its start document
    arrays : results, or columns of a table, by name; measured : of a .nxs, streams by "stream/key"
    photons : of a .ptu or .h5
    """

    uid: str
    facts: Mapping[str, Any]
    arrays: dict[str, np.ndarray]
    measured: dict[str, np.ndarray]
    photons: Photons | None = None


def read_back(path: str | Path, *, kind: str | None = None) -> Back:
    """Read a file that `export` wrote; ExportError for images, whose numbers are rounded: read those from .nxs."""
    path = Path(path)
    match kind_of(path, kind).name:
        case "csv":
            header, columns = read_csv(path)
            return Back(header.get("uid", ""), header, columns, {})
        case "nexus":
            return from_nexus(path)
        case "ptu" | "photon-hdf5":
            return from_photons(path)
    raise ExportError(f"{path}: images are float32 and turned for the screen; .nxs has the arrays themselves")


def from_nexus(path: Path) -> Back:
    """Arrays of the analysis and of all streams."""
    found = read_nexus(path)
    if START not in found:
        raise ExportError(f"{path}: NeXus, but not exported from here: it has no {START}")
    start = decode(json.loads(str(found[START])))
    return Back(start["uid"], start, below(found, RESULTS), below(found, MEASURED))


def below(found: Mapping[str, Any], place: str) -> dict[str, np.ndarray]:
    """Fields under a path, by the rest of it."""
    return {name.removeprefix(place): np.asarray(value) for name, value in found.items() if name.startswith(place)}


def from_photons(path: Path) -> Back:
    photons = read(path)
    assert isinstance(photons, Photons)
    uid = photons.header.get("Luminescope_Uid") or uid_in(str(photons.header.get("description", "")))
    return Back(str(uid), photons.header, {}, {}, photons)


def uid_in(description: str) -> str:
    """The uid that a description names.

    >>> uid_in("uid: 227d9cd4\\nplan: hbt")
    '227d9cd4'
    """
    lines = (line.partition(": ") for line in description.splitlines())
    return next((text for key, _, text in lines if key == "uid"), "")
