"""An SQLite file of the lab: opened once, used by any thread, whole after any crash, its troubles told in words."""

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

PATIENCE_S = 10.0


class Tables:
    """One connection to the file; None keeps everything in memory.

    The rollback journal with full synchronisation is chosen over a write-ahead log: it needs no shared memory, so the
    data folder may lie on a network drive, and what was written is on disk when the call returns, power cut or not.
    A write takes some milliseconds; there are a few in a minute.

    Attributes
    ----------
    what : the file, in words; schema, version : its tables, made where there are none
    advice : what to do with a damaged file; Error : what is raised, with the name of the file and what to do
    """

    what: ClassVar[str]
    schema: ClassVar[str]
    version: ClassVar[int] = 1
    advice: ClassVar[str]
    Error: ClassVar[type[RuntimeError]]

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
        with self.together():
            version = self._db.execute("PRAGMA user_version").fetchone()[0]
            if version > self.version:
                raise self.Error(f"{self.path} was written by a newer version of this program: update it")
            if version < self.version:
                for statement in self.schema.split(";"):
                    self._db.execute(statement)
                self._db.execute(f"PRAGMA user_version={self.version}")
        if (found := self._db.execute("PRAGMA quick_check").fetchone()[0]) != "ok":
            raise sqlite3.DatabaseError(found)

    def rows(self, query: str, *values: Any) -> list[dict[str, Any]]:
        """All rows that a query finds."""
        with self._alone, self._explained():
            return [dict(row) for row in self._db.execute(query, values)]

    def read_from(self, path: str | Path) -> None:
        """Take over all that a file holds; the file is only read."""
        with self._alone, self._explained():
            other = sqlite3.connect(f"{Path(path).absolute().as_uri()}?mode=ro", uri=True, timeout=PATIENCE_S)
            try:
                other.backup(self._db)
            finally:
                other.close()

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
                with self._explained():
                    self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Errors of SQLite in words."""
        try:
            yield
        except sqlite3.OperationalError as why:
            hint = "another program is writing it: end that, then try again" if "locked" in str(why) else str(why)
            raise self.Error(f"the {self.what} {self.path} cannot be used: {hint}") from why
        except sqlite3.DatabaseError as why:
            raise self.Error(self.damaged(why)) from why
        except OSError as why:
            raise self.Error(f"the {self.what} {self.path} cannot be made: {why}") from why

    def damaged(self, why: Exception) -> str:
        """What is told of a file that is not what it should be."""
        return f"{self.path} is damaged, or no {self.what} ({why}): {self.advice}"

    def close(self) -> None:
        with self._alone:
            self._db.close()
