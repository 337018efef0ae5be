"""One rig, one session: a lock that names its holder and dies with it."""

import getpass
import json
import os
import socket
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from devices import portable


class RigLocked(RuntimeError):  # noqa: N818  (a state, not a mistake)
    """Somebody else holds the rig; the message says who, where and since when."""


class RigLock:
    """An exclusive lock on a file, freed by the operating system even after a kill.

    Usable as a context manager; the file stays, its text names the present or the last holder.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "rig.lock"
    >>> with RigLock(path):
    ...     RigLock(path).acquire()  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    lab.lock.RigLocked: ...rig.lock is held by ...
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        self._fd: int | None = None

    def acquire(self) -> Self:
        """Take the lock now, or raise RigLocked naming the holder."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        fd = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            if not portable.try_lock(fd):
                raise RigLocked(f"{self.path} is held by {_holder(self.path)}; end that session first")
            os.ftruncate(fd, 0)
            os.write(fd, json.dumps(_myself()).encode())
        except BaseException:
            os.close(fd)
            raise
        self._fd = fd
        return self

    def release(self) -> None:
        """Give the lock back; harmless if it is not held."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def __enter__(self) -> Self:
        return self.acquire()

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.release()


def _myself() -> dict[str, str | int]:
    since = time.strftime("%Y-%m-%d %H:%M:%S")
    return {"pid": os.getpid(), "user": getpass.getuser(), "host": socket.gethostname(), "since": since}


def _holder(path: Path) -> str:
    try:
        who = json.loads(path.read_text())
        return f"{who['user']} on {who['host']} (process {who['pid']}) since {who['since']}"
    except (OSError, ValueError, KeyError, TypeError):
        return "a session that is just starting"
