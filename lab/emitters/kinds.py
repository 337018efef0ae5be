"""What is made of each kind of run on single emitters: which analysis, which derived run, which result."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from analysis.blinks import BlinkEstimate
from analysis.dot_lifetime import DotLifetime
from analysis.hbt import HbtEstimate
from lab.emitters import arrays, results


@dataclass(frozen=True)
class Kind:
    """One plan.

    analysis : plan_name of the derived run; pack : what was found -> its arrays
    result : class of the result, `key` what was found is called in it
    values : what was found -> what the registry keeps of the emitter, None if nothing
    """

    analysis: str
    pack: Callable[[Any], arrays.Arrays]
    result: type[results.EmitterRun]
    key: str
    values: Callable[[Any], dict[str, Any]] | None = None


def hbt_values(found: HbtEstimate) -> dict[str, Any]:
    more = {"dose_kj_cm2": found.dose_kj_cm2, "bleached_at_s": found.bleached_at_s, "reason": found.decision.reason}
    return {**found.numbers(), **more}


def blinking_values(found: BlinkEstimate) -> dict[str, Any]:
    more = {"dose_kj_cm2": found.dose_kj_cm2, "survival_s": found.survival_s, "observed": int(found.observed)}
    return {**found.numbers(), **more}


def lifetime_values(found: DotLifetime) -> dict[str, Any]:
    return {"lifetime_ns": found.tau_ns, "lifetime_err_ns": found.tau_err_ns, "n_photons": found.n_photons}


KINDS = {
    "find_emitters": Kind("emitters_analysis", arrays.field_arrays, results.EmittersResult, "field"),
    "hbt": Kind("hbt_analysis", arrays.hbt_arrays, results.HbtResult, "estimate", hbt_values),
    "blinking": Kind("blinking_analysis", arrays.blink_arrays, results.BlinkingResult, "estimate", blinking_values),
    "lifetime_at": Kind(
        "lifetime_at_analysis", arrays.lifetime_arrays, results.DotLifetimeResult, "lifetime", lifetime_values
    ),
    "time_zero": Kind("time_zero_analysis", arrays.time_zero_arrays, results.TimeZeroResult, "response"),
}
