"""Fig. 4 and 5 of the paper, and an overview of one run."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.figures import curves, parts
from analysis.figures.parts import lifetime_rgb
from analysis.figures.traces import BLUE, GREEN, ORANGE, WINE
from analysis.flim import FlimMap
from analysis.lifetimes import LifetimeDistribution, distribution

QD_THRESHOLD_CPS = 250.0
IMAGE_IN = 1.60
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
    low, high = decay.get_ylim()
    decay.set_ylim(low, high * (high / low) ** 0.45)  # room for the parameters above the decay
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


def finish_image(ax: Axes, facts: parts.Grid, letter: str, text: str, bar_um: float | None = None) -> None:
    """Letter, scale bar, run."""
    parts.headline(ax, letter, text)
    parts.scale_bar(ax, facts, bar_um)
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
