"""A TimeHarp 260 in place of a TimeHarp 200. Each SPAD has an input of its own, and times run forward."""

from dataclasses import dataclass
from typing import Any, Literal

from devices.iocs.drivers.timeharp import t3
from devices.iocs.drivers.timeharp.newer import NewerCard, NewerOptions, check_pair
from devices.iocs.drivers.timeharp.options import check_choice, check_routes

N_INPUTS = 2
PICO, NANO = "pico", "nano"
LIMITS = {PICO: ((-1200, 0), (-40, 0)), NANO: ((-1200, 1200), (0, 1))}
KINDS = {PICO: "CFD", NANO: "EdgeTrg"}


@dataclass(frozen=True)
class TimeHarp260Options(NewerOptions):
    """A TimeHarp 260 and TH260Lib 3.

    model : "pico" or "nano"
    sync_mv, input_mv : pico: discriminator level and zero crossing; nano: level and edge (0 falling, 1 rising)
    """

    model: Literal["pico", "nano"] = PICO

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choice("model", self.model, tuple(LIMITS))
        check_routes(self.routes, N_INPUTS)
        check_pair("sync_mv", self.sync_mv, *LIMITS[self.model])
        check_pair("input_mv", self.input_mv, *LIMITS[self.model])

    def levels(self) -> dict[str, Any]:
        return {**super().levels(), "kind": KINDS[self.model]}


class TimeHarp260(NewerCard):
    """A TimeHarp 260; the ranges are binnings of its base resolution."""

    board, layout = "th260", t3.TIMEHARP260
    offset_limits_ns = (0.0, 100_000_000.0)

    @property
    def pair_block(self) -> int:
        """The input of the second SPAD."""
        return self.inputs[1]
