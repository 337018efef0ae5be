"""Lifetime images as figures: Fig. 4 and 5 of the paper, an overview of one run, and the image that grows.

Everything takes `FlimMap`s and returns a matplotlib `Figure`; only `save` writes files. Nothing here touches pyplot,
so figures can be drawn in any thread and without a display.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis import _figure_curves as curves
from analysis import _figure_parts as parts
from analysis._figure_parts import lifetime_rgb
from analysis.flim import PEROVSKITE, QD, FlimMap, FlimRaster, RasterFacts, rate
from analysis.lifetimes import LifetimeDistribution, distribution

__all__ = ["LiveImage", "figure4", "figure5", "lifetime_rgb", "overview", "save"]

QD_THRESHOLD_CPS = 250.0
DPI = 300
IMAGE_IN = 1.60
BLUE, ORANGE, GREEN, WINE = "#0072B2", "#C85200", "#008F68", "#7A1E50"  # told apart by all kinds of eyes
PIXEL_LOOKS = [(GREEN, "o", "pixel 1"), (WINE, "s", "pixel 2")]


def figure4(map_a: FlimMap, map_b: FlimMap, *, qd_threshold_cps: float = QD_THRESHOLD_CPS) -> Figure:
    """Intensity and lifetime images of two films, as in Fig. 4: one row each.

    From left: QD intensity (logarithmic for A), perovskite intensity up to the 99th percentile, slow lifetime as hue
    with the logarithm of the intensity as saturation; lifetimes are on one scale for both films, saturation spans
    the intensities of each film. A's QD contours are repeated in its
    other panels; the arrows mark the pixels whose decays `figure5` shows.
    """
    figure = Figure(figsize=(parts.WIDTH_IN, 3.98))
    limits = parts.lifetime_limits([map_a, map_b])
    rows = [(map_a, "abc", 2.16, qd_threshold_cps), (map_b, "def", 0.20, None)]
    for image, letters, bottom, threshold in rows:
        axes = [parts.place(figure, left, bottom, IMAGE_IN, IMAGE_IN) for left in (0.06, 2.25, 4.44)]
        bars = [parts.place(figure, left, bottom, 0.09, IMAGE_IN) for left in (1.71, 3.90)]
        qd_panel(axes[0], bars[0], image, letters[0], logarithmic=image is map_a)
        perovskite_panel(axes[1], bars[1], image, letters[1])
        lifetime_panel(axes[2], image, letters[2], limits, parts.rate_limits(image))
        for ax in axes if threshold else ():
            parts.contours(ax, image.qd_cps, image.facts, threshold)
            for number, pixel in enumerate(curves.marked_pixels(image), 1):
                parts.arrow(ax, image.facts, pixel, number)
    parts.lifetime_key(parts.place(figure, 6.13, 0.66, 0.22, 3.10), limits, (1.0, 2.0), ("dim", "bright"))
    return figure


def figure5(map_a: FlimMap, map_b: FlimMap, *, qd_threshold_cps: float = QD_THRESHOLD_CPS) -> Figure:
    """Decays and lifetime distributions of two films, as in Fig. 5.

    (a) the two marked pixels of A with their fits, IRF and weighted residuals; (b) distributions of the slow lifetime
    of A and B, weighted with the intensity, and their medians; (c) A where the QD rate is below and above a threshold.
    """
    figure = Figure(figsize=(parts.WIDTH_IN, 4.25))
    pixels = curves.marked_pixels(map_a)
    main = curves.decay_panel(figure, (0.45, 0.36, 2.95, 3.66), map_a, pixels, PIXEL_LOOKS[: len(pixels)])
    parts.headline(main, "a", f"decays of two pixels of sample {map_a.facts.sample}")
    annotate_fits(main, map_a, pixels, PIXEL_LOOKS)
    upper, lower = (parts.place(figure, 4.0, bottom, 2.62, 1.62) for bottom in (2.40, 0.36))
    both = [tau2_distribution(image) for image in (map_a, map_b)]
    names = [f"sample {image.facts.sample}" for image in (map_a, map_b)]
    curves.distributions_panel(upper, both, list(zip((BLUE, ORANGE), names, strict=True)))
    parts.headline(upper, "b", "slow lifetimes, weighted with intensity")
    parts.footnote(upper, ", ".join(parts.run_name(image.facts) for image in (map_a, map_b)), upright=True)
    halves = map_a.qd_cps < qd_threshold_cps, map_a.qd_cps >= qd_threshold_cps
    names = [f"QDs {sign} {qd_threshold_cps:g} counts/s" for sign in ("<", "≥")]
    split = [tau2_distribution(map_a, where) for where in halves]
    curves.distributions_panel(lower, split, list(zip((GREEN, WINE), names, strict=True)))
    parts.headline(lower, "c", f"sample {map_a.facts.sample} by its QD signal")
    for ax in (main, lower):
        parts.footnote(ax, parts.run_name(map_a.facts), upright=True)
    return figure


def overview(image: FlimMap) -> Figure:
    """One run on one page: both intensities, lifetimes, a typical decay, the distribution, the drift."""
    figure = Figure(figsize=(parts.WIDTH_IN, 4.55))
    limits, rates = parts.lifetime_limits([image]), parts.rate_limits(image)
    axes = [parts.place(figure, left, 2.40, IMAGE_IN, IMAGE_IN) for left in (0.06, 2.25, 4.44)]
    bars = [parts.place(figure, left, 2.40, 0.09, IMAGE_IN) for left in (1.71, 3.90)]
    qd_panel(axes[0], bars[0], image, "a", logarithmic=True)
    perovskite_panel(axes[1], bars[1], image, "b")
    lifetime_panel(axes[2], image, "c", limits, rates)
    parts.lifetime_key(parts.place(figure, 6.13, 2.78, 0.22, 1.22), limits, rates)
    pixel = curves.typical_pixel(image)
    pixels, look = ([pixel], [(BLUE, "o", "")]) if pixel else ([], [])
    decay = curves.decay_panel(figure, (0.44, 0.34, 1.65, 1.72), image, pixels, look)
    annotate_fits(decay, image, pixels, look)
    parts.headline(
        decay, "d", f"typical pixel, row {pixel[0]}, column {pixel[1]}" if pixel else "no pixel could be fitted"
    )
    found = tau2_distribution(image)
    spread = parts.place(figure, 2.60, 0.34, 1.65, 1.72)
    curves.distributions_panel(spread, [found], [(BLUE, f"{found.n_pixels} pixels")])
    parts.headline(spread, "e", "slow lifetimes")
    track = parts.place(figure, 4.93, 0.34, 1.72, 1.72)
    curves.drift_panel(track, image)
    parts.headline(track, "f", f"drift, scans found: {int(image.drift.reliable.sum())} of {len(image.drift.reliable)}")
    figure.text(0.06 / parts.WIDTH_IN, 0.965, summary(image), size=parts.FONT)
    return figure


def summary(image: FlimMap) -> str:
    """What was measured, in a line."""
    facts, fit = image.facts, image.fit
    trusted = float((image.trusted_photons > 0).mean())
    deviance = fit.deviance[np.isfinite(fit.deviance)]
    quality = f"deviance {np.median(deviance):.2f}" if deviance.size else "nothing fitted"
    return (
        f"sample {facts.sample}  ·  {facts.nx} × {facts.ny} pixels of {facts.pixel_um:g} µm  ·  "
        f"{len(image.scans_used)} × {facts.dwell_s * 1e3:g} ms per pixel  ·  {quality}, "
        f"{trusted:.0%} of the fits trusted  ·  "
        rf"$t_0$ = {parts.uncertain(fit.t0_ns, fit.t0_err_ns)} ns"
    )


def qd_panel(ax: Axes, bar: Axes, image: FlimMap, letter: str, *, logarithmic: bool) -> None:
    """QD intensity with scale and colour bar."""
    scale = parts.log_scale if logarithmic else parts.linear_scale
    picture = parts.show(ax, image.qd_cps, image.facts, parts.QD_MAP, scale(image.qd_cps))
    parts.colour_bar(bar, picture, "counts/s", extend="min" if logarithmic else "max")
    finish_image(ax, image.facts, letter, f"{image.facts.sample}: QDs")


def perovskite_panel(ax: Axes, bar: Axes, image: FlimMap, letter: str) -> None:
    """Perovskite intensity with scale and colour bar."""
    values = image.perovskite_cps
    picture = parts.show(ax, values, image.facts, parts.PEROVSKITE_MAP, parts.linear_scale(values))
    parts.colour_bar(bar, picture, "counts/s", extend="max")
    finish_image(ax, image.facts, letter, f"{image.facts.sample}: perovskite")


def lifetime_panel(
    ax: Axes, image: FlimMap, letter: str, limits: tuple[float, float], rates: tuple[float, float]
) -> None:
    """Slow lifetime as hue, perovskite intensity as saturation."""
    tau_ns = np.where(image.trusted_photons > 0, image.fit.tau_ns[..., -1], np.nan)
    parts.show(ax, lifetime_rgb(tau_ns, image.perovskite_cps, limits, rates), image.facts)
    finish_image(ax, image.facts, letter, f"{image.facts.sample}: perovskite lifetime")


def finish_image(ax: Axes, facts: RasterFacts, letter: str, text: str) -> None:
    """Letter, scale bar, run."""
    parts.headline(ax, letter, text)
    parts.scale_bar(ax, facts)
    parts.footnote(ax, parts.run_name(facts))


def annotate_fits(
    ax: Axes, image: FlimMap, pixels: Sequence[tuple[int, int]], looks: Sequence[tuple[str, str, str]]
) -> None:
    """The fit parameters of some pixels, in their colours, where the decays leave room."""
    top = 0.975
    for pixel, (color, _, name) in zip(pixels, looks, strict=False):
        text = f"{name}\n{curves.fit_text(image, pixel)}".strip()
        ax.text(
            0.98,
            top,
            text,
            transform=ax.transAxes,
            size=parts.SMALL,
            color=color,
            ha="right",
            va="top",
            linespacing=1.25,
        )
        top -= 0.27


def tau2_distribution(image: FlimMap, where: np.ndarray | None = None) -> LifetimeDistribution:
    """Intensity-weighted distribution of the slow lifetime of the trusted pixels, or of some of them."""
    weights = image.trusted_photons
    chosen = weights if where is None else np.where(where, weights, 0.0)
    return distribution(image.fit.tau_ns[..., -1].ravel(), chosen.ravel())


class Growing(Protocol):
    """What a live image is drawn from: `LiveFlim`, or anything with a raster and a preview of tau2."""

    tau2_ns: np.ndarray

    @property
    def raster(self) -> FlimRaster | None: ...


class LiveImage:
    """The raster as it grows: perovskite, QD and lifetime so far, with progress and rates.

    Drawn once, then updated in place in a few milliseconds. Scans are summed as they come, without drift correction:
    this is for the eye, `FlimRaster.result` is the measurement. Save `figure` whenever you like.
    """

    def __init__(self, facts: RasterFacts, *, tau_limits_ns: tuple[float, float] = (4.0, 20.0)):
        self.facts, self.tau_limits_ns = facts, tau_limits_ns
        self.figure = Figure(figsize=(parts.WIDTH_IN, 2.15))
        nothing = np.full((facts.ny, facts.nx), np.nan)
        axes = [parts.place(self.figure, left, 0.20, IMAGE_IN, IMAGE_IN) for left in (0.06, 2.25, 4.44)]
        names = ("perovskite", "QDs", "lifetime")
        self.pictures = []
        for ax, cmap, name in zip(axes, (parts.PEROVSKITE_MAP, parts.QD_MAP, None), names, strict=True):
            norm = parts.linear_scale(nothing) if cmap else None
            values = nothing if cmap else lifetime_rgb(nothing, nothing, tau_limits_ns)
            self.pictures.append(parts.show(ax, values, facts, cmap, norm))
            finish_image(ax, facts, "", f"{facts.sample}: {name}")
        for picture, left in zip(self.pictures, (1.71, 3.90), strict=False):
            parts.colour_bar(parts.place(self.figure, left, 0.20, 0.09, IMAGE_IN), picture, "counts/s", extend="max")
        parts.lifetime_key(
            parts.place(self.figure, 6.13, 0.55, 0.22, 1.25), tau_limits_ns, (1.0, 2.0), ("dim", "bright")
        )
        self.text = self.figure.text(0.06 / parts.WIDTH_IN, 0.945, "waiting for the first line", size=parts.FONT)

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


def save(
    figure: Figure, path: str | Path, *, uids: Sequence[str], selection: Mapping[str, Any], code_version: str
) -> Path:
    """Write a figure (.png or .pdf) that says where it comes from, and the same in `<path>.json`; return the path.

    Parameters
    ----------
    uids : runs the figure was made from
    selection : what of them is shown: thresholds, pixels, limits; anything JSON can say, and numpy arrays
    code_version : of the code that drew it

    ValueError for another type of file. Neither file contains the time: the same data give the same bytes.
    """
    path = Path(path)
    origin = {"uids": list(uids), "selection": dict(selection), "code_version": code_version}
    told = json.dumps(origin, default=plain, allow_nan=False, sort_keys=True)
    software = f"luminescope {code_version}"
    if path.suffix == ".png":
        metadata = {"Software": software, "Source": " ".join(uids), "Description": told}
    elif path.suffix == ".pdf":
        metadata = {"Creator": software, "Keywords": " ".join(uids), "Subject": told, "CreationDate": None}
    else:
        raise ValueError(f"{path.name}: figures are saved as .png or .pdf")
    path.parent.mkdir(parents=True, exist_ok=True)
    with rc_context({"pdf.fonttype": 42}):
        figure.savefig(path, dpi=DPI, metadata=metadata)
    sidecar = {"figure": path.name, **json.loads(told)}
    path.with_name(f"{path.name}.json").write_text(json.dumps(sidecar, indent=2) + "\n", encoding="utf-8")
    return path


def plain(value: Any) -> Any:
    """Numpy numbers and arrays as JSON knows them; TypeError for the rest."""
    if isinstance(value, (np.ndarray, np.generic)):
        return value.tolist()
    raise TypeError(f"a selection cannot hold {type(value).__name__}: give numbers, text, lists")
