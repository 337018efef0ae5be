"""Thin callbacks: documents in, science out. They cannot tell a running plan from a stored run.

A live callback must never hold up the RunEngine, so the work is done in a thread of its own; a replay does the same
work in place. The result does not depend on which.
"""

import logging
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import numpy as np
from event_model import DocumentRouter

from analysis.flim import FlimMap, FlimRaster, Response, raster_facts
from analysis.formats.histograms import HistogramRows

log = logging.getLogger(__name__)

PREVIEW_PERIOD_S = 0.5


class Worker:
    """One thread that does things in order; `in_place` does them at once, in the caller."""

    def __init__(self, name: str, *, in_place: bool):
        self.in_place = in_place
        self.tasks: queue.SimpleQueue = queue.SimpleQueue()
        if not in_place:
            threading.Thread(target=self.run, name=name, daemon=True).start()

    def do(self, task: Callable[[], None]):
        if self.in_place:
            task()
        else:
            self.tasks.put(task)

    def run(self):
        while (task := self.tasks.get()) is not None:
            task()

    @property
    def idle(self) -> bool:
        return self.in_place or self.tasks.empty()

    def end(self):
        if not self.in_place:
            self.tasks.put(None)


class IrfSum(DocumentRouter):
    """The instrument response of an `irf` run: `response`, summed over its integrations, None without any."""

    counts: np.ndarray | None = None

    @property
    def response(self) -> Response | None:
        if self.counts is None:
            return None
        tcspc = self.facts["tcspc"]
        return Response(self.facts["uid"], self.counts, tcspc["bin_width_ns"], tcspc["period_ns"])

    def start(self, doc):
        self.facts: dict[str, Any] = dict(doc)
        self.files: dict[str, HistogramRows] = {}

    def stream_resource(self, doc):
        self.files[doc["uid"]] = HistogramRows(dict(doc))

    def stream_datum(self, doc):
        rows = self.files[doc["stream_resource"]]
        for index in range(doc["indices"]["start"], doc["indices"]["stop"]):
            row = rows.row(index).astype(np.int64)
            self.counts = row if self.counts is None else self.counts + row

    def stop(self, doc):
        for rows in self.files.values():
            rows.close()


class LiveFlim(DocumentRouter):
    """Lifetime image of one `flim_raster` run, fitted line by line while the next line is measured.

    Parameters
    ----------
    irf_of : run uid -> that instrument response
    in_place : do the work in the caller's thread (replay) instead of one of its own (live)
    on_line : called with this object after lines were fitted (live display)
    on_result : called with the start document and the final `FlimMap`, in the working thread, before `done` is set

    Attributes
    ----------
    raster : `FlimRaster`, filled as lines arrive
    tau2_ns : (ny, nx) the slow lifetime so far; scans are aligned only in the end
    done : Future of the `FlimMap`
    """

    def __init__(
        self,
        irf_of: Callable[[str], Response],
        *,
        in_place: bool = False,
        on_line: Callable[["LiveFlim"], None] | None = None,
        on_result: Callable[[dict, FlimMap], None] | None = None,
    ):
        super().__init__()
        self.irf_of, self.on_line, self.on_result = irf_of, on_line, on_result
        self.worker = Worker("live lifetimes", in_place=in_place)
        self.started: FlimRaster | None = None
        self.files: dict[str, HistogramRows] = {}
        self.streams: dict[str, str] = {}
        self.pending: list[int] = []
        self.last_preview = 0.0
        self.done: Future[FlimMap] = Future()

    def start(self, doc):
        self.start_doc: dict[str, Any] = dict(doc)
        self.tau2_ns = np.empty((0, 0))
        self.attempt(lambda: self.begin(self.start_doc))

    def begin(self, start: dict[str, Any]):
        facts = raster_facts(start)
        self.tau2_ns = np.full((facts.ny, facts.nx), np.nan)
        self.started = FlimRaster(facts, self.irf_of(self.start_doc["irf_uid"]))

    @property
    def raster(self) -> FlimRaster:
        if self.started is None:
            raise LookupError("the run has not started")
        return self.started

    def descriptor(self, doc):
        self.streams[doc["uid"]] = doc.get("name", "primary")

    def stream_resource(self, doc):
        self.attempt(lambda: self.files.update({doc["uid"]: HistogramRows(dict(doc))}))

    def stream_datum(self, doc):
        if self.streams.get(doc.get("descriptor", ""), "primary") == "primary":
            for index in range(doc["indices"]["start"], doc["indices"]["stop"]):
                self.attempt(lambda index=index: self.take(index, doc["stream_resource"]))

    def event(self, doc):
        stream, data = self.streams.get(doc["descriptor"]), doc["data"]
        if stream == "primary":
            facts = {"lit": float(data["scanner_lit"]), "saturated": bool(data["scanner_overflow"])}
            self.attempt(lambda: self.raster.add_facts(int(data["scanner_line"]), **facts))
        elif stream == "dark":
            counts, seconds = np.asarray(data["timeharp_counts"]), float(data["timeharp_elapsed"])
            self.attempt(lambda: self.raster.add_dark(counts, seconds))

    def stop(self, doc):
        self.worker.do(self.finish)
        self.worker.end()

    def attempt(self, task: Callable[[], None]):
        """Do a piece of work; the first failure ends the analysis, never the run."""

        def guarded():
            if self.done.done():
                return
            try:
                task()
            except Exception as why:
                log.error("the live analysis stopped, the run goes on: %s", why)
                self.done.set_exception(why)

        self.worker.do(guarded)

    def take(self, index: int, resource: str):
        """Bin one line; fit what is new if there is time."""
        self.raster.add_line(index, self.files[resource].row(index))
        if self.worker.in_place:
            return
        self.pending.append(index)
        if self.worker.idle and time.monotonic() - self.last_preview > PREVIEW_PERIOD_S:
            self.preview()

    def preview(self):
        """Fit the lines that came since the last preview."""
        rows = sorted({index % self.raster.facts.ny for index in self.pending})
        self.tau2_ns[rows] = self.raster.preview(rows).tau_ns[..., -1]
        self.pending.clear()
        self.last_preview = time.monotonic()
        if self.on_line is not None:
            self.on_line(self)

    def finish(self):
        """Compute the final image."""
        try:
            if not self.done.done():
                result = self.raster.result()
                self.tau2_ns = result.fit.tau_ns[..., -1]
                if self.on_result is not None:
                    self.on_result(self.start_doc, result)
                self.done.set_result(result)
        except Exception as why:
            log.error("no lifetime image of run %s: %s", self.start_doc["uid"][:8], why)
            if not self.done.done():
                self.done.set_exception(why)
        finally:
            for rows in self.files.values():
                rows.close()
