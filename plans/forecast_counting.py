"""Forecasts of what counts under the pulsed laser, and of an image under the continuous one."""

import math
from collections.abc import Mapping
from typing import Any

from plans.forecast import IRF, SEARCH, TIME_ZERO, Bench, Forecast
from plans.raster import Raster, planned_raster
from plans.tcspc import DARK_S, N_CHANNELS, ROUTES

SPOT_UM = 0.3  # width of the light on the sample: smaller pixels overlap
SCATTER_CPS = 20_000.0  # of each SPAD, attenuated laser light; a guess on the safe side
PAIRS_CPS = 1000.0
PILE_UP = 0.05  # of the laser pulses: more counts bend the decay
OVERHEAD_S = 5.0  # mounting, filters, opening and closing of files
TYPICAL_CPS = 10_000.0
COLUMN_BYTES = 2 * len(ROUTES) * N_CHANNELS
MAX_IRF, MAX_ZERO = 200, 500


def of_raster(bench: Bench, given: Mapping[str, Any]) -> Forecast:
    """The FLIM raster: every pixel is lit in each scan, and by its neighbours if they are nearer than the spot."""
    raster = asked_raster(bench, given, given["n_scans"], given["snake"])
    record = bench.microscope.samples.get(given["sample"] or bench.mounted, {})
    w_cm2 = given["intensity_w_cm2"]
    w_cm2 = float(record.get("excitation_w_cm2", 50.0) if w_cm2 is None else w_cm2)
    light_s = light_of(raster)
    seconds = raster.duration_s + OVERHEAD_S + (DARK_S if given["dark_frame"] else 0.0)
    return Forecast(
        duration_s=seconds,
        longest_s=seconds,
        light_s=light_s,
        dose_kj_cm2=w_cm2 * light_s / 1e3,
        disk_bytes=raster.bytes,
        expects=photons_of(raster, record.get("rate_cps"), bench.repetition_hz),
        limits=(f"{raster.n_lines} lines of {raster.duration_s / raster.n_lines:.2g} s, each a place to go on from",),
        needs=(IRF,),
    )


def of_search(bench: Bench, given: Mapping[str, Any]) -> Forecast:
    """The image of single emitters."""
    raster = asked_raster(bench, given, 1, False)
    light_s = light_of(raster)
    seconds = raster.duration_s + OVERHEAD_S
    return Forecast(
        duration_s=seconds,
        longest_s=seconds,
        light_s=light_s,
        dose_kj_cm2=float(given["intensity_w_cm2"]) * light_s / 1e3,
        disk_bytes=8.0 * raster.n_lines * raster.n_pixels,
        expects=(
            f"{raster.dwell_ms:g} ms in a pixel: 18 counts per ms, the least of the paper, are "
            f"{18 * raster.dwell_ms:.0f} counts",
        ),
        limits=(f"{raster.n_lines} lines, {given['false_alarm']:g} false spots expected in an empty image",),
        provides=SEARCH,
    )


def asked_raster(bench: Bench, given: Mapping[str, Any], n_scans: int, snake: bool) -> Raster:
    """The raster of these arguments; they have been found right."""
    raster, problems = planned_raster(
        bench.microscope,
        given["centre_um"],
        given["extent_um"],
        given["n_pixels"],
        given["dwell_ms"],
        n_scans,
        given["settle_ms"],
        snake,
    )
    if raster is None:
        raise ValueError("; ".join(problem for problem in problems if problem))
    return raster


def light_of(raster: Raster) -> float:
    """Seconds of light at the place that gets most."""
    overlap = max(1.0, SPOT_UM * raster.n_pixels / raster.extent_um) ** 2
    return (raster.dwell_ms + raster.settle_ms) / 1e3 * raster.n_scans * min(overlap, float(raster.n_pixels) ** 2)


def photons_of(raster: Raster, rate_cps: Any, repetition_hz: float) -> tuple[str, ...]:
    """Photons in a pixel, the error of one lifetime from so many, and where pile-up begins."""
    cps = float(rate_cps) if isinstance(rate_cps, (int, float)) and rate_cps > 0 else TYPICAL_CPS
    photons = cps * raster.dwell_ms / 1e3 * raster.n_scans
    why = "noted for the sample" if rate_cps else "for example: the record of the sample notes no rate_cps"
    error = f"tau +- {100 / math.sqrt(photons):.2g} %" if photons >= 1 else "no lifetime"
    return (
        f"{photons:.3g} photons in a pixel of one colour at {cps:.3g} cps ({why}), {error} (tau / sqrt(N))",
        f"pile-up from {PILE_UP * repetition_hz:.3g} cps on",
    )


def of_irf(bench: Bench, given: Mapping[str, Any]) -> Forecast:
    """Laser scatter on both SPADs."""
    return of_scatter(given, SCATTER_CPS, MAX_IRF, IRF)


def of_time_zero(bench: Bench, given: Mapping[str, Any]) -> Forecast:
    """Pairs of scattered laser photons."""
    return of_scatter(given, PAIRS_CPS, MAX_ZERO, TIME_ZERO)


def of_scatter(given: Mapping[str, Any], cps: float, most: int, provides: str) -> Forecast:
    """Integrations until there are enough counts, at most `most`."""
    integration_s, wanted = float(given["integration_s"]), float(given["min_counts"])
    rows = min(max(1, math.ceil(wanted / (cps * integration_s))), most)
    light_s = most * integration_s
    return Forecast(
        duration_s=rows * integration_s + OVERHEAD_S,
        longest_s=light_s + OVERHEAD_S,
        light_s=light_s,
        dose_kj_cm2=float(given["intensity_w_cm2"]) * light_s / 1e3,
        disk_bytes=float(COLUMN_BYTES * most),
        expects=(f"{wanted:g} counts, about {rows} integrations of {integration_s:g} s",),
        limits=(f"at most {most} integrations",),
        provides=provides,
    )


def of_park(bench: Bench, given: Mapping[str, Any]) -> Forecast:
    return Forecast(duration_s=2.0, longest_s=30.0)


FORECASTS = {
    "flim_raster": of_raster,
    "find_emitters": of_search,
    "irf": of_irf,
    "time_zero": of_time_zero,
    "park": of_park,
}
