"""Panels of a measurement that stays on one emitter: a number as it becomes known, the drift between re-centrings."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from analysis.figures import parts, traces
from analysis.figures.traces import BLUE, ORANGE

MOST_SIGMAS = 4.0  # of the last error, that an axis reaches around the last value
NM = 1e3
LEAST_REACH_NM = 20.0


def converging_panel(
    ax: Axes, live_s: Sequence[float], known: Sequence[tuple[float, float]], label: str, target_err: float = np.nan
) -> None:
    """A number with its error after some seconds of light, and the error that is asked for around the last.

    known : value and error at each of `live_s`; NaN before anything was known
    """
    time_s, (value, err) = np.asarray(live_s, float), np.asarray(known, float).reshape(-1, 2).T
    there = np.isfinite(value) & np.isfinite(err) & (err > 0)
    ax.set_xlim(0, 1.05 * float(time_s.max(initial=1.0)))
    ax.xaxis.set_major_locator(MaxNLocator(5))
    ax.set_xlabel("time with light (s)", size=parts.FONT, labelpad=1)
    if not there.any():
        traces.value_axis(ax, label, 0, 1)
        traces.label(ax, (0.5, 0.5), "not yet known", parts.GREY, ha="center", va="center")
        return
    last, last_err = float(value[there][-1]), float(err[there][-1])
    if np.isfinite(target_err):
        ax.axhspan(last - target_err, last + target_err, color=ORANGE, alpha=0.18, linewidth=0)
        traces.label(ax, (0.97, 0.94), f"asked: ± {target_err:g}", ORANGE, ha="right", va="top")
    ax.errorbar(
        time_s[there], value[there], yerr=err[there], fmt="o", color=BLUE, markersize=2.4, markeredgewidth=0,
        elinewidth=0.6,
    )  # fmt: skip
    reach = 1.6 * max(MOST_SIGMAS / 1.6 * last_err, np.nan_to_num(target_err), 0.02 * abs(last))
    traces.value_axis(ax, label, last - reach, last + reach)


def places_panel(ax: Axes, at_um: np.ndarray) -> None:
    """Where the emitter was found, (n, 2) um, in nm from the first place; the first and the last are numbered."""
    moved_nm = NM * (at_um - at_um[:1]) if len(at_um) else np.zeros((0, 2))
    ax.plot(*moved_nm.T, color=parts.GREY, linewidth=0.5)
    order = np.arange(len(moved_nm)) + 1
    ax.scatter(*moved_nm.T, c=order, cmap=parts.PEROVSKITE_MAP, s=9, zorder=3, linewidths=0)
    for i in sorted({0, len(moved_nm) - 1} & set(range(len(moved_nm)))):
        ax.annotate(str(order[i]), tuple(moved_nm[i]), (3, 3), textcoords="offset points", size=parts.FONT)
    low, high = moved_nm.min(axis=0, initial=0.0), moved_nm.max(axis=0, initial=0.0)
    reach = max(LEAST_REACH_NM, 0.7 * float((high - low).max()))
    for axis, middle in ((ax.set_xlim, (low[0] + high[0]) / 2), (ax.set_ylim, (low[1] + high[1]) / 2)):
        axis(middle - reach, middle + reach)
    ax.set_aspect("equal")
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_locator(MaxNLocator(3))
    ax.set_xlabel("drift along x (nm)", size=parts.FONT, labelpad=1)
    ax.set_ylabel("drift along y (nm)", size=parts.FONT, labelpad=1)
    many = len(moved_nm)
    parts.headline(ax, "", f"{many} re-centring{'s' * (many != 1)}")
