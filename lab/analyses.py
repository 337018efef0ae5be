"""The analyses of a session: what looks at each run while it is measured, its results, and their replay."""

from dataclasses import replace
from typing import Any

from lab.catalog import Catalog
from lab.emitters.analyses import EmitterAnalyses
from lab.emitters.grouping import EmitterGroups
from lab.emitters.registry import EmitterRegistry
from lab.emitters.results import EmitterRun
from lab.emitters.runs import PLANS as EMITTER_PLANS
from lab.flim.analyses import FlimAnalyses
from lab.flim.results import FlimResult, IrfResult
from lab.journal import Journal
from lab.remembered import Remembered
from lab.spectra.analyses import SpectralAnalyses
from lab.spectra.results import SpectralResult
from lab.storage import Ingester
from plans.night import NightOutcome

Result = FlimResult | IrfResult | SpectralResult | EmitterRun


class Analyses:
    """All that looks at runs, by instrument and kind of experiment.

    Parameters
    ----------
    db, journal, ingester : where runs come from, and where derived runs go
    remembered : keeps calibrations for later runs
    registry : of the emitters

    Attributes
    ----------
    flim, spectra, emitters : rasters, the spectrofluorometer, single emitters; with the hooks of a live display
    groups : many runs on emitters together
    """

    def __init__(
        self, db: Catalog, journal: Journal, ingester: Ingester, remembered: Remembered, registry: EmitterRegistry
    ):
        self.db, self.journal, self.ingester = db, journal, ingester
        self.exit_status: dict[str, str] = {}
        self.flim = FlimAnalyses(db.documents, self.record, remembered.keep_irf)
        self.spectra = SpectralAnalyses(db.documents, self.record)
        self.emitters = EmitterAnalyses(
            db.documents,
            self.record,
            registry,
            irf_of=self.flim.irf_of,
            derived_of=self.derived_of,
            keep_time_zero=remembered.keep_time_zero,
        )
        self.groups = EmitterGroups(self.emitters)

    def of_run(self, name: str, start: dict):
        """What looks at a run while it is measured (RunRouter factory)."""
        spectrum = self.spectra.of_run(start)
        looking = [spectrum] if spectrum is not None else []
        return [*looking, *self.flim.of_run(start), *self.emitters.runs.of_run(start)], []

    def note_exit(self, name: str, doc: dict):
        self.exit_status[doc["run_start"]] = doc["exit_status"]

    def record(self, name: str, doc: dict):
        """Put a document of a derived run where all documents go."""
        self.journal(name, doc)
        self.ingester(name, doc)

    def derived_of(self, uid: str) -> str | None:
        """The newest stored analysis of a run."""
        derived = self.db.derived(uid)
        return None if derived is None else derived.start["uid"]

    def replay(self, uid: str) -> Result | None:
        """Send a stored run through the live analysis again; the result is stored as a new derived run."""
        start = self.db[uid].start
        uid = start["uid"]
        if start.get("plan_name") in EMITTER_PLANS:
            self.emitters.runs.replay(uid)
            return self.result_of(uid)
        looking: list[Any] = [*self.flim.of_run(start, in_place=True)]
        looking += [live for live in (self.spectra.of_run(start, in_place=True),) if live is not None]
        if not looking:
            raise ValueError(f"run {uid[:8]} is a {start.get('plan_name')}: there is no analysis to replay")
        for name, doc in self.db.documents(uid):
            if name == "stop":
                self.note_exit(name, doc)
            looking[0](name, doc)
        return self.result_of(uid)

    def present(self, uids: tuple[str, ...], plan_result: Any) -> Any:
        """What RE(...) returns: a night's outcome, else results of the runs, else what the plan returned, else uids."""
        if isinstance(plan_result, NightOutcome):
            return plan_result
        if (group := self.groups.of_runs(uids, plan_result)) is not None:
            return replace(group, storage=self.storage_backlog())
        results = [result for uid in uids if (result := self.finished(uid)) is not None]
        storage = self.storage_problem() if uids else ""
        results = [with_storage(result, storage) for result in results]
        if len(results) == 1:
            return results[0]
        return results or (plan_result if plan_result is not None else (uids or None))

    def result_of(self, uid: str) -> Result | None:
        """The result of a run, in storage with its analysis; None if there is none."""
        result = self.finished(uid)
        return None if result is None else with_storage(result, self.storage_problem())

    def finished(self, uid: str) -> Result | None:
        """The result of a run, when its analysis is done."""
        exit_status = self.exit_status.get(uid, "open")
        if uid in self.flim.live or uid in self.flim.irfs:
            return self.flim.result_of(uid, exit_status)
        if uid in self.spectra.live:
            return self.spectra.result_of(uid, exit_status)
        return self.emitters.result_of(uid) if uid in self.emitters.runs.by_uid else None

    def storage_backlog(self) -> str:
        """How storage stands, "" if it has everything; does not wait for a hundred runs to be taken up."""
        status = self.ingester.status()
        return "" if status.state == "up" and not status.waiting and not status.refused else str(status)

    def storage_problem(self) -> str:
        """Bring everything into storage; what is wrong with it, "" if nothing."""
        return "" if self.ingester.flush(timeout_s=10.0, patient=False) else str(self.ingester.status())


def with_storage(result: Result, storage: str) -> Result:
    """A result that knows what is wrong with storage."""
    return result if isinstance(result, IrfResult) else replace(result, storage=storage)
