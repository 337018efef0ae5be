"""Results of stored runs, computed again from their documents: the numbers that RE(...) returned, nothing written."""

from __future__ import annotations

import sqlite3
from collections import OrderedDict
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lab.emitters.analyses import EmitterAnalyses
from lab.emitters.grouping import against_power
from lab.emitters.registry import EmitterRegistry
from lab.emitters.runs import PLANS as EMITTER_PLANS
from lab.emitters.runs import Run as LookedAt
from lab.flim.analyses import FlimAnalyses
from lab.flim.results import IrfResult
from lab.spectra.derivation import PLANS as SPECTRAL_PLANS
from lab.spectra.derivation import Derivation

if TYPE_CHECKING:
    from lab.catalog.catalog import Catalog
    from lab.catalog.run import Run

KEPT = 8  # results in memory: one image of lifetimes may take 100 MB
PLANS = ("flim_raster", "irf", *SPECTRAL_PLANS, *EMITTER_PLANS, "power_series_analysis", "pl_series")


class Fitted:
    """Results by uid; the last few stay in memory."""

    def __init__(self, db: Catalog):
        self.db = db
        self._kept: OrderedDict[str, Any] = OrderedDict()
        self.irf_of = FlimAnalyses(db.documents, nowhere, nowhere).irf_of

    def of(self, run: Run) -> Any:
        """The result of a run or of an analysis; LookupError if its plan has none."""
        if run.uid not in self._kept:
            self._kept[run.uid] = self._computed(run)
        self._kept.move_to_end(run.uid)
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        return self._kept[run.uid]

    def _computed(self, run: Run) -> Any:
        plan, start = run.start.get("plan_name", ""), run.start
        if plan == "power_series_analysis":
            results = [self.of(self.db[uid]) for uid in start["analysis_of"]]
            return replace(against_power(tuple(results)), derived_uid=run.uid, figure=run.picture())
        if plan == "pl_series":
            return replace(Derivation(self.db.documents).series(start["analysis_of"]), derived_uid=run.uid)
        if run.purpose == "analysis" and plan.removesuffix("_analysis") in (*PLANS, "flim", "emitters"):
            return self.of(self.db[start["analysis_of"][0]])
        analysis = self.db.analysis_of(run)
        result = self._of_plan(run, plan)
        if isinstance(result, IrfResult):
            return result
        about = {"derived_uid": None if analysis is None else analysis.uid, "exit_status": run.exit_status}
        return replace(result, **about, figure=run.picture(), storage="")

    def _of_plan(self, run: Run, plan: str) -> Any:
        if plan in ("flim_raster", "irf"):
            return self._raster(run)
        if plan in SPECTRAL_PLANS:
            return Derivation(self.db.documents).of(run.uid)
        if plan not in EMITTER_PLANS:
            raise LookupError(f"run {run.uid[:8]} is a {plan or run.purpose}: it has no fit; .table() tells more")
        found = Nameless(self.db, self.irf_of).result_of(run.uid, drawn=False)
        if found is None:
            raise LookupError(f"run {run.uid[:8]} ({plan}) could not be analysed; the log says why")
        return found

    def _raster(self, run: Run) -> Any:
        analyses = FlimAnalyses(self.db.documents, nowhere, nowhere)
        if run.start["plan_name"] == "irf":
            analyses.irf_of(run.uid)
            return analyses.result_of(run.uid, run.exit_status)
        (live,) = analyses.of_run(run.start, in_place=True)
        for name, doc in self.db.documents(run.uid):
            live(name, doc)
        found = analyses.result_of(run.uid, run.exit_status)
        if found is None:
            raise LookupError(f"run {run.uid[:8]} (flim_raster) could not be analysed; the log says why")
        return found


class Nameless(EmitterAnalyses):
    """Analyses of emitters that name what the registry has named already, and tell it nothing."""

    def __init__(self, db: Catalog, irf_of: Any):
        self.names = EmitterRegistry(None)
        super().__init__(db.documents, nowhere, self.names, irf_of=irf_of)
        self.db = db

    def tell_registry(self, run: LookedAt, found: Any) -> None:
        if run.plan_name == "find_emitters":
            names = named_in(self.db.data, run.start["uid"])
            run.notes = {"ids": names, "placing_warnings": ()}

    def result_of(self, uid: str, *, drawn: bool = True) -> Any:
        try:
            return super().result_of(uid, drawn=drawn)
        finally:
            self.names.close()


def named_in(data: Path | None, uid: str) -> tuple[str, ...]:
    """The ids of the emitters that were found in a run, as the registry of a data folder has them."""
    path = data / "emitters.sqlite" if data is not None else None
    if path is None or not path.exists():
        return ()
    with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as known:
        rows = known.execute("SELECT emitter FROM sightings WHERE uid = ? ORDER BY row", (uid,))
        return tuple(row[0] for row in rows)


def nowhere(*_: Any) -> None:
    """Takes what is not to be kept."""
