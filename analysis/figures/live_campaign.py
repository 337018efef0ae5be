"""The window of a campaign: the map of its dots by what became of them, the present dot, the newest results."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle

from analysis.blinks import BlinkEstimate
from analysis.field import Field
from analysis.figures import blinks, dips, fields, parts, traces
from analysis.figures.headway import Head
from analysis.figures.live_raster import empty
from analysis.hbt import HbtEstimate

HEIGHT_IN, MAP_IN = 5.10, 2.62
MAP_AT_IN = (0.06, 1.90)
PANEL_IN = (3.92, 2.02, parts.WIDTH_IN - 4.10, 2.36)
N_ROWS = 8  # of the table
LONGEST_REASON = 44
LOOKS = {
    "done": ("white", "-", 1.3),
    "begun": ("#56B4E9", "-", 1.9),
    "rejected": (traces.ORANGE, (0, (2, 1.5)), 0.9),
    "failed": (traces.WINE, (0, (1, 1)), 1.3),
    "waiting": ("0.75", (0, (1, 1.5)), 0.6),
}  # colour, line style and width of a circle: told apart without colour, too
COLUMNS = ((0.06, "dot"), (0.80, "state"), (1.60, "τ (ns)"), (2.60, "contrast"), (3.60, "ON (%)"), (4.45, "reason"))


@dataclass(frozen=True)
class DotShown:
    """A dot of a campaign as its window shows it; state : a key of `LOOKS`; facts : "hbt" and "blinking", if there."""

    emitter: str
    x_um: float
    y_um: float
    state: str
    reason: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class CampaignShown:
    """A campaign as it stands.

    dots : in the order in which they were come to, then those that wait
    field : the image they were found in, None if it was taken in another session
    present : estimate of the run that goes on; None between runs
    """

    name: str
    sample: str
    dots: Sequence[DotShown]
    field: Field | None = None
    present: HbtEstimate | BlinkEstimate | None = None

    def of_state(self, *states: str) -> list[DotShown]:
        return [dot for dot in self.dots if dot.state in states]


class LiveCampaignImage:
    """Map, present dot and table of a campaign, in places that stay."""

    def __init__(self):
        self.figure = Figure(figsize=(parts.WIDTH_IN, HEIGHT_IN))
        self.head = Head(self.figure, "waiting for the image of the field")
        self.text = self.head.text
        self.panels: list[Axes] = []

    def update(self, shown: CampaignShown) -> None:
        """Show what there is by now."""
        for ax in self.panels:
            ax.remove()
        before = list(self.figure.axes)
        draw_map(self.figure, shown)
        draw_present(self.figure, shown.present)
        draw_table(parts.place(self.figure, 0, 0.04, parts.WIDTH_IN, 1.56), shown)
        self.panels = [ax for ax in self.figure.axes if ax not in before]
        self.text.set_text(summary(shown))


def summary(shown: CampaignShown) -> str:
    """A campaign in a line."""
    counts = {state: len(shown.of_state(state)) for state in LOOKS}
    told = [f"{n} {STATES.get(state, state)}" for state, n in counts.items() if n and state != "begun"]
    return f"campaign {shown.name} of {shown.sample}  ·  {len(shown.dots)} dots: " + (", ".join(told) or "none yet")


def draw_map(figure: Figure, shown: CampaignShown) -> None:
    """The QD image with a circle around each dot, by what became of it; without the image, the circles alone."""
    ax = parts.place(figure, *MAP_AT_IN, MAP_IN, MAP_IN)
    if shown.field is not None:
        bar = parts.place(figure, MAP_AT_IN[0] + MAP_IN + 0.05, MAP_AT_IN[1], 0.09, MAP_IN)
        fields.qd_panel(ax, bar, shown.field, "")
    elif not shown.dots:
        empty(ax, "no dots yet")
        return
    else:
        ax.set_facecolor("0.15")
        frame(ax, shown.dots)
    for dot in shown.dots:
        encircle(ax, dot)
    words = {"done": "○ done", "begun": "○ now", "rejected": "◌ left", "failed": "◌ failed", "waiting": "· waiting"}
    there = [state for state in LOOKS if shown.of_state(state)]
    told = "   ".join(f"{words[state]} {len(shown.of_state(state))}" for state in there)
    ax.annotate(
        told, (0, 0), (0, -11), xycoords="axes fraction", textcoords="offset points", size=parts.SMALL, va="top"
    )


def frame(ax: Axes, dots: Sequence[DotShown]) -> None:
    """Limits that hold all dots, equal scales, stage coordinates on the axes: there is no image to put a bar on."""
    x, y = np.array([(dot.x_um, dot.y_um) for dot in dots]).T
    half = 0.5 + max(np.ptp(x), np.ptp(y)) / 2
    ax.set(xlim=(np.mean([x.min(), x.max()]) - half, np.mean([x.min(), x.max()]) + half), aspect="equal")
    ax.set(ylim=(np.mean([y.min(), y.max()]) - half, np.mean([y.min(), y.max()]) + half), xticks=[], yticks=[])
    parts.headline(ax, "", f"dots, {2 * half:.3g} µm across")


def encircle(ax: Axes, dot: DotShown) -> None:
    """A circle; the name of those that are or were measured."""
    color, style, width = LOOKS[dot.state]
    centre = dot.x_um, dot.y_um
    look = {"edgecolor": color, "linestyle": style, "linewidth": width, "facecolor": "none", "zorder": 4}
    ax.add_patch(Circle(centre, fields.CIRCLE_UM, **look))
    if dot.state in ("done", "begun", "failed"):
        place = dot.x_um + 0.71 * fields.CIRCLE_UM, dot.y_um + 0.71 * fields.CIRCLE_UM
        style = {"color": color, "path_effects": parts.OUTLINE, "zorder": 5, "annotation_clip": True}
        name = fields.short(dot.emitter)
        ax.annotate(name, place, (1.5, 0), textcoords="offset points", size=parts.SMALL, **style)


def draw_present(figure: Figure, present: HbtEstimate | BlinkEstimate | None) -> None:
    """The dip or the trace of the dot that is measured."""
    match present:
        case HbtEstimate():
            dips.dip_panel(figure, PANEL_IN, present, "")
        case BlinkEstimate():
            blinks.trace_panel(figure, PANEL_IN, present, "")
        case _:
            empty(parts.place(figure, *PANEL_IN), "between two dots")


def draw_table(ax: Axes, shown: CampaignShown) -> None:
    """The newest dots that were come to and what is known of them, newest first."""
    ax.set_axis_off()
    ax.set(xlim=(0, parts.WIDTH_IN), ylim=(N_ROWS + 1, 0))
    for x, name in COLUMNS:
        ax.text(x, 0.5, name, size=parts.SMALL, color=parts.GREY, va="center")
    ax.axhline(1.0, 0.06 / parts.WIDTH_IN, 1 - 0.06 / parts.WIDTH_IN, color=parts.GREY, linewidth=parts.LINE)
    told = [dot for dot in reversed(shown.dots) if dot.state in ("begun", "failed", "done") or dot.facts]
    for i, dot in enumerate(told[:N_ROWS]):
        for (x, _), text in zip(COLUMNS, row_of(dot), strict=True):
            weight = "bold" if dot.state == "begun" else "normal"
            ax.text(x, i + 1.55, text, size=parts.SMALL, va="center", weight=weight)


def row_of(dot: DotShown) -> tuple[str, ...]:
    """A dot as a row of the table.

    >>> row_of(DotShown("single-007", 0.0, 0.0, "done", facts={"hbt": {"tau_ns": 17.72, "tau_err_ns": 0.94}}))
    ('single-007', 'done', '17.7 ± 0.9', '–', '–', '')
    """
    hbt, blinking = dot.facts.get("hbt", {}), dot.facts.get("blinking", {})
    tau, contrast = known(hbt, "tau_ns", "tau_err_ns"), known(hbt, "contrast", "contrast_err")
    on = known({key: 100 * float(value) for key, value in blinking.items() if "fraction" in key}, *ON)
    reason = dot.reason if len(dot.reason) <= LONGEST_REASON else dot.reason[: LONGEST_REASON - 1] + "…"
    return dot.emitter, STATES.get(dot.state, dot.state), tau, contrast, on, reason


STATES = {"begun": "now", "rejected": "left"}
ON = ("on_fraction", "on_fraction_err")


def known(facts: Mapping[str, Any], value: str, err: str) -> str:
    """A number of the facts with its error, a dash if it is not there."""
    number, error = (math.nan if facts.get(key) is None else float(facts[key]) for key in (value, err))
    return parts.uncertain(number, error)
