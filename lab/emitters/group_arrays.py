"""The arrays of the derived runs of groups: a power series, a cohort."""

from dataclasses import fields
from typing import Any

import numpy as np

from lab.emitters.arrays import Arrays, filled, units
from lab.emitters.groups import CohortResult, PowerResult


def power_arrays(result: PowerResult) -> Arrays:
    """One row for each power: W/cm2, tau, its error, rate, its error; and what follows."""
    rows = [
        (
            run.estimate.facts.intensity_w_cm2,
            run.estimate.fit.tau_ns,
            run.estimate.fit.tau_err_ns,
            run.estimate.rate_cps,
            run.estimate.rate_err_cps,
        )
        for run in result.runs
    ]
    found: Arrays = {"powers": (np.array(rows, float), "")}
    for prefix, part in (("zero_", result.zero), ("saturation_", result.saturation)):
        found |= numbers_of(part, prefix)
    return found


def cohort_arrays(result: CohortResult) -> Arrays:
    """Rise times, ON fractions and lifetimes of the groups, and what follows."""
    found: Arrays = {}
    for name, group in result.rises().items():
        found |= {f"{name}_rise_ns": (np.column_stack([group.values, group.errors]), "ns")}
        found |= numbers_of(group, f"{name}_")
    for name, group in result.on.items():
        found |= {f"on_{name}": (np.column_stack([group.values, group.errors]), "")}
    for name, lived in result.survival.items():
        found |= {f"{name}_survival": (np.column_stack([lived.duration_s, lived.observed]), "s")}
    for prefix, part in (
        ("ratio_", result.ratio),
        ("prediction_", result.prediction),
        ("log_rank_", result.comparison),
    ):
        found |= numbers_of(part, prefix)
    return filled(found) or {"n_emitters": (np.asarray(0), "")}


def numbers_of(part: Any, prefix: str) -> Arrays:
    """The single numbers of a result by their own names; nothing if there is none."""
    if part is None:
        return {}
    known = {field.name: getattr(part, field.name) for field in fields(part)}
    single = {f"{prefix}{name}": value for name, value in known.items() if isinstance(value, (int, float, np.number))}
    return units(single)
