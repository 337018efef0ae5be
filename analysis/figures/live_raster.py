"""The lower row of the window of a raster: all photons as one decay, the rates of its lines, the drift of its scans."""

from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from analysis.decay import DecayFit
from analysis.figures import curves, parts, traces
from analysis.figures.traces import BLUE, GREEN, ORANGE
from analysis.flim import FlimRaster
from analysis.flim_so_far import TrackSoFar, decay_so_far, line_rates, track_so_far

BOTTOM_IN, TALL_IN = 0.34, 1.72
DECAY_IN = (0.64, BOTTOM_IN, 1.72, TALL_IN)
RATES_IN = (2.98, BOTTOM_IN, 1.52, TALL_IN)
DRIFT_IN = (5.03, BOTTOM_IN, 1.60, TALL_IN)
ALL_PHOTONS = (0,)  # the one pixel of a summed decay


class LowerRow:
    """Decay, rates and drift; each is drawn anew, in the same place, with every `update`."""

    def __init__(self, figure: Figure):
        self.figure = figure
        self.drawn: list[Any] = []
        self.track: tuple[int, TrackSoFar] | None = None  # of how many complete scans

    def update(self, raster: FlimRaster) -> None:
        """Show what there is by now."""
        for artist in self.drawn:
            artist.remove()
        before = [*self.figure.axes, *self.figure.texts]
        self.draw_decay(raster)
        rates_panel(parts.place(self.figure, *RATES_IN), raster)
        self.draw_drift(raster)
        self.drawn = [artist for artist in (*self.figure.axes, *self.figure.texts) if artist not in before]

    def draw_decay(self, raster: FlimRaster) -> None:
        """The summed decay with its fit over the residuals; an empty frame before there are photons."""
        decay: Any = decay_so_far(raster)  # a map of one pixel, as the panel needs it
        if decay is None:
            empty(parts.place(self.figure, *DECAY_IN), "no photons yet")
            return
        ax = curves.decay_panel(self.figure, DECAY_IN, decay, [ALL_PHOTONS], [(BLUE, ".", "")])  # type: ignore[list-item]
        traces.label(ax, (0.98, 0.97), in_words(decay.fit), BLUE, ha="right", va="top")
        parts.headline(ax, "", "perovskite, all pixels as one decay")

    def draw_drift(self, raster: FlimRaster) -> None:
        """Where the scene was in the complete scans."""
        n = len(raster.complete_scans)
        ax = parts.place(self.figure, *DRIFT_IN)
        if n < 2:
            empty(ax, "known after two scans")
        else:
            if self.track is None or self.track[0] != n:
                self.track = n, track_so_far(raster)
            track: Any = self.track[1]
            curves.drift_panel(ax, track)
        parts.headline(ax, "", f"drift, {n} of {raster.facts.n_scans} scans complete")


def in_words(fit: DecayFit) -> str:
    """The lifetimes of a summed decay, a line each, its photons, and how well they describe it.

    Pixels of different lifetimes add up to more than two exponentials: a deviance above 1 says so, the errors do not.
    """
    taus = zip(fit.tau_ns[ALL_PHOTONS], fit.tau_err_ns[ALL_PHOTONS], strict=True)
    told = [rf"$\tau_{k}$ = ({parts.uncertain(*one)}) ns" for k, one in enumerate(taus, 1)]
    quality = f"deviance {fit.deviance[ALL_PHOTONS]:.3g} per d.o.f."
    return "\n".join([*told, f"{int(fit.n_photons[ALL_PHOTONS]):,} photons", quality])


def rates_panel(ax: Axes, raster: FlimRaster) -> None:
    """Mean rate of both routes on each line, on an axis that holds all lines from the beginning."""
    lines, rates = line_rates(raster)
    looks = ((GREEN, "perovskite"), (ORANGE, "QDs"))
    for values, (color, _) in zip(rates, looks, strict=True):
        ax.plot(lines, values / 1e3, ".-", color=color, linewidth=0.6, markersize=2.0, markeredgewidth=0)
    for end in range(1, raster.facts.n_scans):
        ax.axvline(end * raster.facts.ny + 0.5, color="0.85", linewidth=0.5, zorder=0)
    ax.set_xlim(0.5, max(raster.facts.n_lines, 2) + 0.5)
    ax.xaxis.set_major_locator(MaxNLocator(4, integer=True))
    ax.set_xlabel(f"line ({raster.facts.nx * raster.facts.dwell_s:.3g} s of light each)", size=parts.FONT, labelpad=1)
    traces.value_axis(ax, "mean rate (kcounts/s)", 0, 1.35 * traces.top([rates / 1e3], 1e-3))
    traces.names(ax, [(name, color) for color, name in looks])
    parts.headline(ax, "", "rates, line by line")


def empty(ax: Axes, why: str) -> None:
    """A frame with nothing in it yet."""
    ax.set(xticks=[], yticks=[])
    for spine in ax.spines.values():
        spine.set_color("0.8")
    traces.label(ax, (0.5, 0.5), why, parts.GREY, ha="center", va="center")
