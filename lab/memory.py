"""What the session remembers from one day to the next: scan numbers, operator, sample."""

import json
import sqlite3
from collections.abc import Iterator, MutableMapping
from pathlib import Path
from typing import Any

from lab.encoding import decode, encode


class Memory(MutableMapping[str, Any]):
    """A dictionary in an SQLite file; what was set is on disk when the assignment returns.

    Values are documents (text, numbers, lists, dictionaries, numpy arrays; tuples come back as lists) and
    are copied: to change a stored list or dictionary, assign it again. Anything else is a TypeError.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "memory.sqlite"
    >>> memory = Memory(path)
    >>> memory["scan_id"] = 7
    >>> memory.close()
    >>> again = Memory(path)
    >>> again["scan_id"], len(again)
    (7, 1)
    >>> again.close()
    """

    def __init__(self, path: str | Path):
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        # The RunEngine writes from its own thread; sqlite3 serialises the calls.
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=5.0)
        self._db.execute("PRAGMA synchronous=FULL")
        self._db.execute("CREATE TABLE IF NOT EXISTS memory (key TEXT PRIMARY KEY, value TEXT NOT NULL)")

    def __getitem__(self, key: str) -> Any:
        row = self._db.execute("SELECT value FROM memory WHERE key = ?", (key,)).fetchone()
        if row is None:
            raise KeyError(key)
        return decode(json.loads(row[0]))

    def __setitem__(self, key: str, value: Any) -> None:
        if not isinstance(key, str):
            raise TypeError(f"{key!r} is {type(key).__name__}; keys are text")
        text = json.dumps(encode(value, key))
        self._db.execute("INSERT OR REPLACE INTO memory VALUES (?, ?)", (key, text))

    def __delitem__(self, key: str) -> None:
        if not self._db.execute("DELETE FROM memory WHERE key = ?", (key,)).rowcount:
            raise KeyError(key)

    def __iter__(self) -> Iterator[str]:
        return iter([key for (key,) in self._db.execute("SELECT key FROM memory ORDER BY rowid")])

    def __len__(self) -> int:
        return self._db.execute("SELECT COUNT(*) FROM memory").fetchone()[0]

    def __deepcopy__(self, memo: dict[int, Any]) -> dict[str, Any]:
        """A copy is a plain dictionary: the RunEngine makes one for every run."""
        return dict(self)

    def __repr__(self) -> str:
        return f"Memory({dict(self)!r})"

    def close(self) -> None:
        """Close the file; the memory stays."""
        self._db.close()
