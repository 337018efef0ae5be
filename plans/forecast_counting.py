"""Forecasts of what counts under the pulsed laser, and of an image under the continuous one."""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from analysis.emitters.forecast import faintest_cps
from plans.facts import EXACT, Expected, Move, rounded
from plans.forecast import IRF, SEARCH, TIME_ZERO, Bench, Forecast
from plans.forecast_errors import PILE_UP, RESPONSE_NS, of_decay, of_place, peak_of, peak_warnings
from plans.moving import PIEZO_S, SYNC_S, laser, path_moves, raster_moves, sample_moves
from plans.raster import Raster, planned_raster
from plans.rates import FilmRate, dot_rate, film_rate, scatter_rate
from plans.tcspc import APART, DARK_S, EMISSION_FILTERS, N_CHANNELS, ROUTES, SCATTER, SHARED

SPOT_UM = 0.3  # width of the light on the sample: smaller pixels overlap
COLUMN_BYTES = 2 * len(ROUTES) * N_CHANNELS
MAX_IRF, MAX_ZERO = 200, 500
FEW_PHOTONS = 200.0  # in a pixel: two lifetimes are then not told apart
PAIR_SIGMA_NS = 0.4  # of scattered pulses, both SPADs together


def of_raster(bench: Bench, given: Mapping[str, Any]) -> Forecast:
    """The FLIM raster: every pixel is lit in each scan, and by its neighbours if they are nearer than the spot."""
    raster = asked_raster(bench, given, given["n_scans"], given["snake"])
    sample = given["sample"] or bench.mounted
    record, w_cm2 = bench.microscope.samples.get(sample, {}), given["intensity_w_cm2"]
    w_cm2 = float(record.get("excitation_w_cm2", 50.0) if w_cm2 is None else w_cm2)
    rate, light_s = film_rate(bench, str(sample), w_cm2), light_of(raster)
    scanned_s = raster.duration_s * lines_left(bench, given, raster) / raster.n_lines
    seconds = scanned_s + SYNC_S + bench.changes_s + (DARK_S if given["dark_frame"] else 0.0)
    photons = photons_of(raster, rate)
    peak = peak_of(bench, max(rate.peak_cps), pulsed=True)
    return Forecast(
        duration_s=seconds,
        longest_s=seconds,
        shortest_s=seconds,
        light_s=light_s,
        dose_kj_cm2=w_cm2 * light_s / 1e3,
        disk_bytes=raster.bytes,
        expects=(
            f"{photons[0]:.3g} photons in a pixel behind the filter of the perovskite, {photons[-1]:.3g} in that of "
            f"the dots",
            f"pile-up from {rounded(PILE_UP * bench.repetition_hz)} cps on; response taken as {RESPONSE_NS:g} ns wide",
        ),
        limits=(f"{raster.n_lines} lines of {raster.duration_s / raster.n_lines:.2g} s, each a place to go on from",),
        needs=(IRF,),
        moves=(*sample_moves(bench, sample), *path_moves(bench, APART, EMISSION_FILTERS), *raster_moves(raster)),
        lights=(laser(bench, "pulsed", w_cm2, scanned_s),),
        n_photons=photons[0],
        photons_of="a pixel",
        errors=of_film(bench, given, raster, rate, photons[0]),
        peak=peak,
        basis=(rate.basis,),
        warnings=(*peak_warnings(peak, w_cm2), *dim_warning(photons[0])),
        uses=bench.used("irf", bench.irf_uid),
    )


def lines_left(bench: Bench, given: Mapping[str, Any], raster: Raster) -> int:
    """How many lines are to be measured: fewer of a raster that goes on."""
    look = bench.microscope.unfinished if given["continues"] else None
    return raster.n_lines - (look(given["continues"]).first_line if look else 0)


def photons_of(raster: Raster, rate: FilmRate) -> list[float]:
    """Photons in a pixel, in each colour."""
    return [cps * raster.dwell_ms / 1e3 * raster.n_scans for cps in rate.rate_cps]


def of_film(
    bench: Bench, given: Mapping[str, Any], raster: Raster, rate: FilmRate, photons: float
) -> tuple[Expected, ...]:
    """What a pixel and the whole image will tell."""
    decay = (rate.tau_ns, rate.fraction, rate.background_fraction)
    code = given["range_code"]
    pixel = of_decay(bench, photons, *decay, of="a pixel", range_code=code)
    return pixel + of_decay(bench, photons * raster.n_pixels**2, *decay, of="the image", range_code=code)


def dim_warning(photons: float) -> tuple[str, ...]:
    """Whether a pixel holds too little for two lifetimes."""
    if photons >= FEW_PHOTONS:
        return ()
    times = math.ceil(FEW_PHOTONS / max(photons, 1e-3))
    more = f"{times} times the scans or the dwell, or " if times < 1000 else ""
    return (f"{photons:.3g} photons in a pixel do not tell two lifetimes apart: {more}sum pixels",)


def of_search(bench: Bench, given: Mapping[str, Any]) -> Forecast:
    """The image of single emitters."""
    raster = asked_raster(bench, given, 1, False)
    light_s, w_cm2 = light_of(raster), float(given["intensity_w_cm2"])
    sample = given.get("sample") or bench.mounted
    rate, image = dot_rate(bench, {"sample": sample}, w_cm2), bench.earlier("find_emitters", sample)
    pixel = {"dwell_s": raster.dwell_ms / 1e3, "pixel_um": raster.extent_um / raster.n_pixels}
    faint = faintest_cps(
        rate.background_cps, n_pixels=raster.n_pixels, false_alarm=float(given["false_alarm"]), **pixel
    )
    brightest = image.number("peak_cps") * w_cm2 / image.w_cm2 if image and image.w_cm2 > 0 else rate.total_cps
    peak = peak_of(bench, brightest, pulsed=False)
    return Forecast(
        duration_s=raster.duration_s + bench.changes_s,
        longest_s=raster.duration_s + bench.changes_s,
        shortest_s=raster.duration_s,
        light_s=light_s,
        dose_kj_cm2=w_cm2 * light_s / 1e3,
        disk_bytes=8.0 * raster.n_lines * raster.n_pixels,
        expects=(
            f"half of the emitters of {rounded(faint)} cps are found, nearly all of twice that",
            *([f"about {image.number('per_um2') * raster.extent_um**2:.0f} isolated emitters"] if image else []),
            f"18 counts per ms, the least of the paper, are {18 * raster.dwell_ms:.0f} counts in a pixel",
        ),
        limits=(f"{raster.n_lines} lines, {given['false_alarm']:g} false spots expected in an empty image",),
        provides=SEARCH,
        moves=(*sample_moves(bench, sample), *path_moves(bench, APART, EMISSION_FILTERS), *raster_moves(raster)),
        lights=(laser(bench, "cw", w_cm2, raster.duration_s),),
        n_photons=rate.total_cps * raster.dwell_ms / 1e3,
        photons_of="a pixel on an emitter",
        errors=(Expected("faintest", faint, math.nan, "cps", "the image"), *of_place(rate, **pixel)),
        peak=peak,
        basis=(rate.basis,),
        warnings=peak_warnings(peak, w_cm2),
    )


def asked_raster(bench: Bench, given: Mapping[str, Any], n_scans: int, snake: bool) -> Raster:
    """The raster of these arguments; they have been found right."""
    centre_um, extent_um, n_pixels, dwell_ms = (given[k] for k in ("centre_um", "extent_um", "n_pixels", "dwell_ms"))
    raster, problems = planned_raster(
        bench.microscope, centre_um, extent_um, n_pixels, dwell_ms, n_scans, given["settle_ms"], snake
    )
    if raster is None:
        raise ValueError("; ".join(problem for problem in problems if problem))
    return raster


def light_of(raster: Raster) -> float:
    """Seconds of light at the place that gets most."""
    overlap = max(1.0, SPOT_UM * raster.n_pixels / raster.extent_um) ** 2
    return (raster.dwell_ms + raster.settle_ms) / 1e3 * raster.n_scans * min(overlap, float(raster.n_pixels) ** 2)


def of_irf(bench: Bench, given: Mapping[str, Any]) -> Forecast:
    """Laser scatter on both SPADs."""
    found = of_scatter(bench, given, IRF, MAX_IRF)
    width_ns = RESPONSE_NS / 2.355
    err_ns = width_ns / math.sqrt(found.n_photons)
    return replace(
        found,
        duration_s=found.duration_s + SYNC_S,
        longest_s=found.longest_s + SYNC_S,
        photons_of="the response of each SPAD",
        errors=(Expected("centre", math.nan, 1e3 * err_ns, "ps", "the response"),),
        moves=path_moves(bench, APART, SCATTER, back=True),
    )


def of_time_zero(bench: Bench, given: Mapping[str, Any]) -> Forecast:
    """Pairs of scattered laser photons."""
    found = of_scatter(bench, given, TIME_ZERO, MAX_ZERO)
    sigma_ns = bench.sigma_ns if bench.sigma_ns > 0 else PAIR_SIGMA_NS
    n = found.n_photons
    told = (("t0", math.nan, sigma_ns / math.sqrt(n)), ("sigma", 1e3 * sigma_ns, sigma_ns / math.sqrt(2 * n)))
    return replace(
        found,
        photons_of="both SPADs, in pairs",
        errors=tuple(Expected(name, value, 1e3 * err, "ps", "the response to pairs") for name, value, err in told),
        moves=path_moves(bench, SHARED, SCATTER, back=True),
    )


def of_scatter(bench: Bench, given: Mapping[str, Any], provides: str, most: int) -> Forecast:
    """Integrations until there are enough counts, at most `most`."""
    integration_s, wanted = float(given["integration_s"]), float(given["min_counts"])
    w_cm2 = float(given["intensity_w_cm2"])
    cps, basis, certainty = scatter_rate(bench, provides, w_cm2)
    rows = min(max(1, math.ceil(wanted / (cps * integration_s))), most)
    light_s, seconds = most * integration_s, rows * integration_s + bench.changes_s
    singles = scatter_rate(bench, IRF, w_cm2)[0]
    peak = peak_of(bench, singles, pulsed=True)
    what = "pairs" if provides == TIME_ZERO else "counts on each SPAD"
    return Forecast(
        duration_s=seconds,
        longest_s=light_s + bench.changes_s,
        shortest_s=integration_s,
        certainty=certainty,
        light_s=light_s,
        dose_kj_cm2=w_cm2 * light_s / 1e3,
        disk_bytes=float(COLUMN_BYTES * most),
        expects=(f"{rounded(wanted)} {what}, about {rows} integrations of {integration_s:g} s",),
        limits=(f"at most {most} integrations",),
        provides=provides,
        lights=(laser(bench, "pulsed", w_cm2, rows * integration_s),),
        n_photons=rows * integration_s * cps,
        peak=peak,
        basis=(basis,),
        warnings=peak_warnings(peak, w_cm2),
    )


def of_park(bench: Bench, given: Mapping[str, Any]) -> Forecast:
    """Three moves, one after the other."""
    seconds = 3 * PIEZO_S + bench.changes_s
    moves = (Move("stage", "to the middle of its travel, x, y and z"),)
    return Forecast(seconds, max(30.0, seconds), shortest_s=seconds, certainty=EXACT, moves=moves)


FORECASTS = {
    "flim_raster": of_raster,
    "find_emitters": of_search,
    "irf": of_irf,
    "time_zero": of_time_zero,
    "park": of_park,
}
