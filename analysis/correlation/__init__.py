"""Coincidences of two photon streams, the antibunching dip of a single emitter, and whether there is only one.

1. `coincidences` counts all pairs of a time-tagged record; a start-stop card delivers a histogram of first stops.
2. `fit_antibunching` fits either with eqn (4) of the paper, g2(t) = 1 - C exp(-|t| / tau), behind the response.
3. `decide` says with a stated significance whether the emitter is single.

`fit_time_zero` calibrates zero delay and response. `first_stop_correct` undoes the distortion of a start-stop
histogram, and `normalised` gives a fitted one as g2, for figures. `corrected_contrast` removes the background from C.
`zero_power` and `saturation` compare powers.
"""

from analysis.correlation.decision import Decision, corrected_contrast, decide
from analysis.correlation.dip import AntibunchingFit, fit_antibunching
from analysis.correlation.normalise import NormalisedG2, normalised
from analysis.correlation.pairs import Coincidences, coincidences
from analysis.correlation.power import Saturation, ZeroPower, saturation, zero_power
from analysis.correlation.start_stop import FirstStops, first_stop_correct
from analysis.correlation.time_zero import TimeZero, fit_time_zero

__all__ = [
    "AntibunchingFit",
    "Coincidences",
    "Decision",
    "FirstStops",
    "NormalisedG2",
    "Saturation",
    "TimeZero",
    "ZeroPower",
    "coincidences",
    "corrected_contrast",
    "decide",
    "first_stop_correct",
    "fit_antibunching",
    "fit_time_zero",
    "normalised",
    "saturation",
    "zero_power",
]
