"""The words in which a forecast speaks: what moves, what shines, what is expected, and where that comes from."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

EXACT, KNOWN, GUESS = "exact", "known", "guess"  # what a duration rests on


@dataclass(frozen=True)
class Move:
    """Something that moves. what : where to, in words"""

    device: str
    what: str


@dataclass(frozen=True)
class Light:
    """Light on the sample.

    lit_s : how long the shutter is open in all, as expected
    wavelength_nm : one, or the first and last of a scan; intensity_w_cm2 : at the focus, NaN of a lamp
    shutter : which one is open meanwhile
    """

    source: str
    wavelength_nm: tuple[float, ...]
    intensity_w_cm2: float
    lit_s: float
    shutter: str = "microscope.shutter"


@dataclass(frozen=True)
class Expected:
    """One number that will be measured, with the error it will have; one standard deviation.

    of : what it is known of: "a pixel", "the image", "the emitter", "the spectrum", ...
    """

    quantity: str
    value: float
    err: float
    unit: str
    of: str


@dataclass(frozen=True)
class Peak:
    """The highest rate a counter will see.

    rate_cps : of the brighter counter, in the brightest place that is known
    photons_per_pulse, tau_bias : of pulsed light; NaN without. tau_bias : relative, if nothing corrects it
    dead_loss : share of the clicks that its dead time swallows
    trip_cps : above it the shutter closes and latches
    """

    rate_cps: float
    photons_per_pulse: float
    tau_bias: float
    dead_loss: float
    trip_cps: float

    @property
    def trips(self) -> bool:
        return self.rate_cps > self.trip_cps


@dataclass(frozen=True)
class Used:
    """An earlier run that the new one will be analysed with. uid : "expected" if it is to be measured before

    age_s : since its beginning, NaN if that is not known
    """

    what: str
    uid: str
    age_s: float = math.nan


@dataclass(frozen=True)
class Earlier:
    """What an earlier run has found, in a few numbers.

    plan_name, uid, time_s : of the run that measured; start : its start document
    facts : by name; those of the analysis, or counts and seconds
    """

    plan_name: str
    uid: str
    time_s: float
    facts: Mapping[str, Any] = field(default_factory=dict)
    start: Mapping[str, Any] = field(default_factory=dict)

    def number(self, name: str, otherwise: float = math.nan) -> float:
        """A fact as one number; `otherwise` if it is not there, not one, or not finite."""
        value = self.facts.get(name)
        if not isinstance(value, (int, float, np.generic)) or not math.isfinite(value):
            return otherwise
        return float(value)

    @property
    def w_cm2(self) -> float:
        """The intensity it was measured with, NaN if it says none."""
        value = self.start.get("excitation", {}).get("intensity_w_cm2")
        return float(value) if isinstance(value, (int, float)) else math.nan


def rounded(value: float) -> str:
    """Three digits for people.

    >>> rounded(12_345.0), rounded(156.2), rounded(0.01234)
    ('12 300', '156', '0.0123')
    """
    if not 1e3 <= abs(value) < 1e9:
        return f"{value:.3g}"
    step = 10 ** (math.floor(math.log10(abs(value))) - 2)
    return f"{round(value / step) * step:,}".replace(",", " ")
