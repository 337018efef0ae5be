"""Forecasts of the measurements of one emitter."""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from analysis.blinking.forecast import BRIGHT_S, DARK_S, expected_on_fraction
from plans.antibunching import LONGEST_RUN_S
from plans.emitter_time import centring_s, centrings, measured, pairs_s, patch_s, rows_of
from plans.facts import GUESS, Expected, rounded
from plans.facts import KNOWN as MEASURED
from plans.forecast import IRF, TIME_ZERO, Bench, Forecast
from plans.forecast_campaign import of_campaign
from plans.forecast_counting import COLUMN_BYTES
from plans.forecast_errors import of_decay, of_dip, of_place, peak_of, peak_warnings
from plans.intermittency import MACROTIME_UNIT_S
from plans.known import defaults
from plans.moving import SYNC_S, laser, path_moves
from plans.rates import DotRate, dot_rate
from plans.refocus import CLOSE, NEAR_ATTEMPTS, WIDE
from plans.tcspc import APART, EMISSION_FILTERS, ROUTES

ENDS = "ends early if the emitter bleaches or is lost"
COUNT_BYTES = 4.0
RECORDS_CPS = 100_000.0
USUAL_TAU_NS = (7.0, 25.0)  # of nine in ten dots in a film
LARGEST_SHARE = 0.9  # of a bin that photons do not tell apart


def of_hbt(bench: Bench, given: Mapping[str, Any]) -> Forecast:
    """Pairs, until the errors are as small as wished: from the rate of the emitter, if it is known."""
    longest_s, w_cm2 = float(given["max_time_s"]), float(given["intensity_w_cm2"])
    wished = {key: float(given[key]) for key in ("target_err_ns", "target_contrast_err") if given[key] is not None}
    rate = dot_rate(bench, given, w_cm2)
    needed_s, run_s = pairs_s(bench, rate, wished), float(given["run_s"])
    live_s, n = centrings(rows_of(needed_s, longest_s, run_s), float(given["recentre_s"]))
    words = ", ".join(f"{key.removeprefix('target_')} {value:g}" for key, value in wished.items())
    aim = words or "it is decided whether the emitter is single"
    light = f"{rounded(rate.rate_cps)} cps over {rounded(rate.background_cps)} cps"
    told = f"until {aim}: about {needed_s:.0f} s of light at {light}"
    peak = peak_of(bench, rate.total_cps / 2, pulsed=False)
    return replace(
        measured(bench, given, live_s, n, longest_s),
        certainty=rate.certainty if rate.tau_is_known else GUESS,
        range_s=probable_s(bench, given, rate, wished),
        disk_bytes=COLUMN_BYTES * (longest_s / min(run_s, LONGEST_RUN_S) + 1),
        expects=(told if needed_s <= longest_s else f"{told}: more than max_time_s",),
        limits=(f"max_time_s={longest_s:g} s of light", ENDS),
        prefers=(TIME_ZERO,),
        n_photons=rate.total_cps * live_s,
        photons_of="all",
        errors=of_dip(bench, rate, live_s),
        peak=peak,
        basis=(rate.basis,),
        warnings=(*peak_warnings(peak, w_cm2), *too_long(needed_s, longest_s, aim)),
        uses=bench.used("time_zero", bench.time_zero_uid),
    )


def probable_s(
    bench: Bench, given: Mapping[str, Any], rate: DotRate, wished: Mapping[str, float]
) -> tuple[float, float]:
    """Shortest and longest time to the errors: a fifth to each side, or over the rise times that dots have."""
    longest_s, spread = float(given["max_time_s"]), (0.8, 1.2) if rate.tau_is_known else (1.0, 1.0)
    found = []
    for tau_ns, factor in zip((rate.tau_ns,) * 2 if rate.tau_is_known else USUAL_TAU_NS, spread, strict=True):
        needed_s = factor * pairs_s(bench, replace(rate, tau_ns=tau_ns), wished)
        live_s, n = centrings(rows_of(needed_s, longest_s, float(given["run_s"])), float(given["recentre_s"]))
        found.append(live_s + centring_s(n) + bench.changes_s)
    return min(found), max(found)


def too_long(needed_s: float, longest_s: float, aim: str) -> tuple[str, ...]:
    """What to do where the time does not suffice."""
    if needed_s <= longest_s:
        return ()
    if not math.isfinite(needed_s):
        return ("no light is expected from this emitter",)
    enough = math.ceil(1.1 * needed_s)
    return (f"max_time_s={longest_s:g} ends it before {aim}: max_time_s={enough}, or a wider target",)


def of_power(bench: Bench, given: Mapping[str, Any]) -> Forecast:
    """One hbt at each intensity, upwards."""
    alone = {**defaults("hbt"), **{key: given[key] for key in given.keys() & defaults("hbt").keys()}}
    steps = [of_hbt(bench, {**alone, "intensity_w_cm2": w_cm2}) for w_cm2 in given["intensities_w_cm2"]]
    totals = ("duration_s", "longest_s", "light_s", "dose_kj_cm2", "disk_bytes", "n_photons")
    at = [f"{w_cm2:g} W/cm2" for w_cm2 in given["intensities_w_cm2"]]
    named = [replace(each, of=where) for step, where in zip(steps, at, strict=True) for each in step.errors]
    warnings = [f"{where}: {told}" for step, where in zip(steps, at, strict=True) for told in step.warnings]
    peaks = [step.peak for step in steps if step.peak is not None]
    return replace(
        steps[0],
        **{key: sum(getattr(step, key) for step in steps) for key in totals},
        range_s=(sum(step.range_s[0] for step in steps), sum(step.range_s[1] for step in steps)),
        lights=tuple(light for step in steps for light in step.lights),
        errors=tuple(each for each in named if each.quantity == "tau"),
        peak=max(peaks, key=lambda peak: peak.rate_cps),
        warnings=tuple(warnings),
        expects=(f"{len(steps)} intensities, the first {steps[0].expects[0]}",),
        basis=(*steps[0].basis, "rates in proportion to the light: saturation makes them smaller, and longer the time"),
    )


def of_blinking(bench: Bench, given: Mapping[str, Any]) -> Forecast:
    """A trace of a given length."""
    wished_s, bin_s = float(given["duration_s"]), float(given["bin_ms"]) / 1e3
    segment_s = min(float(given["segment_s"]), wished_s)
    n_rows, w_cm2 = max(1, math.ceil(wished_s / segment_s - 1e-9)), float(given["intensity_w_cm2"])
    live_s, n = centrings(iter([segment_s] * n_rows), float(given["recentre_s"]))
    rate = dot_rate(bench, given, w_cm2)
    rows_bytes = RECORDS_CPS * 4 * live_s, 2 * COUNT_BYTES * live_s / bin_s
    photons = given["record"] == "photons" or (given["record"] == "auto" and bench.wiring == "clock")
    records = f"photons to {MACROTIME_UNIT_S * 1e9:g} ns" if photons else f"{live_s / bin_s:.0f} bins"
    trace, basis = of_trace(bench, given, rate, live_s, bin_s)
    peak = peak_of(bench, rate.total_cps / 2, pulsed=False)
    return replace(
        measured(bench, given, live_s, n, live_s),
        disk_bytes=max(rows_bytes) if given["record"] != "bins" else rows_bytes[1],
        expects=(
            f"{records}; a bin of {given['bin_ms']:g} ms holds {trace.counts_on:.3g} counts while bright, "
            f"{trace.counts_off:.3g} while dark",
            f"about {trace.n_periods:.0f} dark periods; those under {1e3 * trace.shortest_s:.3g} ms are not seen",
        ),
        limits=(f"duration_s={wished_s:g} s", ENDS if given["stop_on_bleach"] else "goes on after bleaching"),
        n_photons=trace.counts_on,
        photons_of="a bright bin",
        errors=(Expected("ON fraction", trace.value, trace.err, "", "the trace"),),
        peak=peak,
        basis=(rate.basis, basis),
        warnings=(*peak_warnings(peak, w_cm2), *dim_bins(trace, float(given["bin_ms"]))),
    )


def of_trace(bench: Bench, given: Mapping[str, Any], rate: DotRate, live_s: float, bin_s: float):
    """What a trace will tell; the periods are those of an earlier trace of the emitter, or a guess."""
    sample = given.get("sample") or bench.mounted
    run = bench.earlier("blinking", sample, rate.emitter) if rate.emitter else None
    periods = {"bright_s": BRIGHT_S, "dark_s": DARK_S}
    basis = f"periods of {BRIGHT_S:g} s bright and {DARK_S:g} s dark, a guess"
    if run is not None:
        periods = {key: run.number(key, otherwise) for key, otherwise in periods.items()}
        basis = f"periods of {bench.told(run)}"
    levels = {"rate_on_cps": rate.total_cps, "rate_off_cps": rate.background_cps}
    return expected_on_fraction(live_s, bin_s=bin_s, **levels, **periods), basis


def dim_bins(trace: Any, bin_ms: float) -> tuple[str, ...]:
    """Whether photons tell bright bins from dark ones."""
    if trace.false_on + trace.false_off < 1 - LARGEST_SHARE:
        return ()
    return (
        f"bins of {bin_ms:g} ms are too short: {100 * trace.false_on:.0f} % of the dark ones pass for bright; "
        f"bin_ms={10 * bin_ms:g}",
    )


def of_lifetime(bench: Bench, given: Mapping[str, Any]) -> Forecast:
    """A decay under the pulsed laser, as bright as it was the last time, if there was one."""
    longest_s, photons, row_s = (float(given[key]) for key in ("max_time_s", "n_photons", "integration_s"))
    rate = dot_rate(bench, given, float(given["intensity_w_cm2"]))
    run = bench.earlier("lifetime_at", given.get("sample") or bench.mounted, rate.emitter) if rate.emitter else None
    cps = 0.0 if run is None else run.facts["rate_cps"][ROUTES.index("qd")] * factor_of(run, given)
    needed_s = photons / cps if cps > 0 else longest_s
    rows = max(1, math.ceil(min(needed_s, longest_s) / row_s - 1e-9))
    live_s, n = centrings(iter([row_s] * rows), float(given["recentre_s"]))
    unknown = "how bright it is under pulses is not known: the whole max_time_s is reckoned with"
    found = measured(bench, given, live_s, n, longest_s, float(given["patch_ms"]) / 1e3)
    moves = tuple(move for move in found.moves if move.device in ("stage", "sample"))
    seen = min(photons, cps * live_s) if cps > 0 else photons
    return replace(
        found,
        duration_s=found.duration_s + SYNC_S,
        longest_s=found.longest_s + SYNC_S,
        certainty=MEASURED if cps > 0 else GUESS,
        disk_bytes=COLUMN_BYTES * (longest_s / row_s + 1),
        expects=(f"{rounded(seen)} photons" + (f" at {rounded(cps)} cps" if cps > 0 else " at most"),),
        limits=(f"max_time_s={longest_s:g} s of light", ENDS),
        needs=(IRF,),
        moves=(*path_moves(bench, APART, EMISSION_FILTERS), *moves),
        lights=(replace(laser(bench, "pulsed", given["intensity_w_cm2"], found.lights[0].lit_s)),),
        n_photons=seen,
        photons_of="the decay",
        errors=of_decay(bench, seen, (rate.tau_ns,), (1.0,), 0.1, of="the emitter", range_code=given["range_code"]),
        peak=peak_of(bench, cps, pulsed=True) if cps > 0 else None,
        basis=(f"rate of {bench.told(run)}" if run is not None else unknown,),
        uses=bench.used("irf", bench.irf_uid),
    )


def factor_of(run: Any, given: Mapping[str, Any]) -> float:
    """How much more light there will be than in an earlier run."""
    return float(given["intensity_w_cm2"]) / run.w_cm2 if run.w_cm2 > 0 else 1.0


def of_recentre(bench: Bench, given: Mapping[str, Any]) -> Forecast:
    """Patches around one emitter."""
    rate = dot_rate(bench, given, float(given["intensity_w_cm2"]))
    peak = peak_of(bench, rate.total_cps / 2, pulsed=False)
    found = measured(bench, given, 0.0, 1, 0.0)
    longest_s = centring_s(NEAR_ATTEMPTS, CLOSE.dwell_s) + 2 * patch_s(WIDE.dwell_s) + bench.changes_s
    return replace(
        found,
        longest_s=longest_s,
        light_s=longest_s,
        dose_kj_cm2=float(given["intensity_w_cm2"]) * longest_s / 1e3,
        disk_bytes=1e4,
        limits=("at most six patches",),
        n_photons=rate.total_cps * CLOSE.dwell_s,
        photons_of="the brightest pixel",
        errors=of_place(rate, CLOSE.dwell_s, CLOSE.pixel_um),
        peak=peak,
        basis=(rate.basis,),
        warnings=peak_warnings(peak, float(given["intensity_w_cm2"])),
    )


FORECASTS = {
    "hbt": of_hbt,
    "power_series": of_power,
    "blinking": of_blinking,
    "lifetime_at": of_lifetime,
    "recentre": of_recentre,
    "qd_campaign": of_campaign,
}
