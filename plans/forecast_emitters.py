"""Forecasts of the measurements of single emitters, and of campaigns over them."""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from analysis.correlation.forecast import live_time_s
from plans.antibunching import LONGEST_RUN_S
from plans.forecast import IRF, TIME_ZERO, Bench, Forecast
from plans.forecast_counting import COLUMN_BYTES, OVERHEAD_S, of_search
from plans.intermittency import MACROTIME_UNIT_S
from plans.job import LONGEST_BLINKING_S, LONGEST_HBT_S
from plans.job import OVERHEAD_S as DOT_S
from plans.known import defaults
from plans.refocus import CLOSE, N_PIXELS, NEAR_ATTEMPTS, SETTLE_S, WIDE

ENDS = "ends early if the emitter bleaches or is lost"
GUESSED_DOTS = 10
COUNT_BYTES = 4.0
RECORDS_CPS = 100_000.0
SATURATES_CPS = 200_000.0


def patch_s(dwell_s: float) -> float:
    """Seconds of light of one small scan around an emitter."""
    return N_PIXELS**2 * (dwell_s + SETTLE_S)


def centring_s(live_s: float, recentre_s: float, dwell_s: float = CLOSE.dwell_s) -> float:
    """Seconds of light of all re-centrings of a measurement, as a rule one patch each, and a wide one first."""
    return patch_s(WIDE.dwell_s) + patch_s(dwell_s) * (1 + math.ceil(live_s / recentre_s))


def measured(
    live_s: float, longest_s: float, w_cm2: float, recentre_s: float, dwell_s: float = CLOSE.dwell_s, **told: Any
) -> Forecast:
    """A measurement of one emitter under `w_cm2`, with its re-centrings."""
    lit_s = longest_s + centring_s(longest_s, recentre_s, dwell_s)
    seconds = live_s + centring_s(live_s, recentre_s, dwell_s) + OVERHEAD_S
    longest = longest_s + NEAR_ATTEMPTS * (lit_s - longest_s) + OVERHEAD_S
    return Forecast(seconds, max(longest, seconds), lit_s, w_cm2 * lit_s / 1e3, **told)


def of_hbt(bench: Bench, given: Mapping[str, Any]) -> Forecast:
    """Pairs, until the errors are as small as wished: from the rate of the emitter, if it is known."""
    longest_s = float(given["max_time_s"])
    wished = {key: given[key] for key in ("target_err_ns", "target_contrast_err") if given[key] is not None}
    live_s, expects = longest_s, ("until it is decided whether the emitter is single",)
    if wished:
        live_s, expects = time_to(bench, given, wished, longest_s)
    return measured(
        live_s,
        longest_s,
        float(given["intensity_w_cm2"]),
        float(given["recentre_s"]),
        disk_bytes=COLUMN_BYTES * (longest_s / min(float(given["run_s"]), LONGEST_RUN_S) + 1),
        expects=expects,
        limits=(f"max_time_s={longest_s:g} s of light", ENDS),
        prefers=(TIME_ZERO,),
    )


def time_to(bench: Bench, given: Mapping[str, Any], wished: Mapping[str, float], longest_s: float):
    """Seconds of light to the errors that are wished, and how that is known."""
    words = ", ".join(f"{key.removeprefix('target_')} {value:g}" for key, value in wished.items())
    rate = rate_of(bench, given["emitter"])
    if rate is None:
        return longest_s, (f"until {words}; the rate of the emitter is not known, so the whole time is reckoned with",)
    live_s = live_time_s(*rate, **wished)
    told = f"{words} after about {live_s:.0f} s at {rate[0]:.3g} cps over {rate[1]:.3g} cps"
    return min(live_s, longest_s), (told if live_s <= longest_s else f"{told}: more than max_time_s",)


def rate_of(bench: Bench, emitter: Any) -> tuple[float, float] | None:
    """Rate and background of an emitter that was imaged, counts per second; None if they are not known."""
    registry = bench.microscope.emitters
    if registry is None or not isinstance(emitter, str) or emitter not in registry:
        return None
    row = registry[emitter].row
    rate, background = row.get("rate_cps"), row.get("background_cps")
    return (float(rate), float(background or 0.0)) if rate and math.isfinite(rate) and rate > 0 else None


def of_power(bench: Bench, given: Mapping[str, Any]) -> Forecast:
    """One hbt at each intensity, upwards."""
    alone = {**defaults("hbt"), **{key: given[key] for key in given.keys() & defaults("hbt").keys()}}
    steps = [of_hbt(bench, {**alone, "intensity_w_cm2": w_cm2}) for w_cm2 in given["intensities_w_cm2"]]
    return replace(
        steps[0],
        duration_s=sum(step.duration_s for step in steps),
        longest_s=sum(step.longest_s for step in steps),
        light_s=sum(step.light_s for step in steps),
        dose_kj_cm2=sum(step.dose_kj_cm2 for step in steps),
        disk_bytes=sum(step.disk_bytes for step in steps),
        expects=(f"{len(steps)} intensities, each: {steps[0].expects[0]}",),
    )


def of_blinking(bench: Bench, given: Mapping[str, Any]) -> Forecast:
    """A trace of a given length."""
    seconds = float(given["duration_s"])
    rows_bytes = RECORDS_CPS * 4 * seconds, 2 * COUNT_BYTES * seconds / (float(given["bin_ms"]) / 1e3)
    records = f"photons to {MACROTIME_UNIT_S * 1e9:g} ns if the card is wired for them, else " * (
        given["record"] == "auto"
    )
    return measured(
        seconds,
        seconds,
        float(given["intensity_w_cm2"]),
        float(given["recentre_s"]),
        disk_bytes=max(rows_bytes) if given["record"] != "bins" else rows_bytes[1],
        expects=(f"{records}{seconds / (float(given['bin_ms']) / 1e3):.0f} bins of {given['bin_ms']:g} ms",),
        limits=(f"duration_s={seconds:g} s", ENDS if given["stop_on_bleach"] else "goes on after bleaching"),
    )


def of_lifetime(bench: Bench, given: Mapping[str, Any]) -> Forecast:
    """A decay under the pulsed laser: how bright the emitter is there is not known before."""
    longest_s, photons = float(given["max_time_s"]), float(given["n_photons"])
    return measured(
        longest_s,
        longest_s,
        float(given["intensity_w_cm2"]),
        float(given["recentre_s"]),
        float(given["patch_ms"]) / 1e3,
        disk_bytes=COLUMN_BYTES * (longest_s / float(given["integration_s"]) + 1),
        expects=(f"{photons:g} photons, tau +- {100 / math.sqrt(photons):.2g} % (tau / sqrt(N))",),
        limits=(f"max_time_s={longest_s:g} s of light", ENDS),
        needs=(IRF,),
    )


def of_recentre(bench: Bench, given: Mapping[str, Any]) -> Forecast:
    """Patches around one emitter."""
    return measured(0.0, 0.0, float(given["intensity_w_cm2"]), 1.0, disk_bytes=1e4, limits=("at most four patches",))


def of_campaign(bench: Bench, given: Mapping[str, Any]) -> Forecast:
    """An image, then dot after dot. How many there are is not known before."""
    search = {**defaults("find_emitters"), **(given["search"] or {})}
    image = of_search(bench, search | {key: given[key] for key in ("extent_um", "centre_um", "intensity_w_cm2")})
    light_s, per_dot_s = per_dot(given)
    dots = min(float(given["max_emitters"] or GUESSED_DOTS), 1e6)
    most_s = math.inf if given["max_time_s"] is None else float(given["max_time_s"]) + image.duration_s
    bounded = given["max_time_s"] is not None or given["max_emitters"] is not None
    dose = float(given["intensity_w_cm2"]) * light_s / 1e3
    most_dose = math.inf if given["max_dose_kj_cm2"] is None else float(given["max_dose_kj_cm2"])
    unknown = f"how many dots there are is not known: reckoned with {dots:g}; max_time_s or max_emitters bounds it"
    return Forecast(
        duration_s=min(image.duration_s + dots * per_dot_s, most_s),
        longest_s=most_s if given["max_emitters"] is None else min(most_s, image.duration_s + dots * per_dot_s),
        light_s=light_s + image.light_s,
        dose_kj_cm2=min(dose, most_dose) + image.dose_kj_cm2,
        disk_bytes=image.disk_bytes + dots * COLUMN_BYTES * per_dot_s,
        expects=(f"{per_dot_s:.0f} s for a dot at most",) if bounded else (f"{per_dot_s:.0f} s for a dot", unknown),
        limits=tuple(f"{key}={given[key]:g}" for key in LIMITS if given[key] is not None),
        prefers=(TIME_ZERO,),
    )


LIMITS = ("max_time_s", "max_dose_kj_cm2", "max_emitters")


def per_dot(given: Mapping[str, Any]) -> tuple[float, float]:
    """Seconds of light on one dot of a campaign, and of time, at most."""
    blinking = given["blinking"]
    watched_s = 0.0 if blinking is None else float(blinking.get("duration_s", LONGEST_BLINKING_S))
    light_s = float((given["hbt"] or {}).get("max_time_s", LONGEST_HBT_S)) + watched_s
    return light_s, light_s + DOT_S


FORECASTS = {
    "hbt": of_hbt,
    "power_series": of_power,
    "blinking": of_blinking,
    "lifetime_at": of_lifetime,
    "recentre": of_recentre,
    "qd_campaign": of_campaign,
}
