"""The paper on the twin: ensemble spectra, lifetime images, the marked pixels of Fig. 5a, single emitters; a table.

`make demo` runs this; PRESET, SEED, SPEED and TRUTH reach the twin. Everything it writes lies in demo/.
"""

import argparse
import logging
import math
import shutil
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from analysis import figures
from devices.iocs.twin.preset import load as load_preset
from devices.signals import CommandError
from lab import report
from lab.config import ConfigError, LabConfig, read
from lab.display import live_display
from lab.flim.results import FlimResult
from lab.lock import RigLocked
from lab.report import Row
from lab.server import StorageError
from lab.services import ServiceError
from lab.session import HOUSE, Session, start
from lab.single_emitters import SingleEmitters, figures_of, measure_single_emitters, rows_of
from lab.spectra.results import AbsorptionResult, PleResult, PlResult, PlSeriesResult
from lab.version import code_version
from plans import absorption, blank, calibrate, flim_raster, irf, pl, ple, warm_up
from plans.stubs import MeasurementError, PlanError

DEMO = HOUSE / "demo"
PAPER = {"extent_um": 50, "n_pixels": 100, "dwell_ms": 100, "n_scans": 10, "dark_frame": True}
REGIONS = 9  # of the undoped film, whose two bands vary in strength from place to place
PIXELS = {"extent_um": 10, "n_pixels": 24, "dwell_ms": 1000, "n_scans": 1, "dark_frame": True}
UNIFORM = ("pixel1", "pixel2", "undoped")


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--preset", default="A,B", help="two samples for the roles of A and B: names or TOML files")
    parser.add_argument("--seed", type=int, help="root seed of the twin")
    parser.add_argument("--speed", type=float, default=math.inf, help="simulated seconds per second")
    parser.add_argument("--truth", type=Path, help="seal the twin's truth into this file")
    return parser.parse_args()


def own_house(config: LabConfig) -> LabConfig:
    """The configuration of the lab, with free ports and a data folder of its own, emptied."""
    shutil.rmtree(DEMO, ignore_errors=True)
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


@dataclass(frozen=True)
class Spectra:
    """Results of the spectrofluorometer by role: undoped, A to D, bare; what could not be computed is left out."""

    absorption: dict[str, AbsorptionResult]
    pl: dict[str, PlResult]
    ple: dict[str, PleResult]
    series: PlSeriesResult | None


def measured(session: Session, plan) -> Any:
    """Run one plan, print its result."""
    result = session.RE(plan)
    print(result, "\n", flush=True)
    return result


def measure_spectra(session: Session, first: str, second: str) -> Spectra:
    """Section 3.2 of the paper: what the films absorb, emit, and are excited by."""
    fs5, film = session.fs5, {"A": first, "B": second, "undoped": "undoped", "bare": "bare_qds"}
    session.RE(warm_up(fs5))
    measured(session, calibrate(fs5, sample="glass"))
    measured(session, blank(fs5, sample="glass"))
    absorbed = {role: measured(session, absorption(fs5, sample=film[role])) for role in ("undoped", "A", "B")}
    emitted = {"undoped": measured(session, pl(fs5, sample="undoped", regions=REGIONS))}
    emitted |= {role: measured(session, pl(fs5, sample=film.get(role, role))) for role in ("A", "B", "C", "D", "bare")}
    excited = {role: measured(session, ple(fs5, sample=film[role])) for role in ("bare", "A", "B")}
    emitted = computed(emitted, PlResult)
    found = computed(absorbed, AbsorptionResult), emitted, computed(excited, PleResult)
    return Spectra(*found, doping_series(session, emitted))


def computed(results: dict[str, Any], kind: type) -> dict[str, Any]:
    """Those results that are results: of a run that could not be analysed there is only a uid."""
    return {role: result for role, result in results.items() if isinstance(result, kind)}


def doping_series(session: Session, emitted: dict[str, PlResult]) -> PlSeriesResult | None:
    """Luminescence of the roles A to D on one scale, each sample once; None if they cannot be compared."""
    uids = {emitted[role].sample: emitted[role].uid for role in "ABCD" if role in emitted}
    try:
        return session.pl_series(uids.values())
    except ValueError as why:
        print(f"the doped films cannot be compared: {why}\n", flush=True)
        return None


def measure_images(session: Session, first: str, second: str) -> dict[str, FlimResult]:
    """Section 3.3: lifetime images of both samples, of films like the marked pixels, of one without dots."""
    measured(session, irf(session.microscope))
    rasters = {"A": (first, PAPER), "B": (second, PAPER)} | {name: (name, PIXELS) for name in UNIFORM}
    return {
        role: measured(session, flim_raster(session.microscope, sample=name, **raster))
        for role, (name, raster) in rasters.items()
    }


Figures = dict[str, tuple[Figure, list[str], dict[str, Any]]]  # by name: what is drawn, runs, what is shown of them


def keep(made: Figures) -> list[Path]:
    """The figures of the paper, as PNG and PDF, with their origin inside."""
    paths = []
    for name, (figure, uids, selection) in made.items():
        about = {"uids": uids, "selection": selection, "code_version": code_version()}
        paths += [figures.save(figure, DEMO / f"{name}.{kind}", **about) for kind in ("png", "pdf")]
    return paths


def uids_of(results: list) -> list[str]:
    """Of runs and their stored analyses, each once."""
    return list(dict.fromkeys(uid for one in results for uid in (one.uid, one.derived_uid) if uid))


def image_figures(results: dict[str, FlimResult]) -> Figures:
    """Figures 4 and 5."""
    a, b = results["A"].map, results["B"].map
    about = uids_of([results[role] for role in "AB"]), {"qd_threshold_cps": 250}
    return {"figure4": (figures.figure4(a, b), *about), "figure5": (figures.figure5(a, b), *about)}


def spectral_figures(spectra: Spectra, names: tuple[str, str]) -> Figures:
    """Figures 1a, 2 and 3a, each with its results and what is shown of them; those whose data are there."""
    film, emitted, excited = spectra.absorption.get("undoped"), spectra.pl, spectra.ple
    a, b = (excited[role].coupling if role in excited else None for role in "AB")
    made: Figures = {}
    if film is not None and film.absorption is not None and "undoped" in emitted:
        figure = figures.figure1a(film.absorption, emitted["undoped"].curve, emitted["undoped"].fit)
        made["figure1a"] = figure, uids_of([film, emitted["undoped"]]), {"regions": REGIONS}
    if a is None or b is None:
        return made
    films = [spectra.absorption[role] for role in "AB"]
    selection = {"regions_nm": {one.name: [one.low_nm, one.high_nm] for one in a.regions}}
    made["figure3a"] = figures.figure3a(a, b, names=names), uids_of([*excited.values(), *films]), selection
    if spectra.series is not None and "bare" in emitted:
        bare, series = emitted["bare"], spectra.series.series
        selection = {"window_nm": [a.window.low_nm, a.window.high_nm], "rescaled_to": series.reference}
        figure = figures.figure2(series, bare.curve, bare.fit, a, b, names=names)
        sources = [*spectra.series.results, bare, *excited.values(), *films]
        made["figure2"] = figure, uids_of(sources), selection
    return made


def compare(results: dict[str, FlimResult], spectra: Spectra, emitters: SingleEmitters, session: Session) -> list[Row]:
    """The paper's numbers beside ours."""
    starts = [session.db[results[role].uid].start for role in "AB"]
    doping = tuple(start["sample"].get("doping_percent", math.nan) for start in starts)
    intensity = tuple(start["excitation"]["intensity_w_cm2"] for start in starts)
    maps = [results[role].map for role in ("A", "B", "pixel1", "pixel2")]
    crosstalk = report.crosstalk_of(results["undoped"].map)
    doped = {role: spectra.pl[role].start["sample"] for role in "ABCD" if role in spectra.pl}
    percent = {role: record.get("doping_percent", math.nan) for role, record in doped.items()}
    percent["single"] = session.samples["single"].get("doping_percent", math.nan)
    series = None if spectra.series is None else spectra.series.series
    found = {"absorption": spectra.absorption, "pl": spectra.pl, "ple": spectra.ple, "series": series}
    rows = report.measure_spectra(**found, doping_percent=percent)
    rows += report.measure(*maps, doping_percent=doping, intensity_w_cm2=intensity, crosstalk=crosstalk)
    return rows + rows_of(emitters, session.samples)


def main() -> int:
    given, began = options(), time.monotonic()
    logging.getLogger("bluesky").setLevel(logging.CRITICAL)
    session = start(own_house(read(HOUSE / "profile" / "lab.toml")), **vars(given))
    try:
        live_display(session)
        print(f"the lab is up: storage, light and bench; everything goes to {DEMO}\n", flush=True)
        names = roles(given.preset)
        spectra, results = measure_spectra(session, *names), measure_images(session, *names)
        emitters = measure_single_emitters(session, measured)
        paths = keep(image_figures(results) | spectral_figures(spectra, names) | figures_of(emitters))
        rows = compare(results, spectra, emitters, session)
        (DEMO / "results.json").write_text(report.to_json(rows))
        print(report.table(rows))
        print("\nfigures  " + "\n         ".join(str(path) for path in paths))
        print(f"numbers  {DEMO / 'results.json'}\nruns     {DEMO / 'data'}, {time.monotonic() - began:.0f} s in all")
        return 0
    finally:
        session.close(stop_processes=True)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (ConfigError, ServiceError, StorageError, RigLocked, PlanError, CommandError, MeasurementError) as why:
        sys.exit(str(why))
