"""Blinking: levels and change points of the photon rate, time spent bright, dwell times, bleaching.

From photons, without bins: `change_points` gives `Levels`. From binned counts: `on_fraction` finds two levels and the
moment of bleaching, `intensity_autocorrelation` needs no levels at all. Dwell times of either are described by
`fit_power_law` and its relatives, and how long emitters live by `survival`.
"""

from analysis.blinking.bleaching import bleached_at
from analysis.blinking.changepoints import change_points
from analysis.blinking.correlation import (
    Autocorrelation,
    CorrelationExponent,
    correlation_exponent,
    intensity_autocorrelation,
)
from analysis.blinking.dwell_times import Durations, durations, durations_of_levels
from analysis.blinking.kaplan_meier import Survival, SurvivalComparison, compare_survival, survival
from analysis.blinking.laws import (
    PowerLawFit,
    compare_laws,
    fit_exponential,
    fit_power_law,
    fit_truncated_power_law,
)
from analysis.blinking.levels import Levels
from analysis.blinking.trace import OnFraction, on_fraction, on_fraction_of_levels

__all__ = [
    "Autocorrelation",
    "CorrelationExponent",
    "Durations",
    "Levels",
    "OnFraction",
    "PowerLawFit",
    "Survival",
    "SurvivalComparison",
    "bleached_at",
    "change_points",
    "compare_laws",
    "compare_survival",
    "correlation_exponent",
    "durations",
    "durations_of_levels",
    "fit_exponential",
    "fit_power_law",
    "fit_truncated_power_law",
    "intensity_autocorrelation",
    "on_fraction",
    "on_fraction_of_levels",
    "survival",
]
