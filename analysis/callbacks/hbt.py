"""Antibunching, from the documents of a coincidence measurement."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from analysis.callbacks.growing import PRIMARY, GrowingAnalysis
from analysis.callbacks.places import RefocusedPlaces
from analysis.hbt import HbtEstimate, HbtRun


@dataclass(frozen=True)
class HbtLook:
    """What was known after some seconds of light; `_err` is one standard deviation, all NaN before there is a dip."""

    live_s: float
    tau_ns: float
    tau_err_ns: float
    contrast: float
    contrast_err: float

    @classmethod
    def of(cls, estimate: HbtEstimate) -> "HbtLook":
        numbers = estimate.numbers()
        return cls(estimate.live_s, *(numbers[key] for key in ("tau_ns", "tau_err_ns", "contrast", "contrast_err")))


class LiveHbt(GrowingAnalysis):
    """The antibunching of one `hbt` run; `look()` gives an `HbtEstimate`. See `GrowingAnalysis`.

    looks : what every look found, in order; places : where the emitter was found again
    """

    run: HbtRun | None
    estimate: HbtEstimate | None

    def __init__(self, **options):
        super().__init__("antibunching", **options)
        self.looks: list[HbtLook] = []
        self.places = RefocusedPlaces()

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
            self.places.add(data, index)

    def estimated(self) -> HbtEstimate:
        estimate = self.run.estimate()  # type: ignore[union-attr]
        self.looks.append(HbtLook.of(estimate))
        return estimate
