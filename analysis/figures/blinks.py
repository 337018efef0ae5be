"""Panels with blinking traces: the trace with its levels, its histogram, how long it stays bright and dark."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.blinks import BlinkEstimate
from analysis.figures import parts, traces
from analysis.figures.traces import BLUE, ORANGE, WIDEST_STEP, WINE

SHOWN_S = 0.01  # shorter bins are put together for the eye
MOST_POINTS = 4000  # of a line; beyond, the trace is drawn from lowest to highest
SIDE_IN = 0.62  # of the histogram beside a trace
FEW_BINS, MOST_BINS = 20, 120
GAP = "0.86"


def who(estimate: BlinkEstimate) -> str:
    """The emitter, else the sample."""
    return estimate.facts.emitter or estimate.facts.sample


def shown(estimate: BlinkEstimate) -> tuple[np.ndarray, np.ndarray, float]:
    """Beginnings, counts and width of the bins that are drawn; those that a gap cuts short are left out."""
    factor = max(1, round(SHOWN_S / estimate.bin_s))
    if factor == 1 or not estimate.counts.size:
        return estimate.time_s, estimate.counts, estimate.bin_s
    width_s = factor * estimate.bin_s
    piece = np.cumsum(np.diff(estimate.time_s, prepend=estimate.time_s[0]) > WIDEST_STEP * estimate.bin_s)
    since = np.arange(piece.size) - np.searchsorted(piece, piece)  # bins since the last gap
    starts = np.flatnonzero(since % factor == 0)
    sums, whole = np.add.reduceat(estimate.counts, starts), np.diff(starts, append=piece.size) == factor
    return estimate.time_s[starts][whole], sums[whole], width_s


def threshold_kcps(estimate: BlinkEstimate) -> float:
    """Between dark and bright; NaN with one level."""
    per_second = 1.0 if estimate.on.method == "levels" else 1 / estimate.bin_s
    return float(np.mean(estimate.on.threshold)) * per_second / 1e3


def trace_panel(
    figure: Figure, box_in: tuple[float, float, float, float], estimate: BlinkEstimate, letter: str
) -> Axes:
    """The trace with its threshold, and its histogram on the right, in a box (left, bottom, width, height)."""
    left, bottom, width, height = box_in
    ax = parts.place(figure, left, bottom, width - SIDE_IN - 0.05, height)
    side = parts.place(figure, left + width - SIDE_IN, bottom, SIDE_IN, height)
    draw_trace(ax, estimate)
    draw_histogram(side, estimate)
    side.set_ylim(ax.get_ylim())
    parts.headline(ax, letter, f"{who(estimate)}: {in_words(estimate)}")
    parts.footnote(side, parts.run_names([estimate.facts.uid]), upright=True)
    return ax


def draw_trace(ax: Axes, estimate: BlinkEstimate) -> None:
    """Rate against time; gaps shaded, bleaching marked."""
    start_s, counts, width_s = shown(estimate)
    rate, middle_s = counts / (1e3 * width_s), start_s + width_s / 2
    if rate.size > MOST_POINTS:
        draw_envelope(ax, middle_s, rate)
    else:
        ax.plot(*traces.with_gaps(middle_s, rate), color=BLUE, linewidth=0.5)
    for start_s, stop_s in estimate.gaps_s:
        ax.axvspan(float(start_s), float(stop_s), color=GAP, linewidth=0, zorder=0)
    ax.axhline(threshold_kcps(estimate), color=ORANGE, linewidth=0.7, dashes=(4, 2))
    if estimate.observed:
        ax.axvline(bleached_at(estimate), color="black", linewidth=0.8)
    ax.set_xlim(0, float(estimate.time_s[-1] + estimate.bin_s) if rate.size else 1.0)
    traces.value_axis(ax, f"kcounts/s in {width_s * 1e3:g} ms", 0, 1.06 * traces.top([rate], 1.0))
    ax.set_xlabel("time (s)", size=parts.FONT, labelpad=1)


def draw_envelope(ax: Axes, middle_s: np.ndarray, rate: np.ndarray) -> None:
    """From the lowest to the highest bin of each column of the picture: no blink is lost, however short."""
    factor = -(-rate.size // (MOST_POINTS // 2))
    starts = np.arange(0, rate.size, factor)
    low, high = np.minimum.reduceat(rate, starts), np.maximum.reduceat(rate, starts)
    x, low, high = traces.with_gaps(middle_s[starts], low, high)
    ax.fill_between(x, low, high, color=BLUE, linewidth=0.3)


def bleached_at(estimate: BlinkEstimate) -> float:
    """Where bleaching is on the axis of `time_s`: gaps hold no light."""
    i = int(np.searchsorted(np.arange(estimate.counts.size) * estimate.bin_s, estimate.survival_s))
    return float(estimate.time_s[min(i, estimate.time_s.size - 1)]) if estimate.time_s.size else np.nan


def draw_histogram(ax: Axes, estimate: BlinkEstimate) -> None:
    """How often each rate was seen, sideways on the axis of the trace."""
    _, counts, width_s = shown(estimate)
    step = max(1, int(np.ceil(counts.max(initial=1) / np.clip(counts.size / 10, FEW_BINS, MOST_BINS))))
    edges = np.arange(0, counts.max(initial=0) + 2 * step, step) - 0.5  # whole counts: no bin gets more than others
    seen = np.histogram(counts, edges)[0]
    ax.stairs(seen, edges / (1e3 * width_s), orientation="horizontal", fill=True, color=BLUE, alpha=0.6)
    ax.axhline(threshold_kcps(estimate), color=ORANGE, linewidth=0.7, dashes=(4, 2))
    ax.set_xscale("symlog", linthresh=1.0)
    ax.set_xlim(0, 2.0 * max(1, int(seen.max(initial=1))))
    ax.tick_params(labelleft=False, labelbottom=False, bottom=False, which="both")
    ax.set_xlabel("bins (log)", size=parts.FONT, labelpad=3)


def in_words(estimate: BlinkEstimate) -> str:
    """The numbers of a trace, in a line."""
    on = parts.uncertain(100 * estimate.on.value, 100 * estimate.on.err)
    bleached = f", bleached after {estimate.survival_s:.0f} s" if estimate.observed else ""
    return f"ON ({on}) %, {estimate.rate_on_cps / 1e3:.3g} kcounts/s{bleached}"


def durations_panel(ax: Axes, estimate: BlinkEstimate, letter: str) -> None:
    """Share of the bright and of the dark periods that last longer than a time; those that a gap cuts are left out."""
    kinds = [
        ("ON", estimate.on_times_s[estimate.on_complete], BLUE),
        ("OFF", estimate.off_times_s[estimate.off_complete], WINE),
    ]
    known = [(name, np.sort(times_s[times_s > 0]), color) for name, times_s, color in kinds]
    for _, times_s, color in known:
        ax.step(times_s, 1 - np.arange(times_s.size) / max(times_s.size, 1), where="pre", color=color, linewidth=0.9)
    every = np.concatenate([times_s for _, times_s, _ in known])
    low, high = (0.7 * every.min(), 1.4 * every.max()) if every.size else (estimate.bin_s, 1.0)
    most = max([times_s.size for _, times_s, _ in known] + [2])
    ax.set(xscale="log", yscale="log", xlim=(low, high), ylim=(0.7 / most, 1.5))
    for axis, ends in ((ax.xaxis, (low, high)), (ax.yaxis, (0.7 / most, 1.5))):
        parts.label_decades(axis, *ends)
    ax.set_xlabel("duration (s)", size=parts.FONT, labelpad=1)
    ax.set_ylabel("share that lasts longer", size=parts.FONT, labelpad=2)
    traces.names(ax, [(f"{times_s.size} {name} periods", color) for name, times_s, color in known])
    parts.headline(ax, letter, "durations")
