"""What the lab must say of a counting card: its library, its levels, and which way its blocks run."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from devices.iocs.backends import ROUTES

BLOCK_IS = ("forward", "reversed")
EDGES = ("falling", "rising")
N_ROUTER_INPUTS, N_MARKERS = 4, 3


@dataclass(frozen=True)
class TimeHarp200Options:
    """A TimeHarp 200 and its library, THLib v6.1.

    library : path of the 32-bit THLib.dll
    block_is : which way the channels of a block run: "reversed" as start-stop times (the photon starts, the next laser
        pulse stops), "forward" if the library has turned them already. `check_orientation` finds it on the bench
    cfd_mv, zero_cross_mv, sync_level_mv : levels of the inputs, as they suit the pulses that arrive at the card
    python : the 32-bit interpreter (3.8 or newer) that loads the library; "" is the one that runs now
    serial : the serial number that the board must have; "" accepts any
    routes : which input of the router each detection route is plugged into
    nrt_cfd_mv, nrt_zero_cross_mv : levels of the CFDs inside an NRT 400, by input from 0 on; none for a PRT 400
    marker_edges : the edge that each of the three marker inputs listens to
    warm_up_s : the board is calibrated anew when it has been on for so long
    recalibrate_s : and between two acquisitions if its calibration is older than this; 0 never
    """

    library: Path
    block_is: str
    cfd_mv: int
    zero_cross_mv: int
    sync_level_mv: int
    python: str = ""
    serial: str = ""
    routes: Mapping[str, int] = field(default_factory=lambda: {route: i for i, route in enumerate(ROUTES)})
    nrt_cfd_mv: Sequence[int] = ()
    nrt_zero_cross_mv: Sequence[int] = ()
    marker_edges: Sequence[str] = ("rising", "rising", "rising")
    warm_up_s: float = 600.0
    recalibrate_s: float = 3600.0

    def __post_init__(self) -> None:
        check_file("library", self.library)
        if self.python:
            check_file("python", self.python)
        check_choice("block_is", self.block_is, BLOCK_IS, "`python -m devices.iocs --check` tells how to find it")
        check_whole("cfd_mv", self.cfd_mv, 0, 400)
        check_whole("zero_cross_mv", self.zero_cross_mv, 0, 40)
        check_whole("sync_level_mv", self.sync_level_mv, -1300, 400)
        check_routes(self.routes, N_ROUTER_INPUTS)
        if len(self.nrt_cfd_mv) != len(self.nrt_zero_cross_mv) or len(self.nrt_cfd_mv) > N_ROUTER_INPUTS:
            raise ValueError(
                f"nrt_cfd_mv = {list(self.nrt_cfd_mv)}, nrt_zero_cross_mv = {list(self.nrt_zero_cross_mv)}: give both "
                f"for the same inputs, at most {N_ROUTER_INPUTS}; leave both out for a PRT 400"
            )
        for level_mv, zero_mv in zip(self.nrt_cfd_mv, self.nrt_zero_cross_mv, strict=True):
            check_whole("nrt_cfd_mv", level_mv, 0, 400)
            check_whole("nrt_zero_cross_mv", zero_mv, 0, 40)
        if len(self.marker_edges) != N_MARKERS:
            raise ValueError(f"marker_edges = {list(self.marker_edges)}: give {N_MARKERS} of {', '.join(EDGES)}")
        for edge in self.marker_edges:
            check_choice("marker_edges", edge, EDGES)
        check_seconds("warm_up_s", self.warm_up_s)
        check_seconds("recalibrate_s", self.recalibrate_s)

    @property
    def interpreter(self) -> str:
        return self.python or sys.executable

    def levels(self) -> dict[str, Any]:
        """What the helper process sets up after it has opened the board."""
        return {
            "cfd_mv": self.cfd_mv,
            "zero_cross_mv": self.zero_cross_mv,
            "sync_level_mv": self.sync_level_mv,
            "nrt": [list(pair) for pair in zip(self.nrt_cfd_mv, self.nrt_zero_cross_mv, strict=True)],
            "edges": [EDGES.index(edge) for edge in self.marker_edges],
        }


def check_file(name: str, path: Any) -> None:
    if not (isinstance(path, str | Path) and Path(path).is_file()):
        raise ValueError(f"{name} = {str(path)!r}: there is no such file; give its whole path")


def check_choice(name: str, value: Any, allowed: Sequence[str], hint: str = "") -> None:
    if value not in allowed:
        raise ValueError(f"{name} = {value!r}: it is one of {', '.join(allowed)}" + (f"; {hint}" if hint else ""))


def check_whole(name: str, value: Any, low: int, high: int) -> None:
    if type(value) is not int or not low <= value <= high:
        raise ValueError(f"{name} = {value!r}: allowed is a whole number of mV, {low}..{high}")


def check_seconds(name: str, value: Any) -> None:
    if type(value) not in (int, float) or not 0 <= value < float("inf"):
        raise ValueError(f"{name} = {value!r}: allowed is a number of seconds from 0 on")


def check_routes(routes: Any, n_inputs: int) -> None:
    """ValueError unless every detection route has an input of its own."""
    inputs = list(routes.values()) if isinstance(routes, Mapping) else []
    whole = all(type(one) is int and 0 <= one < n_inputs for one in inputs)
    if not (whole and set(routes) == set(ROUTES) and len(set(inputs)) == len(ROUTES)):
        raise ValueError(
            f"routes = {routes!r}: give each of {', '.join(ROUTES)} an input of its own, 0..{n_inputs - 1}"
        )
