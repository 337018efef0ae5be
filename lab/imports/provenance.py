"""Where an imported run comes from: file, checksum, what its header says, and when it was measured."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from analysis.formats.photons import Decays, Photons, Spectrum

DATE = re.compile(r"\s*(\d{1,4})[./-](\d{1,2})[./-](\d{1,4})[ T]+(\d{1,2}):(\d{2})(?::(\d{1,2}))?")
DATES = ("FileTime", "File_CreatingTime", "provenance/creation_time", "identity/creation_time", "Date")
EARLIEST_S = datetime(1980, 1, 1).timestamp()
LONGEST_TEXT = 500
# What is looked up in headers: fact -> names that hold it.
FACTS = {
    "instrument": ("HardwareIdent", "HW_Type", "Ident", "Detector", "setup/detectors/module"),
    "serial": ("BoardSerial", "HW_SerialNo"),
    "software": ("CreatorName", "CreatorSW_Name", "provenance/software", "identity/software"),
    "comment": ("Comment", "File_Comment", "description"),
    "acquisition_time_ms": ("AcquisitionTime", "MeasDesc_AcquisitionTime"),
    "stopped_after_ms": ("StopAfter", "TTResult_StopAfter"),
    "format_version": ("FormatVersion",),
    "type": ("Type",),
    "labels": ("Labels",),
    "lamp": ("Lamp",),
    "temperature": ("Temp",),
}


@dataclass(frozen=True)
class Source:
    """A file that becomes runs; `sha256` is its checksum, `n_bytes` its size, `modified_s` Unix time."""

    path: Path
    relative: str
    sha256: str
    n_bytes: int
    modified_s: float

    def facts(self, content: Photons | Decays | Spectrum, kept: Path) -> dict[str, Any]:
        """For the start document; kept : where the file is found from now on."""
        return {
            "file": self.path.name,
            "relative": self.relative,
            "folder": str(self.path.parent),
            "sha256": self.sha256,
            "bytes": self.n_bytes,
            "modified": datetime.fromtimestamp(self.modified_s).isoformat(timespec="seconds"),
            "modified_s": self.modified_s,
            "kept": str(kept),
            "format": format_of(content, self.path),
            "header": header_facts(content),
        }


def format_of(content: Photons | Decays | Spectrum, path: Path) -> str:
    """The format of a file that was read, in a word."""
    header = content.header
    if isinstance(content, Spectrum):
        return "Fluoracle"
    if str(header.get("Ident", "")).startswith("TimeHarp"):
        return "THD" if isinstance(content, Decays) else "T3R"
    return "Photon-HDF5" if any("/" in name for name in header) else "PTU"


def header_facts(content: Photons | Decays | Spectrum) -> dict[str, Any]:
    """What the header says of the instrument, as a document can hold it."""
    found = {fact: told for fact, names in FACTS.items() if (told := said(content.header, names)) is not None}
    if isinstance(content, Photons):
        rate = {"sync_hz": content.sync_hz} if math.isfinite(content.sync_hz) else {}
        widths = {"resolution_ns": content.bin_width_ns} if content.n_channels else {}
        return found | rate | widths | {"clock_ns": content.macrotime_unit_s * 1e9, "n_photons": len(content)}
    if isinstance(content, Decays):
        rates = [float(rate) for rate in content.sync_hz]
        return found | {"resolution_ns": [float(width) for width in content.bin_width_ns], "sync_hz": rates}
    return found


def said(header: Mapping[str, Any], names: tuple[str, ...]) -> Any:
    """The first of these names that holds text or a number; None without one."""
    for name in names:
        value = header.get(name)
        value = value.decode("utf-8", "replace") if isinstance(value, bytes) else value
        value = list(value) if isinstance(value, tuple) else value
        if isinstance(value, str) and value.strip("\0 \r\n"):
            return value.strip("\0 \r\n")[:LONGEST_TEXT]
        if isinstance(value, int | float) and not isinstance(value, bool):
            return value
        if isinstance(value, list) and value and all(isinstance(one, str) for one in value):
            return value
    return None


def measured_at(header: Mapping[str, Any], modified_s: float, date_order: str) -> tuple[float, str]:
    """Unix time of a measurement, and who says so: the header, else the date of the file.

    A date is read as the local time of this computer.
    """
    for name in DATES:
        value = header.get(name)
        value = value.decode("utf-8", "replace") if isinstance(value, bytes) else value
        time_s = value.timestamp() if isinstance(value, datetime) else date_of(str(value or ""), date_order)
        if math.isfinite(time_s) and time_s > EARLIEST_S:
            order = "" if isinstance(value, datetime) else f", read as {date_order}"
            return time_s, f"{name} of the file{order}"
    return modified_s, "the date of the file: its header tells none"


def date_of(text: str, order: str) -> float:
    """Unix time of a date with its time of day; NaN if it is none.

    Four digits of a year in front need no order.

    >>> [datetime.fromtimestamp(date_of(text, "dmy")).isoformat() for text in ("08/09/03 12:51:43", "2014-03-02 10:07")]
    ['2003-09-08T12:51:43', '2014-03-02T10:07:00']
    >>> date_of("19/05/06 16:36:07", "mdy")
    nan
    """
    if (match := DATE.match(text)) is None:
        return math.nan
    parts = dict(zip("ymd" if len(match[1]) == 4 else order, match.groups()[:3], strict=True))
    year = int(parts["y"]) + (0 if len(parts["y"]) == 4 else 1900 if int(parts["y"]) >= 80 else 2000)
    try:
        day = datetime(year, int(parts["m"]), int(parts["d"]), int(match[4]), int(match[5]), int(match[6] or 0))
        return day.timestamp()
    except (ValueError, OverflowError, OSError):
        return math.nan
