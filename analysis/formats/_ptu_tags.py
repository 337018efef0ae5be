"""The header of PTU files: tags of 48 bytes, some followed by text or numbers, up to the one called Header_End."""

import struct
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from analysis.formats._bytes import Cursor

MAGIC = b"PQTTTR\0\0"
VERSION = b"1.0.00\0\0"
TAG = struct.Struct("<32siI8s")  # name, index (-1: not a list), type, value or length
MOST_TAGS = 100_000
LONGEST_NAME = 31
DAY_ZERO = datetime(1899, 12, 30)

EMPTY, BOOL, INT, BITS, COLOUR = 0xFFFF0008, 0x00000008, 0x10000008, 0x11000008, 0x12000008
FLOAT, DATE, FLOATS = 0x20000008, 0x21000008, 0x2001FFFF
ANSI, WIDE, BLOB = 0x4001FFFF, 0x4002FFFF, 0xFFFFFFFF

HEADER_END = TAG.pack(b"Header_End", -1, EMPTY, bytes(8))


def _int(value: bytes) -> int:
    return int.from_bytes(value, "little", signed=True)


def _float(value: bytes) -> float:
    return struct.unpack("<d", value)[0]


def _date(value: bytes) -> datetime:
    return DAY_ZERO + timedelta(days=_float(value))


def _floats(value: bytes) -> tuple[float, ...]:
    return struct.unpack(f"<{len(value) // 8}d", value)


FIXED: dict[int, Callable[[bytes], Any]] = {
    EMPTY: lambda value: None,
    BOOL: lambda value: _int(value) != 0,
    INT: _int,
    BITS: _int,
    COLOUR: _int,
    FLOAT: _float,
    DATE: _date,
}
SIZED: dict[int, Callable[[bytes], Any]] = {
    FLOATS: _floats,
    ANSI: lambda value: value.split(b"\0", 1)[0].decode("cp1252", "replace"),
    WIDE: lambda value: value.decode("utf-16-le", "replace").split("\0", 1)[0],
    BLOB: bytes,
}


def read_tags(cursor: Cursor) -> tuple[dict[str, Any], dict[str, int]]:
    """The header by the file's own names, and the byte offset of each tag; leaves the cursor at the first record.

    Tags of a list are called "Name(0)", "Name(1)"; of several tags of one name the last counts.
    ValueError with the byte offset if this is not the header of a PTU file.
    """
    if (magic := cursor.bytes(8, "the start of a PTU file")) != MAGIC:
        raise cursor.error(f"expected {MAGIC!r}, found {magic!r}: not a PTU file", 0)
    cursor.bytes(8, "the version of the PTU format")
    header: dict[str, Any] = {}
    offsets: dict[str, int] = {}
    for _ in range(MOST_TAGS):
        at = cursor.offset
        raw, index, kind, value = TAG.unpack(cursor.bytes(TAG.size, "a tag of the header (no Header_End so far)"))
        name = raw.split(b"\0", 1)[0].decode("latin-1")
        if name == "Header_End":
            return header, offsets
        name = name if index < 0 else f"{name}({index})"
        header[name], offsets[name] = _value(cursor, at, kind, value), at
    raise cursor.error(f"expected Header_End within {MOST_TAGS} tags")


def _value(cursor: Cursor, at: int, kind: int, value: bytes) -> Any:
    """Value of the tag at offset `at`, which the cursor has passed."""
    if kind not in FIXED and kind not in SIZED:
        raise cursor.error(f"expected the type of a tag, found {kind:#010x}", at + 36)
    if kind in SIZED:
        if (size := _int(value)) < 0:
            raise cursor.error(f"expected the length of a value, found {size}", at + 40)
        value = cursor.bytes(size, f"a value of type {kind:#010x}")
    try:
        return (FIXED.get(kind) or SIZED[kind])(value)
    except (OverflowError, ValueError, struct.error) as error:
        raise cursor.error(f"{value[:16].hex()} is no value of type {kind:#010x}: {error}", at + 40) from error


def tag(name: str, value: Any) -> bytes:
    """One tag; its type follows from that of `value`, its index from a name such as "Name(0)".

    >>> len(tag("MeasDesc_Resolution", 4e-12)), len(tag("File_Comment", "seven b"))
    (48, 56)
    """
    stem, index = _split(name)
    kind, payload = _encode(name, value)
    if kind in FIXED:
        return TAG.pack(stem.encode(), index, kind, payload)
    padded = payload + bytes(-len(payload) % 8)
    return TAG.pack(stem.encode(), index, kind, len(padded).to_bytes(8, "little")) + padded


def _split(name: str) -> tuple[str, int]:
    stem, bracket, rest = name.partition("(")
    index = int(rest[:-1]) if bracket and rest[:-1].isdecimal() and rest.endswith(")") else -1
    stem = stem if index >= 0 else name
    if not (0 < len(stem) <= LONGEST_NAME and stem.isascii() and stem.isprintable()) or stem == "Header_End":
        raise ValueError(f"{name!r} cannot name a PTU tag: 1 to {LONGEST_NAME} ASCII characters, not Header_End")
    return stem, index


def _encode(name: str, value: Any) -> tuple[int, bytes]:
    """Type and bytes of a value."""
    match value:
        case None:
            kind, payload = EMPTY, bytes(8)
        case bool():
            kind, payload = BOOL, int(value).to_bytes(8, "little")
        case int() if -(2**63) <= value < 2**63:
            kind, payload = INT, int(value).to_bytes(8, "little", signed=True)
        case float():
            kind, payload = FLOAT, struct.pack("<d", value)
        case datetime():
            kind, payload = DATE, struct.pack("<d", (value.replace(tzinfo=None) - DAY_ZERO) / timedelta(days=1))
        case str():
            kind, payload = _encode_text(value)
        case tuple() if all(isinstance(item, float) for item in value):
            kind, payload = FLOATS, struct.pack(f"<{len(value)}d", *value)
        case bytes():
            kind, payload = BLOB, value
        case _:
            raise ValueError(f"{name}={value!r} cannot be written: a tag is a number, a date, text, bytes or None")
    return kind, payload


def _encode_text(value: str) -> tuple[int, bytes]:
    try:
        return ANSI, value.encode("cp1252") + b"\0"
    except UnicodeEncodeError:
        return WIDE, value.encode("utf-16-le", "replace") + b"\0\0"
