"""The light path between two processes: lasers and shutter write it, the bench reads it.

A small memory-mapped file. A sequence number that is odd while the record changes, and a checksum, make
every read whole or dark; a missing file is dark too. The shutter is spring-loaded: it stays open only until
`hold_until`, which its process must keep pushing ahead. The interlock is a byte of its own: it belongs to
the door, not to the lasers. So does the light of the room, which only the rate meters hear.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import struct
import threading
import time
from dataclasses import dataclass, fields, replace
from pathlib import Path
from zlib import crc32

HOLD_S = 0.5
RECORD = struct.Struct("<???dddd")  # shutter, pulsed, cw; repetition, pulsed and cw intensity, hold
HEADER = struct.Struct("<QI")  # sequence number, checksum of the record
INTERLOCK_AT = 64
ROOM = struct.Struct("<d")  # counts per second of each counter
ROOM_AT = 72
SIZE = 128
ATTEMPTS = 50


@dataclass(frozen=True)
class BeamState:
    """The light as it is now; `hold_until` and `read_s` are monotonic seconds of this machine.

    room_cps : what the light of the room adds to each counter
    """

    shutter_open: bool = False
    pulsed_on: bool = False
    cw_on: bool = False
    repetition_hz: float = 0.0
    pulsed_w_cm2: float = 0.0
    cw_w_cm2: float = 0.0
    hold_until: float = 0.0
    interlock_closed: bool = False
    read_s: float = 0.0
    room_cps: float = 0.0

    @property
    def path_open(self) -> bool:
        """Light could pass: shutter commanded open and held, interlock closed."""
        held = 0 < self.hold_until - self.read_s <= 2 * HOLD_S
        return self.shutter_open and held and self.interlock_closed

    @property
    def pulsed_lit(self) -> bool:
        """Pulsed light reaches the sample."""
        return self.path_open and self.pulsed_on

    @property
    def cw_lit(self) -> bool:
        """Continuous light reaches the sample."""
        return self.path_open and self.cw_on

    @property
    def lit(self) -> bool:
        """Any light reaches the sample."""
        return self.path_open and (self.pulsed_on or self.cw_on)

    @property
    def pulsing(self) -> bool:
        """The pulsed laser runs, so its sync reaches the card, shutter or not."""
        return self.pulsed_on and self.interlock_closed


RECORDED = tuple(field.name for field in fields(BeamState))[:7]
DARK = BeamState()


class BeamWriter:
    """The only writer of the light path; starts dark, whatever the file said before."""

    def __init__(self, path: Path) -> None:
        self._map = _open(path, create=True)
        self._writing = threading.Lock()
        self._state = replace(DARK, interlock_closed=True)
        self._sequence = HEADER.unpack_from(self._map)[0] | 1
        self.update()

    def update(self, **changes: bool | float) -> None:
        """Change some fields and publish the record; one thread at a time."""
        with self._writing:
            self._state = replace(self._state, **changes)
            record = RECORD.pack(*(getattr(self._state, name) for name in RECORDED))
            self._sequence += self._sequence & 1
            HEADER.pack_into(self._map, 0, self._sequence + 1, 0)
            self._map[HEADER.size : HEADER.size + RECORD.size] = record
            self._sequence += 2
            HEADER.pack_into(self._map, 0, self._sequence, crc32(record))

    def refresh(self) -> None:
        """Hold an open shutter open for another moment."""
        self.update(hold_until=time.monotonic() + HOLD_S)

    def close(self) -> None:
        """End dark."""
        self.update(**{name: getattr(DARK, name) for name in RECORDED})
        self._map.close()


class BeamReader:
    """Reads the light path; dark while there is none."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._map: mmap.mmap | None = None
        self._inode = 0
        self._last = DARK

    def read(self) -> BeamState:
        """The light now; a record caught in the middle of a change counts as not yet changed."""
        mapped = self._mapped()
        if mapped is None:
            return DARK
        for _ in range(ATTEMPTS):
            raw = mapped[:SIZE]
            sequence, checksum = HEADER.unpack_from(raw)
            record = raw[HEADER.size : HEADER.size + RECORD.size]
            if not sequence & 1 and crc32(record) == checksum:
                closed = raw[INTERLOCK_AT] == 0
                room_cps = ROOM.unpack_from(raw, ROOM_AT)[0]
                self._last = BeamState(
                    *RECORD.unpack(record), interlock_closed=closed, read_s=time.monotonic(), room_cps=room_cps
                )
                return self._last
        return replace(self._last, interlock_closed=mapped[INTERLOCK_AT] == 0, read_s=time.monotonic())

    def _mapped(self) -> mmap.mmap | None:
        """The file as it is now; it may appear late or be replaced."""
        try:
            inode = self._path.stat().st_ino
            if self._map is None or inode != self._inode:
                self._map, self._inode = _open(self._path), inode
        except (OSError, ValueError):
            self._map = None
        return self._map


def set_interlock(path: Path, closed: bool) -> None:
    """Close or open the interlock loop of a light path, from any process."""
    mapped = _open(path, create=True)
    mapped[INTERLOCK_AT] = 0 if closed else 1
    mapped.close()


def set_room_light(path: Path, cps: float) -> None:
    """Switch on the light of the room, so much on each counter, from any process; 0 switches it off."""
    mapped = _open(path, create=True)
    ROOM.pack_into(mapped, ROOM_AT, cps)
    mapped.close()


def _open(path: Path, create: bool = False) -> mmap.mmap:
    """The file as shared memory; ValueError if it is too short."""
    if create:
        path.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError), path.open("xb") as file:
            file.write(bytes(SIZE))
        if path.stat().st_size < SIZE:
            os.truncate(path, SIZE)
    with path.open("r+b") as file:
        return mmap.mmap(file.fileno(), SIZE)
