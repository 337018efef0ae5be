"""Spectra of films and dots: absorption, photoluminescence bands, and how excitation spectra tell of their coupling.

1. `film_absorption` makes alpha times d of what a film and its blank transmit.
2. `coupling` compares the excitation spectrum of dots in a film with that of bare dots, eqns (1) and (2) of the paper.
3. `choose_curve` fits as many Gaussian bands as a luminescence spectrum demands, `pl_series` compares films by doping.
4. `line_position` and `monochromator_offsets` calibrate the wavelengths of both.
"""

from analysis.spectra.absorption import TRANSPARENT_NM, Absorption, film_absorption
from analysis.spectra.band_fit import BandFit, perovskite, qd
from analysis.spectra.bands import choose_bands, choose_curve, fit_bands, fit_curve
from analysis.spectra.calibration import LinePosition, Offsets, line_position, monochromator_offsets
from analysis.spectra.compare import DoubletSpread, doublet_spread, red_shift
from analysis.spectra.coupling import WINDOW_NM, Coupling, Crossing, Region, boost_ratio, coupling, ratio_at
from analysis.spectra.curve import Curve
from analysis.spectra.equations import absorbance, absorption_factor, expected_ple, relative_difference
from analysis.spectra.linearity import Linearity, linearity
from analysis.spectra.own_light import OwnLight, own_light
from analysis.spectra.series import PlSample, PlSeries, pl_series

__all__ = [
    "TRANSPARENT_NM",
    "WINDOW_NM",
    "Absorption",
    "BandFit",
    "Coupling",
    "Crossing",
    "Curve",
    "DoubletSpread",
    "LinePosition",
    "Linearity",
    "Offsets",
    "OwnLight",
    "PlSample",
    "PlSeries",
    "Region",
    "absorbance",
    "absorption_factor",
    "boost_ratio",
    "choose_bands",
    "choose_curve",
    "coupling",
    "doublet_spread",
    "expected_ple",
    "film_absorption",
    "fit_bands",
    "fit_curve",
    "line_position",
    "linearity",
    "monochromator_offsets",
    "own_light",
    "perovskite",
    "pl_series",
    "qd",
    "ratio_at",
    "red_shift",
    "relative_difference",
]
