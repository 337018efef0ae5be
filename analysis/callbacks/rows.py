"""Histograms of one place, summed from the documents of a run."""

from collections.abc import Callable
from typing import Any

import numpy as np

from analysis.callbacks.filed import FiledAnalysis
from analysis.flim import FULLY_LIT


class LiveRows(FiledAnalysis):
    """The sum of the histograms of one run, and what follows from it.

    Parameters
    ----------
    what : what follows, in a word or two
    analyse : start document and summed histogram -> the result, called when the run has ended
    in_place : do the work in the caller's thread instead of one of its own
    on_result : called with the start document and the result, before `done` is set

    Attributes
    ----------
    rows : histograms under full light and how long each was counted, by index; a row that comes again counts once
    left_out : indices of rows without full light, or with a full channel
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
        self.rows: dict[int, tuple[np.ndarray, float]] = {}
        self.left_out: set[int] = set()
        self.file_uid = ""

    def stream_datum(self, doc):
        if self.points_to_primary(doc):
            self.file_uid = doc["stream_resource"]

    def event(self, doc):
        if self.streams.get(doc["descriptor"]) == "primary":
            self.attempt(lambda uid=self.file_uid: self.take(uid, doc["seq_num"] - 1, doc["data"]))

    def take(self, file_uid: str, index: int, facts: dict[str, Any]):
        """Add one row, if the light was on all the time and no channel was full."""
        self.rows.pop(index, None)
        if float(facts["timeharp_lit"]) < FULLY_LIT or np.any(facts["timeharp_overflow"]):
            self.left_out.add(index)
            return
        self.left_out.discard(index)
        self.rows[index] = self.files[file_uid].row(index).astype(np.int64), float(facts["timeharp_elapsed"])

    @property
    def total(self) -> np.ndarray | None:
        """Sum of the rows under full light, None before there is one."""
        return np.sum([row for row, _ in self.rows.values()], axis=0) if self.rows else None

    @property
    def live_s(self) -> float:
        """How long they were counted."""
        return sum(seconds for _, seconds in self.rows.values())

    def result(self) -> Any:
        """What follows from the sum; LookupError if there is none."""
        if (total := self.total) is None:
            raise LookupError("no histogram was taken under full light: look at shutter and laser, then measure again")
        found = self.analyse(self.start_doc, total)
        if self.on_result is not None:
            self.on_result(self.start_doc, found)
        return found
