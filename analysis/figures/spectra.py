"""Fig. 1a, 2 and 3a of the paper: absorption and luminescence, doping, excitation spectra, coupling."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.figures import parts, traces
from analysis.figures.traces import BLUE, ORANGE
from analysis.spectra import Absorption, BandFit, Coupling, Curve, PlSeries, perovskite

FILLED = 0.72  # of the height of Fig. 1a; words stand above
COLUMN_IN = 3.27  # one column, 8.3 cm
MIDDLE_IN = 4.40
FILM_FROM_NM, QD_FROM_NM = 480.0, 600.0
EXPECTED = ({"color": "black", "linewidth": 0.8, "dashes": (4, 2), "zorder": 2.5}, {"color": "0.55", "linewidth": 1.4})


def figure1a(absorption: Absorption, pl: Curve, fit: BandFit | None = None) -> Figure:
    """Absorption (line) and photoluminescence (dashed) of a film over one wavelength axis, as in Fig. 1a.

    pl is drawn without the background of its fit and normalised to the maximum of the fitted bands; without a fit, to
    its largest point.
    """
    figure = Figure(figsize=(COLUMN_IN, 2.55))
    ax = parts.place(figure, 0.46, 0.50, 2.35, 1.83)
    right = parts.tidy(ax.twinx())
    od, wavelength_nm = absorption.absorbance, absorption.wavelength_nm
    traces.line(ax, wavelength_nm, od, absorption.absorbance_err, BLUE)
    film = None if fit is None else perovskite(fit)
    floor, peak = (0.0, np.nan) if film is None else (film.background, film.peak_height)
    value, err = traces.normalised(pl.value - floor, pl.err, peak)
    traces.line(right, pl.wavelength_nm, value, err, ORANGE, dashes=(4, 1.5))
    traces.wavelength_axis(ax, 400, 650)
    shown = (wavelength_nm >= 400) & (wavelength_nm <= 650)
    highest = traces.top([od[shown]]) / FILLED
    traces.value_axis(ax, "absorbance", -0.03 * highest, highest)
    traces.value_axis(right, "normalised photoluminescence", -0.03 / FILLED, 1 / FILLED)
    ax.yaxis.label.set_color(BLUE)
    right.yaxis.label.set_color(ORANGE)
    traces.label(ax, (0.03, 0.97), absorption_text(absorption), BLUE, va="top")
    traces.label(ax, (0.97, 0.97), pl_text(film), ORANGE, va="top", ha="right")
    parts.headline(ax, "", "absorption (line) and photoluminescence (dashed)")
    sources(ax, [*absorption.uids, *pl.uids])
    return figure


def absorption_text(absorption: Absorption) -> str:
    """The absorption maximum in words."""
    return f"maximum\n({parts.uncertain(absorption.peak_nm, absorption.peak_err_nm)}) nm"


def pl_text(fit: BandFit | None) -> str:
    """Maximum and width of the luminescence in words."""
    if fit is None or not np.isfinite(fit.peak_nm):
        return ""
    peak = parts.uncertain(fit.peak_nm, fit.peak_err_nm)
    width = parts.uncertain(fit.peak_fwhm_nm, fit.peak_fwhm_err_nm)
    return f"maximum\n({peak}) nm\nFWHM\n({width}) nm"


def sources(ax: Axes, uids: Sequence[str], per_line: int = 4) -> None:
    """The runs of a panel, small, below its axis."""
    text = parts.run_names(uids, per_line=per_line)
    style = {"xycoords": "axes fraction", "textcoords": "offset points", "size": parts.SMALL, "color": parts.GREY}
    ax.annotate(text, (1, 0), (0, -21), ha="right", va="top", **style)


# --- Fig. 2 ------------------------------------------------------------------------------------------------


def figure2(
    series: PlSeries,
    bare: Curve,
    bare_fit: BandFit,
    a: Coupling,
    b: Coupling,
    *,
    names: tuple[str, str] = ("A", "B"),
) -> Figure:
    """Doped films as in Fig. 2: their luminescence, the same rescaled by doping, excitation spectra of A and B.

    (a) normalised to the area of the perovskite band, the narrowest peak being 1; (b) the QD bands, rescaled to the
    doping of the reference sample, and bare QDs scaled to its height; (c) excitation spectra S of two samples and
    what is expected without coupling, S0, with their errors; grey: where both are normalised to 1 (dotted).
    """
    figure = Figure(figsize=(parts.WIDTH_IN, 4.75))
    doped, rescaled = (parts.place(figure, 0.46, bottom, 2.55, 1.55) for bottom in (2.98, 0.58))
    pl_panel(doped, series)
    rescaled_panel(rescaled, series, bare, bare_fit)
    excitation = parts.place(figure, 3.63, 0.58, 2.98, 3.95)
    ple_panel(excitation, a, b, names)
    return figure


def pl_panel(ax: Axes, series: PlSeries) -> None:
    """Normalised luminescence of every sample."""
    told = []
    for i, (name, percent, curve) in enumerate(zip(series.names, series.doping_percent, series.curves, strict=True)):
        traces.line(ax, curve.wavelength_nm, curve.value, curve.err, traces.look(i))
        told.append((f"{name}  {percent:g} %", traces.look(i)))
    low_nm, high_nm = ends_nm(*(curve.wavelength_nm for curve in series.curves))
    traces.wavelength_axis(ax, max(low_nm, FILM_FROM_NM), high_nm)
    traces.value_axis(
        ax, f"PL ({series.narrowest}: peak 1)", 0.0, traces.HEADROOM * traces.top(c.value for c in series.curves)
    )
    traces.names(ax, told)
    parts.headline(ax, "a", "photoluminescence, normalised to the perovskite")
    sources(ax, [uid for curve in series.curves for uid in curve.uids])


def ends_nm(*axes: np.ndarray) -> tuple[float, float]:
    """First and last wavelength of some axes, to whole 5 nm; never the same.

    >>> ends_nm(np.array([400.2, 600.2])), ends_nm(np.array([500.0]))
    ((400.0, 600.0), (500.0, 505.0))
    """
    low = 5.0 * round(min(float(axis[0]) for axis in axes) / 5)
    high = 5.0 * round(max(float(axis[-1]) for axis in axes) / 5)
    return low, max(high, low + 5)


def rescaled_panel(ax: Axes, series: PlSeries, bare: Curve, bare_fit: BandFit) -> None:
    """QD bands of every sample as if all were doped alike, and bare QDs."""
    told, index = [], series.names.index(series.reference)
    for i, curve in enumerate(series.curves):
        if not series.doping_percent[i] > 0:
            continue
        factor = series.doping_percent[index] / series.doping_percent[i]
        traces.line(ax, curve.wavelength_nm, factor * curve.value, factor * curve.err, traces.look(i))
        told.append((f"{series.names[i]} × {factor:.3g}", traces.look(i)))
    height = float(series.qd_height[index])
    value, err = traces.normalised(bare.value - bare_fit.background, bare.err, bare_fit.peak_height)
    traces.line(ax, bare.wavelength_nm, height * value, height * err, "black", dashes=(4, 1.5))
    traces.wavelength_axis(ax, QD_FROM_NM, ends_nm(*(curve.wavelength_nm for curve in series.curves))[1])
    tallest = traces.top([series.rescaled_height, np.array([height])])
    traces.value_axis(ax, f"PL, rescaled to {series.reference}", 0.0, 1.35 * tallest)
    traces.names(ax, [*told, ("bare QDs on glass", "black")])
    parts.headline(ax, "b", "QD bands, rescaled by doping")
    sources(ax, [uid for curve in (*series.curves, bare) for uid in curve.uids])


def ple_panel(ax: Axes, a: Coupling, b: Coupling, names: tuple[str, str]) -> None:
    """Excitation spectra of two samples with what is expected of each without coupling."""
    shown, told = [], []
    low, high = a.window.low_nm, a.window.high_nm
    ax.axvspan(low, high, color=traces.SHADE, linewidth=0, zorder=0)
    for coupling, name, color, style in zip((a, b), names, (BLUE, ORANGE), EXPECTED, strict=True):
        traces.line(ax, coupling.wavelength_nm, coupling.s, coupling.s_err, color)
        traces.line(ax, coupling.wavelength_nm, coupling.s0, coupling.s0_err, **style)
        told.append((f"sample {name}", color))
        shown += [coupling.s, coupling.s0]
    told.append((f"$S_0$, uncoupled ({names[0]} dashed, {names[1]} grey)", "black"))
    ax.plot([low, high], [1, 1], color="black", linewidth=0.9, linestyle=":")
    traces.wavelength_axis(ax, *ends_nm(a.wavelength_nm), "excitation wavelength (nm)")
    traces.value_axis(ax, f"PLE (mean of {low:g}–{high:g} nm: 1)", 0.0, traces.HEADROOM * traces.top(shown))
    traces.names(ax, told)
    parts.headline(ax, "c", "excitation spectra of the QDs")
    sources(ax, [*a.uids, *b.uids], per_line=5)


# --- Fig. 3a -----------------------------------------------------------------------------------------------


def figure3a(a: Coupling, b: Coupling, *, names: tuple[str, str] = ("A", "B")) -> Figure:
    """Relative difference Delta S of two samples, as in Fig. 3a.

    Bands are one standard deviation, shared errors included. Upright lines separate the regions I, II, III; diamonds
    on the line of zero are the crossings that the data show, with their errors.
    """
    figure = Figure(figsize=(MIDDLE_IN, 2.95))
    ax = parts.place(figure, 0.48, 0.50, MIDDLE_IN - 0.58, 2.22)
    ax.axhline(0, color="0.4", linewidth=0.6)
    region_marks(ax, a)
    for coupling, color in ((a, BLUE), (b, ORANGE)):
        traces.line(ax, coupling.wavelength_nm, coupling.ds, coupling.ds_err, color)
        crossing_marks(ax, coupling, color)
    reach = [values for one in (a, b) for values in (one.ds - one.ds_err, one.ds + one.ds_err)]
    high, low = traces.top(reach, 0.2), -traces.top([-one for one in reach], 0.2)
    traces.value_axis(ax, r"relative difference $\Delta S$", low - 0.06 * (high - low), high + 0.14 * (high - low))
    traces.wavelength_axis(ax, *ends_nm(a.wavelength_nm), "excitation wavelength (nm)")
    told = [("sample " + name, color) for name, color in zip(names, (BLUE, ORANGE), strict=True)]
    traces.names(ax, [*told, *crossing_texts(b, ORANGE), *crossing_texts(a, BLUE)], (0.42, 0.88))
    parts.headline(ax, "", "spectral difference to uncoupled quantum dots, eqn (2)")
    sources(ax, [*a.uids, *b.uids], per_line=6)
    return figure


def region_marks(ax: Axes, coupling: Coupling) -> None:
    """Upright lines at the edges of the regions, their names between them."""
    for region in coupling.regions:
        ax.axvline(region.high_nm, color="0.6", linewidth=0.6, dashes=(2, 2), zorder=0)
        place = ((max(region.low_nm, ends_nm(coupling.wavelength_nm)[0]) + region.high_nm) / 2, 0.955)
        ax.text(
            *place, region.name, transform=ax.get_xaxis_transform(), size=parts.LETTER, ha="center", va="center",
            family="serif",
        )  # fmt: skip


def crossing_marks(ax: Axes, coupling: Coupling, color: str) -> None:
    """Diamonds with error bars on the line of zero."""
    for crossing in coupling.crossings:
        ax.errorbar(
            crossing.wavelength_nm, 0.0, xerr=crossing.err_nm, fmt="D", color=color, markersize=3.2,
            markeredgecolor="white", markeredgewidth=0.4, elinewidth=1.0, capsize=1.8, zorder=4,
        )  # fmt: skip


def crossing_texts(coupling: Coupling, color: str) -> list[tuple[str, str]]:
    """The crossings in words, each with its colour."""
    found = [parts.uncertain(one.wavelength_nm, one.err_nm) for one in coupling.crossings]
    return [(f"$\\Delta S$ = 0 at ({text}) nm", color) for text in found]
