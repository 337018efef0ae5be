"""One spot, watched for the time of an integration, until it is over or stopped."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from devices.iocs.twin.listening import Pulses, listen
from devices.iocs.twin.photons import Ticks
from devices.iocs.twin.train import MAX_SLICES, SLICE_S, OpticalTrain
from devices.iocs.twin.view import Glimpse, View

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Observation:
    """The light and the sample at one spot in equal slices of time; the last one is shorter if it was stopped."""

    spots_um: Floats
    glimpses: list[Glimpse]
    view: View
    slice_s: float
    started_s: float
    elapsed_s: float

    @property
    def interrupted(self) -> bool:
        return not self.glimpses[-1].complete

    @property
    def lit_fraction(self) -> float:
        """Share of the time under any laser."""
        return float(self.view.any_lit.mean())

    def clicks(self, train: OpticalTrain, rng: np.random.Generator) -> Iterator[tuple[list[Ticks], int]]:
        """What both counters click, as `listen` tells it."""
        repetition_hz = max(one.repetition_hz for one in self.glimpses)
        counted = [one.passed_s / self.slice_s * (one.repetition_hz == repetition_hz) for one in self.glimpses]
        pulses = Pulses.of(self.view.expected, np.array(counted), slice_s=self.slice_s, repetition_hz=repetition_hz)
        return listen(train.cw_light(self.view), pulses, len(self.glimpses), train.spads, rng)


def observe(train: OpticalTrain, tacq_s: float, stop: threading.Event | None) -> Observation:
    """Let `tacq_s` pass where the stage is, or what of it `stop` leaves. ValueError for no time."""
    if not (math.isfinite(tacq_s) and tacq_s > 0):
        raise ValueError(f"tacq_s = {tacq_s}: it must be finite and > 0")
    slice_s = tacq_s / min(max(math.ceil(tacq_s / SLICE_S - 1e-9), 1), MAX_SLICES)
    started_s, spot_um = train.clock.now_s, train.stage.at_um[:2]
    glimpses = _watch(train, tacq_s, slice_s, stop)
    spots_um = np.repeat([spot_um], len(glimpses), axis=0)
    elapsed_s = tacq_s if glimpses[-1].complete else train.clock.now_s - started_s
    return Observation(spots_um, glimpses, train.see(spots_um, glimpses), slice_s, started_s, elapsed_s)


def _watch(train: OpticalTrain, tacq_s: float, slice_s: float, stop: threading.Event | None) -> list[Glimpse]:
    """Let the slices of an acquisition pass, until `stop`."""
    glimpses: list[Glimpse] = []
    for _ in range(round(tacq_s / slice_s)):
        glimpses.append(train.watch(slice_s, stop))
        if not glimpses[-1].complete:
            break
    return glimpses
