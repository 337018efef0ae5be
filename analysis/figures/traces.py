"""Spectra as lines: with their errors as a band, their windows as a shade, their bands filled."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from analysis.figures import parts

BLUE, ORANGE, GREEN, WINE = "#0072B2", "#C85200", "#008F68", "#7A1E50"  # told apart by all kinds of eyes
LOOKS = (BLUE, ORANGE, GREEN, WINE)
SHADE = "0.91"
HEADROOM = 1.08
WIDEST_STEP = 2.5  # of the typical step, to be drawn across


def look(i: int) -> str:
    """Colour of the i-th sample."""
    return LOOKS[i % len(LOOKS)]


def line(ax: Axes, wavelength_nm: np.ndarray, value: np.ndarray, err: np.ndarray | None, color: str, **style: Any):
    """A spectrum, and one standard deviation on either side of it as a band; gaps stay gaps. Returns the line."""
    wavelength_nm, value, *rest = with_gaps(wavelength_nm, value, *([] if err is None else [err]))
    err = rest[0] if rest else None
    if err is not None:
        ax.fill_between(wavelength_nm, value - err, value + err, color=color, alpha=0.22, linewidth=0)
    return ax.plot(wavelength_nm, value, color=color, **{"linewidth": 0.9, **style})[0]


def with_gaps(wavelength_nm: np.ndarray, *values: np.ndarray) -> list[np.ndarray]:
    """An axis and values on it with a NaN where points are missing, so that no line is drawn across.

    >>> with_gaps(np.array([1.0, 2.0, 6.0, 7.0]), np.array([4.0, 3.0, 2.0, 1.0]))[1].tolist()
    [4.0, 3.0, nan, 2.0, 1.0]
    """
    steps = np.diff(wavelength_nm)
    gaps = np.flatnonzero(steps > WIDEST_STEP * np.median(steps)) + 1 if steps.size else []
    return [np.insert(np.asarray(one, float), gaps, np.nan) for one in (wavelength_nm, *values)]


def normalised(value: np.ndarray, err: np.ndarray, peak: float) -> tuple[np.ndarray, np.ndarray]:
    """Value and error over a peak; over the largest value if the peak is not known."""
    if not (np.isfinite(peak) and peak > 0):
        finite = value[np.isfinite(value)]
        peak = float(finite.max()) if finite.size and finite.max() > 0 else 1.0
    return value / peak, err / peak


def top(values: Iterable[np.ndarray], least: float = 1e-6) -> float:
    """The largest finite value of some arrays."""
    return max([least, *(float(np.nanmax(one)) for one in values if np.isfinite(one).any())])


def wavelength_axis(ax: Axes, low_nm: float, high_nm: float, label: str = "wavelength (nm)") -> None:
    """Limits, ticks and name of the lower axis."""
    ax.set_xlim(low_nm, high_nm)
    ax.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    ax.minorticks_on()
    ax.set_xlabel(label, size=parts.FONT, labelpad=1)


def value_axis(ax: Axes, label: str, low: float | None = None, high: float | None = None) -> None:
    """Limits, ticks and name of a vertical axis."""
    ax.set_ylim(low, high)
    ax.yaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    ax.set_ylabel(label, size=parts.FONT, labelpad=2)


def label(ax: Axes, where: tuple[float, float], text: str, color: str = "black", **style: Any) -> None:
    """Small text at a place given in fractions of the panel."""
    ax.text(*where, text, transform=ax.transAxes, size=parts.SMALL, color=color, linespacing=1.25, **style)


def names(ax: Axes, told: list[tuple[str, str]], corner: tuple[float, float] = (0.97, 0.95)) -> None:
    """Names in the colours of their lines, below each other from a corner (right, top)."""
    step_pt = parts.SMALL * 1.3
    for i, (text, color) in enumerate(told):
        ax.annotate(
            text, corner, (0, -i * step_pt), xycoords="axes fraction", textcoords="offset points", size=parts.SMALL,
            color=color, ha="right", va="top",
        )  # fmt: skip
