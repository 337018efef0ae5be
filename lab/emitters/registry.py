"""The emitters of the lab: a name for each that it keeps, where it is now, and all that was measured of it.

At the prompt: `emitters`, `emitters["single-003"]`, `emitters.table("single")`, `emitters.to_csv("dots.csv")`.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from lab.emitters.campaigns import Campaigns, as_text, from_text
from lab.emitters.places import Places
from lab.emitters.store import Store
from lab.emitters.tables import EmitterRecord, emitter_table, summary


class EmitterRegistry(Places, Campaigns):
    """Names and places of emitters in the coordinates of their sample; what is written is on disk at once.

    Parameters
    ----------
    path : the SQLite file; None keeps everything in memory
    mounted : name of the sample that is on the stage; None: nobody knows, and nothing is refused for it
    clock : s since 1970
    """

    def __init__(
        self,
        path: str | Path | None = None,
        *,
        mounted: Callable[[], str] | None = None,
        clock: Callable[[], float] = time.time,
    ):
        self.store, self.clock, self.mounted = Store(path), clock, mounted

    def record(
        self, uid: str, emitter: str, kind: str, values: Mapping[str, Any], *, campaign: str = "", time_s: float = 0.0
    ) -> None:
        """Keep what a run found of an emitter, instead of what the same run found before."""
        self._row(emitter)
        with self.store.together():
            before = self.store.rows("SELECT time_s FROM runs WHERE uid = ?", uid)
            time_s = time_s or (before[0]["time_s"] if before else self.clock())
            row = {"emitter": emitter, "kind": kind, "campaign": campaign, "time_s": time_s}
            self.store.write("runs", uid=uid, **row, facts=as_text(values))

    def table(self, sample: str | None = None) -> pd.DataFrame:
        """One row for each emitter: place in its sample, rates, contrast, tau, ON fraction, survival, dose, uids."""
        return emitter_table([self[each] for each in self if sample in (None, self._row(each)["sample"])])

    def to_csv(self, path: str | Path, sample: str | None = None) -> Path:
        """Write the table; uids are separated by spaces."""
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        self.table(sample).to_csv(path, index=False)
        return Path(path)

    def __getitem__(self, emitter: str) -> EmitterRecord:
        runs = self.store.rows("SELECT * FROM runs WHERE emitter = ? ORDER BY time_s", emitter)
        facts = [{**run, "facts": from_text(run["facts"])} for run in runs]
        sightings = self.store.rows("SELECT uid FROM sightings WHERE emitter = ? ORDER BY rowid", emitter)
        return EmitterRecord(self._row(emitter), [row["uid"] for row in sightings], facts)

    def __contains__(self, emitter: object) -> bool:
        return bool(self.store.rows("SELECT id FROM emitters WHERE id = ?", emitter))

    def __iter__(self) -> Iterator[str]:
        return iter([row["id"] for row in self.store.rows("SELECT id FROM emitters ORDER BY sample, length(id), id")])

    def __len__(self) -> int:
        return self.store.rows("SELECT COUNT(*) AS n FROM emitters")[0]["n"]

    def __repr__(self) -> str:
        return summary(self.table())

    def close(self) -> None:
        """Close the file; what it holds stays."""
        self.store.close()
