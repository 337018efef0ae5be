"""Calibrations that an instrument lost with a restart, made again before the item that needs them."""

import logging
from collections.abc import Generator, Mapping
from typing import Any

from bluesky import plan_stubs as bps
from bluesky.utils import Msg, MsgGenerator

from plans.forecast import CALIBRATIONS, IRF, LAMP, TIME_ZERO, WAVELENGTHS
from plans.item import RUNNING
from plans.known import PLANS, device_of
from plans.outlook import Outlook
from plans.review import bench_of
from plans.runs import with_runs_told
from plans.stubs import read
from plans.tcspc import irf_problem, prepare_card

log = logging.getLogger(__name__)


def restored(shift: Any, entry: Any, arguments: Mapping[str, Any]) -> MsgGenerator:
    """Make again what the item needs and is not there, once for each restart of the instrument.

    A raster that goes on keeps the response of its first run. What an item only prefers is made again if this night
    had made it.
    """
    bench = yield from bench_of(Outlook(shift.devices))
    expected = shift.forecast(bench, entry.item.plan, entry.item.arguments)
    keeps = (IRF,) if arguments.get("continues") else ()
    for need in (*expected.needs, *expected.prefers):
        if need not in CALIBRATIONS or need in keeps or (yield from held(shift.devices, need, arguments)):
            continue
        provider = made_by(shift, need, entry.index)
        if provider is None and need in expected.prefers:
            continue
        boot = yield from boot_of(shift.devices, need)
        if (need, boot) not in shift.repeated:
            shift.repeated.add((need, boot))
            yield from repeated(shift, entry, need, provider)


def held(devices: Mapping[str, Any], need: str, arguments: Mapping[str, Any]) -> Generator[Msg, Any, bool]:
    """Whether an instrument still has a calibration."""
    microscope, fs5 = devices["microscope"], devices["fs5"]
    if need == IRF:
        tcspc, _ = yield from prepare_card(microscope, arguments.get("range_code"))
        return (yield from irf_problem(microscope, tcspc)) is None
    if need == LAMP:
        return (yield from read(fs5.lamp_state)) != "off"
    signals = {
        TIME_ZERO: (microscope.time_zero_boot_id, microscope.timeharp.boot_id),
        WAVELENGTHS: (fs5.calibration_boot_id, fs5.boot_id),
    }
    made_in, now = signals[need]
    return (yield from read(made_in)) == (yield from read(now))


def boot_of(devices: Mapping[str, Any], need: str) -> Generator[Msg, Any, str]:
    """The boot of the instrument that holds a calibration."""
    instrument = devices["fs5"] if need in (LAMP, WAVELENGTHS) else devices["microscope"].timeharp
    return str((yield from read(instrument.boot_id)))


def made_by(shift: Any, need: str, index: int) -> Any:
    """The last item of this night that made a calibration, None if there is none."""
    return next((each for each in reversed(shift.night.entries[:index]) if each.item.plan == need), None)


def repeated(shift: Any, entry: Any, need: str, provider: Any) -> MsgGenerator:
    """Make a calibration again as the night had made it, else with its defaults; the ledger is told.

    In the step of the item that made it first: a simulated bench then measures the same photons again.
    """
    arguments = {} if provider is None else provider.item.arguments
    step = f"{shift.name}/{entry.index}/{need}" if provider is None else shift.step(provider, provider.attempts)
    made = [*entry.facts.get("restored", []), need]
    log.warning("%s is made again: the instrument was restarted since", need)
    yield from bps.mv(shift.microscope.sample.step, step)
    begun = PLANS[need](shift.devices[device_of(need)], **arguments)
    about = {**shift.md, "night": shift.name, "before_item": entry.index}
    yield from with_runs_told(begun, about, lambda uid: None)
    yield from bps.mv(shift.microscope.sample.step, "")
    shift.ledger.note(shift.name, entry.index, RUNNING, restored=made)
