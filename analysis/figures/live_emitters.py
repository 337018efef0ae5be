"""Pictures that grow while single emitters are searched, while pairs are counted, while one blinks."""

from typing import Protocol

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.blinks import BlinkEstimate
from analysis.field import Field, FieldRun
from analysis.figures import blinks, dips, fields, parts
from analysis.hbt import HbtEstimate

SIDE_IN = 2.72
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
        self.figure = Figure(figsize=(parts.WIDTH_IN, SIDE_IN + 0.60))
        self.text = waiting(self.figure)
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
    """Coincidences so far with fit and residuals, the rates, how far the contrast is from two emitters."""

    def __init__(self):
        self.figure = Figure(figsize=(parts.WIDTH_IN, 3.10))
        self.text = waiting(self.figure)
        self.panels: list[Axes] = []

    def update(self, live: Counting) -> None:
        """Show what there is by now."""
        if (estimate := live.estimate) is None:
            return
        for ax in self.panels:
            ax.remove()
        before = list(self.figure.axes)
        dips.dip_panel(self.figure, (0.47, 0.36, 3.20, 2.36), estimate, "")
        dips.rates_panel(parts.place(self.figure, 4.20, 1.62, parts.WIDTH_IN - 4.32, 1.10), estimate, "")
        dips.verdict_panel(parts.place(self.figure, 4.20, 0.36, parts.WIDTH_IN - 4.32, 0.66), estimate, "")
        self.panels = [ax for ax in self.figure.axes if ax not in before]
        self.text.set_text(counted(estimate))


def counted(estimate: HbtEstimate) -> str:
    """What is known so far, in a line."""
    fit = estimate.fit
    tau = f"τ = ({parts.uncertain(fit.tau_ns, fit.tau_err_ns)}) ns" if fit.identified else "no dip yet"
    counts = f"{estimate.live_s:.0f} s, {estimate.coincidences_per_ns:.3g} per ns"
    return f"pairs of {dips.who(estimate)}  ·  {counts}  ·  {tau}  ·  {dips.VERDICTS[estimate.decision.single]}"


class LiveBlinkingImage:
    """The trace so far with its threshold and its histogram."""

    def __init__(self):
        self.figure = Figure(figsize=(parts.WIDTH_IN, 2.30))
        self.text = waiting(self.figure)
        self.panels: list[Axes] = []

    def update(self, live: Watching) -> None:
        """Show what there is by now."""
        if (estimate := live.estimate) is None:
            return
        for ax in self.panels:
            ax.remove()
        before = list(self.figure.axes)
        blinks.trace_panel(self.figure, (0.47, 0.36, parts.WIDTH_IN - 0.66, 1.56), estimate, "")
        self.panels = [ax for ax in self.figure.axes if ax not in before]
        light = f"{estimate.live_s:.0f} s of light  ·  {estimate.n_photons:,} photons"
        self.text.set_text(f"blinking of {blinks.who(estimate)}  ·  {light}")


def waiting(figure: Figure):
    """The line above a picture that shows nothing yet."""
    width, height = figure.get_size_inches()
    return figure.text(0.06 / width, 1 - 0.14 / height, WAITING, size=parts.FONT)
