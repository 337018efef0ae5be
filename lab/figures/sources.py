"""Results of stored runs, computed again from a data folder: nothing is stored, no process or instrument is needed."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any
from weakref import finalize

from lab.emitters.cohorts import Members, compared, reason_against
from lab.emitters.grouping import against_power
from lab.emitters.quiet import Quiet, nowhere
from lab.emitters.registry import EmitterRegistry
from lab.emitters.runs import PLANS as EMITTER_PLANS
from lab.emitters.tables import EmitterRecord
from lab.figures.index import Index, ending, ends
from lab.figures.moved import documents, path_of
from lab.flim.analyses import FlimAnalyses
from lab.spectra.analyses import SpectralAnalyses
from lab.spectra.derivation import PLANS as SPECTRA_PLANS

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
        self.flim = FlimAnalyses(self.documents, nowhere, nowhere)
        self.spectra = SpectralAnalyses(self.documents, nowhere)
        self.found: dict[str, Any] = {}

    @cached_property
    def registry(self) -> EmitterRegistry:
        """The emitters as their file has them; the file is only read, and empty where there is none."""
        registry, path = EmitterRegistry(), self.data / "emitters.sqlite"
        finalize(self, registry.close)
        if path.exists():
            registry.store.read_from(path)
        return registry

    @cached_property
    def emitters(self) -> Quiet:
        return Quiet(self.documents, nowhere, self.registry, irf_of=self.flim.irf_of)

    def documents(self, uid: str) -> Iterator[tuple[str, dict]]:
        return documents(self.data, uid)

    def ends(self, uid: str) -> tuple[dict[str, Any], dict[str, Any]]:
        """Start and stop document of a run, an empty stop if it has not ended; LookupError if it is not there."""
        start, stop = ends(path_of(self.data, uid))
        if not start:
            raise LookupError(f"run {uid[:8]} was never begun: its file in {self.data / 'journal'} is empty")
        return start, stop

    def of(self, uid: str) -> Any:
        """The result of a run, as its plan returned it; LookupError or ValueError if it has none.

        It was computed now, so it names no stored analysis; `index.analyses` knows those.
        """
        if uid not in self.found:
            self.found[uid] = self.computed(*self.ends(uid))
            for old in list(self.found)[:-KEPT]:
                del self.found[old]
        return self.found[uid]

    def computed(self, start: dict[str, Any], stop: dict[str, Any]) -> Any:
        """The result of a run, by its plan."""
        uid, plan_name = start["uid"], start.get("plan_name", "")
        about = {"derived_uid": None, "exit_status": ending(stop)}
        if plan_name in SPECTRA_PLANS:
            return replace(self.spectra.derivation.of(uid), **about)
        if plan_name in EMITTER_PLANS:
            result = self.emitters.result_of(uid, drawn=False)
        elif plan_name == "flim_raster":
            self.look_again(uid)
            result = self.flim.result_of(uid, about["exit_status"])
            self.flim.live.pop(uid)
        else:
            raise ValueError(f"run {uid[:8]} is a {plan_name or 'run without a plan'}: there is no analysis of it")
        if result is None:
            raise ValueError(f"run {uid[:8]} ({plan_name}) could not be analysed; the log says why")
        return replace(result, **about)

    def look_again(self, uid: str):
        """Send a raster through the analysis, in this thread."""
        looking: list[Any] = []
        for name, doc in self.documents(uid):
            looking = self.flim.of_run(doc, in_place=True) if name == "start" else looking
            for callback in looking:
                callback(name, doc)

    def together(self, kind: str, uids: tuple[str, ...], selection: Mapping[str, Any]) -> Any:
        """The result of many runs.

        kind : "pl_series", "power_series" or "cohort"; of a cohort, `selection` says "emitters" and "parameters"
        """
        match kind:
            case "pl_series":
                return self.spectra.derivation.series(uids)
            case "power_series":
                return against_power(tuple(self.of(uid) for uid in uids))
            case "cohort":
                return self.cohort(uids, selection["emitters"], selection["parameters"])
        raise ValueError(f"kind={kind!r}: runs are taken together as pl_series, power_series or cohort")

    def cohort(self, uids: tuple[str, ...], emitters: Mapping[str, Any], parameters: Mapping[str, float]) -> Any:
        """Emitters as groups, by what the registry keeps of these runs, whatever was measured since."""
        film, glass = (self.members(emitters.get(group, ()), set(uids)) for group in ("film", "glass"))
        return compared(film, glass, samples={}, **parameters)

    def members(self, ids: Any, uids: set[str]) -> Members:
        """One group; LookupError for an emitter that the registry does not know."""
        if unknown := [each for each in ids if each not in self.registry]:
            raise LookupError(f"the registry {self.data / 'emitters.sqlite'} does not know the emitter {unknown[0]}")
        rows = {each: only(self.registry[each], uids).columns() for each in ids}
        reasons = {each: reason for each, row in rows.items() if (reason := reason_against(row))}
        return Members([row for each, row in rows.items() if each not in reasons], reasons)


def only(record: EmitterRecord, uids: set[str]) -> EmitterRecord:
    """What these runs tell of an emitter."""
    seen = [uid for uid in record.found_in if uid in uids]
    return EmitterRecord(record.row, seen, [run for run in record.runs if run["uid"] in uids])
