"""The window of a raster that is being measured: images, summed decay, rates, drift."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from matplotlib.figure import Figure

from analysis.figures import live_raster, parts
from analysis.figures.headway import Head
from analysis.figures.parts import lifetime_rgb
from analysis.figures.plates import IMAGE_IN, finish_image
from analysis.flim import PEROVSKITE, QD, FlimRaster, RasterFacts, rate

HEIGHT_IN, IMAGES_IN = 4.62, 2.45


class Growing(Protocol):
    """What a live image is drawn from: `LiveFlim`, or anything with a raster and a preview of tau2."""

    tau2_ns: np.ndarray

    @property
    def raster(self) -> FlimRaster | None: ...


class LiveImage:
    """The raster as it grows: perovskite, QD and lifetime so far; all photons as one decay, rates, drift.

    Scans are summed as they come, without drift correction: this is for the eye, `FlimRaster.result` is the
    measurement. Save `figure` whenever you like.
    """

    def __init__(self, facts: RasterFacts, *, tau_limits_ns: tuple[float, float] = (4.0, 20.0)):
        self.facts, self.tau_limits_ns = facts, tau_limits_ns
        self.figure = Figure(figsize=(parts.WIDTH_IN, HEIGHT_IN))
        self.head = Head(self.figure, "waiting for the first line")
        self.text = self.head.text
        nothing = np.full((facts.ny, facts.nx), np.nan)
        axes = [parts.place(self.figure, left, IMAGES_IN, IMAGE_IN, IMAGE_IN) for left in (0.06, 2.25, 4.44)]
        names = ("perovskite", "QDs", "lifetime")
        self.pictures = []
        for ax, cmap, name in zip(axes, (parts.PEROVSKITE_MAP, parts.QD_MAP, None), names, strict=True):
            norm = parts.linear_scale(nothing) if cmap else None
            values = nothing if cmap else lifetime_rgb(nothing, nothing, tau_limits_ns)
            self.pictures.append(parts.show(ax, values, facts, cmap, norm))
            finish_image(ax, facts, "", f"{facts.sample}: {name}")
        for picture, left in zip(self.pictures, (1.71, 3.90), strict=False):
            bar = parts.place(self.figure, left, IMAGES_IN, 0.09, IMAGE_IN)
            parts.colour_bar(bar, picture, "counts/s", extend="max")
        key = parts.place(self.figure, 6.13, IMAGES_IN + 0.35, 0.22, 1.25)
        parts.lifetime_key(key, tau_limits_ns, (1.0, 2.0), ("dim", "bright"))
        self.lower = live_raster.LowerRow(self.figure)

    def update(self, live: Growing) -> None:
        """Show what there is by now."""
        if (raster := live.raster) is None:
            return
        time_s = np.broadcast_to(raster.usable.sum(axis=0)[:, None], raster.images.shape[2:]) * self.facts.dwell_s
        counts = np.where(raster.usable[None, ..., None], raster.images, 0).sum(axis=1)
        rates = [rate(counts[route], time_s) for route in (PEROVSKITE, QD)]
        for picture, values in zip(self.pictures, rates, strict=False):
            picture.set_data(values)
            picture.set_clim(*parts.span(values, 0, 99))
        self.pictures[2].set_data(lifetime_rgb(live.tau2_ns, rates[0], self.tau_limits_ns))
        self.lower.update(raster)
        self.text.set_text(progress(raster, rates))


def progress(raster: FlimRaster, rates: Sequence[np.ndarray]) -> str:
    """Lines so far and mean rates, in a line."""
    facts, n_taken = raster.facts, int(raster.taken.sum())
    bad = [(n_taken - int(raster.usable.sum()), "without light"), (int(raster.saturated.sum()), "saturated")]
    lines = ", ".join([f"line {n_taken} of {facts.n_lines}", *(f"{n} {what}" for n, what in bad if n)])
    means = [float(values[np.isfinite(values)].mean()) if np.isfinite(values).any() else 0.0 for values in rates]
    return (
        f"sample {facts.sample}, {parts.run_name(facts)}  ·  {lines}  ·  "
        f"mean {means[0]:,.0f} perovskite and {means[1]:,.0f} QD counts/s"
    )
