"""Forecasts of the spectrofluorometer."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from analysis.spectra.forecast import expected_bands
from plans.facts import Earlier, Expected, Move, Peak, rounded
from plans.fluorometry import DARK_S
from plans.forecast import ABSORPTION, BLANK, LAMP, REFERENCE, WAVELENGTHS, Bench, Forecast
from plans.forecast_calibration import DARK_CPS, POINT_BYTES, colour_of, flown_s, of_calibrate, scan_moves
from plans.moving import lamp
from plans.spectroscopy import blank_of, links_of, planned, transmission
from plans.spectrum import Spectrum

DEAD_NS = 25.0  # of the photomultiplier
BENT = 0.05  # share of the counts that the dead time swallows, from which on it is told
READING_ERR = 5e-4  # of the transmission detector, of one point of 0.2 s; where nothing was measured
KINDS = {"pl": "emission", "ple": "excitation", "absorption": "transmission", "blank": "transmission"}
LINKS = {"reference_uid": REFERENCE, "absorption_uid": ABSORPTION, "pl_uid": "pl", "blank_uid": BLANK}


def spectrum_of(name: str, given: Mapping[str, Any]) -> Spectrum:
    """The scan of a plan with all its arguments."""
    slit_nm, dwell_ms, regions, repeats = (given[key] for key in ("slit_nm", "dwell_ms", "regions", "repeats"))
    start_nm, stop_nm, step_nm = (given[key] for key in ("start_nm", "stop_nm", "step_nm"))
    if KINDS[name] == "transmission":
        return transmission(start_nm, stop_nm, step_nm, dwell_ms, slit_nm, regions, repeats)[0]
    fixed_nm = given["excitation_nm"] if name == "pl" else given["emission_nm"]
    return planned(KINDS[name], start_nm, stop_nm, step_nm, fixed_nm, slit_nm, dwell_ms, regions, repeats)[0]


def flown(bench: Bench, name: str, given: Mapping[str, Any], scan: Spectrum, dark_s: float, **told: Any) -> Forecast:
    """A run of one scan: all its flights, with the dark counts before them."""
    duration_s = flown_s(bench, scan) + dark_s
    n_flights = len(scan.regions) * int(scan.repeats)
    light_s = scan.n_points * scan.dwell_s * int(scan.repeats)
    places = f" x {n_flights} flights" if n_flights > 1 else ""
    return Forecast(
        duration_s=duration_s,
        longest_s=1.5 * duration_s,
        shortest_s=duration_s,
        light_s=light_s,
        disk_bytes=POINT_BYTES * scan.num_points,
        prefers=(WAVELENGTHS,),
        moves=scan_moves(bench, given, scan, places),
        lights=(lamp(colour_of(scan), scan.num_points * scan.dwell_s),),
        **told,
    )


def of_light(bench: Bench, name: str, given: Mapping[str, Any]) -> Forecast:
    """A spectrum of luminescence: bands and counts as the last one of this sample lets expect."""
    scan, sample = spectrum_of(name, given), given["sample"] or bench.chamber
    run = bench.earlier(name, sample)
    at_nm = np.array([scan.start_nm + i * scan.step_nm for i in range(scan.n_points)])
    counts = counts_of(scan, run, at_nm)
    peak_cps = float(np.nanmax(counts, initial=0.0)) / scan.dwell_s / int(scan.repeats) if counts.size else math.nan
    dead = peak_cps * DEAD_NS * 1e-9
    peak = Peak(peak_cps, math.nan, math.nan, dead / (1 + dead), math.inf) if run else None
    why = (
        f"counts of {bench.told(run)}"
        if run
        else f"nothing: no {name} was measured on {sample!r}; its counts are not known"
    )
    needs, provides, uses = linked(bench, name, given, scan)
    expects = [f"{scan.num_points} points of {scan.dwell_s * 1e3:g} ms"]
    expects += (
        [f"{rounded(counts.sum())} counts in a spectrum, {rounded(counts.max())} in its highest point"] if run else []
    )
    warnings = ("the dead time swallows more than 5 % of the counts: narrower slits",) if run and dead > BENT else ()
    return flown(
        bench,
        name,
        given,
        scan,
        DARK_S,
        needs=needs,
        provides=provides,
        expects=tuple(expects),
        n_photons=float(counts.sum()) if run else math.nan,
        photons_of="a spectrum",
        errors=band_errors(scan, run, at_nm) if name == "pl" else point_errors(counts) if run else (),
        peak=peak,
        basis=(why,),
        warnings=warnings,
        uses=uses,
    )


def counts_of(scan: Spectrum, run: Earlier | None, at_nm: Any) -> Any:
    """Counts (n,) of the points of one spectrum, as an earlier run lets expect; empty without one."""
    if run is None:
        return np.zeros(0)
    slits = float(scan.excitation_slit_nm) * float(scan.emission_slit_nm)
    then = run.start.get("scan", {})
    before = float(then.get("excitation_slit_nm", 1.0)) * float(then.get("emission_slit_nm", 1.0))
    rate = np.interp(at_nm, run.facts["wavelength_nm"], run.facts["rate_cps"])
    return np.maximum(rate, 0.0) * slits / before * scan.dwell_s * int(scan.repeats)


def band_errors(scan: Spectrum, run: Earlier | None, at_nm: Any) -> tuple[Expected, ...]:
    """Centre and width of each band."""
    if run is None or "centre_nm" not in run.facts:
        return ()
    counts = counts_of(scan, run, at_nm)
    model = {key: run.facts[key] for key in ("height", "centre_nm", "fwhm_nm")}
    rate = np.interp(at_nm, run.facts["wavelength_nm"], run.facts["rate_cps"])
    per_count = float(run.facts["scale_s"]) * rate.max() / max(counts.max(), 1e-9)
    found = expected_bands(at_nm, **model, background=(DARK_CPS * scan.dwell_s) * int(scan.repeats), scale=per_count)
    told = []
    for i, (centre, width) in enumerate(zip(found.centre_err_nm, found.fwhm_err_nm, strict=True)):
        told += [
            Expected("centre", found.centre_nm[i], centre, "nm", f"band {i + 1}"),
            Expected("width", found.fwhm_nm[i], width, "nm", f"band {i + 1}"),
        ]
    return tuple(told)


def point_errors(counts: Any) -> tuple[Expected, ...]:
    """The relative error of the median point."""
    middle = float(np.median(counts)) if counts.size else 0.0
    err = 100 / math.sqrt(middle) if middle > 0 else math.inf
    return (Expected("counts", middle, middle * err / 100, "", "the median point"),)


def linked(bench: Bench, name: str, given: Mapping[str, Any], scan: Spectrum):
    """Calibrations and runs that it needs, what it provides, and which earlier runs it will use."""
    uses = bench.used(WAVELENGTHS, bench.calibration_uid)
    if name != "ple":
        return (LAMP,), "", uses
    alone = given["reference"] is None or is_alone(bench, given)
    if not alone:
        sample, asked = (
            given["sample"] or bench.chamber,
            (given[k] for k in ("reference", "absorption_run", "luminescence")),
        )
        links, _ = links_of(bench.fs5, sample, scan, *asked, backend=bench.backend)
        uses += tuple(each for key, uid in links.items() for each in bench.used(LINKS[key], uid))
    return (LAMP,) if alone else (LAMP, REFERENCE, ABSORPTION), REFERENCE, uses


def of_pl(bench: Bench, given: Mapping[str, Any]) -> Forecast:
    return of_light(bench, "pl", given)


def of_ple(bench: Bench, given: Mapping[str, Any]) -> Forecast:
    return of_light(bench, "ple", given)


def of_transmission(bench: Bench, name: str, given: Mapping[str, Any], **told: Any) -> Forecast:
    """What a sample or its substrate transmits; the error of a point falls with the root of its time."""
    scan, sample = spectrum_of(name, given), given["sample"] or bench.chamber
    run, dwell_s = bench.earlier(name, sample), scan.dwell_s * int(scan.repeats)
    err = READING_ERR * math.sqrt(0.2 / dwell_s)
    basis = f"a guess of {READING_ERR:g} in 0.2 s: nothing was measured"
    if run is not None and run.number("err") > 0:
        err, basis = (
            run.number("err") * math.sqrt(run.number("dwell_s", dwell_s) / dwell_s),
            f"error of {bench.told(run)}",
        )
    quantity = "absorbance" if name == "absorption" and told.get("uses") else "transmission"
    uses = bench.used(WAVELENGTHS, bench.calibration_uid) + told.pop("uses", ())
    errors = (Expected(quantity, math.nan, err, "", "a point"),)
    expects = (f"{scan.num_points} points of {scan.dwell_s * 1e3:g} ms; a current is read, no photons are counted",)
    return flown(bench, name, given, scan, 0.0, errors=errors, expects=expects, basis=(basis,), uses=uses, **told)


def of_absorption(bench: Bench, given: Mapping[str, Any]) -> Forecast:
    alone = given["blank"] is None or is_alone(bench, given)
    sample, scan = given["sample"] or bench.chamber, spectrum_of("absorption", given)
    uid = "" if alone else blank_of(bench.fs5, sample, scan, given["blank"], backend=bench.backend)[0]
    needs = (LAMP,) if alone else (LAMP, BLANK)
    return of_transmission(bench, "absorption", given, needs=needs, provides=ABSORPTION, uses=bench.used(BLANK, uid))


def of_blank(bench: Bench, given: Mapping[str, Any]) -> Forecast:
    sample = given["sample"] or bench.chamber
    substrate = bench.fs5.samples.get(sample, {}).get("blank", sample)
    return of_transmission(bench, "blank", {**given, "sample": substrate}, needs=(LAMP,), provides=BLANK)


def is_alone(bench: Bench, given: Mapping[str, Any]) -> bool:
    """Whether the sample is itself what others are compared with."""
    return bench.fs5.samples.get(given["sample"] or bench.chamber, {}).get("role") in ("blank", "reference")


def of_warm_up(bench: Bench, given: Mapping[str, Any]) -> Forecast:
    """As long as the lamp says."""
    warm_s = bench.warm_up_s
    moves = (Move("lamp", "on; the shutter of the chamber stays closed"),)
    return Forecast(warm_s, max(2 * warm_s, 60.0), shortest_s=warm_s, provides=LAMP, moves=moves)


def of_import(bench: Bench, given: Mapping[str, Any]) -> Forecast:
    return Forecast(5.0, 60.0, disk_bytes=1e6, expects=("nothing moves: a file is read",))


FORECASTS = {
    "pl": of_pl,
    "ple": of_ple,
    "absorption": of_absorption,
    "blank": of_blank,
    "calibrate": of_calibrate,
    "warm_up": of_warm_up,
    "import_scan": of_import,
}
