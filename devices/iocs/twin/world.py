"""Steps of the simulated world: what is begun again begins in the world as it was when it was begun first.

A world is a moment: the clock, the number of acquisitions, and everything else that photons depend on, which stands in
small files of shared memory (see `dot_memory`). Moments are kept by the name of the step that began in them. So a
night that is cut off and goes on measures the same photons as one that is not. What happens while it is cut off, told
as the step "-" or by a bench that had to start again, stands aside: the next step begins where the last one was left.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path
from zlib import compress, decompress

import numpy as np

from devices.iocs.twin.clock import Clock

FURTHEST, ASIDE = "", "-"
Begin = Callable[[bytes, int, int], object]  # of a device, an acquisition and an index
SHORT = 64  # bytes: a content that is no longer is kept where it is named
TABLES = """
CREATE TABLE IF NOT EXISTS moments (step TEXT PRIMARY KEY, time_s REAL, acquisitions INTEGER, files TEXT);
CREATE TABLE IF NOT EXISTS contents (digest TEXT PRIMARY KEY, packed BLOB);
CREATE TABLE IF NOT EXISTS present (one INTEGER PRIMARY KEY, step TEXT);
"""


class World:
    """The world of one bench; nothing is kept while no step is told, and never without a folder.

    Parameters
    ----------
    clock : gives time and number of acquisitions
    memory : folder with the files (*.bin) of everything else; the moments are kept in it, too
    changed : called when the world has become another one
    """

    def __init__(self, clock: Clock, memory: Path | None, changed: Callable[[], object]) -> None:
        self.step, self._clock, self._memory = "", clock, memory
        self._changed = lambda: None  # while the bench is built
        self._kept: dict[str, str] = {}
        self._one_at_a_time = threading.Lock()
        self._log: sqlite3.Connection | None = None
        if memory is not None and (memory / "moments.sqlite").exists():
            self._wake_up()
        self._changed = changed

    def begin(self, step: str) -> bool:
        """Begin a step; whether the world is another one now. "" goes on as it is, and keeps nothing."""
        with self._one_at_a_time:
            before = self.step
            if step or before:
                self._leave()
                self._note(step)
            return step not in (FURTHEST, ASIDE) and self._enter(step, aside=before == ASIDE)

    def knows(self, step: str) -> bool:
        """Whether a step was begun before, so that beginning it brings back the world as it was then."""
        with self._one_at_a_time:
            return self._memory is not None and step not in (FURTHEST, ASIDE) and self._time_of(step) is not None

    def begin_part(self, device: bytes, acquisition: int, index: int) -> None:
        """Begin one line, patch or integration of the present step, which is a step of its own."""
        with self._one_at_a_time:
            if self.step not in (FURTHEST, ASIDE):
                part = f"{self.step} {device.decode()} {acquisition} {index}"
                if self._memory is not None and self._time_of(part) is not None:
                    self._leave()
                self._enter(part)

    def _wake_up(self) -> None:
        """After a restart: the step that was cut off is left where it was, and what comes before the next is aside."""
        (self.step,) = self._moments.execute("SELECT step FROM present").fetchone() or (FURTHEST,)
        self._leave()
        self._to_the_furthest()
        if self.step:
            self._note(ASIDE)

    def _note(self, step: str) -> None:
        """This is the step now."""
        self.step = step
        if self._memory is not None:
            with self._moments as moments:
                moments.execute("INSERT OR REPLACE INTO present VALUES (0, ?)", (step,))

    def _leave(self) -> None:
        """Keep what the present step has come to, if no other came further."""
        inside = self._memory is not None and self.step not in (FURTHEST, ASIDE)
        if inside and not self._now_s < (self._time_of(FURTHEST) or 0.0):
            self._keep(FURTHEST)

    def _enter(self, step: str, *, aside: bool = False) -> bool:
        if self._memory is None:
            return False
        if self._time_of(step) is None:
            went = self._to_the_furthest(whatever=aside)
            self._keep(step)
            return went
        if self._holds(step):
            return False
        self._put_back(step)
        return True

    def _to_the_furthest(self, *, whatever: bool = False) -> bool:
        """Go to the furthest moment that was reached, if it is later than this one, or `whatever` it is."""
        furthest_s = self._time_of(FURTHEST)
        if furthest_s is None or not (whatever or furthest_s > self._now_s):
            return False
        self._put_back(FURTHEST)
        return True

    @property
    def _now_s(self) -> float:
        return self._clock.now_s

    @property
    def _moments(self) -> sqlite3.Connection:
        """What is written survives a kill of this process; like the shared memory, it need not survive the machine."""
        if self._log is None:
            assert self._memory is not None
            self._memory.mkdir(parents=True, exist_ok=True)
            self._log = sqlite3.connect(self._memory / "moments.sqlite", check_same_thread=False)
            self._log.execute("PRAGMA journal_mode = WAL")
            self._log.execute("PRAGMA synchronous = OFF")
            self._log.executescript(TABLES)
        return self._log

    def _time_of(self, step: str) -> float | None:
        found = self._moments.execute("SELECT time_s FROM moments WHERE step = ?", (step,)).fetchone()
        return None if found is None else found[0]

    def _moment(self, step: str) -> tuple[float, int, dict[str, str]]:
        """Time, number of acquisitions, and what each file held."""
        query = "SELECT time_s, acquisitions, files FROM moments WHERE step = ?"
        time_s, acquisitions, files = self._moments.execute(query, (step,)).fetchone()
        return time_s, acquisitions, json.loads(files)

    def _holds(self, step: str) -> bool:
        """Whether the world is the one in which this step began."""
        time_s, acquisitions, held = self._moment(step)
        if (time_s, acquisitions) != (self._now_s, self._clock.acquisitions):
            return False
        return all(known_as(content) == held.get(name, known_as(bytes(len(content)))) for name, content in self._now())

    def _now(self) -> list[tuple[str, bytes]]:
        """Name and content of each file."""
        assert self._memory is not None
        return [(path.name, path.read_bytes()) for path in sorted(self._memory.glob("*.bin"))]

    def _keep(self, step: str) -> None:
        """Keep the present moment under this name, whole or not at all."""
        with self._moments as moments:
            held = {}
            for name, content in self._now():
                key = held[name] = known_as(content)
                if len(content) > SHORT and self._kept.get(name) != key:
                    row = (key, compress(content, 1))
                    moments.execute("INSERT OR IGNORE INTO contents VALUES (?, ?)", row)
            row = (step, self._now_s, self._clock.acquisitions, json.dumps(held))
            moments.execute("INSERT OR REPLACE INTO moments VALUES (?, ?, ?, ?)", row)
        self._kept = held

    def _put_back(self, step: str) -> None:
        """Make the world what it was. The clock is the first to go back and the last to go on: what is cut off in
        between is then behind the furthest moment, which is where a bench that starts again begins."""
        time_s, acquisitions, held = self._moment(step)
        if time_s < self._now_s:
            self._clock.put_back(time_s, acquisitions)
        for name, content in self._now():
            self._put_back_file(name, held.get(name), len(content))
        self._clock.put_back(time_s, acquisitions)
        self._changed()

    def _put_back_file(self, name: str, key: str | None, size: int) -> None:
        """Write into the shared memory itself: whoever has it open sees it. A file that was not there is empty."""
        assert self._memory is not None
        content = bytes(size)
        if key is not None and size <= SHORT:
            content = bytes.fromhex(key)
        elif key is not None:
            (packed,) = self._moments.execute("SELECT packed FROM contents WHERE digest = ?", (key,)).fetchone()
            content = decompress(packed)
        np.memmap(self._memory / name, np.uint8, "r+", shape=(size,))[:] = np.frombuffer(content, np.uint8)


def known_as(content: bytes) -> str:
    """A short content itself, the digest of a long one."""
    return content.hex() if len(content) <= SHORT else blake2b(content, digest_size=16).hexdigest()


def nothing(device: bytes, acquisition: int, index: int) -> None:
    """What is begun where there are no steps."""
