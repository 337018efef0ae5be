"""A PicoHarp 300 in place of a TimeHarp 200. The sync input starts and the other one stops: times run forward."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from devices.iocs.drivers.timeharp import t3
from devices.iocs.drivers.timeharp.newer import NewerCard, NewerOptions, check_pair
from devices.iocs.drivers.timeharp.options import check_routes

N_INPUTS = 4


@dataclass(frozen=True)
class PicoHarp300Options(NewerOptions):
    """A PicoHarp 300 and PHLib 3; both SPADs on a PHR 800 in the wirings raster and clock.

    sync_mv, input_mv : discriminator level and zero crossing of each input
    phr800_input : level in mV and edge (0 falling, 1 rising) of the router inputs from 0 on, where it has such
    phr800_cfd : level and zero crossing of the router inputs from 0 on, where it has CFDs
    """

    phr800_input: Sequence[Sequence[int]] = ()
    phr800_cfd: Sequence[Sequence[int]] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        check_routes(self.routes, N_INPUTS)
        check_pair("sync_mv", self.sync_mv, (0, 800), (0, 20))
        check_pair("input_mv", self.input_mv, (0, 800), (0, 20))
        for pair in self.phr800_input:
            check_pair("phr800_input", pair, (-1600, 2400), (0, 1))
        for pair in self.phr800_cfd:
            check_pair("phr800_cfd", pair, (0, 800), (0, 20))

    def levels(self) -> dict[str, Any]:
        router = {"phr800_input": [*map(list, self.phr800_input)], "phr800_cfd": [*map(list, self.phr800_cfd)]}
        return {**super().levels(), **router}


class PicoHarp300(NewerCard):
    """A PicoHarp 300; the ranges are binnings, the first 4096 channels are delivered."""

    board, layout = "ph300", t3.PICOHARP
    offset_limits_ns = (0.0, 1_000_000.0)
