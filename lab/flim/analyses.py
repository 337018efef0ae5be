"""The rasters of a session with their instrument responses: looked at while they are measured, stored, replayed."""

import logging
from collections.abc import Callable, Iterator
from concurrent.futures import TimeoutError as NotReady
from dataclasses import replace
from pathlib import Path
from typing import Any

from analysis.callbacks import IrfSum, LiveFlim
from analysis.flim import FlimMap, Response
from lab.derived import derive
from lab.flim.results import FlimResult, IrfResult, flim_arrays

log = logging.getLogger(__name__)

RESULT_TIMEOUT_S = 600.0

Documents = Callable[[str], Iterator[tuple[str, dict]]]


class FlimAnalyses:
    """Live lifetime images by run uid, and what they found.

    Parameters
    ----------
    documents : uid of a run -> its documents; record : takes the documents of derived runs
    keep_irf : called with the uid of each complete instrument response

    Attributes
    ----------
    on_line : called with a `LiveFlim`, in its own thread, when lines were fitted
    draw : makes the figure of a finished raster
    """

    def __init__(self, documents: Documents, record: Callable[[str, dict], None], keep_irf: Callable[[str], None]):
        self.documents, self.record, self.keep_irf = documents, record, keep_irf
        self.live: dict[str, LiveFlim] = {}
        self.irfs: dict[str, Response] = {}
        self.derived_uids: dict[str, str] = {}
        self.on_line: Callable[[LiveFlim], None] | None = None
        self.draw: Callable[[FlimResult], Path | None] | None = None

    def of_run(self, start: dict[str, Any], *, in_place: bool = False) -> list[Callable[[str, dict], Any]]:
        """What looks at a run while it is measured; nothing if it is neither raster nor instrument response."""
        if start.get("plan_name") == "flim_raster":
            live = LiveFlim(
                self.irf_of,
                self.documents,
                in_place=in_place,
                on_line=None if in_place else self.on_line,
                on_result=self.store,
            )
            self.live[start["uid"]] = live
            return [live]
        if start.get("plan_name") == "irf" and not in_place:
            total = IrfSum()
            return [total, lambda kind, doc: kind == "stop" and self.note_irf(doc, total)]
        return []

    def note_irf(self, stop: dict, total: IrfSum):
        """Keep the instrument response for the rasters of this session, if the run was completed."""
        if total.response is None or stop["exit_status"] != "success":
            return
        uid = stop["run_start"]
        self.irfs[uid] = total.response
        self.keep_irf(uid)

    def irf_of(self, uid: str) -> Response:
        """The instrument response of an `irf` run, from memory or from its documents."""
        if uid not in self.irfs:
            self.irfs[uid] = stored_response(uid, self.documents(uid))
        return self.irfs[uid]

    def store(self, start: dict, image: FlimMap):
        """Store a lifetime image as a derived run of its raster: of the last run first, then of those it continues."""
        uid, earlier = image.facts.uid, list(start.get("earlier_runs", ()))
        about = {"sample_name": image.facts.sample, **({"earlier_runs": earlier} if earlier else {})}
        parameters = parameters_of(start, image)
        self.derived_uids[uid] = derive(
            self.record,
            "flim_analysis",
            [uid, *earlier],
            flim_arrays(image),
            parameters=parameters,
            metadata=about,
        )

    def result_of(self, uid: str, exit_status: str) -> FlimResult | IrfResult | None:
        """Wait for the result of a run; None (and a line in the log) if there is none."""
        if uid in self.irfs:
            start = next(doc for name, doc in self.documents(uid) if name == "start")
            return IrfResult(self.irfs[uid], tuple(start["routes"]), exit_status)
        try:
            image = self.live[uid].done.result(RESULT_TIMEOUT_S)
        except (NotReady, Exception) as why:
            log.error("run %s is stored, but its lifetime image could not be computed: %s", uid[:8], why)
            return None
        result = FlimResult(uid, self.derived_uids.get(uid), exit_status, image)
        return replace(result, figure=self.draw(result)) if self.draw is not None else result


def stored_response(uid: str, documents: Iterator[tuple[str, dict]]) -> Response:
    """The instrument response that the documents of a run hold; LookupError if there is none."""
    total = IrfSum()
    for name, doc in documents:
        total(name, doc)
    if total.response is None:
        raise LookupError(f"run {uid[:8]} holds no instrument response")
    return total.response


def parameters_of(start: dict, image: FlimMap) -> dict[str, Any]:
    """With what a lifetime image was computed."""
    return {
        "irf_uid": start["irf_uid"],
        "route": "perovskite",
        "n_components": image.model.n_components,
        "tau_bounds_ns": list(image.model.tau_bounds_ns),
        "n_time_bins": image.model.n_time_bins,
    }
