"""The paper on the twin: ensemble spectra, lifetime images, the marked pixels of Fig. 5a, single emitters; a report.

`make demo` runs this; PRESET, SEED, SPEED and TRUTH reach the twin. Everything it writes lies in demo/.
"""

import argparse
import logging
import math
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from bluesky.utils import RunEngineInterrupted

from devices.iocs.twin.preset import load as load_preset
from devices.signals import CommandError
from lab.config import ConfigError, LabConfig, read
from lab.display import live_display
from lab.figures import paper
from lab.flim.results import FlimResult
from lab.home import emptied, twin_alone, usual_config
from lab.lock import RigLocked
from lab.report import Row, table
from lab.report.course import Course
from lab.report.memory import FILE, remembered
from lab.report.paper import Paper, Spectra
from lab.report.publish import nothing_measured, publish
from lab.server import StorageError
from lab.services import ServiceError
from lab.session import Session, start
from lab.single_emitters import measure_single_emitters
from lab.spectra.results import AbsorptionResult, PleResult, PlResult, PlSeriesResult
from lab.stored.index import Index
from plans import absorption, blank, calibrate, flim_raster, irf, pl, ple, warm_up
from plans.stubs import MeasurementError, PlanError

DEMO = Path.cwd() / "demo"
PAPER = {"extent_um": 50, "n_pixels": 100, "dwell_ms": 100, "n_scans": 10, "dark_frame": True}
REGIONS = 9  # of the undoped film, whose two bands vary in strength from place to place
PIXELS = {"extent_um": 10, "n_pixels": 24, "dwell_ms": 1000, "n_scans": 1, "dark_frame": True}
UNIFORM = ("pixel1", "pixel2", "undoped")
QUICK_SCANS = 3
ABSORBING, EMITTING, EXCITED = ("undoped", "A", "B"), ("A", "B", "C", "D", "bare"), ("bare", "A", "B")
SECONDS = {  # of each step, on two cores
    "wavelengths": 5,
    "blank": 3,
    **{f"absorption of {role}": 4 for role in ABSORBING},
    "luminescence of undoped": 13,
    **{f"luminescence of {role}": 6 for role in EMITTING},
    **{f"excitation of {role}": 5 for role in EXCITED},
    "instrument response": 3,
    "image of A": 75,
    "image of B": 60,
    **{f"image of {role}": 4 for role in UNIFORM},
    "time zero": 3,
    "search image": 4,
    "dots of film": 125,
    "dots of film2": 27,
    "dots of film3": 30,
    "dots of glass": 40,
    "the example dot": 14,
    "antibunching of the example": 15,
    "power series of the example": 17,
    "the bright dot": 14,
    "trace of the bright dot": 12,
}


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--preset", default="A,B", help="two samples for the roles of A and B: names or TOML files")
    parser.add_argument("--seed", type=int, help="root seed of the twin")
    parser.add_argument("--speed", type=float, default=math.inf, help="simulated seconds per second")
    parser.add_argument("--truth", type=Path, help="seal the twin's truth into this file")
    parser.add_argument("--quick", action="store_true", help="fewer scans, a dozen dots of each film: half the time")
    return parser.parse_args()


def own_house(config: LabConfig) -> LabConfig:
    """The configuration of the lab, with free ports and a data folder of its own, emptied."""
    emptied(DEMO)
    return replace(
        config,
        folders=replace(config.folders, data=DEMO / "data"),
        channel_access=replace(config.channel_access, light_port=0, bench_port=0),
        storage=replace(config.storage, port=0),
    )


def roles(preset: str) -> tuple[str, str]:
    """Names of the samples that play A and B: those of the given presets, or the paper's."""
    names = [load_preset(name).name for name in preset.split(",")]
    return names[0], names[1] if len(names) > 1 else ("A" if names[0] == "B" else "B")


def measure_spectra(session: Session, course: Course, names: tuple[str, str]) -> Spectra:
    """Sections 3.1 and 3.2 of the paper: what the films absorb, emit, and are excited by."""
    fs5, step = session.fs5, course.step
    film = {"A": names[0], "B": names[1], "undoped": "undoped", "bare": "bare_qds"}
    session.RE(warm_up(fs5))
    step("wavelengths", calibrate, fs5, sample="glass")
    step("blank", blank, fs5, sample="glass")
    absorbed = {role: step(f"absorption of {role}", absorption, fs5, sample=film[role]) for role in ABSORBING}
    emitted = {"undoped": step("luminescence of undoped", pl, fs5, sample="undoped", regions=REGIONS)}
    emitted |= {role: step(f"luminescence of {role}", pl, fs5, sample=film.get(role, role)) for role in EMITTING}
    excited = {role: step(f"excitation of {role}", ple, fs5, sample=film[role]) for role in EXCITED}
    emitted = computed(emitted, PlResult)
    found = computed(absorbed, AbsorptionResult), emitted, computed(excited, PleResult)
    return Spectra(*found, doping_series(session, course, emitted))


def computed(results: dict[str, Any], kind: type) -> dict[str, Any]:
    """Those results that are results: of a run that could not be analysed there is only a uid."""
    return {role: result for role, result in results.items() if isinstance(result, kind)}


def doping_series(session: Session, course: Course, emitted: dict[str, PlResult]) -> PlSeriesResult | None:
    """Luminescence of the roles A to D on one scale, each sample once; None if they cannot be compared."""
    uids = {emitted[role].sample: emitted[role].uid for role in "ABCD" if role in emitted}
    try:
        return session.pl_series(uids.values())
    except ValueError as why:
        return course.skip("the doped films together", str(why))


def measure_images(session: Session, course: Course, names: tuple[str, str], *, quick: bool) -> dict[str, FlimResult]:
    """Section 3.3: lifetime images of both samples, of films like the marked pixels, of one without dots."""
    course.step("instrument response", irf, session.microscope)
    raster = {**PAPER, "n_scans": QUICK_SCANS} if quick else PAPER
    rasters = {"A": (names[0], raster), "B": (names[1], raster)} | {name: (name, PIXELS) for name in UNIFORM}
    made = {
        role: course.step(f"image of {role}", flim_raster, session.microscope, sample=name, **asked)
        for role, (name, asked) in rasters.items()
    }
    return computed(made, FlimResult)


def measure(session: Session, course: Course, names: tuple[str, str], *, quick: bool) -> Paper:
    """All of the paper, section by section."""
    spectra = measure_spectra(session, course, names)
    images = measure_images(session, course, names, quick=quick)
    emitters = measure_single_emitters(session, course, quick=quick)
    starts = {role: dict(session.db[images[role].uid].start) for role in "AB" if role in images}
    samples = {name: session.samples[name] for name in ("A", "single")}
    return Paper(names, spectra, images, emitters, starts, samples)


def keep(session: Session, found: Paper, missing: dict[str, str]) -> list[Row]:
    """Figures as PNG and PDF, each noted in the catalog; which run played which part; numbers and report."""
    data, memory = session.config.folders.data, remembered(found, missing)
    (DEMO / FILE).write_text(memory.told(), encoding="utf-8")
    paper.keep_composed(paper.of_paper(found), DEMO, data=data, record=session.analyses.record)
    return publish(found, memory, DEMO, Index(data / "journal").starts)


def tell(text: str):
    print(text, flush=True)


def main() -> int:
    given, began = vars(options()), time.monotonic()
    quick = given.pop("quick")
    logging.getLogger("bluesky").setLevel(logging.CRITICAL)
    session = start(own_house(twin_alone(read(usual_config()))), **given)
    try:
        live_display(session)
        tell(f"the lab is up: storage, light and bench; everything goes to {DEMO}\n")
        course = Course(session.RE, SECONDS, tell)
        found = measure(session, course, roles(given["preset"]), quick=quick)
        tell("drawing the figures, writing the report\n")
        rows = keep(session, found, course.missing)
        tell(table(rows))
        tell(f"\nreport   {DEMO / 'report.html'}\nnumbers  {DEMO / 'results.json'}, results.csv")
        tell(f"figures  {DEMO}\nruns     {DEMO / 'data'}, {time.monotonic() - began:.0f} s in all")
        return int(nothing_measured(rows))
    finally:
        session.close(stop_processes=True)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (KeyboardInterrupt, RunEngineInterrupted):
        sys.exit(f"\ninterrupted; what was measured is in {DEMO / 'data'}")
    except (ConfigError, ServiceError, StorageError, RigLocked, PlanError, CommandError, MeasurementError) as why:
        sys.exit(str(why))
