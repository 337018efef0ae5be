"""One thing at a time, quickly: an image, a decay, coincidences, a trace, a spectrum, each as a small figure."""

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from analysis.figures import parts
from analysis.figures.parts import Grid
from analysis.figures.traces import BLUE, ORANGE, line, top, wavelength_axis

LONGEST_IN = 3.4
LEFT_IN, BELOW_IN, ABOVE_IN = 0.62, 0.46, 0.32
MOST_POINTS = 4000


def image_look(values: np.ndarray, facts: Grid, *, title: str, label: str, cmap: str, log: bool = False) -> Figure:
    """An image (ny, nx) to scale, with scale bar and colour bar; label : of the colour bar, with its unit."""
    ny, nx = values.shape
    width, height = LONGEST_IN * min(1, nx / ny), LONGEST_IN * min(1, ny / nx)
    figure = Figure(figsize=(width + 1.35, height + 0.62))
    ax = parts.place(figure, 0.2, 0.3, width, height)
    norm = parts.log_scale(values) if log else None
    picture = parts.show(ax, values, facts, cmap, norm)
    if norm is None:
        picture.set_clim(*parts.span(values, 1, 99))
    parts.scale_bar(ax, facts)
    parts.headline(ax, "", title)
    parts.footnote(ax, parts.run_name(facts))
    parts.colour_bar(parts.place(figure, 0.28 + width, 0.3, 0.11, height), picture, label)
    return figure


def curve_axes(title: str, uid: str, *, width_in: float = 4.6, height_in: float = 2.5) -> tuple[Figure, Any]:
    """A figure with one panel."""
    figure = Figure(figsize=(LEFT_IN + width_in + 0.28, BELOW_IN + height_in + ABOVE_IN))
    ax = parts.place(figure, LEFT_IN, BELOW_IN, width_in, height_in)
    parts.headline(ax, "", title)
    parts.footnote(ax, parts.run_names([uid]), upright=True)
    return figure, ax


def decay_look(time_ns: np.ndarray, curves: dict[str, np.ndarray], *, title: str, uid: str) -> Figure:
    """Histograms of arrival times (n_bins,) by name, on a logarithmic scale."""
    figure, ax = curve_axes(title, uid)
    for (name, counts), color in zip(curves.items(), (BLUE, parts.GREY), strict=False):
        shown = np.where(counts > 0, counts, np.nan)
        ax.step(time_ns, shown, where="mid", color=color, linewidth=0.8, label=name)
    ax.set_yscale("log")
    parts.label_decades(ax.yaxis, *ax.get_ylim())
    ax.set_xlim(float(time_ns[0]), float(time_ns[-1]))
    ax.set_xlabel("time in the period (ns)", size=parts.FONT)
    ax.set_ylabel("photons per channel", size=parts.FONT)
    ax.legend(fontsize=parts.SMALL, frameon=False)
    return figure


def pairs_look(
    delay_ns: np.ndarray, g2: np.ndarray, g2_err: np.ndarray, model: np.ndarray, *, title: str, uid: str
) -> Figure:
    """Coincidences over their plateau against lag, with one standard deviation, and the fit."""
    figure, ax = curve_axes(title, uid)
    known = np.isfinite(g2)
    lag, low, high = delay_ns[known], (g2 - g2_err)[known], (g2 + g2_err)[known]
    ax.fill_between(lag, low, high, step="mid", color=BLUE, alpha=0.18, linewidth=0)
    ax.step(lag, g2[known], where="mid", color=BLUE, linewidth=0.6)
    ax.plot(delay_ns, model, color="black", linewidth=1.1, label="fit")
    ax.set_ylim(0, 1.05 * top([np.percentile(high, 99.5, keepdims=True), model]) if known.any() else 1)
    ax.set_xlim(float(delay_ns[0]), float(delay_ns[-1]))
    ax.set_xlabel("lag (ns)", size=parts.FONT)
    ax.set_ylabel(r"$g^{(2)}$", size=parts.FONT)
    ax.legend(fontsize=parts.SMALL, frameon=False, loc="lower right")
    return figure


def trace_look(
    time_s: np.ndarray,
    values: np.ndarray,
    *,
    label: str,
    title: str,
    uid: str,
    threshold: float = np.nan,
    gaps_s: np.ndarray | None = None,
) -> Figure:
    """Counts against time (n,), or of several detectors (n, m); gaps are shaded, the threshold dashed."""
    figure, ax = curve_axes(title, uid, width_in=5.6, height_in=2.1)
    step = max(1, -(-len(time_s) // MOST_POINTS))
    whole = len(time_s) // step * step
    added = values[:whole].reshape(-1, step, *values.shape[1:]).mean(axis=1)
    for column, color in zip(np.atleast_2d(added.T), (BLUE, ORANGE), strict=False):
        ax.step(time_s[:whole:step], column, where="post", color=color, linewidth=0.5)
    if np.isfinite(threshold):
        ax.axhline(threshold, color="black", linewidth=0.8, linestyle="--")
        ax.annotate("threshold", (1, threshold), (-2, 2), xycoords=("axes fraction", "data"),
                    textcoords="offset points", ha="right", size=parts.SMALL)  # fmt: skip
    for begin, end in () if gaps_s is None else gaps_s:
        ax.axvspan(begin, end, color="0.88", linewidth=0)
    ax.set_ylim(bottom=0)
    ax.set_xlim(float(time_s[0]), float(time_s[-1]))
    ax.set_xlabel("time (s)", size=parts.FONT)
    ax.set_ylabel(label, size=parts.FONT)
    return figure


def spectrum_look(
    wavelength_nm: np.ndarray,
    value: np.ndarray,
    err: np.ndarray,
    *,
    label: str,
    title: str,
    uid: str,
    model: np.ndarray | None = None,
) -> Figure:
    """A spectrum with its error as a band, and the bands that were fitted."""
    figure, ax = curve_axes(title, uid)
    line(ax, wavelength_nm, value, err, BLUE)
    if model is not None:
        ax.plot(wavelength_nm, model, color=ORANGE, linewidth=1.1, linestyle=(0, (4, 3)), label="bands")
        ax.legend(fontsize=parts.SMALL, frameon=False)
    wavelength_axis(ax, float(wavelength_nm[0]), float(wavelength_nm[-1]))
    ax.set_ylabel(label, size=parts.FONT)
    return figure
