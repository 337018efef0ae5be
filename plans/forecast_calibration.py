"""What the monochromators take for a scan, and the forecast of their calibration."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from analysis.spectra.forecast import expected_bands
from plans.calibration import around
from plans.facts import Expected, Move, rounded
from plans.fluorometry import DARK_S
from plans.forecast import LAMP, WAVELENGTHS, Bench, Forecast
from plans.moving import lamp
from plans.spectrum import Spectrum, seconds

FLIGHT_S = 3.0  # to the start of a scan and back, of the real instrument
MOVE_NM_S = 250.0  # of a monochromator
POINT_BYTES = 64.0
DARK_CPS = 50.0
LINE_HEIGHT_CPS = 100_000.0


def flown_s(bench: Bench, scan: Spectrum) -> float:
    """Seconds of all flights: the points, and the monochromators on their way, there and back."""
    n_flights = len(scan.regions) * int(scan.repeats)
    way_s = 2 * (scan.n_points - 1) * float(scan.step_nm) / MOVE_NM_S
    return scan.num_points * scan.dwell_s + n_flights * (way_s + flight_s(bench))


def flight_s(bench: Bench) -> float:
    """What a real instrument takes to begin a scan and to tell its end."""
    return 0.0 if bench.backend == "twin" else FLIGHT_S


def colour_of(scan: Spectrum) -> tuple[float, ...]:
    """What falls on the sample."""
    return (float(scan.fixed_nm),) if scan.kind == "emission" else (float(scan.start_nm), float(scan.stop_nm))


def scan_moves(bench: Bench, given: Mapping[str, Any], scan: Spectrum, places: str) -> tuple[Move, ...]:
    """Monochromators, and the sample."""
    sample = given.get("sample")
    span = f"{scan.start_nm:g}..{scan.stop_nm:g} nm in steps of {scan.step_nm:g}{places}"
    which = {"emission": "emission monochromator", "excitation": "excitation monochromator"}
    moved = [Move(which.get(scan.kind, "excitation monochromator"), span)]
    if scan.kind in which:
        other = "excitation" if scan.kind == "emission" else "emission"
        moved.append(Move(f"{other} monochromator", f"to {scan.fixed_nm:g} nm"))
    exchanged = [Move("sample", f"{bench.chamber or 'what is there'} off, {sample} into the chamber")]
    return tuple((exchanged if sample and sample != bench.chamber else []) + moved)


def of_calibrate(bench: Bench, given: Mapping[str, Any]) -> Forecast:
    """Two lines, one after the other."""
    xe_nm, elastic_nm = float(given["xe_line_nm"]), float(given["elastic_nm"])
    step_nm, slit_nm, dwell_s = float(given["step_nm"]), float(given["slit_nm"]), seconds(given["dwell_ms"])
    scans = (
        around("excitation", xe_nm, elastic_nm, step_nm, slit_nm, dwell_s),
        around("emission", elastic_nm, elastic_nm, step_nm, slit_nm, dwell_s),
    )
    points = sum(scan.n_points for scan in scans)
    duration_s = sum(flown_s(bench, scan) for scan in scans) + abs(elastic_nm - xe_nm) / MOVE_NM_S + DARK_S
    run = bench.earlier("calibrate")
    height = LINE_HEIGHT_CPS * dwell_s if run is None else run.number("scatter_height") * dwell_s
    at_nm = np.arange(scans[1].n_points) * step_nm + scans[1].start_nm
    line = {"height": [height], "centre_nm": [elastic_nm], "fwhm_nm": [1.35 * slit_nm]}
    found = expected_bands(at_nm, **line, background=DARK_CPS * dwell_s)
    why = f"line height of {bench.told(run)}" if run else f"a guess of {rounded(LINE_HEIGHT_CPS)} cps on the line"
    return Forecast(
        duration_s,
        1.5 * duration_s,
        shortest_s=duration_s,
        light_s=points * dwell_s,
        disk_bytes=POINT_BYTES * points,
        needs=(LAMP,),
        provides=WAVELENGTHS,
        expects=(f"{points} points of {dwell_s * 1e3:g} ms over two lines",),
        moves=tuple(move for scan in scans for move in scan_moves(bench, given, scan, "")[-2:]),
        lights=(lamp((xe_nm, elastic_nm), points * dwell_s),),
        n_photons=found.n_photons,
        photons_of="the scattered line",
        errors=(Expected("offset of the emission", math.nan, found.centre_err_nm[0], "nm", "the scattered line"),),
        basis=(why,),
    )
