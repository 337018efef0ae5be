"""Figures of the handbook, in inches, with the type and colours of the figures of the analysis."""

from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.figures import parts
from analysis.figures.traces import BLUE, GREEN, ORANGE, WINE, label, names

__all__ = ["BLUE", "GREEN", "ORANGE", "WINE", "Look", "axes", "bare", "label", "names", "parts", "row"]


@dataclass(frozen=True)
class Look:
    """Names of both axes, and whether they are logarithmic."""

    x: str
    y: str
    log_x: bool = False
    log_y: bool = False


def bare(height_in: float) -> Figure:
    """An empty figure as wide as a page."""
    return Figure(figsize=(parts.WIDTH_IN, height_in), facecolor="white")


def row(looks: list[Look], titles: list[str], height_in: float = 2.45) -> tuple[Figure, list[Axes]]:
    """Panels side by side, with letters."""
    figure, n = bare(height_in), len(looks)
    width = (parts.WIDTH_IN - 0.08) / n
    every = [parts.place(figure, i * width + 0.52, 0.40, width - 0.62, height_in - 0.66) for i in range(n)]
    for ax, look, title, letter in zip(every, looks, titles, "abc", strict=False):
        axes(ax, look)
        parts.headline(ax, letter, title)
    return figure, every


def axes(ax: Axes, look: Look) -> None:
    """Name the axes."""
    ax.set_xlabel(look.x, size=parts.FONT, labelpad=1)
    ax.set_ylabel(look.y, size=parts.FONT, labelpad=2)
    if look.log_x:
        ax.set_xscale("log")
    if look.log_y:
        ax.set_yscale("log")
