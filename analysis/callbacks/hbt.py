"""Antibunching, from the documents of a coincidence measurement."""

from typing import Any

import numpy as np

from analysis.callbacks.growing import PRIMARY, GrowingAnalysis
from analysis.hbt import HbtEstimate, HbtRun


class LiveHbt(GrowingAnalysis):
    """The antibunching of one `hbt` run; `look()` gives an `HbtEstimate`. See `GrowingAnalysis`."""

    run: HbtRun | None
    estimate: HbtEstimate | None

    def __init__(self, **options):
        super().__init__("antibunching", **options)

    def begin(self, start: dict[str, Any]) -> HbtRun:
        return HbtRun(start)

    def take_row(self, row: np.ndarray, index: int):
        if self.run is not None:
            self.run.add_histogram(row, index)

    def take(self, stream: str, data: dict[str, Any], index: int):
        if self.run is None:
            return
        if stream == PRIMARY:
            self.run.add_facts(data, index)
        elif stream == "refocus":
            self.run.add_refocus(data, index)

    def estimated(self) -> HbtEstimate:
        return self.run.estimate()  # type: ignore[union-attr]
