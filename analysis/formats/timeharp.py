"""Files of the TimeHarp 200: time tags (.t3r) and histograms (.thd), told apart by their header.

Layout: the vendor's demo programs for file access, versions 2.0 to 6.0; checked on real files of versions 5.0 and 6.0.
"""

from pathlib import Path

from analysis.formats._bytes import opened
from analysis.formats._timeharp_header import read_header
from analysis.formats._timeharp_layout import IDENT, TIME_TAGS
from analysis.formats.photons import Decays, Photons
from analysis.formats.timeharp_t3r import read_photons, write_t3r
from analysis.formats.timeharp_thd import read_decays, write_thd

__all__ = ["is_timeharp", "read_timeharp", "write_t3r", "write_thd"]


def is_timeharp(head: bytes) -> bool:
    """Whether a file that starts with `head` is one of the TimeHarp 200.

    >>> is_timeharp(b"TimeHarp 200" + bytes(4) + b"6.0")
    True
    """
    return head.startswith(IDENT.encode())


def read_timeharp(path: str | Path) -> Photons | Decays:
    """The photons of a .t3r or the curves of a .thd file; ValueError with the offending byte."""
    with opened(Path(path)) as cursor:
        header = read_header(cursor)
        read_data = read_photons if header["MeasurementMode"] == TIME_TAGS else read_decays
        return read_data(cursor, header)
