"""The analyses of a session: what looks at each run while it is measured, its results, and their replay."""

import logging
from collections.abc import Callable, Iterator
from concurrent.futures import TimeoutError as NotReady
from dataclasses import replace
from pathlib import Path
from typing import Any

from analysis.callbacks import IrfSum, LiveFlim
from analysis.derived import derived_run
from analysis.flim import FlimMap, Response
from lab.catalog import Catalog
from lab.journal import Journal
from lab.results import FlimResult, IrfResult, flim_arrays
from lab.spectral_analyses import SpectralAnalyses
from lab.spectral_results import SpectralResult
from lab.storage import Ingester
from lab.version import code_version

log = logging.getLogger(__name__)

RESULT_TIMEOUT_S = 600.0


class Analyses:
    """Live callbacks by run uid, and what they found.

    Parameters
    ----------
    db, journal, ingester : where runs come from, and where derived runs go
    remember_irf : called with the uid of each complete instrument response

    Attributes
    ----------
    on_line : called with a `LiveFlim`, in its own thread, when lines were fitted
    draw : makes the figure of a finished raster
    spectra : the same for the spectrofluorometer
    """

    def __init__(self, db: Catalog, journal: Journal, ingester: Ingester, remember_irf: Callable[[str], None]):
        self.db, self.journal, self.ingester, self.remember_irf = db, journal, ingester, remember_irf
        self.live: dict[str, LiveFlim] = {}
        self.irfs: dict[str, Response] = {}
        self.derived_uids: dict[str, str] = {}
        self.exit_status: dict[str, str] = {}
        self.on_line: Callable[[LiveFlim], None] | None = None
        self.draw: Callable[[FlimResult], Path | None] | None = None
        self.spectra = SpectralAnalyses(db.documents, self.record)

    def of_run(self, name: str, start: dict):
        """What looks at a run while it is measured (RunRouter factory)."""
        if start.get("plan_name") == "flim_raster":
            live = LiveFlim(self.irf_of, on_line=self.on_line, on_result=self.store_flim)
            self.live[start["uid"]] = live
            return [live], []
        if start.get("plan_name") == "irf":
            total = IrfSum()
            return [total, lambda kind, doc: kind == "stop" and self.note_irf(doc, total)], []
        spectrum = self.spectra.of_run(start)
        return ([], []) if spectrum is None else ([spectrum], [])

    def note_irf(self, stop: dict, total: IrfSum):
        """Keep the instrument response for the rasters of this session, if the run was completed."""
        if total.response is None or stop["exit_status"] != "success":
            return
        uid = stop["run_start"]
        self.irfs[uid] = total.response
        self.remember_irf(uid)

    def note_exit(self, name: str, doc: dict):
        self.exit_status[doc["run_start"]] = doc["exit_status"]

    def irf_of(self, uid: str) -> Response:
        """The instrument response of an `irf` run, from memory or from its documents."""
        if uid not in self.irfs:
            self.irfs[uid] = stored_response(uid, self.db.documents(uid))
        return self.irfs[uid]

    def record(self, name: str, doc: dict):
        """Put a document of a derived run where all documents go."""
        self.journal(name, doc)
        self.ingester(name, doc)

    def store_flim(self, start: dict, image: FlimMap):
        """Store a lifetime image as a derived run of its raster."""
        for name, doc in flim_documents(start, image):
            if name == "start":
                self.derived_uids[image.facts.uid] = doc["uid"]
            self.record(name, doc)

    def replay(self, uid: str) -> FlimResult | SpectralResult | None:
        """Send a stored run through the live analysis again; the result is stored as a new derived run."""
        start = self.db[uid].start
        if start.get("plan_name") == "flim_raster":
            live = self.live[start["uid"]] = LiveFlim(self.irf_of, in_place=True, on_result=self.store_flim)
        else:
            live = self.spectra.of_run(start, in_place=True)
        if live is None:
            raise ValueError(f"run {start['uid'][:8]} is a {start.get('plan_name')}: there is no analysis to replay")
        for name, doc in self.db.documents(start["uid"]):
            if name == "stop":
                self.note_exit(name, doc)
            live(name, doc)
        return self.flim_result(start["uid"]) if start["uid"] in self.live else self.spectrum(start["uid"])

    def present(self, uids: tuple[str, ...], plan_result: Any) -> Any:
        """What RE(...) returns: results of the runs if there are any, else what the plan returned, else uids."""
        results = [result for uid in uids if (result := self.result_of(uid)) is not None]
        if uids and not any(getattr(result, "storage", "") for result in results):
            self.ingester.flush(timeout_s=10.0, patient=False)
        if len(results) == 1:
            return results[0]
        return results or (plan_result if plan_result is not None else (uids or None))

    def result_of(self, uid: str) -> FlimResult | IrfResult | SpectralResult | None:
        if uid in self.live:
            return self.flim_result(uid)
        if uid in self.spectra.live:
            return self.spectrum(uid)
        if uid in self.irfs:
            start = next(doc for name, doc in self.db.documents(uid) if name == "start")
            status = self.exit_status.get(uid, "open")
            return IrfResult(self.irfs[uid], tuple(start["routes"]), status)
        return None

    def flim_result(self, uid: str) -> FlimResult | None:
        """Wait for the lifetime image of a run; None (and a line in the log) if there is none."""
        try:
            image = self.live[uid].done.result(RESULT_TIMEOUT_S)
        except (NotReady, Exception) as why:
            log.error("run %s is stored, but its lifetime image could not be computed: %s", uid[:8], why)
            return None
        status = self.exit_status.get(uid, "open")
        storage = "" if self.ingester.flush(timeout_s=10.0, patient=False) else str(self.ingester.status())
        result = FlimResult(uid, self.derived_uids.get(uid), status, image, storage=storage)
        return replace(result, figure=self.draw(result)) if self.draw is not None else result

    def spectrum(self, uid: str) -> SpectralResult | None:
        """Wait for the result of a spectral run."""
        result = self.spectra.result_of(uid, self.exit_status.get(uid, "open"))
        storage = "" if self.ingester.flush(timeout_s=10.0, patient=False) else str(self.ingester.status())
        return None if result is None else replace(result, storage=storage)


def stored_response(uid: str, documents: Iterator[tuple[str, dict]]) -> Response:
    """The instrument response that the documents of a run hold; LookupError if there is none."""
    total = IrfSum()
    for name, doc in documents:
        total(name, doc)
    if total.response is None:
        raise LookupError(f"run {uid[:8]} holds no instrument response")
    return total.response


def flim_documents(start: dict, image: FlimMap) -> Iterator[tuple[str, dict]]:
    """The derived run of a lifetime image."""
    parameters = {
        "irf_uid": start["irf_uid"],
        "route": "perovskite",
        "n_components": image.model.n_components,
        "tau_bounds_ns": list(image.model.tau_bounds_ns),
        "n_time_bins": image.model.n_time_bins,
    }
    return derived_run(
        "flim_analysis",
        [image.facts.uid],
        flim_arrays(image),
        parameters=parameters,
        code_version=code_version(),
        metadata={"sample_name": image.facts.sample},
    )
