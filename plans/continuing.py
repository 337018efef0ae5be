"""A raster that was broken off goes on: with the same settings, at its first missing line, in a new run."""

import logging
from collections.abc import Generator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from bluesky.utils import Msg

from devices.microscope import Microscope
from plans.raster import Raster
from plans.stubs import PlanError, read

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Left:
    """A raster as its runs leave it.

    runs : uids, in order; start : of the first one
    first_line : the first that is missing; the number of its lines if none is
    open : whether its last run is still being measured
    """

    runs: tuple[str, ...]
    start: Mapping[str, Any]
    first_line: int
    open: bool = False


def left_of(microscope: Microscope, uid: Any) -> Left | None:
    """What is left of the raster that run `uid` is part of, None for no uid; PlanError if it cannot go on."""
    if uid is None:
        return None
    if (look := microscope.unfinished) is None:
        raise refused(uid, "the journal of a session tells what is missing; start one, or begin anew")
    try:
        left = look(uid)
    except LookupError as why:
        raise refused(uid, str(why.args[0])) from why
    if left.open:
        raise refused(uid, "that run is still being measured: wait for its end")
    return left


def refused(uid: Any, why: str) -> PlanError:
    return PlanError(f"nothing has moved, no run was opened:\n  - continues={uid!r}: {why}")


def settings_problems(left: Left, raster: Raster, name: str, w_cm2: float, tcspc: Mapping[str, Any]) -> list[str]:
    """Every setting that is not what it was."""
    start = left.start
    then = {
        **start["raster"],
        "sample": start["sample_name"],
        "intensity_w_cm2": start["excitation"]["intensity_w_cm2"],
    }
    now = {**asdict(raster), "sample": name, "intensity_w_cm2": w_cm2}
    then |= {key: start["tcspc"].get(key) for key in tcspc}
    now |= tcspc
    return [
        f"{key}={now[key]!r}: the run {left.runs[0][:8]} that is continued has {then.get(key)!r}; give the same"
        for key in now
        if not alike(now[key], then.get(key))
    ]


def alike(one: Any, other: Any) -> bool:
    """Whether two settings are the same; documents hold pairs as lists."""
    return (list(one) if isinstance(one, tuple) else one) == (list(other) if isinstance(other, tuple) else other)


def continued_metadata(microscope: Microscope, left: Left) -> Generator[Msg, Any, dict[str, Any]]:
    """What the new run says of those before it; its instrument response is theirs."""
    known = {"continues": left.runs[-1], "earlier_runs": list(left.runs), "first_line": left.first_line}
    known["irf_uid"] = irf_uid = left.start["irf_uid"]
    recorded = (yield from read(microscope.irf_uid)), (yield from read(microscope.irf_boot_id))
    if recorded != (irf_uid, (yield from read(microscope.timeharp.boot_id))):
        known["warning"] = f"the card was restarted, or another response recorded, since the response {irf_uid[:8]}"
        log.warning("%s: time zero may have moved between the lines of this raster", known["warning"])
    return known
