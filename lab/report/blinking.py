"""What the paper says about blinking and bleaching of many emitters; small cohorts tell that they cannot decide."""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from analysis.blinking import Survival, survival
from analysis.cohorts import Cohort
from lab.emitters.results import BlinkingResult
from lab.report.rows import Measured, Row, row

N_BOOT = 2000
CENTRAL = (0.025, 0.975)
FILMS = {"film": "BLK-04", "film2": "BLK-05", "film3": "BLK-06"}
GLASS = "BLK-07"


def blinking_traces(on: Mapping[str, Cohort], bright: BlinkingResult | None) -> dict[str, Measured]:
    """BLK-01 to BLK-07: the brightest emitter, and median ON fractions in per cent."""
    rows: dict[str, Measured] = {}
    if bright is not None:
        found = bright.estimate
        note = f"ON level, dead time corrected; highest for 0.1 s: {found.max_rate_cps:.0f}"
        rows["BLK-01"] = Measured(found.rate_on_cps, found.rate_on_err_cps, note=note)
    for role, name in {**FILMS, "glass": GLASS}.items():
        if role in on:
            rows[name] = Measured(100 * on[role].median, 100 * on[role].median_err, note=f"{on[role].n} QDs")
    if "film" in on:
        rows["BLK-02"] = Measured(float(on["film"].n))
    if "glass" in on:
        rows["BLK-03"] = Measured(float(on["glass"].n))
    return rows


def on_fractions(entry: dict[str, Any], on: Mapping[str, Cohort]) -> dict[str, Row]:
    """BLK-08: the least median of the films less that of glass, per cent."""
    films = [on[role].values for role in FILMS if role in on]
    if not films or "glass" not in on:
        return {}
    n = sum(one.size for one in films) + on["glass"].values.size
    value = min(float(np.median(one)) for one in films) - float(np.median(on["glass"].values))
    drawn = np.min([medians(one, seed) for seed, one in enumerate(films, 1)], axis=0)
    return {entry["id"]: cohort_row(entry, 100 * value, 100 * (drawn - medians(on["glass"].values, 0)), n)}


def medians(values: np.ndarray, seed: int) -> np.ndarray:
    """(N_BOOT,) medians of resampled emitters."""
    draws = np.random.default_rng(seed).integers(values.size, size=(N_BOOT, values.size))
    return np.median(values[draws], axis=1)


def bleaching(entry: dict[str, Any], alive: Mapping[str, Survival]) -> dict[str, Row]:
    """BLK-09: median survival in the film over that on glass, less one, per cent; a bound if half the film lives on."""
    if not {"film", "glass"} <= set(alive):
        return {}
    film, glass = alive["film"], alive["glass"]
    if not (film.n and glass.n and math.isfinite(glass.median_s)):
        return {entry["id"]: row(entry, Measured(math.nan, note="half of the QDs on glass outlived their recording"))}
    bounded = math.isfinite(film.median_s)
    longest_s = film.median_s if bounded else float(film.duration_s.max())
    drawn = [resampled_median(one, seed) for seed, one in enumerate((film, glass), 1)]
    gains = np.array([100 * (a / b - 1) if math.isfinite(b) else math.nan for a, b in zip(*drawn, strict=True)])
    note = "" if bounded else "a lower bound: half of the QDs in the film outlived their recording"
    value = 100 * (longest_s / glass.median_s - 1)
    return {entry["id"]: cohort_row(entry, value, gains[~np.isnan(gains)], film.n + glass.n, note)}


def resampled_median(one: Survival, seed: int) -> list[float]:
    """Median survival times of resampled emitters, infinite where half of them lived on."""
    rng = np.random.default_rng(seed)
    draws = rng.integers(one.n, size=(N_BOOT // 5, one.n))
    return [survival(one.duration_s[each], one.observed[each]).median_s for each in draws]


def cohort_row(entry: dict[str, Any], value: float, drawn: np.ndarray, n: int, note: str = "") -> Row:
    """A number of a cohort: compared as it is; of fewer than `pooled` emitters it is open where its interval allows it.

    drawn : the number in resampled cohorts, may be infinite
    """
    low, high = np.quantile(drawn, CENTRAL, method="closest_observation") if drawn.size else (-np.inf, np.inf)
    finite = drawn[np.isfinite(drawn)]
    error = float(np.std(finite)) if finite.size == drawn.size > 1 else math.nan
    told = f"{n} QDs, 95 % interval {low:.3g} to {high:.3g}"
    small = n < entry["pooled"]
    doubt = f"a cohort below {entry['pooled']} cannot decide" if small else ""
    found = row(entry, Measured(value, error, note="; ".join(filter(None, [told, note, doubt]))))
    reached = low <= entry.get("high", math.inf) and high >= entry.get("low", -math.inf)
    if not small or found.verdict == "ok":
        return found
    return replace(found, verdict="open" if reached else "missed")
