"""What one run of the spectrofluorometer found, on one page: absorption, coupling, calibration."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.figures import parts, traces
from analysis.figures.spectra import MIDDLE_IN, crossing_marks, ends_nm, region_marks, sources
from analysis.figures.traces import BLUE, GREEN, ORANGE
from analysis.spectra import Absorption, Coupling, Curve, LinePosition
from analysis.wavelengths import Calibration

LN10 = float(np.log(10.0))
LEFT_IN, RIGHT_IN = 0.62, 0.52


def absorption_overview(film: Absorption, *, sample: str) -> Figure:
    """Absorbance of a film as measured, its fitted baseline, and what is left: left absorbance, right alpha d."""
    figure = Figure(figsize=(MIDDLE_IN, 2.75))
    ax = parts.place(figure, LEFT_IN, 0.50, MIDDLE_IN - LEFT_IN - RIGHT_IN, 2.02)
    measured = film.absorbance + film.offset
    ax.axhline(0, color="0.4", linewidth=0.5)
    traces.line(ax, film.wavelength_nm, measured, None, "0.55", linewidth=0.7)
    traces.line(ax, film.wavelength_nm, film.offset, film.offset_err, ORANGE, dashes=(4, 1.5))
    traces.line(ax, film.wavelength_nm, film.absorbance, film.absorbance_err, BLUE)
    if np.isfinite(film.peak_nm):
        ax.errorbar(film.peak_nm, film.peak_absorbance, xerr=film.peak_err_nm, **DIAMOND, color=BLUE)
    high = traces.top([measured]) / 0.86
    low = min(-0.04 * high, 1.1 * float(np.nanmin(film.absorbance, initial=0.0)))
    traces.wavelength_axis(ax, *ends_nm(film.wavelength_nm))
    traces.value_axis(ax, "absorbance", low, high)
    traces.value_axis(parts.tidy(ax.twinx()), r"$\alpha d$", LN10 * low, LN10 * high)
    told = [("as measured", "0.45"), ("baseline", ORANGE), ("film, baseline taken off", BLUE)]
    traces.names(ax, [*told, *peak_text(film)])
    parts.headline(ax, "", f"absorption of {sample}")
    sources(ax, film.uids)
    return figure


DIAMOND = {
    "fmt": "D", "markersize": 3.2, "markeredgecolor": "white", "markeredgewidth": 0.4, "elinewidth": 1.0,
    "capsize": 1.8, "zorder": 4,
}  # fmt: skip


def peak_text(film: Absorption) -> list[tuple[str, str]]:
    """The maximum in words, with its colour; nothing if there is none."""
    if not np.isfinite(film.peak_nm):
        return []
    return [(f"maximum at ({parts.uncertain(film.peak_nm, film.peak_err_nm)}) nm", BLUE)]


def coupling_overview(found: Coupling, *, sample: str) -> Figure:
    """Above, the excitation spectrum S of a film and S0, expected without coupling; below, their difference Delta S."""
    figure = Figure(figsize=(MIDDLE_IN, 4.60))
    width_in = MIDDLE_IN - LEFT_IN - 0.12
    upper, lower = (
        parts.place(figure, LEFT_IN, 2.66, width_in, 1.68),
        parts.place(figure, LEFT_IN, 0.62, width_in, 1.80),
    )
    spectra_panel(upper, found)
    difference_panel(lower, found)
    parts.headline(upper, "a", f"excitation spectrum of {sample}, and what uncoupled dots would show")
    parts.headline(lower, "b", "relative difference, eqn (2)")
    upper.tick_params(labelbottom=False)
    sources(lower, found.uids, per_line=6)
    return figure


def spectra_panel(ax: Axes, found: Coupling) -> None:
    """S and S0 with their errors; grey: where both are normalised to 1."""
    ax.axvspan(found.window.low_nm, found.window.high_nm, color=traces.SHADE, linewidth=0, zorder=0)
    traces.line(ax, found.wavelength_nm, found.s, found.s_err, BLUE)
    traces.line(ax, found.wavelength_nm, found.s0, found.s0_err, "black", dashes=(4, 2), linewidth=0.8)
    window = f"{found.window.low_nm:g}–{found.window.high_nm:g} nm"
    traces.wavelength_axis(ax, *ends_nm(found.wavelength_nm), "")
    traces.value_axis(ax, f"PLE (mean of {window}: 1)", 0.0, traces.HEADROOM * traces.top([found.s, found.s0]))
    traces.names(ax, [("$S$, measured", BLUE), ("$S_0$, uncoupled", "black")])


def difference_panel(ax: Axes, found: Coupling) -> None:
    """Delta S with its error, the regions with their means, the crossings and the maximum."""
    ax.axhline(0, color="0.4", linewidth=0.6)
    region_marks(ax, found)
    traces.line(ax, found.wavelength_nm, found.ds, found.ds_err, BLUE)
    crossing_marks(ax, found, BLUE)
    if np.isfinite(found.maximum):
        ax.errorbar(found.maximum_nm, found.maximum, found.maximum_err, found.maximum_err_nm, **DIAMOND, color=GREEN)
    for region in found.regions:
        ax.plot([region.low_nm, region.high_nm], [region.mean] * 2, color=ORANGE, linewidth=0.9, dashes=(1, 1))
    low, high = reach(found.ds, found.ds_err)
    traces.value_axis(ax, r"$\Delta S$", low - 0.06 * (high - low), high + 0.34 * (high - low))
    traces.wavelength_axis(ax, *ends_nm(found.wavelength_nm), "excitation wavelength (nm)")
    below = found.regions[0].mean > (low + high) / 2  # the first region is the widest: its text goes where it is empty
    traces.names(ax, difference_texts(found), (0.43, 0.34 if below else 0.88))


def difference_texts(found: Coupling) -> list[tuple[str, str]]:
    """Maximum and means of the regions in words, with their colours."""
    known = [region for region in found.regions if np.isfinite(region.mean)]
    means = [(f"mean of {one.name}: {parts.uncertain(one.mean, one.mean_err)}", ORANGE) for one in known]
    if not np.isfinite(found.maximum):
        return means
    height, place_nm = (found.maximum, found.maximum_err), (found.maximum_nm, found.maximum_err_nm)
    maximum = f"maximum {parts.uncertain(*height)}", f"at ({parts.uncertain(*place_nm)}) nm"
    return [*((text, GREEN) for text in maximum), *means]


def reach(value: np.ndarray, err: np.ndarray) -> tuple[float, float]:
    """Limits that hold a curve about zero with its errors; never narrower than -0.2 to 0.2."""
    return -traces.top([-(value - err)], 0.2), traces.top([value + err], 0.2)


def calibration_overview(found: Calibration) -> Figure:
    """The two lines that tell where the monochromators stand, on the told axes: of the lamp, and of its scatter."""
    figure = Figure(figsize=(parts.WIDTH_IN, 2.45))
    offsets, half_in = found.offsets, parts.WIDTH_IN / 2
    each = [
        ("a", "lamp line, seen by the reference diode", found.lamp_curve, found.lamp, "excitation told (nm)",
         ("excitation", offsets.excitation_offset_nm, offsets.excitation_offset_err_nm)),
        ("b", "lamp light, scattered by the sample", found.scatter_curve, found.scatter, "emission told (nm)",
         ("emission", offsets.emission_offset_nm, offsets.emission_offset_err_nm)),
    ]  # fmt: skip
    for i, (letter, title, curve, line, axis, offset) in enumerate(each):
        ax = parts.place(figure, i * half_in + LEFT_IN, 0.56, half_in - LEFT_IN - 0.12, 1.60)
        line_panel(ax, curve, line, offset)
        traces.wavelength_axis(ax, *span_nm(curve.wavelength_nm), axis)
        parts.headline(ax, letter, title)
    sources(figure.axes[1], found.scatter_curve.uids)
    return figure


def line_panel(ax: Axes, curve: Curve, line: LinePosition, offset: tuple[str, float, float]) -> None:
    """One line with its points, where it was found, and the offset that follows."""
    name, offset_nm, err_nm = offset
    ax.axvspan(line.wavelength_nm - line.err_nm, line.wavelength_nm + line.err_nm, color=ORANGE, alpha=0.3, linewidth=0)
    ax.axvline(line.wavelength_nm, color=ORANGE, linewidth=0.8)
    ax.plot(curve.wavelength_nm, curve.value, "o-", color=BLUE, markersize=1.8, markeredgewidth=0, linewidth=0.5)
    traces.value_axis(ax, f"signal ({curve.unit})" if curve.unit else "signal", *ax.get_ylim())
    each = ("line at", line.wavelength_nm, line.err_nm), (f"{name} offset", offset_nm, err_nm)
    told = [text for what, value, err in each for text in (what, f"({parts.uncertain(value, err)}) nm")]
    traces.names(ax, [(text, ORANGE) for text in told])


def span_nm(axis: Sequence[float] | np.ndarray) -> tuple[float, float]:
    """First and last wavelength of an axis; never the same."""
    return float(axis[0]), max(float(axis[-1]), float(axis[0]) + 1)
