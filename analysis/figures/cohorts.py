"""Many emitters in one figure: rise times in film and on glass, ON fractions, survival."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.blinking import Survival, SurvivalComparison
from analysis.cohorts import Cohort, Prediction
from analysis.figures import parts, traces
from analysis.figures.traces import BLUE, GREEN, ORANGE

SWARM = 0.30  # half height of a row of points


def cohort_overview(
    film: Cohort,
    glass: Cohort,
    prediction: Prediction | None,
    *,
    on: Mapping[str, Cohort] | None = None,
    survival: Mapping[str, Survival] | None = None,
    comparison: SurvivalComparison | None = None,
    uids: Sequence[str] = (),
) -> Figure:
    """Emitters in film against emitters on glass.

    (a) rise times one by one with means and spreads, and the spread that the effective medium predicts for the film;
    (b) ON fractions (0 to 1) by sample with their medians; (c) survival of groups with their log-rank test.
    """
    figure = Figure(figsize=(parts.WIDTH_IN, 4.35))
    rises = parts.place(figure, 0.62, 2.62, parts.WIDTH_IN - 0.62 - 0.25, 1.46)
    rise_panel(rises, {"film": film, "glass": glass}, prediction)
    parts.footnote(rises, parts.run_names(uids, per_line=3), upright=True)
    on_panel(parts.place(figure, 0.86, 0.36, 2.30, 1.68), on or {})
    survival_panel(parts.place(figure, 3.86, 0.36, parts.WIDTH_IN - 3.86 - 0.12, 1.68), survival or {}, comparison)
    return figure


def rows_of(
    ax: Axes, groups: Mapping[str, Cohort], colors: Sequence[str], texts: Sequence[str], scale: float = 1.0
) -> None:
    """One row of points per group, with its name and a text on the left."""
    for row, ((name, one), color) in enumerate(zip(groups.items(), colors, strict=False)):
        y = len(groups) - 1 - row
        order = np.argsort(np.argsort(one.values))
        jitter = SWARM * (2 * ((order * 0.618034) % 1) - 1)  # even, and the same each time
        errors = scale * np.where(np.isfinite(one.errors), one.errors, 0)
        ax.errorbar(
            scale * one.values, y + jitter - 0.08, xerr=errors, fmt="o", color=color, markersize=2.4,
            markeredgewidth=0, elinewidth=0.35, alpha=0.75,
        )  # fmt: skip
        ax.annotate(
            f"{name}\n{texts[row]}", (0, y), (-4, 0), xycoords=("axes fraction", "data"), textcoords="offset points",
            size=parts.SMALL, ha="right", va="center", color=color, linespacing=1.25,
        )  # fmt: skip
    ax.set(ylim=(-0.62, len(groups) - 0.38), yticks=[])


def rise_panel(ax: Axes, groups: Mapping[str, Cohort], prediction: Prediction | None) -> None:
    """Rise times of film and glass, and what the effective medium makes of those on glass."""
    rows_of(ax, groups, (BLUE, ORANGE), [f"{one.n} QDs" for one in groups.values()])
    for row, ((name, one), color) in enumerate(zip(groups.items(), (BLUE, ORANGE), strict=True)):
        y = len(groups) - 1 - row + 0.38
        ax.errorbar(one.mean, y, xerr=one.spread, fmt="D", color=color, markersize=4, elinewidth=1.2, capsize=2)
        mean, spread = parts.uncertain(one.mean, one.mean_err), parts.uncertain(one.spread, one.spread_err)
        text = f"{name}: mean ({mean}) ns, standard deviation ({spread}) ns"
        traces.label(ax, (0.985, 0.92 if row == 0 else 0.06), text, color, ha="right", va="center")
    if prediction is not None and np.isfinite(prediction.mean_ns):
        low, high = prediction.mean_ns + prediction.spread_ns * np.array([-1, 1])
        ax.axvspan(float(low), float(high), ymin=0.53, color=GREEN, alpha=0.15, linewidth=0)
        ax.plot([prediction.mean_ns] * 2, [0.55, len(groups) - 0.38], color=GREEN, linewidth=0.9, dashes=(4, 2))
        told = parts.uncertain(prediction.mean_ns, prediction.mean_err_ns)
        text = f"effective medium, from glass: mean ({told}) ns, spread {prediction.spread_ns:.2g} ns"
        traces.label(ax, (0.985, 0.78), text, GREEN, ha="right", va="center")
    every = np.concatenate([one.values for one in groups.values()])
    ax.set_ylim(-0.95, None)
    ax.set_xlim(0, 1.06 * traces.top([every], 1.0))
    ax.set_xlabel("rise time (ns)", size=parts.FONT, labelpad=1)
    parts.headline(ax, "a", "rise times, errors of measurement taken off the spread")


def on_panel(ax: Axes, groups: Mapping[str, Cohort]) -> None:
    """ON fractions of each sample, the median with its error."""
    colors = [traces.look(i) for i in range(len(groups))]
    medians = [f"{parts.uncertain(100 * one.median, 100 * one.median_err)} %" for one in groups.values()]
    rows_of(ax, groups, colors, medians, 100.0)
    for row, (one, color) in enumerate(zip(groups.values(), colors, strict=True)):
        y = len(groups) - 1 - row
        ax.plot([100 * one.median] * 2, [y - 0.45, y + 0.30], color=color, linewidth=1.2)
    values = [one.values for one in groups.values() if one.n]
    lowest = 100 * float(min((one.min() for one in values), default=0.5))
    ax.set_xlim(min(lowest - 2, 96), 100.6)
    ax.set_xlabel("ON fraction (%), with median", size=parts.FONT, labelpad=1)
    parts.headline(ax, "b", "blinking" if groups else "no blinking traces")


def survival_panel(ax: Axes, groups: Mapping[str, Survival], comparison: SurvivalComparison | None) -> None:
    """Kaplan-Meier curves with their bounds; emitters that outlived their recording as ticks."""
    told = []
    for (name, one), color in zip(groups.items(), (BLUE, ORANGE), strict=False):
        ax.step(one.time_s, one.survival, where="post", color=color, linewidth=1.0)
        ax.fill_between(one.time_s, one.low, one.high, step="post", color=color, alpha=0.15, linewidth=0)
        alive_s = one.duration_s[~one.observed]
        ax.plot(alive_s, one.at(alive_s), "|", color=color, markersize=4, markeredgewidth=0.7)
        median = f"median {one.median_s:.0f} s" if np.isfinite(one.median_s) else "median not reached"
        told.append((f"{name}: {int(one.observed.sum())} of {one.n} bleached, {median}", color))
    if comparison is not None and np.isfinite(comparison.p_value):
        told.append((f"log-rank p = {comparison.p_value:.2g}", "black"))
    ax.set_xlim(0, 1.03 * traces.top([one.time_s for one in groups.values()], 1.0))
    traces.value_axis(ax, "share still alive", 0, 1.0 + 0.13 * len(told))
    ax.set_yticks([0, 0.5, 1])
    ax.axhline(0.5, color="0.8", linewidth=0.5, zorder=0)
    ax.set_xlabel("time with light (s)", size=parts.FONT, labelpad=1)
    traces.names(ax, told, (0.985, 0.975))
    parts.headline(ax, "c", "survival" if groups else "no survival times")
