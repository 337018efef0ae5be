"""The lifetime image of a raster, from its documents."""

import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from typing import Any

import numpy as np

from analysis.callbacks.earlier import RasterRun, feed_earlier
from analysis.callbacks.filed import FiledAnalysis
from analysis.callbacks.worker import PREVIEW_PERIOD_S
from analysis.flim import FlimMap, FlimRaster, Response, raster_facts


class LiveFlim(FiledAnalysis):
    """Lifetime image of a `flim_raster`, fitted line by line while the next line is measured.

    Parameters
    ----------
    irf_of : run uid -> that instrument response
    documents : run uid -> its documents; of the runs that this one continues: the image is of all
    in_place : do the work in the caller's thread (replay) instead of one of its own (live)
    on_line : called with this object after lines were fitted (live display)
    on_result : called with the start document and the final `FlimMap`, in the working thread, before `done` is set

    Attributes
    ----------
    raster : `FlimRaster`, filled as lines arrive
    tau2_ns : (ny, nx) the slow lifetime so far; scans are aligned only in the end
    done : Future of the `FlimMap`
    """

    done: Future[FlimMap]

    def __init__(
        self,
        irf_of: Callable[[str], Response],
        documents: Callable[[str], Iterable[tuple[str, dict]]] | None = None,
        *,
        in_place: bool = False,
        on_line: Callable[["LiveFlim"], None] | None = None,
        on_result: Callable[[dict, FlimMap], None] | None = None,
    ):
        super().__init__("lifetime image", in_place=in_place)
        self.documents, self.first_line = documents, 0
        self.irf_of, self.on_line, self.on_result = irf_of, on_line, on_result
        self.started: FlimRaster | None = None
        self.pending: list[int] = []
        self.last_preview = 0.0

    def start(self, doc):
        super().start(doc)
        self.tau2_ns = np.empty((0, 0))
        self.first_line = int(doc.get("first_line", 0))
        self.attempt(lambda: self.begin(self.start_doc))

    def begin(self, start: dict[str, Any]):
        facts = raster_facts(start)
        self.tau2_ns = np.full((facts.ny, facts.nx), np.nan)
        self.started = FlimRaster(facts, self.irf_of(self.start_doc["irf_uid"]))
        if earlier := start.get("earlier_runs"):
            if self.documents is None:
                raise LookupError(f"run {start['uid'][:8]} continues another: replay all of it, session.replay(uid)")
            feed_earlier(self.started, [RasterRun(self.documents(uid)) for uid in earlier], self.first_line)

    @property
    def raster(self) -> FlimRaster:
        if self.started is None:
            raise LookupError("the run has not started")
        return self.started

    def stream_datum(self, doc):
        if self.points_to_primary(doc):
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

    def take(self, index: int, resource: str):
        """Bin the line in this row; fit what is new if there is time."""
        line = self.first_line + index
        self.raster.add_line(line, self.files[resource].row(index))
        if self.worker.in_place:
            return
        self.pending.append(line)
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

    def result(self) -> FlimMap:
        """The final image."""
        image = self.raster.result()
        self.tau2_ns = image.fit.tau_ns[..., -1]
        if self.on_result is not None:
            self.on_result(self.start_doc, image)
        return image
