"""Forecasts of the spectrofluorometer."""

from collections.abc import Mapping
from typing import Any

from plans.calibration import around
from plans.fluorometry import DARK_S
from plans.forecast import ABSORPTION, BLANK, LAMP, REFERENCE, WAVELENGTHS, Bench, Forecast
from plans.spectroscopy import planned, transmission
from plans.spectrum import Spectrum, seconds

FLIGHT_S = 3.0  # to the start of a scan and back
POINT_BYTES = 64.0
KINDS = {"pl": "emission", "ple": "excitation", "absorption": "transmission", "blank": "transmission"}


def spectrum_of(name: str, given: Mapping[str, Any]) -> Spectrum:
    """The scan of a plan with all its arguments."""
    slit_nm, dwell_ms, regions, repeats = (given[key] for key in ("slit_nm", "dwell_ms", "regions", "repeats"))
    start_nm, stop_nm, step_nm = (given[key] for key in ("start_nm", "stop_nm", "step_nm"))
    if KINDS[name] == "transmission":
        return transmission(start_nm, stop_nm, step_nm, dwell_ms, slit_nm, regions, repeats)[0]
    fixed_nm = given["excitation_nm"] if name == "pl" else given["emission_nm"]
    return planned(KINDS[name], start_nm, stop_nm, step_nm, fixed_nm, slit_nm, dwell_ms, regions, repeats)[0]


def flown(scan: Spectrum, dark_s: float, **told: Any) -> Forecast:
    """A run of one scan: all its flights, with the dark counts before them."""
    n_flights = len(scan.regions) * int(scan.repeats)
    duration_s = scan.num_points * scan.dwell_s + n_flights * FLIGHT_S + dark_s
    return Forecast(
        duration_s=duration_s,
        longest_s=1.5 * duration_s,
        light_s=scan.n_points * scan.dwell_s * int(scan.repeats),
        disk_bytes=POINT_BYTES * scan.num_points,
        expects=(f"{scan.num_points} points of {scan.dwell_s * 1e3:g} ms, each count with its sqrt(N)",),
        prefers=(WAVELENGTHS,),
        **told,
    )


def of_pl(bench: Bench, given: Mapping[str, Any]) -> Forecast:
    return flown(spectrum_of("pl", given), DARK_S, needs=(LAMP,))


def of_ple(bench: Bench, given: Mapping[str, Any]) -> Forecast:
    alone = given["reference"] is None
    needs = (LAMP,) if alone or is_alone(bench, given) else (LAMP, REFERENCE, ABSORPTION)
    return flown(spectrum_of("ple", given), DARK_S, needs=needs, provides=REFERENCE)


def of_absorption(bench: Bench, given: Mapping[str, Any]) -> Forecast:
    needs = (LAMP,) if given["blank"] is None or is_alone(bench, given) else (LAMP, BLANK)
    return flown(spectrum_of("absorption", given), 0.0, needs=needs, provides=ABSORPTION)


def of_blank(bench: Bench, given: Mapping[str, Any]) -> Forecast:
    return flown(spectrum_of("blank", given), 0.0, needs=(LAMP,), provides=BLANK)


def is_alone(bench: Bench, given: Mapping[str, Any]) -> bool:
    """Whether the sample is itself what others are compared with."""
    return bench.fs5.samples.get(given["sample"] or bench.chamber, {}).get("role") in ("blank", "reference")


def of_calibrate(bench: Bench, given: Mapping[str, Any]) -> Forecast:
    """Two lines, one after the other."""
    places = (given["xe_line_nm"], given["elastic_nm"])
    step_nm, slit_nm, dwell_s = given["step_nm"], given["slit_nm"], seconds(given["dwell_ms"])
    points = sum(around("emission", nm, nm, step_nm, slit_nm, dwell_s).n_points for nm in places)
    duration_s = points * dwell_s + 2 * FLIGHT_S + DARK_S
    return Forecast(duration_s, 1.5 * duration_s, disk_bytes=POINT_BYTES * points, needs=(LAMP,), provides=WAVELENGTHS)


def of_warm_up(bench: Bench, given: Mapping[str, Any]) -> Forecast:
    return Forecast(bench.warm_up_s, max(2 * bench.warm_up_s, 60.0), provides=LAMP)


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
