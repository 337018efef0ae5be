"""What every spectrum needs: sample, lamp, dark counts, the runs it is compared with, metadata."""

import inspect
import logging
import math
from collections.abc import Callable, Generator
from typing import Any

from bluesky import plan_stubs as bps
from bluesky.utils import FailedStatus, Msg, MsgGenerator

from devices.signals import CommandError
from devices.spectrofluorometer import Spectrofluorometer
from plans.optics import warnings_of
from plans.spectrum import Spectrum, milliseconds
from plans.stubs import LINE_TIMEOUT_S, lines_of, read, sample_problem

log = logging.getLogger(__name__)

PROTOCOL_VERSION = 1
DARK_S = 10.0
LAMP = "Xe"
DETECTORS = {"transmission": "behind the sample"}
PHOTOMULTIPLIER = "photomultiplier"
WITHOUT_REFERENCE = ("fluoracle",)  # backends that do not tell what the reference detector saw
NOT_CALIBRATED = {
    "uid": "",
    "excitation_offset_nm": 0.0,
    "excitation_offset_err_nm": math.nan,
    "emission_offset_nm": 0.0,
    "emission_offset_err_nm": math.nan,
}


def chosen_sample(fs5: Spectrofluorometer, sample: str | None) -> Generator[Msg, Any, tuple[str, str | None]]:
    """Name of the sample to measure (the one in the chamber, if none is given), and what is wrong with it."""
    name = (yield from read(fs5.mounted)) if sample is None else sample
    if name == "":
        return name, f"sample={sample!r}: the instrument does not know what is in the chamber; name it"
    return name, sample_problem(name, fs5.samples, (yield from lines_of(fs5.available)))


def lamp_problem(fs5: Spectrofluorometer) -> Generator[Msg, Any, str | None]:
    """Whether there is light."""
    if (yield from read(fs5.lamp_state)) == "off":
        return "the lamp is off: RE(warm_up(fs5)) first"
    return None


def check_problem(fs5: Spectrofluorometer) -> Generator[Msg, Any, str | None]:
    """What the instrument itself says against the scan it was told, or None; nothing moves."""
    check: Any = fs5.check
    try:
        yield from bps.abs_set(check, 1, group="check")
        yield from bps.wait("check", timeout=LINE_TIMEOUT_S)
    except (FailedStatus, CommandError) as why:
        cause = why.__cause__ if isinstance(why.__cause__, CommandError) else why
        return str(cause)
    return None


def linked_run(
    fs5: Spectrofluorometer, given: Any, plan_name: str, sample: str, needs: dict[str, Any], *, what: str, typed: str
) -> tuple[str, str | None]:
    """The uid of the run to compare with, and what is wrong: "auto" finds one, None needs none, else it is the uid.

    what : the keyword of the plan, e.g. "blank"; typed : the command that would make one
    """
    if given is None:
        return "", None
    if not isinstance(given, str) or not given:
        return "", f'{what}={given!r}: must be "auto", the uid of a run, or None to measure without'
    if given != "auto":
        return named_run(fs5, given, plan_name, what)
    if uid := fs5.find_run(plan_name, sample, needs):
        return uid, None
    missing = f"there is no run of {plan_name} on {sample!r} that fits"
    return "", f"{missing}: {typed} first, or {what}=None to measure without"


def named_run(fs5: Spectrofluorometer, given: str, plan_name: str, what: str) -> tuple[str, str | None]:
    """The whole uid of a run that was named, and what is wrong with it; as it is where nothing can be looked up."""
    resolve = getattr(fs5.find_run, "resolve", None)
    if resolve is None:
        return given, None
    uid, found = resolve(given)
    if found == plan_name:
        return uid, None
    wrong = f"that is a run of the plan {found}" if uid else "there is no such run"
    return "", f"{what}={given!r}: {wrong}; give the uid of a run of the plan {plan_name}"


def typed(name: str, plan: Callable, sample: str, **settings: float) -> str:
    """How a plan is typed at the prompt; what is the default anyway is left out."""
    usual = inspect.signature(plan).parameters
    said = [f", {key}={value:.10g}" for key, value in settings.items() if value != usual[key].default]
    return f'RE({name}(fs5, sample="{sample}"{"".join(said)}))'


def axis_settings(scan: Spectrum) -> dict[str, Any]:
    """The settings of a scan by the names plans give them."""
    return {
        "start_nm": scan.start_nm,
        "stop_nm": scan.stop_nm,
        "step_nm": scan.step_nm,
        "dwell_ms": milliseconds(scan.dwell_s),
        "slit_nm": scan.excitation_slit_nm,
    }


def same_optics(scan: Spectrum, backend: str) -> dict[str, Any]:
    """What a run must have in common with a scan to be divided by it; its range may be wider."""
    told = ("kind", "start_nm", "stop_nm", "step_nm", "fixed_nm", "excitation_slit_nm", "emission_slit_nm")
    return {key: scan.facts[key] for key in told} | {"backend": backend}


def calibration_facts(fs5: Spectrofluorometer) -> Generator[Msg, Any, dict[str, Any]]:
    """The wavelength calibration that holds now: zeros with unknown errors if there is none."""
    holds = (yield from read(fs5.calibration_boot_id)) == (yield from read(fs5.boot_id))
    uid = (yield from read(fs5.calibration_uid)) if holds else ""
    facts: dict[str, Any] = dict(NOT_CALIBRATED)
    if uid:
        facts["uid"] = uid
        for key in facts.keys() - {"uid"}:
            facts[key] = yield from read(getattr(fs5, key))
    return facts


def cautions(
    fs5: Spectrofluorometer, plan_name: str, scan: Spectrum, calibration: dict
) -> Generator[Msg, Any, list[str]]:
    """What must be known of the spectrum before it is measured, in sentences."""
    calibrates = plan_name == "calibrate"
    found = [] if calibrates else list(warnings_of(scan))
    if (yield from read(fs5.lamp_state)) == "warming":
        left_s = yield from read(fs5.warm_up)
        found.append(f"the lamp is warming up, {left_s:.0f} s to go, and drifts: RE(warm_up(fs5)) waits for it")
    if not (calibrates or calibration["uid"]):
        way = "" if (yield from read(fs5.backend)) in WITHOUT_REFERENCE else "; RE(calibrate(fs5))"
        found.append(f"the wavelengths are not calibrated: they are what the instrument tells{way}")
    return found


def start_metadata(
    fs5: Spectrofluorometer, plan_name: str, sample: str, scan: Spectrum
) -> Generator[Msg, Any, dict[str, Any]]:
    """What every run of the spectrofluorometer says about light, detection, sample and scan; warnings are logged."""
    calibration = yield from calibration_facts(fs5)
    warnings = yield from cautions(fs5, plan_name, scan, calibration)
    for sentence in warnings:
        log.warning("%s of %s: %s", plan_name, sample, sentence)
    told = {"backend": (yield from read(fs5.backend)), "dead_time_ns": (yield from read(fs5.dead_time))}
    return metadata(fs5, plan_name, sample, scan, calibration=calibration, warnings=warnings, **told)


def metadata(
    fs5: Spectrofluorometer, plan_name: str, sample: str, scan: Spectrum, *, backend: str, **told: Any
) -> dict[str, Any]:
    """What a run says about light, detection, sample and scan; `told`: by the instrument, as it is."""
    span, fixed = [scan.start_nm, scan.stop_nm], scan.fixed_nm
    detector = DETECTORS.get(scan.kind, PHOTOMULTIPLIER)
    return {
        "plan_name": plan_name,
        "protocol_version": PROTOCOL_VERSION,
        "sample_name": sample,
        "sample": {"name": sample, **fs5.samples.get(sample, {})},
        "scan": scan.facts,
        "regions": list(scan.regions),
        "repeats": int(scan.repeats),
        "num_points": scan.num_points,
        "num_intervals": scan.num_points - 1,
        "excitation": {"lamp": LAMP, "wavelength_nm": fixed if scan.kind == "emission" else span},
        "detection": {"detector": detector, "wavelength_nm": fixed if scan.kind == "excitation" else span},
        "detectors": [fs5.name],
        "hints": {"dimensions": [[["fs5_wavelength"], "primary"]]},
        "backend": backend,
        **told,
        **({} if backend == "twin" else {"twin": False}),
    }


def take_dark(fs5: Spectrofluorometer) -> MsgGenerator:
    """Count with the shutter closed for `DARK_S`, one Event in the stream "dark"; none if the instrument cannot."""
    take: Any = fs5.take_dark
    yield from bps.checkpoint()
    yield from bps.abs_set(take, DARK_S, group="dark")
    yield from bps.wait("dark", timeout=LINE_TIMEOUT_S)
    if not (yield from read(fs5.dark_time)) > 0:
        return
    yield from bps.create("dark")
    yield from bps.read(fs5.dark_counts)
    yield from bps.read(fs5.dark_time)
    yield from bps.save()
