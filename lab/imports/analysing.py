"""The analyses of a session for imported runs, without a session: nothing of the present calibrations is touched."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from lab import journal
from lab.emitters.analyses import EmitterAnalyses
from lab.emitters.runs import PLANS as EMITTER_PLANS
from lab.flim.analyses import FlimAnalyses, stored_response
from lab.spectra.analyses import SpectralAnalyses

Record = Callable[[str, dict], None]


class Analyst:
    """Analyses runs that are in a journal; what it finds becomes derived runs.

    Parameters
    ----------
    folder : the journal's; record : takes the documents of derived runs
    """

    def __init__(self, folder: Path, record: Record):
        self.folder = folder
        self.flim = FlimAnalyses(self.documents, record, lambda uid: None)
        self.spectra = SpectralAnalyses(self.documents, record)
        registry: Any = None  # imported runs belong to no emitter that is known
        self.emitters = EmitterAnalyses(self.documents, record, registry, irf_of=self.flim.irf_of)

    def documents(self, uid: str) -> Iterator[tuple[str, dict]]:
        """What the journal has of a run; LookupError if it is not there."""
        path = journal.path_of(self.folder, uid)
        if path is None:
            raise LookupError(f"run {uid[:8]} is not in the journal {self.folder}: import it again")
        yield from journal.read(path)

    def start_of(self, uid: str) -> dict[str, Any]:
        """Its start document."""
        return next(doc for name, doc in self.documents(uid) if name == "start")

    def response_of(self, uid: str) -> dict[str, Any]:
        """The start document of an instrument response; LookupError if the run holds none."""
        stored_response(uid, self.documents(uid))
        return self.start_of(uid)

    def analyse(self, uid: str) -> tuple[str, str]:
        """The uid of the derived run, and why there is none; one of them is empty."""
        try:
            if self.start_of(uid)["plan_name"] in EMITTER_PLANS:
                return self.of_emitter(uid)
            return self.of_spectrum(uid)
        except Exception as why:
            return "", f"no analysis: {why}"

    def of_emitter(self, uid: str) -> tuple[str, str]:
        self.emitters.runs.replay(uid)
        run = self.emitters.runs.by_uid[uid]
        return (run.derived_uid or "", failure(run.done))

    def of_spectrum(self, uid: str) -> tuple[str, str]:
        live = self.spectra.of_run(self.start_of(uid), in_place=True)
        if live is None:
            return "", ""
        for name, doc in self.documents(uid):
            live(name, doc)
        return self.spectra.derived_uids.get(uid, ""), failure(live.done)


def failure(done: Future[Any] | None) -> str:
    """Why an analysis that has ended found nothing, "" if it did."""
    error = None if done is None else done.exception(timeout=0)
    return "" if error is None else f"no analysis: {error}"
