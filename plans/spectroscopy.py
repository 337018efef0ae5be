"""Ensemble spectroscopy: absorption, luminescence and excitation spectra of whole samples (paper, section 2.5)."""

import logging
from typing import Any

from bluesky import plan_stubs as bps
from bluesky import preprocessors as bpp
from bluesky.utils import MsgGenerator, plan

from analysis.spectra import TRANSPARENT_NM, WINDOW_NM
from devices.spectrofluorometer import Spectrofluorometer
from plans.flight import fly
from plans.fluorometry import (
    axis_settings,
    check_problem,
    chosen_sample,
    lamp_problem,
    linked_run,
    same_optics,
    start_metadata,
    take_dark,
    typed,
)
from plans.spectrum import Spectrum, numbered, seconds, set_scan
from plans.stubs import LINE_TIMEOUT_S, md_problem, plain, read, require

log = logging.getLogger(__name__)

ABSORPTION_NM = (400.0, 700.0)  # an absorption spectrum that reaches where the film absorbs nothing
Regions = int | list[int] | tuple[int, ...]


@plan
def absorption(
    fs5: Spectrofluorometer,
    *,
    sample: str | None = None,
    start_nm: float = 400.0,
    stop_nm: float = 700.0,
    step_nm: float = 1.0,
    dwell_ms: float = 200.0,
    slit_nm: float = 1.0,
    regions: Regions = 1,
    repeats: int = 1,
    blank: str | None = "auto",
    md: dict | None = None,
) -> MsgGenerator:
    """Absorption spectrum: what a sample transmits, compared with its empty substrate.

    The offset of the baseline is fitted where the film is transparent, so the scan should reach 700 nm. `blank` is the
    uid of the run on the substrate; "auto" finds the newest with the same settings; None measures without. Blank and
    reference samples need none. `sample=None` measures what is mounted. Returns the run uid.
    """
    scan, problems = transmission(start_nm, stop_nm, step_nm, dwell_ms, slit_nm, regions, repeats)
    name, sample_problem = yield from chosen_sample(fs5, sample)
    require([md_problem(md), *problems, *scan.problems(fs5), sample_problem])
    blank_uid, blank_problem = blank_of(fs5, name, scan, blank, backend=(yield from read(fs5.backend)))
    require([blank_problem, (yield from lamp_problem(fs5))])
    return (yield from measure(fs5, "absorption", name, scan, {"blank_uid": blank_uid}, md))


@plan
def blank(
    fs5: Spectrofluorometer,
    *,
    sample: str | None = None,
    start_nm: float = 400.0,
    stop_nm: float = 700.0,
    step_nm: float = 1.0,
    dwell_ms: float = 200.0,
    slit_nm: float = 1.0,
    regions: Regions = 1,
    repeats: int = 1,
    md: dict | None = None,
) -> MsgGenerator:
    """What the empty substrate transmits: the baseline of absorption spectra with the same settings.

    `sample` is a blank, or a sample whose record names one; `None` takes the one of what is mounted. Returns the run
    uid.
    """
    scan, problems = transmission(start_nm, stop_nm, step_nm, dwell_ms, slit_nm, regions, repeats)
    name, sample_problem = yield from chosen_sample(fs5, sample)
    require([md_problem(md), *problems, *scan.problems(fs5), sample_problem])
    name, sample_problem = yield from chosen_sample(fs5, fs5.samples.get(name, {}).get("blank", name))
    require([sample_problem, (yield from lamp_problem(fs5))])
    return (yield from measure(fs5, "blank", name, scan, {}, md))


@plan
def pl(
    fs5: Spectrofluorometer,
    *,
    sample: str | None = None,
    excitation_nm: float = 405.0,
    start_nm: float = 420.0,
    stop_nm: float = 750.0,
    step_nm: float = 1.0,
    dwell_ms: float = 300.0,
    slit_nm: float = 1.0,
    regions: Regions = 1,
    repeats: int = 1,
    md: dict | None = None,
) -> MsgGenerator:
    """Photoluminescence spectrum; the defaults are the paper's: 405 nm, 300 ms per point, 1 nm.

    `regions` (a number, or a list of their numbers) measures several places of the sample, `repeats` each of them
    several times. `sample=None` measures what is mounted. Returns the run uid.
    """
    scan, problems = planned("emission", start_nm, stop_nm, step_nm, excitation_nm, slit_nm, dwell_ms, regions, repeats)
    name, sample_problem = yield from chosen_sample(fs5, sample)
    require([md_problem(md), *problems, *scan.problems(fs5), scan.order_problem(), sample_problem])
    require([(yield from lamp_problem(fs5))])
    return (yield from measure(fs5, "pl", name, scan, {}, md))


@plan
def ple(
    fs5: Spectrofluorometer,
    *,
    sample: str | None = None,
    emission_nm: float = 650.0,
    start_nm: float = 400.0,
    stop_nm: float = 600.0,
    step_nm: float = 1.0,
    dwell_ms: float = 1000.0,
    slit_nm: float = 1.0,
    regions: Regions = 1,
    repeats: int = 1,
    reference: str | None = "auto",
    absorption_run: str | None = "auto",
    luminescence: str | None = "auto",
    md: dict | None = None,
) -> MsgGenerator:
    """Photoluminescence excitation spectrum; the defaults are the paper's: detected at 650 nm, 1 s per point, 1 nm.

    A film is compared with bare dots: `reference` is the uid of their excitation spectrum, `absorption_run` that of the
    film's absorption spectrum; "auto" finds the newest that fit, None measures without. Its own light at the detection
    wavelength is subtracted if a `luminescence` spectrum of the film tells it, else it is among the errors. Blank and
    reference samples need none of them. `sample=None` measures what is mounted. Returns the run uid.
    """
    scan, problems = planned("excitation", start_nm, stop_nm, step_nm, emission_nm, slit_nm, dwell_ms, regions, repeats)
    name, sample_problem = yield from chosen_sample(fs5, sample)
    require([md_problem(md), *problems, *scan.problems(fs5), scan.order_problem(), sample_problem])
    backend = yield from read(fs5.backend)
    links, link_problems = links_of(fs5, name, scan, reference, absorption_run, luminescence, backend=backend)
    require([*link_problems, (yield from lamp_problem(fs5))])
    if links["reference_uid"] and not links["pl_uid"]:
        log.warning("ple of %s: no pl of it with these slits: its own light is only allowed for, not subtracted", name)
    return (yield from measure(fs5, "ple", name, scan, links, md))


@plan
def warm_up(fs5: Spectrofluorometer) -> MsgGenerator:
    """Switch the lamp on, and wait until it is steady."""
    warm: Any = fs5.warm
    yield from bps.mv(fs5.lamp, "on")
    yield from bps.checkpoint()
    yield from bps.abs_set(warm, 1, group="warm")
    yield from bps.wait("warm", timeout=LINE_TIMEOUT_S)


def planned(
    kind: str, start_nm, stop_nm, step_nm, fixed_nm, slit_nm, dwell_ms, regions, repeats
) -> tuple[Spectrum, list[str | None]]:
    """The spectrum that was asked for, and what is wrong with its regions."""
    places, problem = numbered(regions)
    settings = map(plain, (start_nm, stop_nm, step_nm, fixed_nm, slit_nm, slit_nm, seconds(dwell_ms)))
    return Spectrum(kind, *settings, regions=places, repeats=plain(repeats)), [problem]


def transmission(start_nm, stop_nm, step_nm, dwell_ms, slit_nm, regions, repeats) -> tuple[Spectrum, list[str | None]]:
    return planned("transmission", start_nm, stop_nm, step_nm, 0.0, slit_nm, dwell_ms, regions, repeats)


def blank_of(fs5: Spectrofluorometer, sample: str, scan: Spectrum, given: Any, *, backend: str):
    """The uid of the run on the empty substrate of a sample, and what is wrong with it."""
    record = fs5.samples.get(sample, {})
    if given == "auto" and record.get("role") in ("blank", "reference"):
        return "", None
    if given == "auto" and "blank" not in record:
        return "", f"sample={sample!r}: its record names no blank, and the lab has none: samples.add(..., role='blank')"
    if given is not None and (short := scan.missing_window(*TRANSPARENT_NM)):
        return "", f"{short}: the baseline of the film is fitted there; scan it, or blank=None to measure without"
    needs, substrate = same_optics(scan, backend), record.get("blank", "")
    command = typed("blank", blank, substrate, **axis_settings(scan))
    return linked_run(fs5, given, "blank", substrate, needs, what="blank", typed=command)


def links_of(
    fs5: Spectrofluorometer,
    sample: str,
    scan: Spectrum,
    reference: Any,
    absorption_run: Any,
    luminescence: Any = "auto",
    *,
    backend: str,
) -> tuple[dict[str, str], list[str | None]]:
    """The uids of the runs an excitation spectrum is compared with, and what is wrong with them."""
    record = fs5.samples.get(sample, {})
    alone = record.get("role") in ("blank", "reference")
    if reference is None or (alone and reference == "auto"):
        return dict.fromkeys(("reference_uid", "absorption_uid", "pl_uid"), ""), []
    if reference == "auto" and "reference" not in record:
        return {}, [f"sample={sample!r}: its record names no reference: samples.add(..., role='reference')"]
    if short := scan.missing_window(*WINDOW_NM):
        return {}, [f"{short}: film and bare dots are scaled there; scan it, or reference=None to measure without"]
    needs, dots = same_optics(scan, backend), record.get("reference", "")
    command = typed("ple", ple, dots, **axis_settings(scan), emission_nm=scan.fixed_nm)
    reference_uid, missing = linked_run(fs5, reference, "ple", dots, needs, what="reference", typed=command)
    wide = {"start_nm": min(scan.start_nm, ABSORPTION_NM[0]), "stop_nm": max(scan.stop_nm, ABSORPTION_NM[1])}
    needs = {"kind": "transmission", "start_nm": scan.start_nm, "stop_nm": scan.stop_nm, "backend": backend}
    absorption_uid, absent = linked_run(
        fs5,
        absorption_run,
        "absorption",
        sample,
        needs,
        what="absorption_run",
        typed=typed("absorption", absorption, sample, **wide),
    )
    pl_uid, unfit = own_light_of(fs5, sample, scan, luminescence, backend=backend)
    links = {"reference_uid": reference_uid, "absorption_uid": absorption_uid, "pl_uid": pl_uid}
    return links, [missing, absent, unfit]


def own_light_of(fs5: Spectrofluorometer, sample: str, scan: Spectrum, given: Any, *, backend: str):
    """The uid of a luminescence spectrum of the film over the detection wavelength, and what is wrong; "" if none."""
    slits = {key: scan.facts[key] for key in ("excitation_slit_nm", "emission_slit_nm")}
    needs = {"kind": "emission", "start_nm": scan.fixed_nm, "stop_nm": scan.fixed_nm, "backend": backend, **slits}
    uid, problem = linked_run(fs5, given, "pl", sample, needs, what="luminescence", typed="")
    return (uid, problem) if uid or given != "auto" else ("", None)


def measure(
    fs5: Spectrofluorometer, plan_name: str, sample: str, scan: Spectrum, links: dict[str, str], md: dict | None
) -> MsgGenerator:
    """One run: the sample in the chamber, dark counts, then every region as often as asked. Returns the run uid."""
    yield from set_scan(fs5, scan)
    require([(yield from check_problem(fs5))])
    yield from bps.mv(fs5.mounted, sample)
    metadata = yield from start_metadata(fs5, plan_name, sample, scan)

    def flights():
        if scan.kind != "transmission":
            yield from take_dark(fs5)
        for region, repeat in scan.flights:
            yield from bps.mv(fs5.region, region, fs5.repeat, repeat)
            yield from fly(fs5)

    return (yield from bpp.run_wrapper(flights(), md={**(md or {}), **metadata, **links}))
