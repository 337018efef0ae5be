"""Lifetime images as figures: Fig. 4 and 5 of the paper, an overview of one run, and the image that grows.

Everything takes `FlimMap`s and returns a matplotlib `Figure`; only `save` writes files. Nothing here touches pyplot,
so figures can be drawn in any thread and without a display.
"""

from analysis.figures.files import save
from analysis.figures.live import LiveImage
from analysis.figures.parts import lifetime_rgb
from analysis.figures.plates import figure4, figure5, overview, tau2_distribution

__all__ = ["LiveImage", "figure4", "figure5", "lifetime_rgb", "overview", "save", "tau2_distribution"]
