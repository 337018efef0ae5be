"""Recorded runs for people: `db[-1]`, `db[uid]`, `db(plan_name="hbt")`. Reading never touches hardware."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from bluesky_tiled_plugins.queries import TimeRange
from databroker.v1 import Broker, Header
from tiled.queries import Contains, FullText, Key

from lab import journal

_OLDEST_FIRST = ("start.time", 1)  # by when it was measured: a recovered run was stored later


class Run(Header):
    """One run: start, stop, tables, arrays; its repr is a card."""

    db: "Catalog"

    @property
    def purpose(self) -> str:
        """What the run is for: "measurement" or "analysis"."""
        return self.start.get("purpose", "unknown")

    @property
    def exit_status(self) -> str:
        """How the run ended: success, abort, fail, interrupted, or still open."""
        if not self.stop:
            return "open"
        return "interrupted" if self.stop.get("interrupted") else self.stop["exit_status"]

    def table(self, stream_name: str = "primary", fields: Iterable[str] | None = None, **kwargs: Any) -> Any:
        """Return one stream as a pandas DataFrame, time first, then the columns by name."""
        table = super().table(stream_name, fields=fields, **kwargs)
        return table[["time", *sorted(column for column in table if column != "time")]]

    def array(self, key: str, stream: str = "primary") -> Any:
        """Return an array client: `[10:20]` fetches only those frames."""
        return self.db.array(self.uid, key, stream)

    def documents(self, *args: Any, **kwargs: Any) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield the run's documents as they were emitted; with arguments, those of the broker."""
        return super().documents(*args, **kwargs) if args or kwargs else self.db.documents(self.uid)

    def derived(self) -> "Run | None":
        """Return the newest analysis of this run."""
        return self.db.derived(self.uid)

    def __repr__(self) -> str:
        card, cut_off = _card(self.start, self.stop, self.exit_status), self.exit_status != "success"
        following = self.db.continued_in(self.uid) if cut_off and self.start.get("plan_name") == "flim_raster" else ""
        return f"{card}\n  continued in {following[:8]}" if following else card

    def _repr_html_(self) -> str:
        return f"<pre>{self!r}</pre>"


class Catalog(Broker):
    """The runs of one lab, over a Tiled client; negative numbers count measurements back from the newest.

    Parameters
    ----------
    client : Tiled client of the catalog
    folder : the journal's folder; where it has a run, `documents` come from there, word for word
    """

    def __init__(self, client: Any, folder: str | Path | None = None):
        super().__init__(client)
        self._folder = folder

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, slice):
            runs = self._measurements().values()
            return [Run(runs[i], self) for i in range(*key.indices(len(runs)))]
        if isinstance(key, list | tuple):
            return [self[one] for one in key]
        if isinstance(key, int) and key <= 0:
            return self._back(key)
        return Run(self.v3[key], self)

    def __len__(self) -> int:
        """The number of measurements."""
        return len(self._measurements())

    def __call__(self, text_search: str | None = None, **kwargs: Any) -> "Found":
        """Find runs by start document keys (`sample_name="A"`), `since`, `until`, or words in any of them."""
        runs = self.v3
        since, until = kwargs.pop("since", None), kwargs.pop("until", None)
        if since is not None or until is not None:
            runs = runs.search(TimeRange(since=since, until=until))
        for key, value in kwargs.items():
            runs = runs.search(Key(key) == value)
        if text_search:
            runs = runs.search(FullText(_words(text_search)))
        return Found(self, runs.sort(_OLDEST_FIRST))

    def derived(self, uid: str) -> Run | None:
        """Return the newest analysis of this run, or None; those that only compared another run with it come last."""
        analyses = self.v3.search(Key("purpose") == "analysis").search(Contains("analysis_of", uid))
        newest = [Run(run, self) for run in analyses.sort(_OLDEST_FIRST).values()[::-1]]
        own = (run for run in newest if uid in (run.start["analysis_of"][0], *run.start.get("earlier_runs", ())))
        return next(own, next(iter(newest), None))

    def continued_in(self, uid: str) -> str:
        """The uid of the newest run that goes on with this one, or nothing."""
        following = self.v3.search(Key("continues") == uid).sort(_OLDEST_FIRST).values()
        return following[-1].metadata["start"]["uid"] if len(following) else ""

    def array(self, uid: str, key: str, stream: str = "primary") -> Any:
        """Return an array of a run to be sliced: `db.array(uid, "scanner_histograms")[10:20]`."""
        return self.v3[uid][f"{stream}/{key}"]

    def documents(self, uid: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield (name, document) of a run for replay.

        From the journal they are those that were emitted. Storage gives the same data, but renames events,
        joins stream data and orders by time, so it serves only runs whose journal file is gone.
        """
        uid = uid if len(uid) == 36 else self[uid].uid
        path = self._folder and journal.path_of(self._folder, uid)
        if path:
            yield from journal.read(path)
            return
        for name, doc in self.v3[uid].documents():
            yield name, dict(doc)

    def __repr__(self) -> str:
        return f"Catalog of {len(self)} measurements"

    def _measurements(self) -> Any:
        return self.v3.search(Key("purpose") == "measurement").sort(_OLDEST_FIRST)

    def _back(self, key: int) -> Run:
        runs = self._measurements().values()
        try:
            return Run(runs[key], self)
        except IndexError:
            raise IndexError(f"db[{key}]: there are only {len(self)} measurements") from None


class Found:
    """The runs a search found, oldest first; has a length and an order."""

    def __init__(self, db: Catalog, runs: Any):
        self._db, self._runs = db, runs

    def __iter__(self) -> Iterator[Run]:
        for run in self._runs.values():
            yield Run(run, self._db)

    def __len__(self) -> int:
        return len(self._runs)

    def __getitem__(self, index: int) -> Run:
        return Run(self._runs.values()[index], self._db)

    def __repr__(self) -> str:
        newest = list(self._runs.values()[-1:-11:-1])
        cards = [f"{len(self)} runs found, newest first"] + [repr(Run(run, self._db)) for run in newest]
        return "\n".join(cards)


def _card(start: dict[str, Any], stop: dict[str, Any], exit_status: str) -> str:
    """Return a run on a few lines: what, of what, when, how it ended, how much."""
    when = f"{datetime.fromtimestamp(start['time']):%Y-%m-%d %H:%M}"
    took = f", {stop['time'] - start['time']:.0f} s" if stop else ""
    title = [start["uid"][:8], start.get("plan_name", start.get("purpose", "run"))]
    title += [f"of {start['sample_name']}"] if "sample_name" in start else []
    lines = [" ".join(title), f"  {when}{took}, {exit_status}"]
    if stop.get("reason"):
        lines.append(f"  {stop['reason'].splitlines()[0][:100]}")
    counts = ", ".join(f"{n} {stream}" for stream, n in sorted(stop.get("num_events", {}).items()))
    lines += [f"  events: {counts}"] if counts else []
    lines += [f"  analysis of {', '.join(uid[:8] for uid in start['analysis_of'])}"] if "analysis_of" in start else []
    return "\n".join(lines)


def _words(text: str) -> str:
    """Return text as quoted words, all of which must occur: bare hyphens are operators of the search."""
    return " ".join(f'"{word}"' for word in text.replace('"', " ").split())
