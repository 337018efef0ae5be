"""A file read from front to back by somebody who always knows at which byte."""

import io
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np


class Cursor:
    """The place reached in an open file. Nothing is allocated for bytes that the file does not hold."""

    def __init__(self, path: Path, file: io.BufferedReader, size: int):
        self.path, self.file, self.size = path, file, size
        self.offset = file.tell()

    @property
    def left(self) -> int:
        """Bytes from here to the end."""
        return self.size - self.offset

    def error(self, message: str, offset: int | None = None) -> ValueError:
        """What is wrong at `offset` (here, if not given); to be raised."""
        return ValueError(f"{self.path}: byte {self.offset if offset is None else offset}: {message}")

    def need(self, n_bytes: int, what: str) -> None:
        """ValueError unless the file goes on for `n_bytes`."""
        if n_bytes > self.left:
            raise self.error(f"expected {what}, {n_bytes} bytes, but the file ends at byte {self.size}")

    def bytes(self, n_bytes: int, what: str) -> bytes:
        """The next `n_bytes`."""
        self.need(n_bytes, what)
        found = self.file.read(n_bytes)
        self._advance(len(found), n_bytes, what)
        return found

    def record(self, layout: np.dtype, what: str) -> np.void:
        """The next structure, with the fields of `layout`."""
        return np.frombuffer(self.bytes(layout.itemsize, what), layout)[0]

    def array(self, layout: np.dtype, count: int, what: str) -> np.ndarray:
        """The next `count` items, (count,), to be kept and written to."""
        self.need(count * layout.itemsize, what)
        found = np.empty(count, layout)
        self.fill(found, what)
        return found

    def fill(self, items: np.ndarray, what: str) -> None:
        """Overwrite `items`, contiguous, with what comes next."""
        self.need(items.nbytes, what)
        if items.size:
            self._advance(self.file.readinto(items.view(np.uint8).data), items.nbytes, what)

    def _advance(self, found: int, n_bytes: int, what: str) -> None:
        if found != n_bytes:
            raise self.error(f"expected {what}, but the file was cut while it was read")
        self.offset += found


@contextmanager
def opened(path: Path) -> Iterator[Cursor]:
    """A cursor at the start of `path`; ValueError for a folder, a pipe or a device, OSError if it cannot be opened."""
    mode = path.stat()
    if not stat.S_ISREG(mode.st_mode):
        kind = "a folder" if stat.S_ISDIR(mode.st_mode) else "no regular file"
        raise ValueError(f"{path}: byte 0: expected a file of measurements, this is {kind}")
    with path.open("rb") as file:
        yield Cursor(path, file, mode.st_size)
