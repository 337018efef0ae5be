"""How much light each place of each sample has seen, kept on disk: neither a kill nor a restart forgets it."""

import logging
import math
import sqlite3
import threading
import time
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

log = logging.getLogger(__name__)

PLACE_UM = 0.5
BUDGET = "budget_kj_cm2"
TABLES = """
create table if not exists dose (sample text, x integer, y integer, kj_cm2 real, primary key (sample, x, y));
create table if not exists reset (sample text, time_s real, largest_kj_cm2 real, why text);
create table if not exists setting (name text primary key, value real);
"""

Place = tuple[int, int]


def place_of(x_um: float, y_um: float) -> Place:
    """The square of `PLACE_UM` that holds this position of the stage.

    >>> place_of(50.2, 49.9)
    (100, 99)
    """
    return (math.floor(x_um / PLACE_UM), math.floor(y_um / PLACE_UM))


def by_place(x_um: ArrayLike, y_um: ArrayLike, kj_cm2: ArrayLike) -> dict[Place, float]:
    """Doses at positions (n,), added up by place; positions that are not numbers are left out.

    >>> by_place([50.1, 50.2, 50.6], 50.0, [1.0, 2.0, 4.0])
    {(100, 100): 3.0, (101, 100): 4.0}
    """
    total: defaultdict[Place, float] = defaultdict(float)
    for x, y, dose in zip(*(each.tolist() for each in np.broadcast_arrays(x_um, y_um, kj_cm2)), strict=True):
        if math.isfinite(x) and math.isfinite(y) and dose:
            total[place_of(x, y)] += dose
    return dict(total)


class Doses:
    """kJ/cm2 by sample and place: an upper bound, as if all light that fell into a place had fallen on one point of it.

    A disk that takes nothing is told in the log and tried again with the next dose; until then memory knows.

    path : an SQLite file; None keeps nothing
    """

    def __init__(self, path: Path | None = None):
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
        self._disk = sqlite3.connect(path or ":memory:", check_same_thread=False, isolation_level=None)
        self._disk.execute("pragma journal_mode = wal")
        self._disk.execute("pragma synchronous = normal")
        self._disk.executescript(TABLES)
        self._turn = threading.Lock()
        self._samples: dict[str, dict[Place, float]] = {}
        self._unsaved: set[tuple[str, Place]] = set()

    def of(self, sample: str) -> dict[Place, float]:
        """Every place of a sample that has seen light."""
        if sample not in self._samples:
            rows = self._disk.execute("select x, y, kj_cm2 from dose where sample = ?", (sample,))
            self._samples[sample] = {(x, y): dose for x, y, dose in rows}
        return self._samples[sample]

    def at(self, sample: str, place: Place) -> float:
        return self.of(sample).get(place, 0.0)

    def largest(self, sample: str) -> float:
        return max(self.of(sample).values(), default=0.0)

    def n_over(self, sample: str, kj_cm2: float) -> int:
        """How many places have seen more than this."""
        return sum(dose > kj_cm2 for dose in self.of(sample).values())

    def add(self, sample: str, doses: Mapping[Place, float]):
        """Account light, or take back (negative) what was accounted ahead and did not fall."""
        with self._turn:
            known = self.of(sample)
            for place, dose in doses.items():
                known[place] = max(known.get(place, 0.0) + dose, 0.0)
                self._unsaved.add((sample, place))
            self._save()

    def reset(self, sample: str, why: str):
        """Begin this sample anew; how much it had seen, and why that no longer counts, stays in the file."""
        with self._turn:
            entry = (sample, time.time(), self.largest(sample), why)
            with self._disk:
                self._disk.execute("begin immediate")
                self._disk.execute("insert into reset values (?, ?, ?, ?)", entry)
                self._disk.execute("delete from dose where sample = ?", (sample,))
            self._samples[sample] = {}
            self._unsaved = {(name, place) for name, place in self._unsaved if name != sample}

    @property
    def budget_kj_cm2(self) -> float:
        """The most that a place may see; 0 is no limit."""
        row = self._disk.execute("select value from setting where name = ?", (BUDGET,)).fetchone()
        return row[0] if row else 0.0

    @budget_kj_cm2.setter
    def budget_kj_cm2(self, value: float):
        self._disk.execute("insert or replace into setting values (?, ?)", (BUDGET, value))

    def _save(self):
        rows = [(name, *place, self._samples[name][place]) for name, place in self._unsaved]
        if not rows:
            return
        try:
            with self._disk:
                self._disk.execute("begin immediate")
                self._disk.executemany("insert or replace into dose values (?, ?, ?, ?)", rows)
        except sqlite3.Error as why:
            log.error("%d doses are not on disk yet (%s): make room; memory knows them", len(rows), why)
        else:
            self._unsaved.clear()

    def close(self):
        self._disk.close()
