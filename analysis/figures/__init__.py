"""Spectra, images and single emitters as figures: those of the paper, an overview of one run, the picture that grows.

Everything takes results of the analysis and returns a matplotlib `Figure`; only `save` writes files. Nothing here
touches pyplot, so figures can be drawn in any thread and without a display.
"""

from analysis.figures.arrays import Panel, digest, drawn, prints
from analysis.figures.cohorts import cohort_overview
from analysis.figures.compared import Difference, differences
from analysis.figures.emitter_overviews import blinking_overview, emitters_overview, hbt_overview, power_overview
from analysis.figures.emitters import figure6
from analysis.figures.files import save
from analysis.figures.live import LiveImage
from analysis.figures.live_campaign import CampaignShown, DotShown, LiveCampaignImage
from analysis.figures.live_emitters import LiveBlinkingImage, LiveFieldImage, LiveHbtImage
from analysis.figures.live_spectrum import LiveSpectrumImage
from analysis.figures.live_sum import LiveSumImage
from analysis.figures.parts import lifetime_rgb
from analysis.figures.plates import figure4, figure5, overview, tau2_distribution
from analysis.figures.spectra import figure1a, figure2, figure3a
from analysis.figures.spectral_overviews import absorption_overview, calibration_overview, coupling_overview

__all__ = [
    "CampaignShown",
    "Difference",
    "DotShown",
    "LiveBlinkingImage",
    "LiveCampaignImage",
    "LiveFieldImage",
    "LiveHbtImage",
    "LiveImage",
    "LiveSpectrumImage",
    "LiveSumImage",
    "Panel",
    "absorption_overview",
    "blinking_overview",
    "calibration_overview",
    "cohort_overview",
    "coupling_overview",
    "differences",
    "digest",
    "drawn",
    "emitters_overview",
    "figure1a",
    "figure2",
    "figure3a",
    "figure4",
    "figure5",
    "figure6",
    "hbt_overview",
    "lifetime_rgb",
    "overview",
    "power_overview",
    "prints",
    "save",
    "tau2_distribution",
]
