"""One door for all files: what a file is, its first bytes tell, never its name."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from analysis.formats._bytes import opened
from analysis.formats.photons import Decays, Photons, Spectrum

HEAD = 64  # bytes by which formats are told apart


class Format(NamedTuple):
    """A format: how it is called, whether a file with this head is one, and its reader."""

    name: str
    is_it: Callable[[Path, bytes], bool]
    read: Callable[[Path], Photons | Decays | Spectrum]


def read(path: str | Path) -> Photons | Decays | Spectrum:
    """The photons, decay curves or spectra in a file of any known format.

    Parameters
    ----------
    path : TimeHarp 200 time tags (.t3r) and histograms (.thd), PicoQuant .ptu, Photon-HDF5,
        text of Fluoracle; under any name

    Notes
    -----
    ValueError for anything else, and for a file that is truncated or makes no sense: with its name, the byte, and what
    was expected there. OSError if it cannot be opened.
    """
    path = Path(path)
    with opened(path) as cursor:
        head = cursor.bytes(min(HEAD, cursor.size), "the first bytes")
    for known in FORMATS:
        if known.is_it(path, head):
            return known.read(path)
    found = repr(head[:16]) if head else "nothing"
    raise ValueError(f"{path}: byte 0: found {found}, expected a file of {', '.join(f.name for f in FORMATS)}")


def _is_timeharp(path: Path, head: bytes) -> bool:
    from analysis.formats.timeharp import is_timeharp

    return is_timeharp(head)


def _read_timeharp(path: Path) -> Photons | Decays:
    from analysis.formats.timeharp import read_timeharp

    return read_timeharp(path)


def _is_ptu(path: Path, head: bytes) -> bool:
    from analysis.formats.ptu import is_ptu

    return is_ptu(head)


def _read_ptu(path: Path) -> Photons:
    from analysis.formats.ptu import read_ptu

    return read_ptu(path)


def _is_photon_hdf5(path: Path, head: bytes) -> bool:
    from analysis.formats.photon_hdf5 import is_photon_hdf5

    return is_photon_hdf5(path)


def _read_photon_hdf5(path: Path) -> Photons:
    from analysis.formats.photon_hdf5 import read_photon_hdf5

    return read_photon_hdf5(path)


def _is_fluoracle(path: Path, head: bytes) -> bool:
    from analysis.formats.fluoracle import is_fluoracle

    return is_fluoracle(path)


def _read_fluoracle(path: Path) -> Spectrum:
    from analysis.formats.fluoracle import read_fluoracle

    return read_fluoracle(path)


FORMATS = (
    Format("TimeHarp 200 (.t3r, .thd)", _is_timeharp, _read_timeharp),
    Format("PicoQuant (.ptu)", _is_ptu, _read_ptu),
    Format("Photon-HDF5 (.h5)", _is_photon_hdf5, _read_photon_hdf5),
    Format("Fluoracle (text)", _is_fluoracle, _read_fluoracle),
)
