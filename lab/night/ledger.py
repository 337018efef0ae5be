"""The ledger of the nights: what was to be done, what became of it. On disk when a call returns, power cut or not."""

import json
import math
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from lab.encoding import decode, encode
from lab.night.book import Book, LedgerError
from lab.night.continuation import continuation, recorded_runs
from lab.night.entry import FINISHED, INTERRUPTED, RUNNING, STATES, Entry, Night, name_problem
from plans.item import Item

__all__ = ["Ledger", "LedgerError"]

ABORT, GIVEN_UP = "abort", "given up"
DIED = "the session died"
GOES_ON = "continue it with make night, or end it with make night NEW=1"


class Ledger:
    """All nights of a lab, by name.

    Parameters
    ----------
    path : the SQLite file
    journal : folder of the documents, by which runs are found that a dying session could not note here any more
    """

    def __init__(self, path: str | Path, journal: str | Path | None = None, *, clock: Callable[[], float] = time.time):
        self.book, self.clock = Book(Path(path)), clock
        self.journal = Path(journal) if journal else None

    def begin(
        self,
        items: Sequence[Item],
        name: str | None = None,
        until: float | None = None,
        expected_s: Iterable[float] | None = None,
    ) -> Night:
        """A new night, or the unfinished one if it is the same work; LedgerError if that is another one."""
        with self.book.together():
            if (open_night := self.unfinished()) is not None:
                require_same(open_night, items, name)
                return self.gone_on(open_night)
            name = self.fresh(name)
            expected = dict(enumerate(expected_s or ()))
            self.book.write("nights", name=name, began_s=self.clock(), until=until, stopped_by="", facts="{}")
            for index, item in enumerate(items):
                entry = Entry(index, item, expected_s=float(expected.get(index, math.nan)))
                self.keep(name, entry)
        return self.night(name)

    def gone_on(self, night: Night) -> Night:
        """What the last session left running was cut off; its runs are known from the journal."""
        found = recorded_runs(self.journal, night) if self.journal else {}
        for entry in night.entries:
            runs = tuple(dict.fromkeys((*entry.runs, *found.get(entry.index, ()))))
            changed = replace(entry, runs=runs)
            if entry.state == RUNNING:
                cut = entry.interruptions + 1
                changed = replace(changed, state=INTERRUPTED, reason=DIED, interruptions=cut)
            if changed != entry:
                self.keep(night.name, changed)
        self.book.change("UPDATE nights SET stopped_by = '' WHERE name = ?", (night.name,))
        return self.night(night.name)

    def fresh(self, name: str | None) -> str:
        """A name that no night has: the given one, or the date and a number."""
        known = self.names()
        if name is not None:
            if problem := name_problem(name):
                raise LedgerError(problem)
            if name in known:
                raise LedgerError(f"the night {name!r} is over: choose another NAME, or none")
            return name
        day = time.strftime("%Y-%m-%d", time.localtime(self.clock()))
        numbered = [day, *(f"{day}-{n}" for n in range(2, len(known) + 2))]
        return next(each for each in numbered if each not in known)

    def unfinished(self) -> Night | None:
        """The night that still goes on, or was cut off."""
        rows = self.book.rows("SELECT name FROM nights WHERE ended_s IS NULL ORDER BY rowid DESC LIMIT 1")
        return self.night(rows[0]["name"]) if rows else None

    def night(self, name: str) -> Night:
        """A night as it stands; KeyError names those that there are."""
        rows = self.book.rows("SELECT * FROM nights WHERE name = ?", name)
        if not rows:
            raise KeyError(f"there is no night {name!r}; there are {', '.join(self.names()) or 'none'}")
        items = self.book.rows("SELECT * FROM items WHERE night = ? ORDER BY place", name)
        return self.book.understood(lambda: night_of(rows[0], items))

    def names(self) -> list[str]:
        """All nights, oldest first."""
        return [row["name"] for row in self.book.rows("SELECT name FROM nights ORDER BY rowid")]

    def note(
        self,
        name: str,
        index: int,
        state: str,
        reason: str = "",
        *,
        attempts: int | None = None,
        run: str | None = None,
        interruption: bool = False,
        **facts: Any,
    ) -> Entry:
        """What became of an item; `run` is added to its runs, `facts` to what is known of it."""
        if state not in STATES:
            raise ValueError(f"state={state!r}: must be one of {', '.join(STATES)}")
        with self.book.together():
            before = self.night(name).entries[index]
            after = replace(before, state=state, reason=reason, facts={**before.facts, **facts})
            if attempts is not None and attempts != before.attempts:
                kept = {**after.facts, "runs_before": len(before.runs)}
                after = replace(after, attempts=int(attempts), facts=kept)
            if run is not None and run not in before.runs:
                after = replace(after, runs=(*before.runs, run))
            after = timed(replace(after, interruptions=before.interruptions + interruption), self.clock())
            self.keep(name, after)
        return after

    def finish(self, name: str, stopped_by: str) -> Night:
        """The end of a night; one that was aborted is not over, it can go on."""
        ended_s = None if stopped_by == ABORT else self.clock()
        change = "UPDATE nights SET ended_s = ?, stopped_by = ? WHERE name = ?"
        self.book.change(change, (ended_s, stopped_by, name))
        return self.night(name)

    def continuation(self, name: str, index: int) -> dict[str, Any]:
        """What is added to the arguments of an item, so that it goes on where it was cut off."""
        return continuation(self.night(name), index, self.journal)

    def keep(self, name: str, entry: Entry):
        """Write one item as it stands."""
        self.book.write("items", night=name, place=entry.index, **columns(entry))

    def close(self):
        self.book.close()


def require_same(open_night: Night, items: Sequence[Item], name: str | None):
    """LedgerError unless the unfinished night is this one."""
    known = [work(entry.item) for entry in open_night.entries]
    if name in (None, open_night.name) and known == [work(item) for item in items]:
        return
    left = len(open_night.left)
    raise LedgerError(
        f"the night {open_night.name!r} is not finished ({left} of {len(known)} items are left) and this is another "
        f"one: {GOES_ON}"
    )


def work(item: Item) -> str:
    """What an item asks for, as text; equal texts are the same work."""
    return json.dumps(as_facts(item.work), sort_keys=True)


def as_facts(item: Item) -> dict[str, Any]:
    """An item as strict JSON holds it."""
    plain = {**asdict(replace(item, arguments={})), "arguments": dict(item.arguments)}
    return encode(plain, f"item {item.title}")


def timed(entry: Entry, now_s: float) -> Entry:
    """With the moments at which it was begun first and ended last."""
    if entry.state == RUNNING and math.isnan(entry.began_s):
        return replace(entry, began_s=now_s)
    return replace(entry, ended_s=now_s) if entry.state in FINISHED else entry


def columns(entry: Entry) -> dict[str, Any]:
    """An item as a row; what is not known yet is NULL."""
    texts = {key: json.dumps(encode(getattr(entry, key), key)) for key in ("runs", "facts")}
    numbers = {key: known(getattr(entry, key)) for key in ("began_s", "ended_s", "expected_s")}
    plain = {key: getattr(entry, key) for key in ("state", "reason", "attempts", "interruptions")}
    return {"item": json.dumps(as_facts(entry.item)), **plain, **texts, **numbers}


def known(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def entry_of(row: dict[str, Any]) -> Entry:
    """The row of an item, read back."""
    times = ("began_s", "ended_s", "expected_s")
    numbers: dict[str, Any] = {key: math.nan if row[key] is None else row[key] for key in times}
    plain: dict[str, Any] = {key: row[key] for key in ("state", "reason", "attempts", "interruptions")}
    item = Item(**decode(json.loads(row["item"])))
    runs, facts = (decode(json.loads(row[key])) for key in ("runs", "facts"))
    return Entry(row["place"], item, **plain, **numbers, runs=tuple(runs), facts=facts)


def night_of(row: dict[str, Any], items: list[dict[str, Any]]) -> Night:
    """The row of a night with its items, read back."""
    plain = {key: row[key] for key in ("name", "began_s", "ended_s", "until", "stopped_by")}
    return Night(**plain, entries=tuple(entry_of(item) for item in items), facts=decode(json.loads(row["facts"])))
