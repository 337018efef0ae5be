"""The paper on the twin: instrument response, samples A and B, the marked pixels of Fig. 5a, crosstalk; a table.

`make demo` runs this; PRESET, SEED, SPEED and TRUTH reach the twin. Everything it writes lies in demo/.
"""

import argparse
import logging
import math
import shutil
import sys
import time
from dataclasses import replace
from pathlib import Path

from analysis import figures
from devices.iocs.twin.preset import load as load_preset
from devices.signals import CommandError
from lab import report
from lab.config import ConfigError, LabConfig, read
from lab.display import live_display
from lab.lock import RigLocked
from lab.report import Row
from lab.results import FlimResult
from lab.server import StorageError
from lab.services import ServiceError
from lab.session import HOUSE, Session, start
from lab.version import code_version
from plans import flim_raster, irf
from plans.stubs import PlanError

DEMO = HOUSE / "demo"
PAPER = {"extent_um": 50, "n_pixels": 100, "dwell_ms": 100, "n_scans": 10, "dark_frame": True}
PIXELS = {"extent_um": 10, "n_pixels": 24, "dwell_ms": 1000, "n_scans": 1, "dark_frame": True}


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


def measure(session: Session, sample: str, **raster) -> FlimResult:
    """One raster, its result printed."""
    result = session.RE(flim_raster(session.microscope, sample=sample, **raster))
    print(result, "\n", flush=True)
    return result


def draw(results: dict[str, FlimResult]) -> list[Path]:
    """Figures 4 and 5 of the paper, as PNG and PDF, with their origin inside."""
    a, b = results["A"].map, results["B"].map
    uids = [uid for role in "AB" for uid in (results[role].uid, results[role].derived_uid)]
    made = {"figure4": figures.figure4(a, b), "figure5": figures.figure5(a, b)}
    about = {"uids": uids, "selection": {"qd_threshold_cps": 250}, "code_version": code_version()}
    files = [(figure, DEMO / f"{name}.{kind}") for name, figure in made.items() for kind in ("png", "pdf")]
    return [figures.save(figure, path, **about) for figure, path in files]


def compare(results: dict[str, FlimResult], session: Session) -> list[Row]:
    """The paper's numbers beside ours."""
    starts = [session.db[results[role].uid].start for role in "AB"]
    doping = tuple(start["sample"].get("doping_percent", math.nan) for start in starts)
    intensity = tuple(start["excitation"]["intensity_w_cm2"] for start in starts)
    maps = [results[role].map for role in ("A", "B", "pixel1", "pixel2")]
    crosstalk = report.crosstalk_of(results["undoped"].map)
    return report.measure(*maps, doping_percent=doping, intensity_w_cm2=intensity, crosstalk=crosstalk)


def main() -> int:
    given, began = options(), time.monotonic()
    logging.getLogger("bluesky").setLevel(logging.CRITICAL)
    session = start(own_house(read(HOUSE / "profile" / "lab.toml")), **vars(given))
    try:
        live_display(session)
        print(f"the lab is up: storage, light and bench; everything goes to {DEMO}\n", flush=True)
        print(session.RE(irf(session.microscope)), "\n", flush=True)
        first, second = roles(given.preset)
        results = {"A": measure(session, first, **PAPER), "B": measure(session, second, **PAPER)}
        results |= {name: measure(session, name, **PIXELS) for name in ("pixel1", "pixel2", "undoped")}
        paths, rows = draw(results), compare(results, session)
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
    except (ConfigError, ServiceError, StorageError, RigLocked, PlanError, CommandError) as why:
        sys.exit(str(why))
