"""A blinking trace, from the documents of its segments."""

from typing import Any

import numpy as np

from analysis.blink_trace import PHOTONS
from analysis.blinks import BlinkEstimate, BlinkRun
from analysis.callbacks.growing import PRIMARY, GrowingAnalysis
from analysis.callbacks.places import RefocusedPlaces


class LiveBlinking(GrowingAnalysis):
    """The trace of one `blinking` run; `look()` gives a `BlinkEstimate`. See `GrowingAnalysis`.

    A segment counts when both its row and its Event have come.

    places : where the emitter was found again
    """

    run: BlinkRun | None
    estimate: BlinkEstimate | None

    def __init__(self, **options):
        super().__init__("blinking trace", **options)
        self.places = RefocusedPlaces()
        self.rows: dict[int, np.ndarray] = {}
        self.facts: dict[int, dict[str, Any]] = {}

    def begin(self, start: dict[str, Any]) -> BlinkRun:
        return BlinkRun(start)

    def take_row(self, row: np.ndarray, index: int):
        self.rows[index] = row
        self.join(index)

    def take(self, stream: str, data: dict[str, Any], index: int):
        if stream == PRIMARY:
            self.facts[index] = data
            self.join(index)
        elif stream == "refocus" and self.run is not None:
            self.run.add_refocus(data, index)
            self.places.add(data, index)

    def join(self, index: int):
        """Hand on a segment that is complete."""
        if self.run is None or not (index in self.rows and index in self.facts):
            return
        row, data = self.rows.pop(index), self.facts.pop(index)
        if self.run.facts.kind == PHOTONS:
            self.run.add_records(row, data, index)
        else:
            self.run.add_bins(row, data, index)

    def estimated(self) -> BlinkEstimate:
        return self.run.estimate()  # type: ignore[union-attr]

    def final(self) -> BlinkEstimate:
        return self.run.estimate(with_levels=True)  # type: ignore[union-attr]
