"""Pictures that grow while single emitters are searched, while pairs are counted, while one blinks."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.blinks import BlinkEstimate
from analysis.callbacks.hbt import HbtLook
from analysis.field import Field, FieldRun
from analysis.figures import blinks, dips, fields, growth, parts, traces
from analysis.figures.headway import Head
from analysis.figures.traces import BLUE, ORANGE
from analysis.hbt import HbtEstimate

SIDE_IN = 2.72
LOWER_IN, LOWER_TALL_IN = 0.36, 1.10
RIGHT_IN = parts.WIDTH_IN - 4.32
MOST_POINTS = 400  # of a line
WAITING = "waiting for the first light"


class Searching(Protocol):
    """What a growing field is drawn from: `LiveField`, or anything with the rows so far and what was found in them."""

    run: FieldRun | None
    estimate: Field | None


class Counting(Protocol):
    """What a growing dip is drawn from: `LiveHbt`, or anything with an estimate."""

    estimate: HbtEstimate | None


class Watching(Protocol):
    """What a growing trace is drawn from: `LiveBlinking`, or anything with an estimate."""

    estimate: BlinkEstimate | None


class LiveFieldImage:
    """Both images of a search, row by row; circles around the emitters as soon as they are looked for."""

    def __init__(self):
        self.figure = Figure(figsize=(parts.WIDTH_IN, SIDE_IN + 0.78))
        self.head = Head(self.figure, WAITING)
        self.text = self.head.text
        self.pictures = []

    def update(self, live: Searching) -> None:
        """Show what there is by now."""
        if (run := live.run) is None:
            return
        exposure_s = np.where(run.usable, run.facts.dwell_s, 0.0)
        images = [fields.per_ms(counts, exposure_s) for counts in run.images]
        if not self.pictures:
            self.prepare(run)
        for (ax, picture), values in zip(self.pictures, images, strict=True):
            picture.set_data(values)
            picture.set_clim(*parts.span(np.append(values[np.isfinite(values)], 0.0), 0, 99))
            for patch in [*ax.patches, *ax.texts]:
                if patch.get_gid() == fields.CIRCLES:
                    patch.remove()
        if live.estimate is not None:
            fields.circles(self.pictures[1][0], live.estimate.emitters)
        self.text.set_text(searched(run, live.estimate))

    def prepare(self, run: FieldRun) -> None:
        """Empty images of the right size."""
        pixels, nothing = fields.pixels_of(run.facts), np.full(run.images.shape[1:], np.nan)
        looks = zip((parts.PEROVSKITE_MAP, parts.QD_MAP), ("perovskite", "QDs"), (0.06, 3.44), strict=True)
        for cmap, name, left in looks:
            ax = parts.place(self.figure, left, 0.20, SIDE_IN, SIDE_IN)
            picture = parts.show(ax, nothing, pixels, cmap, parts.linear_scale(nothing))
            bar = parts.place(self.figure, left + SIDE_IN + 0.05, 0.20, 0.09, SIDE_IN)
            parts.colour_bar(bar, picture, "counts/ms", extend="max")
            parts.headline(ax, "", name)
            parts.scale_bar(ax, pixels)
            parts.footnote(ax, parts.run_names([run.facts.uid]))
            self.pictures.append((ax, picture))


def searched(run: FieldRun, field: Field | None) -> str:
    """Rows so far and what was found in them, in a line."""
    found = "" if field is None else f"  ·  {len(field.emitters)} spots, {int(field.emitters.isolated.sum())} isolated"
    rows = f"{int(run.usable.sum())} of {run.facts.n} rows"
    return f"sample {run.facts.sample}  ·  {run.facts.intensity_w_cm2 / 1e3:g} kW/cm²  ·  {rows}{found}"


class LiveHbtImage:
    """Coincidences so far with fit and residuals, rates, verdict; tau and contrast as they become known; the drift.

    start : start document of the run; its stop rule is drawn as what is asked for
    """

    def __init__(self, start: Mapping[str, Any] | None = None):
        self.asked: Mapping[str, Any] = (start or {}).get("stop_rule", {})
        self.figure = Figure(figsize=(parts.WIDTH_IN, 4.74))
        self.head = Head(self.figure, WAITING)
        self.text = self.head.text
        self.panels: list[Axes] = []

    def update(self, live: Counting) -> None:
        """Show what there is by now."""
        if (estimate := live.estimate) is None:
            return
        for ax in self.panels:
            ax.remove()
        before = list(self.figure.axes)
        dips.dip_panel(self.figure, (0.47, 2.00, 3.20, 2.16), estimate, "")
        dips.rates_panel(parts.place(self.figure, 4.20, 3.16, RIGHT_IN, 1.00), estimate, "")
        dips.verdict_panel(parts.place(self.figure, 4.20, 2.02, RIGHT_IN, 0.56), estimate, "")
        self.draw_growth(list(getattr(live, "looks", ())) or [HbtLook.of(estimate)])
        growth.places_panel(parts.place(self.figure, 5.30, LOWER_IN, LOWER_TALL_IN, LOWER_TALL_IN), places_of(live))
        self.panels = [ax for ax in self.figure.axes if ax not in before]
        self.text.set_text(counted(estimate))

    def draw_growth(self, looks: Sequence[HbtLook]) -> None:
        """Rise time and contrast against the time with light."""
        live_s = [look.live_s for look in looks]
        tau = [(look.tau_ns, look.tau_err_ns) for look in looks]
        contrast = [(look.contrast, look.contrast_err) for look in looks]
        told = ((0.47, tau, "τ (ns)", "target_err_ns"), (2.90, contrast, "contrast C", "target_contrast_err"))
        for left, known, label, key in told:
            ax = parts.place(self.figure, left, LOWER_IN, 1.78, LOWER_TALL_IN)
            target = self.asked.get(key)
            growth.converging_panel(ax, live_s, known, label, np.nan if target is None else float(target))
            parts.headline(ax, "", "rise time as it becomes known" if left < 1 else "contrast as it becomes known")


def counted(estimate: HbtEstimate) -> str:
    """What is known so far, in a line."""
    fit = estimate.fit
    tau = f"τ = ({parts.uncertain(fit.tau_ns, fit.tau_err_ns)}) ns" if fit.identified else "no dip yet"
    counts = f"{estimate.live_s:.0f} s, {estimate.coincidences_per_ns:.3g} per ns"
    return f"pairs of {dips.who(estimate)}  ·  {counts}  ·  {tau}  ·  {dips.VERDICTS[estimate.decision.single]}"


class LiveBlinkingImage:
    """The trace so far with its threshold and its histogram; the ON fraction, the durations, the drift."""

    def __init__(self):
        self.figure = Figure(figsize=(parts.WIDTH_IN, 3.94))
        self.head = Head(self.figure, WAITING)
        self.text = self.head.text
        self.panels: list[Axes] = []

    def update(self, live: Watching) -> None:
        """Show what there is by now."""
        if (estimate := live.estimate) is None:
            return
        for ax in self.panels:
            ax.remove()
        before = list(self.figure.axes)
        blinks.trace_panel(self.figure, (0.47, 1.96, parts.WIDTH_IN - 0.66, 1.40), estimate, "")
        on_fraction_panel(parts.place(self.figure, 0.47, LOWER_IN, 1.78, LOWER_TALL_IN), estimate)
        blinks.durations_panel(parts.place(self.figure, 2.90, LOWER_IN, 1.78, LOWER_TALL_IN), estimate, "")
        growth.places_panel(parts.place(self.figure, 5.30, LOWER_IN, LOWER_TALL_IN, LOWER_TALL_IN), places_of(live))
        self.panels = [ax for ax in self.figure.axes if ax not in before]
        light = f"{estimate.live_s:.0f} s of light  ·  {estimate.n_photons:,} photons"
        self.text.set_text(f"blinking of {blinks.who(estimate)}  ·  {light}")


def on_fraction_panel(ax: Axes, estimate: BlinkEstimate) -> None:
    """The share of bright bins from the beginning up to each second of light; in the end that of the estimate."""
    counts = estimate.counts[: np.searchsorted(estimate.time_s, estimate.survival_s)]
    bright = counts / estimate.bin_s > 1e3 * blinks.threshold_kcps(estimate)
    share = np.cumsum(bright) / np.maximum(np.arange(bright.size) + 1, 1)
    light_s = (np.arange(bright.size) + 1) * estimate.bin_s
    every = max(1, bright.size // MOST_POINTS)
    ax.plot(light_s[every - 1 :: every], 100 * share[every - 1 :: every], color=BLUE, linewidth=0.9)
    value, err = 100 * estimate.on.value, 100 * estimate.on.err
    if np.isfinite([value, err]).all():
        ax.axhspan(value - err, value + err, color=ORANGE, alpha=0.25, linewidth=0)
    ax.set_xlim(0, float(light_s.max(initial=1.0)))
    traces.value_axis(ax, "ON (%)", 0, 105)
    ax.set_xlabel("time with light (s)", size=parts.FONT, labelpad=1)
    parts.headline(ax, "", f"ON fraction: ({parts.uncertain(value, err)}) %")


def places_of(live: Any) -> np.ndarray:
    """Where the emitter was found again, (n, 2) um; none of an analysis that keeps no places."""
    known = getattr(live, "places", None)
    return np.zeros((0, 2)) if known is None else known.at_um
