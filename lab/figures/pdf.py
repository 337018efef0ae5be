"""The subject of a PDF file: where figures keep their origin."""

import re

_SUBJECT = re.compile(rb"/Subject\s*(?=[(<])")
_ESCAPES = {ord("n"): 10, ord("r"): 13, ord("t"): 9, ord("b"): 8, ord("f"): 12}


def subject(file: bytes) -> str:
    """The last subject that a PDF tells in the clear; "" if there is none, or it is compressed or encrypted.

    >>> subject(rb"1 0 obj << /Subject (a \\(b\\) (c)) >>"), subject(b"/Subject <FEFF0061>"), subject(b"%PDF")
    ('a (b) (c)', 'a', '')
    """
    found = list(_SUBJECT.finditer(file))
    if not found:
        return ""
    begin = found[-1].end()
    raw = literal(file, begin + 1) if file[begin : begin + 1] == b"(" else hexadecimal(file, begin + 1)
    return raw[2:].decode("utf-16-be", "replace") if raw.startswith(b"\xfe\xff") else raw.decode("latin-1")


def literal(file: bytes, at: int) -> bytes:
    """A string in parentheses, which may be nested, escaped or given as octal numbers."""
    out, depth = bytearray(), 1
    while at < len(file):
        byte = file[at]
        if byte == 0x5C:
            at = escaped(file, at + 1, out)
            continue
        depth += (byte == 0x28) - (byte == 0x29)
        if depth == 0:
            break
        out.append(byte)
        at += 1
    return bytes(out)


def escaped(file: bytes, at: int, out: bytearray) -> int:
    """Append what stands behind a backslash; where to go on."""
    if octal := re.compile(rb"[0-7]{1,3}").match(file, at):
        out.append(int(octal[0], 8) & 0xFF)
        return octal.end()
    if at < len(file) and file[at] not in b"\r\n":
        out.append(_ESCAPES.get(file[at], file[at]))
    return at + 1


def hexadecimal(file: bytes, at: int) -> bytes:
    """A string in angle brackets."""
    digits = bytes(byte for byte in file[at : file.find(b">", at)] if byte not in b" \r\n\t")
    try:
        return bytes.fromhex(digits.decode("ascii"))
    except ValueError:
        return b""
