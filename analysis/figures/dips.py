"""Panels with coincidences: the dip over its residuals, the rates behind it, contrast beside that of two emitters."""

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from analysis.correlation import AntibunchingFit
from analysis.correlation.decision import ONE_EMITTER, TWO_EMITTERS
from analysis.figures import parts, traces
from analysis.figures.curves import STRIP_IN
from analysis.figures.traces import BLUE, GREEN, ORANGE
from analysis.hbt import HbtEstimate

POINTS_PER_TAU = 6.0  # at least, however many counts there are
LEAST_COUNTS = 15.0  # per point, if the dip is wide enough
LEAST_POINTS, MOST_POINTS = 8, 280
VERDICTS = {True: "single", False: "not single", None: "undecided"}
COLORS = {True: GREEN, False: ORANGE, None: parts.GREY}


@dataclass(frozen=True, eq=False)
class DipPoints:
    """A histogram ready to be drawn: lag and width of the points in ns, coincidences, and those of the fit."""

    lag_ns: np.ndarray
    width_ns: float
    counts: np.ndarray
    expected: np.ndarray

    @property
    def residuals(self) -> np.ndarray:
        """Counts minus fit, in standard deviations of the fit."""
        return (self.counts - self.expected) / np.sqrt(np.maximum(self.expected, 1e-9))


def dip_points(fit: AntibunchingFit) -> DipPoints:
    """The live bins, put together until points are neither too many nor too noisy, but still show the dip."""
    n, width_ns = fit.histogram.counts.size, fit.histogram.width_ns
    widest = fit.tau_ns / POINTS_PER_TAU / width_ns if fit.identified else n / LEAST_POINTS
    calm = min(LEAST_COUNTS / max(fit.baseline, 1e-9), widest)
    factor = int(np.clip(np.ceil(max(n / MOST_POINTS, calm)), 1, max(1, n // LEAST_POINTS)))
    whole = n // factor * factor
    expected = fit.histogram.expected(fit.scan.average()[0])[0]
    lag_ns = fit.histogram.centres_ns[:whole] - fit.t0_ns
    sums = [one[:whole].reshape(-1, factor).sum(axis=1) for one in (lag_ns, fit.histogram.counts, expected)]
    return DipPoints(sums[0] / factor, factor * width_ns, sums[1], sums[2])


def dip_panel(
    figure: Figure, box_in: tuple[float, float, float, float], estimate: HbtEstimate, letter: str, title: str = ""
) -> Axes:
    """Coincidences against lag with the fit, over the residuals, in a box (left, bottom, width, height)."""
    left, bottom, width, height = box_in
    points = dip_points(estimate.fit)
    ax = parts.place(figure, left, bottom + STRIP_IN + 0.04, width, height - STRIP_IN - 0.04)
    strip = parts.place(figure, left, bottom, width, STRIP_IN)
    draw_dip(ax, estimate.fit, points)
    draw_residuals(strip, points)
    strip.sharex(ax)
    ax.tick_params(labelbottom=False)
    ax.set_xlim(float(points.lag_ns[0]), float(points.lag_ns[-1]))
    strip.set_xlabel("lag (ns)", size=parts.FONT, labelpad=1)
    parts.headline(ax, letter, title or f"{who(estimate)}: coincidences")
    traces.names(ax, [(text, "black") for text in in_words(estimate)], (0.98, 0.43))
    parts.footnote(ax, parts.run_names([estimate.facts.uid]), upright=True)
    return ax


def who(estimate: HbtEstimate) -> str:
    """The emitter, else the sample."""
    return estimate.facts.emitter or estimate.facts.sample


def draw_dip(ax: Axes, fit: AntibunchingFit, points: DipPoints) -> None:
    """Filled dots and a line, from zero."""
    ax.plot(points.lag_ns, points.counts, "o", color=BLUE, markersize=2.2, markeredgewidth=0, zorder=2)
    ax.plot(points.lag_ns, points.expected, color="black", linewidth=0.9, zorder=3)
    highest = max(1.0, float(points.counts.max(initial=0.0)), float(points.expected.max(initial=0.0)))
    traces.value_axis(ax, f"coincidences per {points.width_ns:.2g} ns", 0, 1.06 * highest)
    if fit.identified:
        ax.axvline(0, color="0.7", linewidth=0.5, zorder=1)


def draw_residuals(ax: Axes, points: DipPoints) -> None:
    """Weighted residuals, with one and no standard deviation marked."""
    ax.axhspan(-1, 1, color="0.92", linewidth=0)
    ax.axhline(0, color="0.4", linewidth=0.5)
    ax.plot(points.lag_ns, points.residuals, "o", color=BLUE, markersize=1.8, markeredgewidth=0)
    reach = max(4.0, 1.1 * float(np.abs(points.residuals).max(initial=0.0)))
    ax.set_ylim(-reach, reach)
    ax.set_yticks([-3, 0, 3])
    ax.set_ylabel("res. (σ)", size=parts.SMALL, labelpad=2)


def in_words(estimate: HbtEstimate) -> list[str]:
    """The numbers of a dip, a line each, and how they were counted."""
    fit = estimate.fit
    told = [f"start-stop, {estimate.coincidences_per_ns:.0f} per ns in {estimate.live_s:.0f} s"]
    if not fit.identified:
        return ["no antibunching identified", *told]
    tau, contrast = parts.uncertain(fit.tau_ns, fit.tau_err_ns), parts.uncertain(fit.contrast, fit.contrast_err)
    return [rf"$\tau_\mathrm{{QD}}$ = ({tau}) ns", f"$C$ = {contrast}", *told]


def rates_panel(ax: Axes, estimate: HbtEstimate, letter: str) -> None:
    """Rate of each SPAD while there was light, the background beside the emitter, the end if it bleached."""
    kcps = estimate.trace_cps / 1e3
    for route, color in enumerate((BLUE, ORANGE)):
        ax.plot(estimate.time_s, kcps[:, route], color=color, linewidth=0.5)
    if np.isfinite(estimate.background_cps):
        ax.axhline(estimate.background_cps / 2e3, color="0.4", linewidth=0.6, dashes=(4, 2))
    if np.isfinite(estimate.bleached_at_s):
        ax.axvline(estimate.bleached_at_s, color="black", linewidth=0.8)
    last_s = float(estimate.time_s.max(initial=1.0))
    ax.set_xlim(0, last_s)
    traces.value_axis(ax, "kcounts/s", 0, 1.25 * traces.top([kcps], 1.0))
    ax.set_xlabel("time with light (s)", size=parts.FONT, labelpad=1)
    told = [("SPAD 1 (start)", BLUE), ("SPAD 2 (stop)", ORANGE), ("½ background", "0.4")]
    for (text, color), x in zip(told, (0.02, 0.36, 0.70), strict=True):
        traces.label(ax, (x, 0.95), text, color, va="top")
    parts.headline(ax, letter, "bleached" if estimate.bleached else "rates")


def verdict_panel(ax: Axes, estimate: HbtEstimate, letter: str) -> None:
    """The contrast on the scale from no dip to one perfect emitter, with what two emitters and one may show."""
    fit, single = estimate.fit, estimate.decision.single
    known = np.isfinite(estimate.signal_fraction)
    share = estimate.signal_fraction**2 if known else 1.0
    two, one = TWO_EMITTERS * share, ONE_EMITTER * share
    ax.axvspan(0, two, color=ORANGE, alpha=0.16, linewidth=0)
    ax.axvspan(one, share, color=GREEN, alpha=0.16, linewidth=0)
    for x, text in ((two / 2, "two or more"), ((one + share) / 2, "one")):
        ax.annotate(text, (x, 0.06), xycoords=("data", "axes fraction"), size=parts.SMALL, ha="center", color="0.25")
    if fit.identified:
        ax.errorbar(fit.contrast, 0.5, xerr=fit.contrast_err, fmt="D", color=COLORS[single], markersize=4, elinewidth=1)
    ax.set(ylim=(0, 1), yticks=[], xlim=(0, max(1.0, 1.1 * fit.contrast if fit.identified else 0.0)))
    ax.xaxis.set_major_locator(MaxNLocator(5))
    about = "regions allow for the background" if known else "background not known"
    ax.set_xlabel(f"contrast $C$; {about}", size=parts.FONT, labelpad=1)
    sigma = estimate.decision.significance_sigma
    parts.headline(ax, letter, f"{VERDICTS[single]} ({sigma:+.1f} σ from two equal emitters)")
