"""Results of stored runs, computed again from their documents: the numbers that RE(...) returned, nothing written."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any

from lab.emitters.cohorts import Members, compared, parted
from lab.emitters.quiet import Quiet, nowhere
from lab.emitters.registry import EmitterRegistry
from lab.emitters.runs import PLANS as EMITTER_PLANS
from lab.emitters.tables import EmitterRecord
from lab.flim.analyses import FlimAnalyses
from lab.spectra.derivation import PLANS as SPECTRAL_PLANS
from lab.spectra.derivation import Derivation

PLANS = ("flim_raster", "irf", *SPECTRAL_PLANS, *EMITTER_PLANS)

Documents = Callable[[str], Iterator[tuple[str, dict[str, Any]]]]
Names = Callable[[], AbstractContextManager[EmitterRegistry]]


class Again:
    """Results by start document.

    Parameters
    ----------
    documents : uid of a run -> its documents
    names : opens the registry of emitters, which is only read
    """

    def __init__(self, documents: Documents, names: Names):
        self.documents, self.names = documents, names
        self.flim = FlimAnalyses(documents, nowhere, nowhere)
        self.spectra = Derivation(documents)

    def of(self, start: Mapping[str, Any], exit_status: str, derived_uid: str | None = None) -> Any:
        """The result of a run, as its plan returned it.

        LookupError if its plan has none, or nothing could be found in it.
        """
        uid, plan = start["uid"], start.get("plan_name", "")
        if plan not in PLANS:
            raise LookupError(f"run {uid[:8]} is a {plan or 'run without a plan'}: there is no analysis of it")
        if plan == "irf":
            self.flim.irf_of(uid)
            return self.flim.result_of(uid, exit_status)
        result = self.spectra.of(uid) if plan in SPECTRAL_PLANS else self.photons(uid, plan, exit_status)
        if result is None:
            raise LookupError(f"run {uid[:8]} ({plan}) could not be analysed; the log says why")
        return replace(result, derived_uid=derived_uid, exit_status=exit_status)

    def photons(self, uid: str, plan: str, exit_status: str) -> Any:
        """Of a raster or of a run on single emitters; None if there is none."""
        if plan in EMITTER_PLANS:
            with self.names() as registry:
                return Quiet(self.documents, nowhere, registry, irf_of=self.flim.irf_of).result_of(uid, drawn=False)
        try:
            self.look_again(uid)
            return self.flim.result_of(uid, exit_status)
        finally:
            self.flim.live.pop(uid, None)

    def look_again(self, uid: str) -> None:
        """Send a raster through the analysis, in this thread."""
        looking: list[Any] = []
        for name, doc in self.documents(uid):
            looking = self.flim.of_run(doc, in_place=True) if name == "start" else looking
            for callback in looking:
                callback(name, doc)

    def cohort(self, uids: tuple[str, ...], emitters: Mapping[str, Any], parameters: Mapping[str, float]) -> Any:
        """Emitters as groups, by what the registry keeps of these runs, whatever was measured since.

        emitters : group -> ids; parameters : of the medium. LookupError for an emitter that the registry does not know.
        """
        with self.names() as registry:
            film, glass = (members(registry, emitters.get(group, ()), set(uids)) for group in ("film", "glass"))
        return compared(film, glass, samples={}, **parameters)


def members(registry: EmitterRegistry, ids: Any, uids: set[str]) -> Members:
    """One group, by what these runs tell."""
    if unknown := [each for each in ids if each not in registry]:
        raise LookupError(
            f"the registry of emitters (emitters.sqlite) does not know the emitter {unknown[0]}: give the data folder "
            "in which it was measured"
        )
    return parted({each: only(registry[each], uids).columns() for each in ids})


def only(record: EmitterRecord, uids: set[str]) -> EmitterRecord:
    """What these runs tell of an emitter."""
    seen = [uid for uid in record.found_in if uid in uids]
    return EmitterRecord(record.row, seen, [run for run in record.runs if run["uid"] in uids])


def cohort_of(start: Mapping[str, Any]) -> dict[str, Any]:
    """The emitters of a stored cohort, and the medium around them, as `Again.cohort` takes them; empty for others."""
    given = start.get("parameters") or {}
    if "emitters" not in given:
        return {}
    medium = {key: value for key, value in given.items() if key not in ("emitters", "left_out")}
    return {"emitters": given["emitters"], "parameters": medium}
