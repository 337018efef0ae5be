"""Messages between the two processes: a JSON header and raw bytes. Needs the standard library only, of 3.8 or newer.

A message is two little-endian 32-bit lengths, the header, and the bytes.
"""

from __future__ import annotations

import json
import socket
import struct
from typing import Any

LENGTHS = struct.Struct("<II")
MOST_HEADER, MOST_BYTES = 1 << 20, 1 << 27
PIECE = 1 << 20


class Gone(ConnectionError):  # noqa: N818  (a state, not a mistake)
    """The other process has ended."""


def send(link: socket.socket, header: dict[str, Any], payload: bytes = b"") -> None:
    """Send one message; Gone if nobody is there."""
    text = json.dumps(header).encode("utf-8")
    try:
        link.sendall(LENGTHS.pack(len(text), len(payload)) + text)
        if payload:
            link.sendall(payload)
    except OSError as why:
        raise Gone(str(why)) from why


def receive(link: socket.socket) -> tuple[dict[str, Any], bytes]:
    """The next message; Gone if there is none any more, ValueError if it is none."""
    n_text, n_bytes = LENGTHS.unpack(exactly(link, LENGTHS.size))
    if n_text > MOST_HEADER or n_bytes > MOST_BYTES:
        raise ValueError(f"a message of {n_text} + {n_bytes} bytes")
    header = json.loads(exactly(link, n_text).decode("utf-8"))
    if not isinstance(header, dict):
        raise ValueError("a message without a header")
    return header, exactly(link, n_bytes)


def exactly(link: socket.socket, n_bytes: int) -> bytes:
    """So many bytes; Gone if the other process ends before."""
    parts, missing = [], n_bytes
    while missing:
        try:
            part = link.recv(min(missing, PIECE))
        except socket.timeout:  # noqa: UP041  (3.8 knows it by this name only)
            raise
        except OSError as why:
            raise Gone(str(why)) from why
        if not part:
            raise Gone("the other process has ended")
        parts.append(part)
        missing -= len(part)
    return b"".join(parts)
