"""Histograms of one place as they add up, to be looked at: an instrument response, time zero, the decay of a dot."""

from collections.abc import Callable
from typing import Any

import numpy as np

from analysis.callbacks.filed import PRIMARY, FiledAnalysis

STREAMS = (PRIMARY, "irf")


class LiveSum(FiledAnalysis):
    """The sum of the histograms of a run so far, whatever their light; `done` is a Future of all of them.

    on_look : called with this object when a row was added (live display), if there is time

    Attributes
    ----------
    total : (n_bins,) or (n_routes, n_bins) counts so far, None before the first row; n_rows : how many there are in it
    """

    def __init__(self, *, in_place: bool = False, on_look: Callable[["LiveSum"], None] | None = None):
        super().__init__("summed histogram", in_place=in_place)
        self.on_look = on_look
        self.total: np.ndarray | None = None
        self.n_rows = 0

    def stream_datum(self, doc):
        if self.streams.get(doc["descriptor"]) in STREAMS:
            for index in range(doc["indices"]["start"], doc["indices"]["stop"]):
                self.attempt(lambda index=index: self.take(doc["stream_resource"], index))

    def take(self, resource: str, index: int):
        """Add one row."""
        row = self.files[resource].row(index).astype(np.int64)
        self.total = row if self.total is None else self.total + row
        self.n_rows += 1
        if self.on_look is not None and self.worker.idle:
            self.on_look(self)

    def result(self) -> Any:
        return self.total
