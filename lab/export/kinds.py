"""The kinds of files, by their endings: how each is made ready before anything is written."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.export.about import facts
from lab.export.errors import ExportError
from lab.export.images import planes_of
from lab.export.nexus import entry_of
from lab.export.photons import PhotonRun, photons_of
from lab.export.stored import Stored
from lab.export.tables import chosen
from lab.export.text import header_of, write_csv

Write = Callable[[Path], None]


@dataclass(frozen=True)
class Kind:
    """A kind of file.

    suffixes : endings that mean it, the usual one first
    ready : a run, and what of it, made ready to be written; raises ExportError if the run has no such data
    """

    name: str
    suffixes: tuple[str, ...]
    ready: Callable[..., Write]


def photon_hdf5(run: Stored, table: str | None = None) -> Write:
    from analysis.formats.photon_hdf5 import write_photon_hdf5

    found = photons_of(run)

    def write(path: Path) -> None:
        write_photon_hdf5(
            path,
            found.photons,
            description="\n".join(f"{key}: {text}" for key, text in facts(run).items()),
            author=str(run.start.get("operator", "")),
            sample_name=str(run.start.get("sample_name", "")),
            source=str(run.start.get("source", {}).get("file", "")),
            duration_s=found.duration_s,
            excitation_nm=found.wavelength_nm,
            detectors="spectral" if run.start.get("splitter") == "dichroic" else "split",
        )

    return write


def ptu(run: Stored, table: str | None = None) -> Write:
    from analysis.formats.ptu import write_ptu

    found = photons_of(run)
    return lambda path: write_ptu(path, found.photons, header=tags(run, found))


def tags(run: Stored, found: PhotonRun) -> dict[str, Any]:
    """What the header of a PTU file says of a run."""
    told = facts(run)
    named = {"Luminescope_" + key.title().replace(" ", "")[:18]: text for key, text in told.items()}
    return {
        **named,
        "File_Comment": "\r\n".join(f"{key}: {text}" for key, text in told.items()),
        "MeasDesc_AcquisitionTime": round(found.duration_s * 1e3),
        "TTResult_StopAfter": round(found.duration_s * 1e3),
    }


def nexus(run: Stored, table: str | None = None) -> Write:
    from analysis.formats.nexus import write_nexus

    check_files(run)
    entry = entry_of(run)
    return lambda path: write_nexus(path, entry)


def check_files(run: Stored) -> None:
    """ExportError unless the files of the instruments can be read."""
    for stream in run.streams.values():
        for filed in stream.filed.values():
            next(filed.rows(), None)


def ome_tiff(run: Stored, table: str | None = None) -> Write:
    from analysis.formats.ome import write_ome

    planes = planes_of(run)
    return lambda path: write_ome(path, planes)


def as_csv(run: Stored, table: str | None = None) -> Write:
    rows = chosen(run, table)
    header = header_of(run, rows)
    return lambda path: write_csv(path, header, rows)


KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind("photon-hdf5", (".h5", ".hdf5"), photon_hdf5),
        Kind("ptu", (".ptu",), ptu),
        Kind("nexus", (".nxs",), nexus),
        Kind("ome-tiff", (".ome.tif", ".ome.tiff"), ome_tiff),
        Kind("csv", (".csv",), as_csv),
    )
}


def kind_of(path: Path, name: str | None = None) -> Kind:
    """The kind of a file by its name, or as it is called; ExportError with all there are if there is none such."""
    allowed = "; ".join(f"{', '.join(kind.suffixes)} ({kind.name})" for kind in KINDS.values())
    if name is not None:
        if name not in KINDS:
            raise ExportError(f"kind={name!r}: expected one of {', '.join(KINDS)}")
        return KINDS[name]
    found = [kind for kind in KINDS.values() if path.name.lower().endswith(kind.suffixes)]
    if not found:
        hint = "; for images say .ome.tif" if path.suffix.lower() in (".tif", ".tiff") else ""
        raise ExportError(f"{path.name}: {path.suffix or 'no ending'} means no kind of file; there are {allowed}{hint}")
    return found[0]
