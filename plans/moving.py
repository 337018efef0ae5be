"""What a plan will move and light up, in the words of a forecast."""

import math
from collections.abc import Mapping
from typing import Any

from plans.facts import Light, Move
from plans.forecast import Bench
from plans.raster import FLY_BACK_S, Raster
from plans.tcspc import APART, EMISSION_FILTERS

PIEZO_S = 0.02  # of one move of one axis, with settling
SYNC_S = 0.5  # of the meter that hears the laser
PULSED, CW, LAMP = "EPL-450", "CW 561", "Xe lamp"


def sample_moves(bench: Bench, sample: Any) -> tuple[Move, ...]:
    """The exchange of the sample on the stage, if another one lies there."""
    if not sample or sample == bench.mounted:
        return ()
    return (Move("sample", f"{bench.mounted or 'what is there'} off, {sample} on the stage"),)


def path_moves(bench: Bench, splitter: str, filters: Mapping[str, str], *, back: bool = False) -> tuple[Move, ...]:
    """Splitter and filters that stand elsewhere. back : they are put back for images, with the colours apart"""
    usual = {"splitter": APART, **EMISSION_FILTERS}
    found = []
    for part, position in {"splitter": splitter, **filters}.items():
        now = bench.standing.get(part)
        steps = [step for step in (now, position) if step]
        steps += [usual[part]] if back and usual[part] != position else []
        if now != position or len(steps) > 2:
            what = part if part == "splitter" else f"filter of {part}"
            found.append(Move(what, " -> ".join(dict.fromkeys(steps)) if now != usual[part] else " -> ".join(steps)))
    return tuple(found)


def raster_moves(raster: Raster) -> tuple[Move, ...]:
    """The square that the stage scans."""
    half = raster.extent_um / 2 * (1 - 1 / raster.n_pixels)
    spans = [f"{axis} {c - half:.4g}..{c + half:.4g} um" for axis, c in zip("xy", raster.centre_um, strict=True)]
    scans = f", {raster.n_scans} scans" if raster.n_scans > 1 else ""
    return (Move("stage", f"{', '.join(spans)}, {raster.n_lines} lines of {raster.n_pixels} pixels{scans}"),)


def patch_moves(at_um: tuple[float, float], reach_um: float, patches: int) -> tuple[Move, ...]:
    """The stage around an emitter, as re-centrings move it."""
    where = f"({at_um[0]:.2f}, {at_um[1]:.2f}) um" if math.isfinite(at_um[0]) else "the emitter"
    return (Move("stage", f"around {where}, +-{reach_um:.1f} um, about {patches} patches to stay in the focus"),)


def laser(bench: Bench, name: str, w_cm2: float, lit_s: float) -> Light:
    """One of the lasers of the microscope."""
    source = PULSED if name == "pulsed" else CW
    return Light(source, (float(bench.wavelength_nm[name]),), float(w_cm2), float(lit_s))


def lamp(wavelength_nm: tuple[float, ...], lit_s: float) -> Light:
    """The lamp of the spectrofluorometer, behind its own shutter."""
    return Light(LAMP, wavelength_nm, math.nan, float(lit_s), "fs5.shutter")


def patch_time_s(n_pixels: int, dwell_s: float, settle_s: float) -> float:
    """One patch, from the fly-back to its last pixel."""
    return n_pixels * (dwell_s + settle_s) + FLY_BACK_S
