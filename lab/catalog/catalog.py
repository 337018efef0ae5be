"""All recorded runs: `db[-1]`, `db["9f2c"]`, `db.find(plan="hbt", since="yesterday")`."""

from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from numbers import Integral
from pathlib import Path
from typing import Any

from databroker.v1 import Broker
from tiled.queries import Contains, Key

from lab import journal
from lab.catalog import facts
from lab.catalog.asking import Asked, meant
from lab.catalog.compared import Comparison, compare
from lab.catalog.fitted import Fitted
from lab.catalog.found import Found
from lab.catalog.keys import looked_up
from lab.catalog.run import Run
from lab.stored.analyses import OF_MANY, belongs_to, owners
from lab.stored.streams import PRIMARY, frame, stacked, streams_of
from lab.stored.whereabouts import found_again
from lab.wording import count

_OLDEST_FIRST = ("start.time", 1)  # by when it was measured: a recovered run was stored later


class Catalog(Broker):
    """The runs of one lab, over a Tiled client; negative numbers count measurements back from the newest.

    Parameters
    ----------
    client : Tiled client of the catalog
    folder : the journal's folder; where it has a run, `documents` come from there, word for word
    from_journal : tables and arrays come from there, too: the data folder was moved, or is an old one

    Attributes
    ----------
    behind : how far storage is behind the measurements, in words; "" if it has everything
    """

    behind: Callable[[], str] = str

    def __init__(self, client: Any, folder: str | Path | None = None, *, from_journal: bool = False):
        super().__init__(client)
        self._folder, self._from_journal = folder, from_journal

    @property
    def data(self) -> Path | None:
        """The data folder, None if it is not known."""
        return Path(self._folder).parent if self._folder else None

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, slice):
            runs = self._measurements().values()
            return [Run(runs[i], self) for i in range(*key.indices(len(runs)))]
        if isinstance(key, list | tuple):
            return [self[one] for one in key]
        if isinstance(key, Integral) and not isinstance(key, bool) and int(key) <= 0:
            return self._back(int(key))
        return Run(looked_up(self.v3, key), self)

    def __len__(self) -> int:
        """The number of measurements."""
        return len(self._measurements())

    def __call__(self, text_search: str | None = None, **kwargs: Any) -> Found:
        """Find runs, analyses included, by start document keys (`sample_name="A"`), `since`, `until`, or words."""
        asked = Asked.of(text_search, {"purpose": "any", **kwargs}, any_key=True)
        return Found(self._runs_of(asked), behind=self.behind())

    def find(self, text: str | None = None, **words: Any) -> Found:
        """Find measurements: `find(sample="A", plan="hbt", since="yesterday")`, `find("film2 bleached")`.

        words : sample, plan, emitter, campaign, night, operator: a name or a list of them; since, until: "yesterday",
            "3 days ago", "2026-11-20", "14:30"; exit_status: "success", "abort", "fail", "interrupted", "open";
            purpose: "analysis", "any"

        ValueError for a word that is none; LookupError for a sample, plan, ... that no run has, with those alike.
        """
        asked = Asked.of(text, words)
        runs = self._runs_of(asked)
        behind = self.behind()
        if runs:
            return Found(runs, behind=behind)
        if not behind:
            self._refuse_unknown(asked)
        return Found(runs, self._advice(asked), behind)

    def _runs_of(self, asked: Asked) -> list[Run]:
        found = asked.of_start(self.v3).sort(_OLDEST_FIRST).values()
        runs = (Run(run, self) for run in found)
        return [run for run in runs if not asked.exit_status or run.exit_status == asked.exit_status]

    def _refuse_unknown(self, asked: Asked) -> None:
        """LookupError for a name that is in no start document."""
        for word, value in asked.words.items():
            key = {"sample": "sample_name", "plan": "plan_name"}.get(word, word)
            if key not in ("sample_name", "plan_name", "emitter", "campaign", "operator", "night"):
                continue
            known = [str(one["value"]) for one in self.v3.distinct(f"start.{key}")["metadata"][f"start.{key}"]]
            for name in [value] if isinstance(value, str) else value:
                if str(name) not in known:
                    all_of_them = [one for one in known if one and one != "None" and not one.endswith("_analysis")]
                    listed = f"; there are {', '.join(all_of_them[:12])}" if len(all_of_them) <= 12 else ""
                    raise LookupError(f"{word}={name!r}: no run has it{meant(str(name), all_of_them)}{listed}")

    def _advice(self, asked: Asked) -> str:
        """Which word to leave out, and how many runs there are then."""
        if not len(self):
            return "there are no measurements yet"
        if len(asked.words) < 2:
            said = "".join(f"{word}={value!r}" for word, value in asked.words.items())
            return f"nothing fits {said}; the newest run is {facts.title(self[-1].start, self[-1].exit_status)}"
        counts = {word: len(self._runs_of(asked.without(word))) for word in asked.words}
        told = [f"{count(n, 'run')} without {word}={asked.words[word]!r}" for word, n in counts.items() if n]
        if told:
            return ", ".join(told)
        alone = {word: len(self._runs_of(asked.only(word))) for word in asked.words}
        return ", ".join(f"{count(n, 'run')} with {word}={asked.words[word]!r} alone" for word, n in alone.items())

    def compare(self, one: Any, other: Any) -> Comparison:
        """What differs between two runs: settings, versions, results with errors, arrays. Uids, or runs."""
        return compare(*(each if isinstance(each, Run) else self[each] for each in (one, other)))

    def notebook(self, uid: Any, folder: str | Path | None = None) -> Path:
        """Write a notebook that analyses a run, beside the data or into a folder; returns its path."""
        from lab.notebooks import write_notebook

        return write_notebook(uid if isinstance(uid, Run) else self[uid], folder)

    @cached_property
    def fitted(self) -> Fitted:
        """Results, computed again from what is stored."""
        return Fitted(self)

    def derived(self, uid: str) -> Run | None:
        """Return the newest analysis of this run, or None.

        Those of several runs come after its own, and those that only compared another run with it come last.
        """
        analyses = self.v3.search(Key("purpose") == "analysis").search(Contains("analysis_of", uid))
        newest = [Run(run, self) for run in analyses.sort(_OLDEST_FIRST).values()[::-1]]
        own = [run for run in newest if uid in owners(run.start)]
        alone = (run for run in own if run.start.get("plan_name") not in OF_MANY)
        return next(alone, next(iter(own), next(iter(newest), None)))

    def analysis_of(self, run: Run) -> Run | None:
        """The newest analysis of the run alone, None if there is none."""
        found = self.derived(run.uid)
        return found if found is not None and belongs_to(found.start, run.uid) else None

    def continued_in(self, uid: str) -> str:
        """The uid of the newest run that goes on with this one, or nothing."""
        following = self.v3.search(Key("continues") == uid).sort(_OLDEST_FIRST).values()
        return following[-1].metadata["start"]["uid"] if len(following) else ""

    def overview_of(self, uid: str) -> Path | None:
        """The picture that was drawn of a run, None if there is none."""
        path = self.data / "figures" / f"{uid[:8]}-overview.png" if self.data is not None else None
        return path if path is not None and path.exists() else None

    def told_table(self, uid: str, stream_name: str, fields: Iterable[str] | None) -> Any:
        """A stream from the journal; None if that is not where tables come from."""
        if not self._from_journal or self._path_of(uid) is None:
            return None
        streams = streams_of(self.documents(uid))
        if stream_name not in streams:
            raise LookupError(f"run {uid[:8]} has no stream {stream_name!r}, but {', '.join(streams) or 'none'}")
        return frame(streams[stream_name], fields)

    def array(self, uid: str, key: str, stream: str = PRIMARY) -> Any:
        """Return an array of a run to be sliced: `db.array(uid, "scanner_histograms")[10:20]`."""
        if not self._from_journal or self._path_of(uid) is None:
            return self.v3[uid][f"{stream}/{key}"]
        found = streams_of(self.documents(uid)).get(stream)
        if found is not None and key in found.places:
            return stacked(found, key)
        if found is None or key not in found.keys:
            raise LookupError(f"run {uid[:8]} has no {stream}/{key}")
        return frame(found, [key])[key].to_numpy()

    def documents(self, uid: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield (name, document) of a run for replay.

        From the journal they are those that were emitted; only files that are gone are named where they are now.
        Storage gives the same data, but renames events, joins stream data and orders by time, so it serves only runs
        whose journal file is gone.
        """
        uid = uid if len(uid) == 36 else self[uid].uid
        path = self._path_of(uid)
        if path is not None and self.data is not None:
            yield from found_again(journal.read(path), self.data)
            return
        for name, doc in self.v3[uid].documents():
            yield name, dict(doc)

    def __repr__(self) -> str:
        return f"Catalog of {len(self)} measurements"

    def _path_of(self, uid: str) -> Path | None:
        return journal.path_of(self._folder, uid) if self._folder else None

    def _measurements(self) -> Any:
        return self.v3.search(Key("purpose") == "measurement").sort(_OLDEST_FIRST)

    def _back(self, key: int) -> Run:
        runs = self._measurements().values()
        try:
            return Run(runs[key], self)
        except IndexError:
            raise IndexError(f"db[{key}]: there are only {len(self)} measurements") from None
