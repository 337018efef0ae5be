"""The spectrum that grows while the spectrofluorometer scans."""

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.figures import parts, traces
from analysis.figures.spectra import MIDDLE_IN
from analysis.spectra import BandFit, Curve

HEIGHT_IN = 3.35
MOST_TOLD = 3  # bands in words above the picture
LEAST_REACH = 4.0  # standard deviations that the residuals show at least
AXIS = {"ple": "excitation wavelength (nm)"}


class Growing(Protocol):
    """What a live spectrum is drawn from: `LiveSpectrum`, or anything with a spectrum so far and its bands."""

    region: int | None
    curve: Curve | None
    bands: BandFit | None


class LiveSpectrumImage:
    """The spectrum of the present region: points with errors, fitted bands, residuals; drawn anew with each update.

    Parameters
    ----------
    start : start document of the run: sample, plan, limits of the scan, number of points
    """

    def __init__(self, start: Mapping[str, Any]):
        self.start = start
        self.figure = Figure(figsize=(MIDDLE_IN, HEIGHT_IN))
        self.text = self.figure.text(0.52 / MIDDLE_IN, 0.955, "waiting for the first points", size=parts.FONT)
        self.main = parts.place(self.figure, 0.52, 0.88, MIDDLE_IN - 0.62, 1.86)
        self.strip = parts.place(self.figure, 0.52, 0.36, MIDDLE_IN - 0.62, 0.46)

    def update(self, live: Growing) -> None:
        """Show what there is by now."""
        if live.curve is None or not live.curve.lit.any():
            return
        self.main.clear()
        self.strip.clear()
        draw_points(self.main, live.curve)
        if live.bands is not None and np.isfinite(live.bands.centre_nm).all():
            draw_bands(self.main, live.curve, live.bands)
            draw_residuals(self.strip, live.curve, live.bands)
            tell_bands(self.main, live.bands)
        self.frame(live.curve)
        self.text.set_text(self.told(live))

    def frame(self, curve: Curve) -> None:
        """Limits and names of the axes."""
        scan = self.start.get("scan", {})
        ends = scan.get("start_nm", curve.wavelength_nm[0]), scan.get("stop_nm", curve.wavelength_nm[-1])
        name = AXIS.get(self.start.get("plan_name", ""), "wavelength (nm)")
        for ax, text in ((self.main, ""), (self.strip, name)):
            parts.tidy(ax)
            traces.wavelength_axis(ax, min(ends), max(*ends, min(ends) + 1), text)
        self.main.tick_params(labelbottom=False)
        self.main.set_ylabel(f"signal ({curve.unit})" if curve.unit else "signal", size=parts.FONT, labelpad=2)
        self.strip.set_ylabel("σ", size=parts.FONT, labelpad=2)

    def told(self, live: Growing) -> str:
        """The run in a line."""
        about = f"{self.start.get('plan_name', 'spectrum')} of {self.start.get('sample_name', '?')}"
        points = f"{int(live.curve.lit.sum())} points" if live.curve is not None else ""
        region = f"region {live.region}" if live.region is not None else ""
        return "  ·  ".join(filter(None, [about, parts.run_names([self.start.get("uid", "")]), region, points]))


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
    lit = curve.lit & (curve.err > 0)
    residual = (curve.value[lit] - fit.model(curve.wavelength_nm[lit])) / curve.err[lit]
    ax.axhspan(-1, 1, color="0.92", linewidth=0)
    ax.axhline(0, color="0.4", linewidth=0.5)
    ax.plot(curve.wavelength_nm[lit], residual, "o", color=traces.BLUE, markersize=1.8, markeredgewidth=0)
    reach = 1.1 * max(LEAST_REACH, float(np.abs(residual).max(initial=0.0)))
    ax.set_ylim(-reach, reach)


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
