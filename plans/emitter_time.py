"""How long a measurement of one emitter takes: rows of light, re-centrings between them, and what moves for it."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

from analysis.correlation.forecast import SIGMA_NS, time_to_errors
from plans.antibunching import GROWTH, KNOWN, LONGEST_RUN_S
from plans.forecast import Bench, Forecast
from plans.moving import PIEZO_S, laser, patch_moves, patch_time_s, path_moves, sample_moves
from plans.rates import DotRate
from plans.refocus import CLOSE, N_PIXELS, NEAR_ATTEMPTS, SETTLE_S, WIDE
from plans.tcspc import QD_FILTERS, SHARED

DECIDED_SIGMA = 4.0  # above two emitters, after many looks


def patch_s(dwell_s: float) -> float:
    """Seconds of one small scan around an emitter."""
    return patch_time_s(N_PIXELS**2, dwell_s, SETTLE_S)


def centring_s(n: int, dwell_s: float = CLOSE.dwell_s) -> float:
    """Seconds of all re-centrings of a measurement, as a rule one patch each, and a wide one first."""
    return patch_s(dwell_s) + n * (patch_s(dwell_s) + 2 * PIEZO_S)


def rows_of(live_s: float, longest_s: float, run_s: float) -> Iterator[float]:
    """Lengths of the rows of pairs until there are `live_s`: short at first, then a tenth of what is there."""
    done_s = 0.0
    while done_s < min(live_s, longest_s) - 1e-6:
        row_s = max(min(max(GROWTH * done_s, run_s), LONGEST_RUN_S, longest_s - done_s), 1e-3)
        done_s += row_s
        yield row_s


def centrings(rows_s: Iterator[float], recentre_s: float) -> tuple[float, int]:
    """Seconds of light of all rows, and how often the emitter is centred: at the beginning, then when it is due.

    >>> centrings(iter([10.0] * 9), 30.0)
    (90.0, 3)
    """
    live_s, since_s, n = 0.0, 0.0, 1
    for row_s in rows_s:
        if since_s >= recentre_s:
            since_s, n = 0.0, n + 1
        live_s, since_s = live_s + row_s, since_s + row_s
    return live_s, n


def measured(
    bench: Bench, given: Mapping[str, Any], live_s: float, n: int, longest_s: float, dwell_s: float = CLOSE.dwell_s
) -> Forecast:
    """A measurement of one emitter with `n` re-centrings: its time, light, dose and moves."""
    recentre_s, w_cm2 = float(given.get("recentre_s", 30.0)), float(given["intensity_w_cm2"])
    most = 1 + math.ceil(longest_s / recentre_s)
    lit_s = longest_s + centring_s(most, dwell_s)
    seconds = live_s + centring_s(n, dwell_s) + bench.changes_s
    longest = longest_s + NEAR_ATTEMPTS * centring_s(most, dwell_s) + bench.changes_s
    x_um, y_um = place_of(bench, given)
    return Forecast(
        seconds,
        max(longest, seconds),
        light_s=lit_s,
        dose_kj_cm2=w_cm2 * lit_s / 1e3,
        moves=(
            *sample_moves(bench, given.get("sample")),
            *path_moves(bench, SHARED, QD_FILTERS, back=True),
            *patch_moves((x_um, y_um), WIDE.extent_um / 2, n + 1),
        ),
        lights=(laser(bench, "cw", w_cm2, live_s + centring_s(n, dwell_s)),),
    )


def place_of(bench: Bench, given: Mapping[str, Any]) -> tuple[float, float]:
    """Where the emitter should be, NaN if only the night will tell."""
    if given.get("at_um") is not None:
        return float(given["at_um"][0]), float(given["at_um"][1])
    registry = bench.microscope.emitters
    row = registry[given["emitter"]].row if registry is not None and given.get("emitter") in registry else {}
    return float(row.get("x_um") or math.nan), float(row.get("y_um") or math.nan)


def pairs_s(bench: Bench, rate: DotRate, wished: Mapping[str, float]) -> float:
    """Seconds of light until the errors are as small as wished; without a wish, until a single emitter is decided."""
    sigma_ns = bench.sigma_ns if bench.sigma_ns > 0 else SIGMA_NS
    asked = {"target_err_ns": wished.get("target_err_ns"), "target_contrast_err": wished.get("target_contrast_err")}
    if asked["target_err_ns"] is not None:
        asked["target_err_ns"] = min(asked["target_err_ns"], rate.tau_ns / KNOWN)
    if not wished and rate.total_cps > 0:
        asked["target_contrast_err"] = (rate.rate_cps / rate.total_cps) ** 2 / 2 / DECIDED_SIGMA
    return time_to_errors(rate.rate_cps, rate.background_cps, tau_ns=rate.tau_ns, sigma_ns=sigma_ns, **asked)
