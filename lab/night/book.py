"""The SQLite file behind the ledger of the nights."""

from collections.abc import Callable
from typing import TypeVar

from lab.tables import Tables

Value = TypeVar("Value")

SCHEMA = """
CREATE TABLE nights (
    name TEXT PRIMARY KEY, began_s REAL, ended_s REAL, until REAL, stopped_by TEXT, facts TEXT);
CREATE TABLE items (
    night TEXT, place INTEGER, item TEXT, state TEXT, reason TEXT, attempts INTEGER, interruptions INTEGER, runs TEXT,
    began_s REAL, ended_s REAL, expected_s REAL, facts TEXT, PRIMARY KEY (night, place));
"""


class LedgerError(RuntimeError):
    """The ledger cannot be used as wished; the message says what to do."""


class Book(Tables):
    """Nights and their items."""

    what, schema, Error = "ledger of the nights", SCHEMA, LedgerError
    advice = (
        "move it away and begin the night anew; the runs of the night are in the journal and in storage, nothing of "
        "them is lost"
    )

    def understood(self, read: Callable[[], Value]) -> Value:
        """What `read` makes of rows; LedgerError if they are not what a ledger holds."""
        try:
            return read()
        except (ValueError, TypeError, KeyError) as why:
            raise LedgerError(self.damaged(why)) from why
