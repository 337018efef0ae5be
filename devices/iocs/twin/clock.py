"""The one simulated clock: every second of the twin passes here.

`speed` says how much faster than real time the seconds pass; it changes waiting, never data. With `memory`,
time and the acquisition counter live in a memory-mapped file: a process that is killed continues where it
was.
"""

from __future__ import annotations

import math
import mmap
import threading
import time
from pathlib import Path

import numpy as np

MEMORY_BYTES = 16  # simulated time as float64, acquisition counter as int64
SHORTEST_WAIT_S = 1e-4  # shorter waits are owed to the next one
LONGEST_DEBT_S = 0.05  # being later than this is forgiven, not caught up


class Clock:
    """Simulated seconds, advanced by whoever measures.

    Parameters
    ----------
    speed : simulated seconds per real second, > 0; inf does not wait
    memory : file that keeps the time (16 bytes, made when missing); None forgets
    """

    def __init__(self, speed: float = math.inf, memory: Path | None = None) -> None:
        if not speed > 0:
            raise ValueError(f"speed is {speed}: it must be > 0 (inf does not wait)")
        self.speed = speed
        self._lock = threading.Lock()
        self._never = threading.Event()
        self._due_s = 0.0
        buffer = bytearray(MEMORY_BYTES) if memory is None else _mapped(memory)
        self._time_s = np.frombuffer(buffer, dtype=np.float64, count=1)
        self._count = np.frombuffer(buffer, dtype=np.int64, count=1, offset=8)
        if not (np.isfinite(self._time_s[0]) and self._time_s[0] >= 0 and self._count[0] >= 0):
            raise ValueError(f"{memory} does not hold a clock: delete it to start at zero")

    @property
    def now_s(self) -> float:
        """Simulated time in seconds."""
        return float(self._time_s[0])

    @property
    def acquisitions(self) -> int:
        """How many numbers were given out."""
        return int(self._count[0])

    def put_back(self, time_s: float, acquisitions: int) -> None:
        """Be at that moment again."""
        with self._lock:
            self._time_s[0], self._count[0] = time_s, acquisitions

    def next_acquisition(self) -> int:
        """A number no acquisition had before: 1, 2, ..."""
        with self._lock:
            self._count[0] += 1
            return int(self._count[0])

    def advance(self, dt_s: float, stop: threading.Event | None = None) -> bool:
        """Let `dt_s` simulated seconds pass; False if `stop` cut them short."""
        if not (dt_s >= 0 and math.isfinite(dt_s)):
            raise ValueError(f"dt_s is {dt_s}: it must be finite and >= 0")
        stop = stop or self._never
        passed = self._wait(dt_s / self.speed, stop)
        with self._lock:
            self._time_s[0] += dt_s * passed
        return passed == 1.0

    def _wait(self, wait_s: float, stop: threading.Event) -> float:
        """Sleep until the wait is due; the fraction of it that passed, 1.0 unless stopped."""
        if stop.is_set():
            return 0.0
        if wait_s == 0:
            return 1.0
        now_s = time.monotonic()
        with self._lock:
            since_s = self._due_s if now_s - self._due_s < LONGEST_DEBT_S else now_s
            self._due_s = due_s = since_s + wait_s
        if due_s - now_s < SHORTEST_WAIT_S or not stop.wait(due_s - now_s):
            return 1.0
        left_s = due_s - time.monotonic()
        with self._lock:
            self._due_s = 0.0
        return float(np.clip(1 - left_s / wait_s, 0.0, np.nextafter(1.0, 0.0)))


def _mapped(memory: Path) -> mmap.mmap:
    """The file as shared memory, extended with zeros to its full size."""
    memory.parent.mkdir(parents=True, exist_ok=True)
    with memory.open("a+b") as file:
        missing = MEMORY_BYTES - file.seek(0, 2)
        file.write(bytes(max(missing, 0)))
        file.flush()
        return mmap.mmap(file.fileno(), MEMORY_BYTES)
