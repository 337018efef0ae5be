"""The SQLite file behind the registry of emitters: opened once, used by any thread, whole after any crash."""

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

VERSION = 1
PATIENCE_S = 10.0
SCHEMA = """
CREATE TABLE IF NOT EXISTS frames (
    sample TEXT, number INTEGER, x_um REAL, y_um REAL, angle_deg REAL, time_s REAL, used INTEGER,
    PRIMARY KEY (sample, number));
CREATE TABLE IF NOT EXISTS emitters (
    id TEXT PRIMARY KEY, sample TEXT, frame INTEGER, x_um REAL, y_um REAL, err_um REAL, first_seen_s REAL,
    last_seen_s REAL, rate_cps REAL, background_cps REAL, fwhm_um REAL, isolated INTEGER);
CREATE TABLE IF NOT EXISTS sightings (
    uid TEXT, row INTEGER, emitter TEXT, x_um REAL, y_um REAL, err_um REAL, rate_cps REAL, background_cps REAL,
    fwhm_um REAL, isolated INTEGER, PRIMARY KEY (uid, row));
CREATE TABLE IF NOT EXISTS runs (
    uid TEXT PRIMARY KEY, emitter TEXT, kind TEXT, campaign TEXT, time_s REAL, facts TEXT);
CREATE TABLE IF NOT EXISTS campaigns (
    name TEXT PRIMARY KEY, sample TEXT, settings TEXT, started_s REAL, finished_s REAL, facts TEXT);
CREATE TABLE IF NOT EXISTS dots (
    campaign TEXT, emitter TEXT, state TEXT, reason TEXT, time_s REAL, facts TEXT, PRIMARY KEY (campaign, emitter));
CREATE INDEX IF NOT EXISTS runs_of_an_emitter ON runs (emitter);
"""


class RegistryError(RuntimeError):
    """The file of the registry cannot be used; the message names it and says what to do."""


class Store:
    """One connection to the file; None keeps everything in memory.

    The rollback journal with full synchronisation is chosen over a write-ahead log: it needs no shared memory, so the
    data folder may lie on a network drive, and what was written is on disk when the call returns, power cut or not.
    A write takes some milliseconds; there are a few in a minute.
    """

    def __init__(self, path: str | Path | None):
        self.path = Path(path) if path else None
        self._alone = threading.RLock()
        with self._explained():
            if self.path is not None:
                self.path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(
                self.path or ":memory:", isolation_level=None, check_same_thread=False, timeout=PATIENCE_S
            )
            self._db.row_factory = sqlite3.Row
            self._prepare()

    def _prepare(self) -> None:
        self._db.execute("PRAGMA journal_mode=DELETE")
        self._db.execute("PRAGMA synchronous=FULL")
        version = self._db.execute("PRAGMA user_version").fetchone()[0]
        if version > VERSION:
            raise RegistryError(f"{self.path} was written by a newer version of this program: update it")
        if version < VERSION:
            self._db.executescript(f"BEGIN IMMEDIATE; {SCHEMA} PRAGMA user_version={VERSION}; COMMIT;")

    def rows(self, query: str, *values: Any) -> list[dict[str, Any]]:
        """All rows that a query finds."""
        with self._alone, self._explained():
            return [dict(row) for row in self._db.execute(query, values)]

    def write(self, table: str, **columns: Any) -> None:
        """Insert a row, or replace the one with the same key."""
        names, marks = ", ".join(columns), ", ".join("?" * len(columns))
        self.change(f"INSERT OR REPLACE INTO {table} ({names}) VALUES ({marks})", tuple(columns.values()))

    def change(self, statement: str, values: Sequence[Any] = ()) -> int:
        """Run a statement that changes rows; how many it changed."""
        with self._alone, self._explained():
            return self._db.execute(statement, values).rowcount

    @contextmanager
    def together(self) -> Iterator[None]:
        """All changes within are made, or none; nobody else changes anything meanwhile. May be nested."""
        with self._alone:
            if self._db.in_transaction:
                yield
                return
            with self._explained():
                self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            with self._explained():
                self._db.execute("COMMIT")

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Errors of SQLite in words."""
        try:
            yield
        except sqlite3.OperationalError as why:
            hint = "another program is writing it: end that, then try again" if "locked" in str(why) else str(why)
            raise RegistryError(f"the registry of emitters {self.path} cannot be used: {hint}") from why
        except sqlite3.DatabaseError as why:
            hint = "move it away; a new one is made, and replaying the runs of find_emitters fills it again"
            raise RegistryError(f"{self.path} is damaged, or no registry of emitters ({why}): {hint}") from why
        except OSError as why:
            raise RegistryError(f"the registry of emitters {self.path} cannot be made: {why}") from why

    def close(self) -> None:
        with self._alone:
            self._db.close()
