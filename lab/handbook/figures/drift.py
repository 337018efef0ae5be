"""Drift between scans: what it does to a sum, and how well it is found."""

from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from analysis.registration import register, sum_aligned
from lab.handbook.figures import simulate
from lab.handbook.figures.panels import BLUE, ORANGE, Look, axes, bare, names, parts

N_PX, N_SCANS, N_GRAINS, PIXEL_UM = 48, 6, 240, 0.5
PER_SCAN_PX = (2.43, -1.37)
PER_PX = (3.0, 10.0, 30.0, 100.0)
SHOWN = 3.0
LEAST_COVERAGE = 3


@dataclass(frozen=True, eq=False)
class Drifted:
    """Root mean square of true and claimed errors (n,) of a shift in pixels, against counts; sums (2, ny, nx)."""

    per_px: np.ndarray
    error_px: np.ndarray
    claimed_px: np.ndarray
    sums: np.ndarray


def measure(n_scenes: int = 4, per_px: tuple[float, ...] = PER_PX, seed: int = 2) -> Drifted:
    """Scans of each of a few scenes, at some brightnesses."""
    rng = np.random.default_rng(seed)
    shift = np.arange(float(N_SCANS))[:, None] * np.array(PER_SCAN_PX)
    squares, sums = np.zeros((2, len(per_px))), np.empty((2, N_PX, N_PX))
    for _ in range(n_scenes):
        grains = simulate.scene(rng, N_PX, N_GRAINS)
        for i, brightness in enumerate(per_px):
            images = simulate.scans(rng, grains, shift, N_PX, brightness)
            drift = register(images)
            squares[0, i] += np.mean((drift.shift_px - shift)[1:] ** 2) / n_scenes
            squares[1, i] += np.mean(drift.shift_err_px[1:] ** 2) / n_scenes
            if brightness == SHOWN:
                total, coverage = sum_aligned(images, drift)
                mean = np.where(coverage >= LEAST_COVERAGE, total / np.maximum(coverage, 1), np.nan)
                sums[:] = images.mean(axis=0), mean
    error, claimed = np.sqrt(squares)
    return Drifted(np.array(per_px), error, claimed, sums)


def draw(found: Drifted) -> Figure:
    """The sum without and with registration, and the error of a shift."""
    figure = bare(2.45)
    titles = [f"mean of {N_SCANS} scans as they came", "each moved back by whole pixels"]
    low, high = np.nanpercentile(found.sums[1], [1, 99.5])
    for i, (image, title) in enumerate(zip(found.sums, titles, strict=True)):
        ax = parts.place(figure, 0.12 + i * 2.05, 0.40, 1.80, 1.80)
        shown = ax.imshow(image, cmap=parts.PEROVSKITE_MAP, vmin=low, vmax=high, origin="lower", interpolation="none")
        ax.set(xticks=[], yticks=[], facecolor="0.85")
        ax.plot([5, 5 + 10 / PIXEL_UM], [2.5, 2.5], color="white", linewidth=2.2, solid_capstyle="butt")
        ax.text(5 + 5 / PIXEL_UM, 3.5, "10 µm", color="white", size=parts.SMALL, ha="center", weight="bold")
        parts.headline(ax, "ab"[i], title)
        bar = figure.colorbar(
            shown, cax=parts.place(figure, 0.12 + i * 2.05, 0.27, 1.80, 0.07), orientation="horizontal"
        )
        bar.set_ticks([0, 3, 6])
        bar.ax.tick_params(labelsize=parts.SMALL, length=1.5, pad=1)
        bar.ax.annotate("counts/pixel", (1, 0), (0, -3.5), xycoords="axes fraction", textcoords="offset points",
                        size=parts.SMALL, ha="right", va="top")  # fmt: skip
    right = parts.place(figure, 4.72, 0.40, 1.91, 1.80)
    axes(right, Look("counts per pixel and scan", "error of a shift (pixels)", log_x=True, log_y=True))
    right.plot(found.per_px, found.claimed_px, color=ORANGE, linewidth=1.0)
    right.plot(found.per_px, found.error_px, "D", color=BLUE, markersize=3.5)
    right.set(xlim=(2, 150), ylim=(6e-3, 0.1))
    names(right, [("true (rms)", BLUE), ("as claimed", ORANGE)])
    parts.headline(right, "c", "how well it is found")
    return figure
