"""Spectra and lifetime images as figures: those of the paper, an overview of one run, the picture that grows.

Everything takes results of the analysis and returns a matplotlib `Figure`; only `save` writes files. Nothing here
touches pyplot, so figures can be drawn in any thread and without a display.
"""

from analysis.figures.files import save
from analysis.figures.live import LiveImage
from analysis.figures.live_spectrum import LiveSpectrumImage
from analysis.figures.parts import lifetime_rgb
from analysis.figures.plates import figure4, figure5, overview, tau2_distribution
from analysis.figures.spectra import figure1a, figure2, figure3a
from analysis.figures.spectral_overviews import absorption_overview, calibration_overview, coupling_overview

__all__ = [
    "LiveImage",
    "LiveSpectrumImage",
    "absorption_overview",
    "calibration_overview",
    "coupling_overview",
    "figure1a",
    "figure2",
    "figure3a",
    "figure4",
    "figure5",
    "lifetime_rgb",
    "overview",
    "save",
    "tau2_distribution",
]
