"""The arrays and parameters that the derived runs of single emitters hold.

Storage keeps every array on its own, so what belongs together is one array, a column each, named in the parameters.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from analysis.blinks import BlinkEstimate
from analysis.dot_lifetime import DotLifetime
from analysis.field import Field
from analysis.hbt import HbtEstimate
from analysis.pair_response import PairResponse

Arrays = dict[str, tuple[np.ndarray, str]]
LONGEST_TRACE = 20_000  # bins of a stored trace; the run itself has all of them
COLUMNS: dict[str, tuple[str, ...]] = {
    "spots": (
        "x_um", "x_err_um", "y_um", "y_err_um", "fwhm_um", "fwhm_err_um", "rate_cps", "rate_err_cps", "background_cps",
        "background_err_cps", "significance", "nearest_um", "isolated", "n_photons",
    ),
    "curve": ("delay_ns", "counts", "g2", "g2_err", "g2_model"),
    "rates": ("time_s", "start_cps", "stop_cps"),
    "trace": ("time_s", "counts"),
    "gaps": ("from_s", "to_s"),
    "periods": ("duration_s", "on", "complete"),
    "decay": ("counts", "irf"),
    "response": ("delay_ns", "counts"),
}  # fmt: skip
NOTED = ("delay", "tcspc", "blind_ns", "stop_rule", "dead_time_ns", "record", "search", "irf_uid", "estimator")


def parameters_of(start: Mapping[str, Any], arrays: Arrays) -> dict[str, Any]:
    """What decided the result besides the data, and the columns of the packed arrays."""
    columns = {name: list(COLUMNS[name]) for name in arrays if name in COLUMNS}
    return {"columns": columns, **{key: start[key] for key in NOTED if key in start}}


def field_arrays(found: Field) -> Arrays:
    """Both images, and a row per emitter."""
    spots = np.column_stack([np.asarray(getattr(found.emitters, name), float) for name in COLUMNS["spots"]])
    images = np.stack([found.perovskite_counts, found.qd_counts])
    return filled({"images": (images, "counts"), "exposure_s": (found.exposure_s, "s"), "spots": (spots, "")}) | units(
        {
            "correlation": found.correlation,
            "correlation_err": found.correlation_err,
            "perovskite_dispersion": found.perovskite_dispersion,
            "perovskite_dispersion_err": found.perovskite_dispersion_err,
            "dose_kj_cm2": found.dose_kj_cm2,
            "n_photons": found.n_photons,
            **{key: value for key, value in found.numbers().items() if key != "run_uid"},
        }
    )


def hbt_arrays(found: HbtEstimate) -> Arrays:
    """The curve, the rates, and every number."""
    curve = np.column_stack([getattr(found, name) for name in COLUMNS["curve"]])
    rates = np.column_stack([found.time_s, found.trace_cps])
    more = {
        "t0_ns": found.fit.t0_ns,
        "t0_err_ns": found.fit.t0_err_ns,
        "chi2": found.fit.chi2,
        "p_flat": found.fit.p_flat,
        "threshold_sigma": found.decision.threshold_sigma,
        "dose_kj_cm2": found.dose_kj_cm2,
        "n_runs": found.n_runs,
        "bleached_at_s": found.bleached_at_s,
        "n_photons": found.n_photons,
    }
    return filled({"curve": (curve, ""), "rates": (rates, "")}) | units({**found.numbers(), **more})


def blink_arrays(found: BlinkEstimate) -> Arrays:
    """The trace, its gaps and periods, and every number."""
    times = np.concatenate([found.on_times_s, found.off_times_s])
    bright = np.repeat([1.0, 0.0], [found.on_times_s.size, found.off_times_s.size])
    complete = np.concatenate([found.on_complete, found.off_complete]).astype(float)
    packed = {
        "trace": (np.column_stack(coarse(found.time_s, found.counts)), ""),
        "gaps": (found.gaps_s, "s"),
        "periods": (np.column_stack([times, bright, complete]), ""),
    }
    more = {
        "bin_s": found.bin_s,
        "threshold": float(np.mean(found.on.threshold)),
        "rate_on_err_cps": found.rate_on_err_cps,
        "rate_off_cps": found.rate_off_cps,
        "max_rate_cps": found.max_rate_cps,
        "background_cps": found.background_cps,
        "survival_s": found.survival_s,
        "observed": int(found.observed),
        "dose_kj_cm2": found.dose_kj_cm2,
        "n_segments": found.n_segments,
        "n_overrun": found.n_overrun,
    }
    return filled(packed) | units({**found.numbers(), **more})


def coarse(time_s: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A trace of at most `LONGEST_TRACE` bins: neighbours are added; what is left over at the end is not shown."""
    n = max(1, -(-counts.size // LONGEST_TRACE))
    whole = counts.size // n * n
    return time_s[:whole:n], counts[:whole].reshape(-1, n).sum(axis=1)


def lifetime_arrays(found: DotLifetime) -> Arrays:
    fit = found.fit
    fitted = np.column_stack([fit.tau_ns, fit.tau_err_ns, fit.fraction, fit.fraction_err])
    more = {
        "tau_ns": found.tau_ns,
        "tau_err_ns": found.tau_err_ns,
        "background_fraction": float(fit.background_fraction),
        "deviance": float(fit.deviance),
        "n_photons": found.n_photons,
    }
    return {"decay": (np.column_stack([found.counts, found.irf]), ""), "components": (fitted, "")} | units(more)


def time_zero_arrays(found: PairResponse) -> Arrays:
    fit = found.fit
    names = ("t0_ns", "t0_err_ns", "sigma_ns", "sigma_err_ns", "deviance", "n_photons")
    packed = {"response": (np.column_stack([found.delay_ns, found.counts]), "")}
    return packed | units({name: getattr(fit, name) for name in names})


def filled(arrays: Arrays) -> Arrays:
    """Those arrays that hold something: storage has no place for the others."""
    return {name: (value, unit) for name, (value, unit) in arrays.items() if value.size}


def units(numbers: Mapping[str, Any]) -> Arrays:
    """Numbers with the unit that their name ends with; text is left out."""
    return {name: (np.asarray(value), unit_of(name)) for name, value in numbers.items() if not isinstance(value, str)}


def unit_of(name: str) -> str:
    """The unit that a name ends with.

    >>> unit_of("tau_err_ns"), unit_of("dose_kj_cm2"), unit_of("contrast"), unit_of("coincidences_per_ns")
    ('ns', 'kJ/cm2', '', '1/ns')
    """
    for ending, unit in {"_per_ns": "1/ns", "_kj_cm2": "kJ/cm2"}.items():
        if name.endswith(ending):
            return unit
    last = name.rsplit("_", 1)[-1]
    return last if last in ("ns", "s", "cps", "um", "photons") else ""
