"""The effective medium: lifetime against height in the film, and what the choice of the mixing rule is worth."""

from dataclasses import dataclass
from functools import partial
from typing import get_args

import numpy as np
from matplotlib.figure import Figure

from analysis.medium import Mixing, effective_lifetime
from lab.handbook.figures.panels import BLUE, GREEN, ORANGE, WINE, Look, label, names, row

TAU_GLASS_NS, FILM, GLASS, THICKNESS_NM, RADIUS_NM = 39.0, 2.10, 1.515, 88.0, 80.0
MIXINGS: tuple[Mixing, ...] = get_args(Mixing)


@dataclass(frozen=True, eq=False)
class Medium:
    """Lifetimes (n_mixings, n_heights) in the film of the paper, and means (n_mixings, n_thicknesses) of any film."""

    height_nm: np.ndarray
    tau_ns: np.ndarray
    thickness_nm: np.ndarray
    mean_ns: np.ndarray

    @property
    def of_the_paper_ns(self) -> np.ndarray:
        """(n_mixings,) means in the film of 88 nm."""
        return np.array([np.interp(THICKNESS_NM, self.thickness_nm, each) for each in self.mean_ns])


def measure() -> Medium:
    """Dots that live 39 ns on glass, put into films."""
    lifetime = partial(effective_lifetime, TAU_GLASS_NS, film_index=FILM, substrate_index=GLASS, radius_nm=RADIUS_NM)
    height, thickness = np.linspace(0, THICKNESS_NM, 45), np.linspace(8, 248, 31)
    tau = [lifetime(thickness_nm=THICKNESS_NM, height_nm=height, mixing=rule) for rule in MIXINGS]
    mean = [[lifetime(thickness_nm=each, mixing=rule) for each in thickness] for rule in MIXINGS]
    return Medium(height, np.array(tau), thickness, np.array(mean, dtype=float))


def draw(found: Medium) -> Figure:
    """Against height, and the mean against the thickness of the film."""
    looks = [
        Look("height above the glass (nm)", "lifetime (ns)"),
        Look("thickness of the film (nm)", "mean lifetime of a film (ns)"),
    ]
    figure, (left, right) = row(
        looks, [f"in a film of {THICKNESS_NM:g} nm, n = {FILM:.2f}", "averaged over the heights"]
    )
    colors = (BLUE, ORANGE, GREEN, WINE)
    for tau, mean, color in zip(found.tau_ns, found.mean_ns, colors, strict=True):
        left.plot(found.height_nm, tau, color=color, linewidth=1.0)
        right.plot(found.thickness_nm, mean, color=color, linewidth=1.0)
    right.axvline(THICKNESS_NM, color="0.7", linewidth=0.6, dashes=(4, 2))
    right.plot([THICKNESS_NM], [11], "*", color="black", markersize=6)
    label(right, (0.35, 0.17), "predicted in the paper: 11 ns", "black", va="center")
    for ax in (left, right):
        ax.set_ylim(0, None)
    rules = [(rule.replace("_", " "), color) for rule, color in zip(MIXINGS, colors, strict=True)]
    names(right, [(f"{TAU_GLASS_NS:g} ns on glass; mixing rule", "0.35"), *rules])
    return figure
