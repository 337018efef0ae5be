"""Figures that know where they came from: drawn from results of runs, and drawn again from the stored runs alone.

    whence("demo/figure4.png")  # runs, selection, parameters, code
    rebuild("demo/figure4.png")  # identical, or what is different

drawings, recipe    what a figure is: a drawing by name, runs by role, a selection
overviews, paper    figures of one run, figures of many
keep, origin, pdf   files and what they tell of themselves
sources             results of stored runs, computed again, alone and together
rebuild, every      one figure again, all of them
"""

from lab.figures.drawings import DRAWINGS, draw
from lab.figures.keep import keep, keep_overview
from lab.figures.origin import Origin, whence
from lab.figures.overviews import overview_of
from lab.figures.rebuild import Rebuilt, rebuild
from lab.figures.recipe import Held, Recipe
from lab.figures.sources import Sources

__all__ = [
    "DRAWINGS",
    "Held",
    "Origin",
    "Rebuilt",
    "Recipe",
    "Sources",
    "draw",
    "keep",
    "keep_overview",
    "overview_of",
    "rebuild",
    "whence",
]
