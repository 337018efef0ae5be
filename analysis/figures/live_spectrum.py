"""The spectrum that grows while the spectrofluorometer scans."""

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import StrMethodFormatter

from analysis.figures import parts, traces
from analysis.figures.headway import Head
from analysis.figures.spectra import MIDDLE_IN
from analysis.spectra import BandFit, Curve

LEFT_IN, HEIGHT_IN = 0.62, 3.53
WITH_BANDS = "pl"  # the plan whose spectra are described by bands
MOST_TOLD = 3  # bands in words above the picture
THOUSANDS_FROM = 5e3
LEAST_REACH = 4.0  # standard deviations that the residuals show at least
AXIS = {"ple": "excitation wavelength (nm)"}


class Growing(Protocol):
    """What a live spectrum is drawn from: `LiveSpectrum`, or anything with a spectrum so far and its bands."""

    stream: str
    region: int | None
    curve: Curve | None
    bands: BandFit | None


class LiveSpectrumImage:
    """The spectrum of the present region: points with errors; of luminescence also fitted bands and residuals.

    Parameters
    ----------
    start : start document of the run: sample, plan, limits of the scan, number of points
    """

    def __init__(self, start: Mapping[str, Any]):
        self.start = start
        self.figure = Figure(figsize=(MIDDLE_IN, HEIGHT_IN))
        self.head = Head(self.figure, "waiting for the first points")
        self.text = self.head.text
        width_in, self.strip = MIDDLE_IN - LEFT_IN - 0.12, None
        if start.get("plan_name", WITH_BANDS) == WITH_BANDS:
            self.main = parts.place(self.figure, LEFT_IN, 0.88, width_in, 1.86)
            self.strip = parts.place(self.figure, LEFT_IN, 0.36, width_in, 0.46)
        else:
            self.main = parts.place(self.figure, LEFT_IN, 0.36, width_in, HEIGHT_IN - 0.84)
        for ax in filter(None, (self.main, self.strip)):
            ax.set(xticks=[], yticks=[])

    def update(self, live: Growing) -> None:
        """Show what there is by now."""
        if live.curve is None or not live.curve.lit.any():
            return
        self.main.clear()
        draw_points(self.main, live.curve)
        self.frame(self.main, live, "")
        if np.nanmax(live.curve.value) > THOUSANDS_FROM:
            self.main.yaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
        self.main.set_ylabel(signal_name(self.start, live.curve), size=parts.FONT, labelpad=2)
        if self.strip is None:
            self.frame(self.main, live, AXIS.get(self.start["plan_name"], "wavelength (nm)"))
        else:
            self.main.tick_params(labelbottom=False)
            self.explain(self.strip, live)
        self.text.set_text(self.told(live))

    def explain(self, strip: Axes, live: Growing) -> None:
        """The bands, in the spectrum and in words, and what they leave unexplained."""
        strip.clear()
        if live.curve is not None and live.bands is not None and np.isfinite(live.bands.centre_nm).all():
            draw_bands(self.main, live.curve, live.bands)
            draw_residuals(strip, live.curve, live.bands)
            tell_bands(self.main, live.bands)
        self.frame(strip, live, "wavelength (nm)")
        strip.set_ylabel("residual (σ)", size=parts.SMALL, labelpad=2)

    def frame(self, ax: Axes, live: Growing, name: str) -> None:
        """Limits and name of a wavelength axis: those of the scan that goes on."""
        scan = self.start.get(f"{live.stream}_scan", self.start.get("scan", {}))
        axis_nm = np.zeros(2) if live.curve is None else live.curve.wavelength_nm
        ends = scan.get("start_nm", axis_nm[0]), scan.get("stop_nm", axis_nm[-1])
        parts.tidy(ax)
        traces.wavelength_axis(ax, min(ends), max(*ends, min(ends) + 1), name)

    def told(self, live: Growing) -> str:
        """The run in a line."""
        about = f"{self.start.get('plan_name', 'spectrum')} of {self.start.get('sample_name', '?')}"
        points = f"{int(live.curve.lit.sum())} points" if live.curve is not None else ""
        region = f"region {live.region}" if live.region is not None else ""
        return "  ·  ".join(filter(None, [about, parts.run_names([self.start.get("uid", "")]), region, points]))


def signal_name(start: Mapping[str, Any], curve: Curve) -> str:
    """What the points are, with their unit."""
    if start.get("scan", {}).get("kind") == "transmission":
        return "transmitted over reference"
    return f"signal ({curve.unit})" if curve.unit else "signal"


def draw_points(ax: Axes, curve: Curve) -> None:
    """The points with their errors."""
    ax.errorbar(
        curve.wavelength_nm[curve.lit], curve.value[curve.lit], yerr=curve.err[curve.lit], fmt="o", color=traces.BLUE,
        markersize=1.8, markeredgewidth=0, elinewidth=0.5, zorder=2,
    )  # fmt: skip


def draw_bands(ax: Axes, curve: Curve, fit: BandFit) -> None:
    """The sum of the bands as a line, each band filled."""
    dense_nm = np.linspace(curve.wavelength_nm[0], curve.wavelength_nm[-1], 400)
    ax.plot(dense_nm, fit.model(dense_nm), color="black", linewidth=0.8, zorder=3)
    for i in range(fit.n_bands):
        band = fit.band(i, dense_nm)
        ax.fill_between(dense_nm, fit.background, fit.background + band, color=traces.look(i + 1), alpha=0.25, lw=0)


def draw_residuals(ax: Axes, curve: Curve, fit: BandFit) -> None:
    """Points minus bands, in standard deviations."""
    shown_nm, residual = curve.wavelength_nm[curve.lit], residuals(curve, fit)[curve.lit]
    ax.axhspan(-1, 1, color="0.92", linewidth=0)
    ax.axhline(0, color="0.4", linewidth=0.5)
    ax.plot(shown_nm, residual, "o", color=traces.BLUE, markersize=1.8, markeredgewidth=0)
    reach = 1.1 * max(LEAST_REACH, float(np.nanmax(np.abs(residual), initial=0.0)))
    ax.set_ylim(-reach, reach)


def residuals(curve: Curve, fit: BandFit) -> np.ndarray:
    """(n,) points minus bands over the standard deviation that the bands expect there; NaN where that is not known.

    Of a point that was counted it is that of the expected counts: a handful of counts tells its own error badly.
    """
    expected, err = fit.model(curve.wavelength_nm), curve.err
    if curve.counts is not None and curve.scale is not None:
        background = np.zeros(1) if curve.background is None else curve.background
        counts = np.maximum(expected / curve.scale + background, 1.0)
        err = np.hypot(np.sqrt(counts) * curve.scale, max(curve.flicker, fit.flicker) * expected)
    return (curve.value - expected) / np.where(err > 0, err, np.nan)


def tell_bands(ax: Axes, fit: BandFit) -> None:
    """Centre and width of the bands in words, above the panel, in their colours."""
    for i in range(min(fit.n_bands, MOST_TOLD)):
        centre = parts.uncertain(fit.centre_nm[i], fit.centre_err_nm[i])
        width = parts.uncertain(fit.fwhm_nm[i], fit.fwhm_err_nm[i])
        doubt = "" if fit.identified[i] else ", not determined"
        ax.annotate(
            f"({centre}) nm, FWHM ({width}) nm{doubt}", (0, 1), (0, 3 + 9 * (min(fit.n_bands, MOST_TOLD) - 1 - i)),
            xycoords="axes fraction", textcoords="offset points", size=parts.SMALL, color=traces.look(i + 1),
        )  # fmt: skip
