"""The forecast of a campaign: an image, then dot after dot, from what is known of the dots."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from plans.emitter_time import centring_s, centrings, pairs_s, rows_of
from plans.facts import GUESS, Expected
from plans.facts import KNOWN as MEASURED
from plans.forecast import TIME_ZERO, Bench, Forecast
from plans.forecast_counting import COLUMN_BYTES, of_search
from plans.job import HOPELESS, LONGEST_BLINKING_S, LONGEST_HBT_S
from plans.known import defaults
from plans.moving import laser, patch_moves, path_moves
from plans.rates import DotRate, dot_rate, rise_of
from plans.refocus import WIDE
from plans.tcspc import QD_FILTERS, SHARED

GUESSED_DOTS = 10
LIMITS = ("max_time_s", "max_dose_kj_cm2", "max_emitters")


def of_campaign(bench: Bench, given: Mapping[str, Any]) -> Forecast:
    """An image, then dot after dot: as many as the registry knows in this field, or the last image lets expect."""
    search = {**defaults("find_emitters"), **(given["search"] or {})}
    search |= {key: given[key] for key in ("extent_um", "centre_um", "intensity_w_cm2", "sample")}
    image, dots = of_search(bench, search), dots_of(bench, given)
    most = math.inf if given["max_emitters"] is None else float(given["max_emitters"])
    times_s = [dot_s(bench, given, dot) for dot in dots.rates]
    n = min(dots.number, most)
    mean_s = sum(times_s) / len(times_s)
    longest_s, light_s = longest_of(given)
    budget_s = math.inf if given["max_time_s"] is None else float(given["max_time_s"]) + longest_s
    seconds, least_s = min(image.duration_s + n * mean_s, budget_s), image.duration_s
    most_s = image.duration_s + n * longest_s
    dose = min(float(given["intensity_w_cm2"]) * light_s / 1e3, float(given["max_dose_kj_cm2"] or math.inf))
    bounded = given["max_emitters"] is not None or given["max_time_s"] is not None
    return replace(
        image,
        duration_s=seconds,
        longest_s=min(image.duration_s + most * longest_s, budget_s) if bounded else math.inf,
        shortest_s=least_s,
        certainty=GUESS,
        range_s=(min(image.duration_s + n * trace_s(given), budget_s), min(most_s, budget_s)),
        light_s=light_s + image.light_s,
        dose_kj_cm2=dose + image.dose_kj_cm2,
        disk_bytes=image.disk_bytes + n * COLUMN_BYTES * longest_s,
        expects=(
            f"{n:.0f} dots of {mean_s:.0f} s on average, {longest_s:.0f} s at most",
            f"from {least_s:.0f} s, each dot left at once, to {most_s:.0f} s, each at its longest",
            *(() if bounded else ("how many dots there are is not bounded: max_time_s or max_emitters does it",)),
        ),
        limits=tuple(f"{key}={given[key]:g}" for key in LIMITS if given[key] is not None),
        prefers=(TIME_ZERO,),
        provides="",
        moves=(
            *image.moves,
            *path_moves(bench, SHARED, QD_FILTERS, back=True),
            *patch_moves((math.nan, math.nan), WIDE.extent_um / 2, 2 * round(n)),
        ),
        lights=(laser(bench, "cw", float(given["intensity_w_cm2"]), seconds),),
        errors=(*(each for each in image.errors if each.quantity == "faintest"), *targets_of(given)),
        basis=(dots.basis,),
        uses=bench.used("time_zero", bench.time_zero_uid),
    )


class Dots:
    """The dots of a field: how many, how bright each; where that is known from."""

    def __init__(self, number: float, rates: list[DotRate], basis: str, certainty: str):
        self.number, self.rates, self.basis, self.certainty = number, rates, basis, certainty


def dots_of(bench: Bench, given: Mapping[str, Any]) -> Dots:
    """What is known of the dots of the field: each, or how dense they lie, or nothing."""
    sample, w_cm2 = given["sample"] or bench.mounted, float(given["intensity_w_cm2"])
    one, image = dot_rate(bench, {"sample": sample}, w_cm2), bench.earlier("find_emitters", sample)
    known = list(known_dots(bench, given, sample))
    if known:
        scale = w_cm2 / image.w_cm2 if image is not None and image.w_cm2 > 0 else 1.0
        tau_ns, of_tau = rise_of(bench, sample, None)
        rates = [DotRate(scale * cps, scale * low, tau_ns, "", MEASURED) for cps, low in known]
        return Dots(len(rates), rates, f"{len(rates)} isolated dots of the registry in this field; {of_tau}", MEASURED)
    if image is not None and image.number("per_um2", 0.0) > 0:
        number = image.number("per_um2") * float(given["extent_um"]) ** 2
        return Dots(number, [one], f"as dense as in {bench.told(image)}; {one.basis}", GUESS)
    return Dots(GUESSED_DOTS, [one], f"a guess of {GUESSED_DOTS} dots; {one.basis}", GUESS)


def known_dots(bench: Bench, given: Mapping[str, Any], sample: Any) -> Iterator[tuple[float, float]]:
    """Brightness and background of each isolated dot that the registry has in the field, cps."""
    registry, half = bench.microscope.emitters, float(given["extent_um"]) / 2
    if registry is None:
        return
    travel = (bench.microscope.piezo.x, bench.microscope.piezo.y)
    middle = [sum(axis.limits) / 2 for axis in travel] if given["centre_um"] is None else given["centre_um"]
    for emitter in registry:
        row = registry[emitter].row
        if row.get("sample") != sample or not row.get("isolated") or not (row.get("rate_cps") or 0) > 0:
            continue
        if all(abs(float(row[key]) - float(c)) <= half for key, c in zip(("x_um", "y_um"), middle, strict=True)):
            yield float(row["rate_cps"]), float(row.get("background_cps") or 0.0)


def dot_s(bench: Bench, given: Mapping[str, Any], dot: DotRate) -> float:
    """Seconds on one dot: none if it is too dim, else pairs to the target and the trace."""
    options: Mapping[str, Any] = {"target_err_ns": 1.0} if given["hbt"] is None else given["hbt"]
    longest_s, wished = light_limit_s(given), {key: options[key] for key in TARGETS if options.get(key)}
    needed_s = pairs_s(bench, dot, wished)
    if needed_s > HOPELESS * longest_s:
        return 0.0
    usual = defaults("hbt")
    rows = rows_of(needed_s, longest_s, float(options.get("run_s", usual["run_s"])))
    live_s, n = centrings(rows, float(options.get("recentre_s", usual["recentre_s"])))
    return live_s + centring_s(n) + trace_s(given)


TARGETS = ("target_err_ns", "target_contrast_err")


def light_limit_s(given: Mapping[str, Any]) -> float:
    """The longest measurement of pairs of one dot."""
    longest_s = float((given["hbt"] or {}).get("max_time_s", LONGEST_HBT_S))
    dose = given["max_dose_kj_cm2"]
    return longest_s if dose is None else min(longest_s, float(dose) * 1e3 / float(given["intensity_w_cm2"]))


def trace_s(given: Mapping[str, Any]) -> float:
    """Seconds of the trace of one dot, with its re-centrings."""
    if given["blinking"] is None:
        return 0.0
    usual = defaults("blinking")
    duration_s = float(given["blinking"].get("duration_s", LONGEST_BLINKING_S))
    segment_s = float(given["blinking"].get("segment_s", usual["segment_s"]))
    rows = iter([segment_s] * max(1, math.ceil(duration_s / segment_s - 1e-9)))
    live_s, n = centrings(rows, float(given["blinking"].get("recentre_s", usual["recentre_s"])))
    return live_s + centring_s(n)


def longest_of(given: Mapping[str, Any]) -> tuple[float, float]:
    """Seconds on one dot at most, and seconds of light."""
    watched_s = 0.0 if given["blinking"] is None else float(given["blinking"].get("duration_s", LONGEST_BLINKING_S))
    light_s = light_limit_s(given) + watched_s
    return light_s + centring_s(2 + math.ceil(light_s / 30.0)), light_s


def targets_of(given: Mapping[str, Any]) -> tuple[Expected, ...]:
    """What each dot is measured to."""
    options = {"target_err_ns": 1.0} if given["hbt"] is None else given["hbt"]
    named = {"target_err_ns": ("tau", "ns"), "target_contrast_err": ("contrast", "")}
    return tuple(
        Expected(named[key][0], math.nan, float(options[key]), named[key][1], "each dot")
        for key in TARGETS
        if options.get(key)
    )
