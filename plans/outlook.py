"""The lab as a night will have made it when an item begins: what is mounted, calibrated and measured by then."""

import math
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from bluesky.utils import Msg

from plans.forecast import IRF, LAMP, SEARCH, TIME_ZERO, WAVELENGTHS
from plans.forecast_spectra import KINDS, spectrum_of
from plans.item import Item
from plans.known import PLANS, defaults, device_of
from plans.stubs import read
from plans.tcspc import prepare_card

LOOKS = ("read", "locate", "null")  # messages that change nothing
CAMPAIGN = "qd_campaign"
EXPECTED = "expected"  # stands for the uid of a run of this night
SPAN = ("start_nm", "stop_nm", "step_nm")
REFUSALS = (ValueError, TypeError, LookupError, AttributeError, OverflowError)  # PlanError is a ValueError


class Reached(Exception):  # noqa: N818
    """A plan has come to where it would change something."""


class Untouched:
    """A registry of emitters that can be asked, and not changed.

    searched : samples of which there will be a new image; their emitters will have places again
    """

    CHANGES = ("begin", "note", "note_dot", "finish", "record")

    def __init__(self, registry: Any, searched: tuple[str, ...] = ()):
        self._registry, self._searched = registry, searched

    def where(self, emitter: str) -> tuple[float, float]:
        """Where it is, or was last if it will be looked for."""
        try:
            return self._registry.where(emitter)
        except LookupError:
            row = self._registry[emitter].row if emitter in self._registry else {}
            if row.get("sample") not in self._searched:
                raise
            return row["x_um"], row["y_um"]

    def __getattr__(self, name: str) -> Any:
        if name in self.CHANGES:
            return reached
        return getattr(self._registry, name)

    def __getitem__(self, key: str) -> Any:
        return self._registry[key]

    def __contains__(self, key: object) -> bool:
        return key in self._registry


def reached(*args: Any, **kwargs: Any):
    """In place of what changes a registry."""
    raise Reached


class Stand:
    """A device as a plan finds it, with some attributes as they will be."""

    def __init__(self, device: Any, **attributes: Any):
        self._device = device
        self.__dict__.update(attributes)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._device, name)


@dataclass(frozen=True)
class Outlook:
    """What will be different when an item begins.

    answers : values of signals, by the signal
    runs : spectra measured by then: (plan, sample, scan)
    searched : samples whose emitters were looked for by then
    """

    devices: Mapping[str, Any]
    answers: Mapping[Any, Any] = field(default_factory=dict)
    runs: tuple[tuple[str, str, dict[str, Any]], ...] = ()
    searched: tuple[str, ...] = ()

    def stand(self, name: str) -> Any:
        """A device for a rehearsal."""
        device = self.devices[name]
        if name == "fs5":
            return Stand(device, find_run=Found(device.find_run, self.runs))
        registry = device.emitters
        return Stand(device, emitters=None if registry is None else Untouched(registry, self.searched))

    def changed(self, **signals: Any) -> "Outlook":
        """With other values of signals of the microscope or, as `fs5_...`, of the spectrofluorometer."""
        told = {}
        for key, value in signals.items():
            name, attribute = ("fs5", key.removeprefix("fs5_")) if key.startswith("fs5_") else ("microscope", key)
            signal = self.devices[name]
            for part in attribute.split("__"):
                signal = getattr(signal, part)
            told[signal] = value
        return replace(self, answers={**self.answers, **told})


@dataclass(frozen=True)
class Found:
    """Finds runs to compare with: those that there are, and those that there will be."""

    find_run: Callable[..., str]
    runs: tuple[tuple[str, str, dict[str, Any]], ...]

    def __call__(self, plan_name: str, sample: str, needs: Mapping[str, Any]) -> str:
        there = any((plan, of) == (plan_name, sample) and fits(scan, needs) for plan, of, scan in self.runs)
        return EXPECTED if there else self.find_run(plan_name, sample, needs)

    def __getattr__(self, name: str) -> Any:
        return getattr(object.__getattribute__(self, "find_run"), name)


def fits(scan: Mapping[str, Any], needs: Mapping[str, Any]) -> bool:
    """Whether a scan covers what another one is to be compared over, with the same optics."""
    covers = scan["start_nm"] <= needs["start_nm"] + 1e-6 and scan["stop_nm"] >= needs["stop_nm"] - 1e-6
    others = [key for key in needs if key in scan and key not in ("start_nm", "stop_nm")]
    return covers and all(alike(scan[key], needs[key]) for key in others)


def alike(one: Any, other: Any) -> bool:
    return math.isclose(one, other, rel_tol=1e-6) if isinstance(one, float) else one == other


def rehearsed(outlook: Outlook, item: Item) -> Generator[Msg, Any, list[str]]:
    """Why a plan would refuse to start; it runs up to the first message that would change anything."""
    answer, begun = None, None
    try:
        begun = PLANS[item.plan](outlook.stand(device_of(item.plan)), **item.arguments)
        while True:
            message = begun.send(answer)
            if message.command not in LOOKS:
                return []
            answer = expected(outlook, message)
            answer = (yield message) if answer is None else answer
    except (Reached, StopIteration):
        return []
    except REFUSALS as why:
        return reasons(why)
    finally:
        if begun is not None:
            begun.close()


def expected(outlook: Outlook, message: Msg) -> dict[str, Any] | None:
    """The answer to a message that the night will have changed, None if it has not."""
    if message.obj not in outlook.answers:
        return None
    value = outlook.answers[message.obj]
    if message.command == "locate":
        return {"setpoint": value, "readback": value}
    return {message.obj.name: {"value": value, "timestamp": 0.0}}


def reasons(why: BaseException) -> list[str]:
    """The sentences of a refusal, one for each problem."""
    lines = [line.removeprefix("  - ") for line in str(why).splitlines() if line.startswith("  - ")]
    return lines or [f"{why}" if str(why) else type(why).__name__]


def after(outlook: Outlook, item: Item) -> Generator[Msg, Any, Outlook]:
    """The lab after an item, as if it went well; as before if its arguments make no sense."""
    try:
        return (yield from made(outlook, item))
    except REFUSALS:
        return outlook


def made(outlook: Outlook, item: Item) -> Generator[Msg, Any, Outlook]:
    """The lab after an item that went well."""
    given = {**defaults(item.plan), **item.arguments}
    outlook = yield from mounted(outlook, item.plan, given)
    microscope, fs5 = outlook.devices["microscope"], outlook.devices["fs5"]
    if item.plan in (IRF, TIME_ZERO, LAMP, WAVELENGTHS):
        return outlook.changed(**(yield from calibrated(item.plan, microscope, fs5, given)))
    if item.plan in (SEARCH, CAMPAIGN):
        sample = yield from seen(outlook, microscope.sample.mounted)
        return replace(outlook, searched=(*outlook.searched, sample))
    if item.plan in KINDS:
        sample = yield from seen(outlook, fs5.mounted)
        scan = {**spectrum_of(item.plan, given).facts, "backend": (yield from read(fs5.backend))}
        return replace(outlook, runs=(*outlook.runs, (item.plan, sample, scan)))
    return outlook


def calibrated(plan: str, microscope: Any, fs5: Any, given: Mapping[str, Any]) -> Generator[Msg, Any, dict[str, Any]]:
    """What a calibration leaves in the signals."""
    if plan == LAMP:
        return {"fs5_lamp_state": "on", "fs5_warm_up": 0.0}
    if plan == WAVELENGTHS:
        return {"fs5_calibration_uid": EXPECTED, "fs5_calibration_boot_id": (yield from read(fs5.boot_id))}
    boot = yield from read(microscope.timeharp.boot_id)
    if plan == TIME_ZERO:
        return {"time_zero_uid": EXPECTED, "time_zero_boot_id": boot}
    tcspc, _ = yield from prepare_card(microscope, given["range_code"])
    axis = {"irf_bin_width_ns": tcspc["bin_width_ns"], "irf_period_ns": tcspc["period_ns"]}
    return {"irf_uid": EXPECTED, "irf_boot_id": boot, **axis}


def mounted(outlook: Outlook, plan: str, given: Mapping[str, Any]) -> Generator[Msg, Any, Outlook]:
    """With the sample that the plan puts in."""
    sample, name = given.get("sample"), device_of(plan)
    if plan == "blank":
        fs5 = outlook.devices["fs5"]
        sample = sample if sample is not None else (yield from seen(outlook, fs5.mounted))
        sample = fs5.samples.get(sample, {}).get("blank", sample)
    if sample is None or plan == "import_scan":
        return outlook
    return outlook.changed(fs5_mounted=sample) if name == "fs5" else outlook.changed(sample__mounted=sample)


def seen(outlook: Outlook, signal: Any) -> Generator[Msg, Any, Any]:
    """The value that a signal will have."""
    return outlook.answers[signal] if signal in outlook.answers else (yield from read(signal))
