"""A scan as a flight: started, followed point by point, and landed dark however it ends."""

from typing import Any

from bluesky import plan_stubs as bps
from bluesky import preprocessors as bpp
from bluesky.utils import Msg, MsgGenerator

from devices.spectrofluorometer import Spectrofluorometer
from plans.stubs import read, staged

FIRST_LOOK_S = 0.05
LONGEST_LOOK_S = 0.3


def fly(fs5: Spectrofluorometer, *, stream: str = "primary") -> MsgGenerator:
    """One scan with the present settings; its points go into `stream` while it runs.

    Paused, the scan stops and the shutter closes; resumed, it goes on at the next point. Aborted or failed, the points
    so far are kept.
    """
    flyer: Any = fs5
    yield from bps.declare_stream(flyer, name=stream, collect=True)
    followed = bpp.finalize_wrapper(follow(fs5, stream), land(fs5, stream))
    yield from staged(fs5, followed)


def follow(fs5: Any, stream: str) -> MsgGenerator:
    """Start, then hand over what came, a few times a second; raises with the instrument's reason if it fails."""
    yield from bps.kickoff(fs5, wait=True)
    flying, look_s = True, FIRST_LOOK_S
    while flying:
        yield Msg("checkpoint")
        yield Msg("sleep", None, look_s)
        look_s = min(2 * look_s, LONGEST_LOOK_S)
        flying = yield from read(fs5.flying)
        yield Msg("collect", fs5, name=stream, return_payload=False)
    yield from bps.complete(fs5, wait=True)


def land(fs5: Any, stream: str) -> MsgGenerator:
    """Dark, and no point left behind."""
    yield from bps.stop(fs5)
    yield Msg("collect", fs5, name=stream, return_payload=False)
