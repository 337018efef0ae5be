"""Where the systems differ: locks, files that somebody has open, ports. Linux, macOS and Windows.

Here and in `devices.polite`; everything else of the lab is written for all of them. What stands below ``WINDOWS`` was
never run there.
"""

import asyncio
import contextlib
import os
import re
import socket
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

WINDOWS = sys.platform == "win32"
if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

LOCKED_BYTE = (1 << 31) - 2  # Windows locks bytes, not files: one that is never written
LOOK_S = 0.02
LOOKS = 5  # before a file counts as held: another one may just be looking, too
OPEN_S = 2.0  # how long to wait for a reader that has a file open

if sys.platform == "win32":

    def try_lock(fd: int) -> bool:
        """Lock an open file for this process alone, now; False if another one holds it. Closing the file frees it."""
        before = os.lseek(fd, 0, os.SEEK_CUR)
        os.lseek(fd, LOCKED_BYTE, os.SEEK_SET)
        try:
            msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)
        except PermissionError:
            return False
        finally:
            os.lseek(fd, before, os.SEEK_SET)
        return True

    def is_locked(fd: int) -> bool:
        """Whether another one holds an open file; what this takes to find out, closing the file gives back."""
        for _ in range(LOOKS):
            if try_lock(fd):
                return False
            time.sleep(LOOK_S)
        return True

    def sync_data(fd: int) -> None:
        """Return when what was written is on the disk itself."""
        os.fsync(fd)

    def sync_folder(folder: Path) -> None:
        """A new name is safe without more: NTFS keeps a journal of its folders."""

else:

    def try_lock(fd: int) -> bool:
        """Lock an open file for this process alone, now; False if another one holds it. Closing the file frees it."""
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def is_locked(fd: int) -> bool:
        """Whether another one holds an open file; what this takes to find out, closing the file gives back."""
        try:
            fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return True
        return False

    sync_data = getattr(os, "fdatasync", os.fsync)

    def sync_folder(folder: Path) -> None:
        """Return when the names in a folder are on the disk itself."""
        fd = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)


def lock(fd: int) -> None:
    """Lock an open file for this process alone; waits for whoever holds it."""
    while not try_lock(fd):
        time.sleep(LOOK_S)


@contextlib.contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """While this lasts no other process is in here for the same folder; those that want to wait."""
    file = folder / ".lock" if WINDOWS else folder  # Windows cannot open a folder
    fd = os.open(file, os.O_RDWR | os.O_CREAT if WINDOWS else os.O_RDONLY)
    try:
        lock(fd)
        yield
    finally:
        os.close(fd)


def replace(draft: Path, path: Path) -> None:
    """Put a file in the place of another one. On Windows not while a reader has that open: wait for it."""
    patiently(lambda: draft.replace(path))


def remove(path: Path) -> None:
    """Delete a file if there is one; waits for its readers likewise."""
    patiently(lambda: path.unlink(missing_ok=True))


def patiently(step: Callable[[], Any]) -> None:
    """Carry out a step that Windows refuses as long as somebody has the file open."""
    deadline = time.monotonic() + OPEN_S
    while True:
        try:
            step()
        except PermissionError:
            if not WINDOWS or time.monotonic() > deadline:
                raise
            time.sleep(LOOK_S)
        else:
            return


def file_uri(path: str) -> str:
    r"""The address of a file on the computer that wrote it, whichever system that runs.

    >>> file_uri("/data/a b.h5"), file_uri(r"C:\data\a b.h5")
    ('file://localhost/data/a%20b.h5', 'file://localhost/C:/data/a%20b.h5')
    """
    drive = re.match(r"[A-Za-z]:[\\/]", path) is not None
    return f"file://localhost{'/' + quote(path.replace(chr(92), '/'), safe='/:') if drive else quote(path)}"


def mode_is_private(mode: int) -> bool:
    """Whether a file mode lets its owner alone read. Windows has access lists instead, which a mode does not tell."""
    return WINDOWS or not mode & 0o077


def outside_profile(folder: Path) -> bool:
    """Whether other users of this computer may read a folder: on Windows all but the user's own profile folder."""
    return WINDOWS and not folder.resolve().is_relative_to(Path.home())


def new_loop() -> asyncio.AbstractEventLoop:
    """An event loop that goes on hearing UDP after an answer could not be delivered: that of Windows does not."""
    return asyncio.SelectorEventLoop()


def claim_port(sock: socket.socket) -> None:
    """Before it is bound: nobody else may bind this TCP port. On Windows SO_REUSEADDR would let everybody."""
    if sys.platform == "win32":
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
    elif sock.type == socket.SOCK_STREAM:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
