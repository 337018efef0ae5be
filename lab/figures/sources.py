"""Results of stored runs, computed again from a data folder: nothing is stored, no process or instrument is needed."""

from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from functools import cached_property
from pathlib import Path
from typing import Any
from weakref import finalize

from lab.emitters.grouping import against_power
from lab.emitters.known import copied_registry
from lab.emitters.registry import EmitterRegistry
from lab.stored.again import Again
from lab.stored.analyses import ending
from lab.stored.index import Index, ends
from lab.stored.whereabouts import documents, path_of

KEPT = 60  # results that stay in memory


class Sources:
    """Results by uid; the last ones stay in memory.

    Parameters
    ----------
    data : data folder of a lab, which may have been moved or copied: its journal, raw files and registry of emitters

    Attributes
    ----------
    index : what runs there are

    LookupError if there is no journal in the folder.
    """

    def __init__(self, data: str | Path):
        self.data = Path(data)
        if not (self.data / "journal").is_dir():
            raise LookupError(
                f"{self.data} is no data folder of a lab: it has no journal; give the one that has the runs"
            )
        self.index = Index(self.data / "journal")
        self.again = Again(self.documents, lambda: nullcontext(self.registry))
        self.found: dict[str, Any] = {}

    @cached_property
    def registry(self) -> EmitterRegistry:
        """The emitters as their file has them; the file is only read, and empty where there is none."""
        registry = copied_registry(self.data)
        finalize(self, registry.close)
        return registry

    def documents(self, uid: str) -> Iterator[tuple[str, dict]]:
        return documents(self.data, uid)

    def ends(self, uid: str) -> tuple[dict[str, Any], dict[str, Any]]:
        """Start and stop document of a run, an empty stop if it has not ended; LookupError if it is not there."""
        start, stop = ends(path_of(self.data, uid))
        if not start:
            raise LookupError(f"run {uid[:8]} was never begun: its file in {self.data / 'journal'} is empty")
        return start, stop

    def of(self, uid: str) -> Any:
        """The result of a run, as its plan returned it; LookupError if it has none.

        It was computed now, so it names no stored analysis; `index.analyses` knows those.
        """
        if uid not in self.found:
            start, stop = self.ends(uid)
            self.found[uid] = self.again.of(start, ending(stop))
            for old in list(self.found)[:-KEPT]:
                del self.found[old]
        return self.found[uid]

    def together(self, kind: str, uids: tuple[str, ...], selection: Mapping[str, Any]) -> Any:
        """The result of many runs.

        kind : "pl_series", "power_series" or "cohort"; of a cohort, `selection` says "emitters" and "parameters"
        """
        match kind:
            case "pl_series":
                return self.again.spectra.series(uids)
            case "power_series":
                return against_power(tuple(self.of(uid) for uid in uids))
            case "cohort":
                return self.again.cohort(uids, selection["emitters"], selection["parameters"])
        raise ValueError(f"kind={kind!r}: runs are taken together as pl_series, power_series or cohort")
