"""The window of a measurement that adds up histograms of one place: instrument response, time zero, decay of a dot."""

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.figures import parts, traces
from analysis.figures.headway import Head
from analysis.figures.traces import BLUE, ORANGE

HEIGHT_IN = 3.0
ROUTES = ("SPAD 1", "SPAD 2")
NAMES = {"irf": "instrument response", "time_zero": "time zero", "lifetime_at": "decay"}
TALLEST = 3.0  # of the highest channel: room for names above it


class Adding(Protocol):
    """What a growing histogram is drawn from: `LiveSum`, or anything with a sum and the number of its rows."""

    total: np.ndarray | None
    n_rows: int


class LiveSumImage:
    """All counts so far against time, on a logarithmic axis; one line for each route.

    start : start document of the run: plan, sample, channels of the card
    """

    def __init__(self, start: Mapping[str, Any]):
        self.start = start
        self.figure = Figure(figsize=(parts.WIDTH_IN, HEIGHT_IN))
        self.head = Head(self.figure, "waiting for the first counts")
        self.text = self.head.text
        self.ax = parts.place(self.figure, 0.60, 0.36, parts.WIDTH_IN - 0.78, HEIGHT_IN - 0.86)
        self.ax.set(xticks=[], yticks=[])

    def update(self, live: Adding) -> None:
        """Show what there is by now."""
        if live.total is None:
            return
        counts = np.atleast_2d(live.total)
        tcspc: Mapping[str, float] = self.start["tcspc"]
        time_ns = tcspc.get("offset_ns", 0.0) + tcspc["bin_width_ns"] * np.arange(counts.shape[1] + 1)
        self.ax.clear()
        draw_counts(self.ax, time_ns, counts)
        self.ax.set_ylabel(f"counts per {tcspc['bin_width_ns']:.3g} ns", size=parts.FONT, labelpad=2)
        paired = self.start.get("plan_name") == "time_zero"
        self.ax.set_xlabel("SPAD 2 after SPAD 1 (ns)" if paired else "time (ns)", size=parts.FONT, labelpad=1)
        parts.footnote(self.ax, parts.run_names([self.start.get("uid", "")]), upright=True)
        self.text.set_text(self.told(counts, live.n_rows))

    def told(self, counts: np.ndarray, n_rows: int) -> str:
        """The run in a line."""
        plan = self.start.get("plan_name", "")
        place = self.start.get("emitter") or self.start.get("sample_name", "")
        what = f"{NAMES.get(plan, plan)} of {place}" if place else NAMES.get(plan, plan)
        peaks = ", ".join(f"{row.max():,}" for row in counts)
        many = f"{n_rows} integration{'s' * (n_rows != 1)}"
        return f"{what}  ·  {many}  ·  {counts.sum():,} counts, highest channel {peaks}"


def draw_counts(ax: Axes, time_ns: np.ndarray, counts: np.ndarray) -> None:
    """Counts (n_routes, n_bins) as steps between the edges time_ns (n_bins + 1,)."""
    parts.tidy(ax)
    looks = list(zip((BLUE, ORANGE), ROUTES, strict=True))[: len(counts)]
    for row, (color, _) in zip(counts, looks, strict=False):
        ax.stairs(row, time_ns, color=color, linewidth=0.7)
    ax.set_yscale("symlog", linthresh=1.0)
    highest = TALLEST * max(float(counts.max(initial=1)), 1.0)
    ax.set(xlim=(time_ns[0], time_ns[-1]), ylim=(0, highest))
    ax.set_yticks([10.0**k for k in range(int(np.log10(highest)) + 1)])
    ax.yaxis.set_major_formatter("{x:,.0f}")
    ax.minorticks_off()
    if len(counts) > 1:
        traces.names(ax, [(name, color) for color, name in looks])
