"""What sets the PicoHarp 300 and the TimeHarp 260 apart from a TimeHarp 200, as the rest of the lab sees it."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from devices.iocs.backends import ROUTES
from devices.iocs.drivers.timeharp import records, t3
from devices.iocs.drivers.timeharp.card import TimeHarp200
from devices.iocs.drivers.timeharp.options import check_file, check_seconds

SYNC_DIVIDERS = (1, 2, 4, 8)


@dataclass(frozen=True)
class NewerOptions:
    """A card whose library exists for 64 bits, too.

    library, python, serial, routes, warm_up_s, recalibrate_s : as for the TimeHarp 200
    sync_mv, input_mv : the two numbers that set a kind of input, see there
    device : index of the card among those of its kind
    sync_divider : of the sync input; 1 unless the sync is too fast, and always 1 in the wiring hbt
    """

    library: Path
    sync_mv: Sequence[int]
    input_mv: Sequence[int]
    python: str = ""
    serial: str = ""
    device: int = 0
    sync_divider: int = 1
    routes: Mapping[str, int] = field(default_factory=lambda: {route: i for i, route in enumerate(ROUTES)})
    warm_up_s: float = 600.0
    recalibrate_s: float = 3600.0

    def __post_init__(self) -> None:
        check_file("library", self.library)
        if self.python:
            check_file("python", self.python)
        if self.sync_divider not in SYNC_DIVIDERS:
            raise ValueError(f"sync_divider = {self.sync_divider!r}: it is one of {SYNC_DIVIDERS}")
        if type(self.device) is not int or not 0 <= self.device < 8:
            raise ValueError(f"device = {self.device!r}: allowed is 0..7")
        check_seconds("warm_up_s", self.warm_up_s)
        check_seconds("recalibrate_s", self.recalibrate_s)

    @property
    def interpreter(self) -> str:
        return self.python or sys.executable

    def levels(self) -> dict[str, Any]:
        """What the helper process sets up after it has opened the board."""
        return {
            "device": self.device,
            "sync_divider": self.sync_divider,
            "sync": list(self.sync_mv),
            "input": list(self.input_mv),
        }


class NewerCard(TimeHarp200):
    """The sync input starts: SYNC takes laser pulses (raster), the clock, or SPAD 1, undelayed (hbt).

    layout : of its records
    """

    layout: t3.T3Layout
    tacq_ms = (1, 360_000_000)

    def forward(self, raw: np.ndarray) -> np.ndarray:
        return raw

    def start_stop(self, raw: np.ndarray) -> np.ndarray:
        return raw

    def spad_rates_cps(self) -> tuple[float, float]:
        return self.sync_rate_hz(), self.count_rate_cps()

    def routed(self, data: bytes, told: dict[str, Any], tacq_s: float) -> tuple[np.ndarray, np.ndarray]:
        """T3R records made of T3 records."""
        words = np.frombuffer(data, "<u4")
        if told["sync_hz"] <= 0:
            return records.routed(words[:0], self.inputs)
        turn_to_s = 0.0 if told["overrun"] or told["halted"] else tacq_s
        return records.routed(t3.as_t3r(words, self.layout, told["sync_hz"], turn_to_s=turn_to_s), self.inputs)


def check_pair(name: str, pair: Any, *limits: tuple[int, int]) -> None:
    """ValueError unless it is two whole numbers within their limits."""
    good = isinstance(pair, Sequence) and len(pair) == len(limits)
    if not good or not all(type(n) is int and low <= n <= high for n, (low, high) in zip(pair, limits, strict=True)):
        allowed = ", ".join(f"{low}..{high}" for low, high in limits)
        raise ValueError(f"{name} = {pair!r}: give two whole numbers, [{allowed}]")
