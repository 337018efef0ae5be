"""What a TimeHarp 200 file says before its data: read, checked and written.

A header is a dict by the vendor's names. Texts keep what old software left behind their end, so that writing a header
that was read gives the same bytes.
"""

from datetime import datetime
from typing import Any

import numpy as np

from analysis.formats._bytes import Cursor
from analysis.formats._timeharp_layout import (
    HISTOGRAMS,
    IDENT,
    LIMITS,
    START,
    TAGGING_LIMITS,
    TIME_TAGS,
    USUAL,
    VERSIONS,
    header_fields,
    offset_of,
    tagging_fields,
    whole_header,
)


def read_header(cursor: Cursor) -> dict[str, Any]:
    """The header from the start of a file, up to its data.

    ValueError for a version, a mode of measurement, a size of histograms or a resolution that does not exist.
    """
    header = as_dict(cursor.record(START, "the name of a card and a version"))
    _expect(cursor, header, "Ident", text(header["Ident"]) == IDENT, IDENT)
    version = text(header["FormatVersion"])
    _expect(cursor, header, "FormatVersion", version in VERSIONS, " or ".join(VERSIONS))
    header |= as_dict(cursor.record(header_fields(version), f"the header of a {IDENT} file, version {version}"))
    _expect(cursor, header, "CRLF", header["CRLF"] == "\r\n", "a line end")
    _expect_limits(cursor, header, LIMITS)
    mode = header["MeasurementMode"]
    _expect(cursor, header, "MeasurementMode", mode in (HISTOGRAMS, TIME_TAGS), "0 (histograms) or 2 (time tags)")
    return header | _tagging_header(cursor, header, version) if mode == TIME_TAGS else header


def header_bytes(header: dict[str, Any], version: str, mode: int) -> bytes:
    """The header with these values and, where it says nothing, those of usual files; ValueError if one has no room."""
    now = datetime.now().strftime("%d/%m/%y %H:%M:%S")
    script = "TTTR Mode" if mode == TIME_TAGS else "Interactive Mode"
    usual = USUAL | {"FormatVersion": version, "FileTime": now, "ScriptName": script}
    return as_bytes(whole_header(version, mode), usual | header | {"MeasurementMode": mode})


def own_header(header: dict[str, Any], version: str | None) -> tuple[dict[str, Any], str]:
    """What may be kept of a header when writing, nothing if it is another card's; and the version to be written."""
    own = header if text(str(header.get("Ident", ""))) == IDENT else {}
    present = text(own.get("FormatVersion", "5.0"))
    if version is None or version == present:
        return own, present
    if version not in VERSIONS:
        raise ValueError(f"version is {version!r}: give one of {', '.join(VERSIONS)}")
    return own | {"FormatVersion": version}, version


def read_trailer(cursor: Cursor, what: str) -> str:
    """A line end after the data, as some files have; ValueError for anything else."""
    if cursor.left > 2:
        raise cursor.error(f"{cursor.left} bytes follow the {what} that the header announces, expected the end")
    at, trailer = cursor.offset, cursor.bytes(cursor.left, "a line end")
    if trailer.strip(b"\r\n"):
        raise cursor.error(f"{trailer!r} follows the {what} that the header announces, expected the end", at)
    return trailer.decode("latin-1")


def as_dict(record: np.void) -> dict[str, Any]:
    """The fields of a structure as Python's own numbers, texts and lists."""
    plain = {name: record[name].tolist() for name in record.dtype.names or ()}
    return {name: v.decode("latin-1") if isinstance(v, bytes) else v for name, v in plain.items()}


def as_bytes(fields: np.dtype, values: dict[str, Any]) -> bytes:
    """The inverse of `as_dict`; zero for what `values` do not hold."""
    record = np.zeros((), fields)
    for name in fields.names or ():
        if name in values:
            record[name] = _fitting(name, values[name], fields[name])
    return record.tobytes()


def text(field: str) -> str:
    """A text up to its end, without what old software left behind it."""
    return field.partition("\0")[0]


def _tagging_header(cursor: Cursor, header: dict[str, Any], version: str) -> dict[str, Any]:
    tagging = as_dict(cursor.record(tagging_fields(version), "the header of time tags"))
    _expect_limits(cursor, header | tagging, TAGGING_LIMITS)
    n_words = tagging.get("SpecHeaderLength", 0)
    return tagging | {"SpecialHeader": cursor.array(np.dtype("<i4"), n_words, "the special header").tolist()}


def _expect_limits(cursor: Cursor, header: dict[str, Any], limits: dict[str, tuple[float, float]]) -> None:
    for name, (least, most) in limits.items():
        if name in header:
            wanted = f"{least}" if least == most else f"{least} to {most}"
            _expect(cursor, header, name, least <= header[name] <= most, wanted)


def _expect(cursor: Cursor, header: dict[str, Any], name: str, holds: bool, wanted: str) -> None:
    if not holds:
        version = text(header["FormatVersion"])
        fields = whole_header(version if version in VERSIONS else VERSIONS[0], TIME_TAGS)
        raise cursor.error(f"{name} is {header[name]!r}, expected {wanted}", offset_of(fields, name))


def _fitting(name: str, value: Any, field: np.dtype) -> Any:
    """The value in the type of the field; ValueError if it would be cut."""
    try:
        stored = value.encode("latin-1") if isinstance(value, str) else value
        if field.kind == "S" and len(stored) > field.itemsize:
            raise OverflowError
        return np.array(stored, field.base).reshape(field.shape)
    except (TypeError, ValueError, OverflowError):
        room = f"{field.itemsize} latin characters" if field.kind == "S" else f"{field.base} of shape {field.shape}"
        raise ValueError(f"header field {name} is {value!r}: give {room}") from None
