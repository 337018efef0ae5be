"""Results of the runs of a catalog, computed again from their documents, as RE(...) returned them."""

from __future__ import annotations

from collections import OrderedDict
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lab.emitters.grouping import against_power
from lab.emitters.known import copied_registry
from lab.emitters.registry import EmitterRegistry
from lab.flim.results import IrfResult
from lab.stored.again import Again, cohort_of
from lab.stored.analyses import OF_MANY

if TYPE_CHECKING:
    from lab.catalog.catalog import Catalog
    from lab.catalog.run import Run

KEPT = 8  # results in memory: one image of lifetimes may take 100 MB


class Fitted:
    """Results by uid; the last few stay in memory."""

    def __init__(self, db: Catalog):
        self.db = db
        self._kept: OrderedDict[str, Any] = OrderedDict()
        self._again = Again(db.documents, lambda: closing(registry_of(db.data)))
        self.irf_of = self._again.flim.irf_of

    def of(self, run: Run) -> Any:
        """The result of a run or of an analysis; LookupError if its plan has none."""
        if run.uid not in self._kept:
            self._kept[run.uid] = self._computed(run)
        self._kept.move_to_end(run.uid)
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        return self._kept[run.uid]

    def _computed(self, run: Run) -> Any:
        if run.start.get("plan_name") in OF_MANY:
            return replace(self._together(run), derived_uid=run.uid)
        if run.purpose == "analysis":
            return self.of(self.db[run.start["analysis_of"][0]])
        analysis = self.db.analysis_of(run)
        result = self._again.of(run.start, run.exit_status, None if analysis is None else analysis.uid)
        return result if isinstance(result, IrfResult) else replace(result, figure=run.picture(), storage="")

    def _together(self, run: Run) -> Any:
        """What several runs show, by their stored analysis."""
        uids = tuple(run.start["analysis_of"])
        match run.start["plan_name"]:
            case "power_series_analysis":
                return replace(against_power(tuple(self.of(self.db[uid]) for uid in uids)), figure=run.picture())
            case "cohort_analysis":
                found = self._again.cohort(uids, **cohort_of(run.start))
                return replace(found, left_out=run.start["parameters"].get("left_out", {}), figure=run.picture())
        return self._again.spectra.series(uids)


def registry_of(data: Path | None) -> EmitterRegistry:
    """The emitters that a data folder knows, in memory; none without a folder."""
    return EmitterRegistry(None) if data is None else copied_registry(data)
