"""A spectrum, from its documents: it grows point by point, its bands are fitted as they appear."""

import time
from collections.abc import Callable
from typing import Any

from event_model import DocumentRouter

from analysis.callbacks.worker import PREVIEW_PERIOD_S, LiveAnalysis
from analysis.spectra import BandFit, Curve
from analysis.spectrometry import SpectralRun

DARK = "dark"
SCANS = ("primary", "lamp", "scatter")


def add_row(run: SpectralRun, stream: str, data: dict[str, Any]):
    """One row of a stream into a run; a stream that holds neither points nor dark counts is passed over."""
    if stream in SCANS:
        run.add_point(stream, data)
    elif stream == DARK:
        run.add_dark(float(data["fs5_dark_counts"]), float(data["fs5_dark_time"]))


class StoredSpectrum(DocumentRouter):
    """A run of the spectrofluorometer from its documents: `start_doc`, and `run` with all points."""

    def start(self, doc):
        self.start_doc: dict[str, Any] = dict(doc)
        self.run = SpectralRun(doc)
        self.streams: dict[str, str] = {}

    def descriptor(self, doc):
        self.streams[doc["uid"]] = doc.get("name", "primary")

    def event(self, doc):
        add_row(self.run, self.streams[doc["descriptor"]], doc["data"])


class LiveSpectrum(LiveAnalysis):
    """The spectrum of one run of the spectrofluorometer.

    Parameters
    ----------
    analyse : start document and points of the run, when it has ended -> its result
    fit : the spectrum so far -> its bands, while points arrive; None where the spectrum has no bands
    in_place : do the work in the caller's thread (replay) instead of one of its own (live)
    on_points : called with this object when the spectrum has grown (live display)
    on_result : called with the start document and the result, in the working thread, before `done` is set

    Attributes
    ----------
    run : `SpectralRun`, filled as points arrive
    curve, bands : the spectrum of the present region so far, and its bands; None before there are any
    done : Future of what `analyse` returns
    """

    def __init__(
        self,
        analyse: Callable[[dict[str, Any], SpectralRun], Any],
        *,
        fit: Callable[[Curve], BandFit] | None = None,
        in_place: bool = False,
        on_points: Callable[["LiveSpectrum"], None] | None = None,
        on_result: Callable[[dict, Any], None] | None = None,
    ):
        super().__init__("spectrum", in_place=in_place)
        self.analyse, self.fit, self.on_points, self.on_result = analyse, fit, on_points, on_result
        self.streams: dict[str, str] = {}
        self.started: SpectralRun | None = None
        self.stream, self.region = SCANS[0], 1
        self.curve: Curve | None = None
        self.bands: BandFit | None = None
        self.last_preview = 0.0

    @property
    def run(self) -> SpectralRun:
        if self.started is None:
            raise LookupError("the run has not started")
        return self.started

    def start(self, doc):
        super().start(doc)
        self.attempt(self.begin)

    def begin(self):
        self.started = SpectralRun(self.start_doc)

    def descriptor(self, doc):
        self.streams[doc["uid"]] = doc.get("name", "primary")

    def event(self, doc):
        stream, data = self.streams.get(doc["descriptor"], ""), doc["data"]
        self.attempt(lambda: self.take(stream, data))

    def take(self, stream: str, data: dict[str, Any]):
        """Add one row; look at the spectrum if there is time."""
        add_row(self.run, stream, data)
        if stream not in SCANS:
            return
        self.stream, self.region = stream, int(data["fs5_region"])
        if self.worker.in_place or not self.worker.idle:
            return
        if time.monotonic() - self.last_preview > PREVIEW_PERIOD_S:
            self.preview()

    def preview(self):
        """The spectrum of the region that is being scanned, and its bands."""
        self.curve = self.run.curve(self.region, stream=self.stream)
        self.bands = None if self.fit is None else self.fit(self.curve)
        self.last_preview = time.monotonic()
        if self.on_points is not None:
            self.on_points(self)

    def result(self) -> Any:
        """The final result."""
        found = self.analyse(self.start_doc, self.run)
        if self.on_result is not None:
            self.on_result(self.start_doc, found)
        return found
