"""The SQLite file behind the ledger: opened once, used by any thread, whole after any crash."""

import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

Value = TypeVar("Value")

VERSION = 1
PATIENCE_S = 10.0
SCHEMA = """
CREATE TABLE nights (
    name TEXT PRIMARY KEY, began_s REAL, ended_s REAL, until REAL, stopped_by TEXT, facts TEXT);
CREATE TABLE items (
    night TEXT, place INTEGER, item TEXT, state TEXT, reason TEXT, attempts INTEGER, interruptions INTEGER, runs TEXT,
    began_s REAL, ended_s REAL, expected_s REAL, facts TEXT, PRIMARY KEY (night, place));
"""


class LedgerError(RuntimeError):
    """The ledger cannot be used as wished; the message says what to do."""


class Book:
    """One connection; the rollback journal with full synchronisation: what was written is on disk, power cut or not."""

    def __init__(self, path: Path):
        self.path = path
        self._alone = threading.RLock()
        with self.explained():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=PATIENCE_S)
            self._db.row_factory = sqlite3.Row
            self.prepare()

    def prepare(self):
        self._db.execute("PRAGMA journal_mode=DELETE")
        self._db.execute("PRAGMA synchronous=FULL")
        with self.together():
            version = self._db.execute("PRAGMA user_version").fetchone()[0]
            if version > VERSION:
                raise LedgerError(f"{self.path} was written by a newer version of this program: update it")
            if version < VERSION:
                for statement in SCHEMA.split(";"):
                    self._db.execute(statement)
                self._db.execute(f"PRAGMA user_version={VERSION}")
        if (found := self._db.execute("PRAGMA quick_check").fetchone()[0]) != "ok":
            raise sqlite3.DatabaseError(found)

    def rows(self, query: str, *values: Any) -> list[dict[str, Any]]:
        """All rows that a query finds."""
        with self._alone, self.explained():
            return [dict(row) for row in self._db.execute(query, values)]

    def write(self, table: str, **columns: Any):
        """Insert a row, or replace the one with the same key."""
        names, marks = ", ".join(columns), ", ".join("?" * len(columns))
        self.change(f"INSERT OR REPLACE INTO {table} ({names}) VALUES ({marks})", tuple(columns.values()))

    def change(self, statement: str, values: Sequence[Any] = ()):
        with self._alone, self.explained():
            self._db.execute(statement, values)

    @contextmanager
    def together(self) -> Iterator[None]:
        """All changes within are made, or none. May be nested."""
        with self._alone:
            if self._db.in_transaction:
                yield
                return
            with self.explained():
                self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                with self.explained():
                    self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    def understood(self, read: Callable[[], Value]) -> Value:
        """What `read` makes of rows; LedgerError if they are not what a ledger holds."""
        try:
            return read()
        except (ValueError, TypeError, KeyError) as why:
            raise LedgerError(self.damaged(why)) from why

    @contextmanager
    def explained(self) -> Iterator[None]:
        """Errors of SQLite in words."""
        try:
            yield
        except sqlite3.OperationalError as why:
            hint = "another program is writing it: end that, then try again" if "locked" in str(why) else str(why)
            raise LedgerError(f"the ledger of the nights {self.path} cannot be used: {hint}") from why
        except sqlite3.DatabaseError as why:
            raise LedgerError(self.damaged(why)) from why
        except OSError as why:
            raise LedgerError(f"the ledger of the nights {self.path} cannot be made: {why}") from why

    def damaged(self, why: Exception) -> str:
        return (
            f"{self.path} is damaged, or no ledger ({why}): move it away and begin the night anew; the runs of the "
            "night are in the journal and in storage, nothing of them is lost"
        )

    def close(self):
        with self._alone:
            self._db.close()
