"""Histograms of one place, summed from the documents of a run."""

from collections.abc import Callable
from typing import Any

import numpy as np

from analysis.callbacks.worker import LiveAnalysis
from analysis.flim import FULLY_LIT
from analysis.formats.histograms import HistogramRows


class LiveRows(LiveAnalysis):
    """The sum of the histograms of one run, and what follows from it.

    Parameters
    ----------
    what : what follows, in a word or two
    analyse : start document and summed histogram -> the result, called when the run has ended
    in_place : do the work in the caller's thread instead of one of its own
    on_result : called with the start document and the result, before `done` is set

    Attributes
    ----------
    total : sum of the rows under full light, None before there is one; live_s : how long they were counted
    n_left_out : rows without full light, or with a full channel
    """

    def __init__(
        self,
        what: str,
        analyse: Callable[[dict[str, Any], np.ndarray], Any],
        *,
        in_place: bool = False,
        on_result: Callable[[dict[str, Any], Any], None] | None = None,
    ):
        super().__init__(what, in_place=in_place)
        self.analyse, self.on_result = analyse, on_result
        self.total: np.ndarray | None = None
        self.live_s, self.n_left_out = 0.0, 0
        self.files: dict[str, HistogramRows] = {}
        self.streams: dict[str, str] = {}
        self.file_uid = ""

    def descriptor(self, doc):
        self.streams[doc["uid"]] = doc.get("name", "primary")

    def stream_resource(self, doc):
        self.attempt(lambda: self.files.update({doc["uid"]: HistogramRows(dict(doc))}))

    def stream_datum(self, doc):
        if self.streams.get(doc.get("descriptor", ""), "primary") == "primary":
            self.file_uid = doc["stream_resource"]

    def event(self, doc):
        if self.streams.get(doc["descriptor"]) == "primary":
            self.attempt(lambda uid=self.file_uid: self.take(uid, doc["seq_num"] - 1, doc["data"]))

    def take(self, file_uid: str, index: int, facts: dict[str, Any]):
        """Add one row, if the light was on all the time and no channel was full."""
        if float(facts["timeharp_lit"]) < FULLY_LIT or np.any(facts["timeharp_overflow"]):
            self.n_left_out += 1
            return
        row = self.files[file_uid].row(index).astype(np.int64)
        self.total = row if self.total is None else self.total + row
        self.live_s += float(facts["timeharp_elapsed"])

    def result(self) -> Any:
        """What follows from the sum; LookupError if there is none."""
        if self.total is None:
            raise LookupError("no histogram was taken under full light")
        found = self.analyse(self.start_doc, self.total)
        if self.on_result is not None:
            self.on_result(self.start_doc, found)
        return found

    def close(self):
        for rows in self.files.values():
            rows.close()
