"""The items of a night as bars over the clock, with marks where a process died."""

import math
from collections.abc import Iterable, Sequence

from lab.night.entry import RUNNING, Entry, Night
from lab.night.html import clock, own, span, text
from lab.night.runs import RunFacts

NARROWEST = 0.6  # percent of the night


def timeline(night: Night, runs: Sequence[RunFacts], end_s: float) -> str:
    """One row for each item that began, and the hours below."""
    began_s = min([night.began_s, *(entry.began_s for entry in night.entries if math.isfinite(entry.began_s))])
    rows = [row(entry, runs, began_s, end_s) for entry in night.entries if math.isfinite(entry.began_s)]
    if not rows or not end_s > began_s:
        return ""
    hours = "".join(f"<span>{clock(began_s + i * (end_s - began_s) / 4)}</span>" for i in range(5))
    axis = f'<div class="axis-label"></div><div class="axis">{hours}</div>'
    return f'<div class="timeline">{"".join(rows)}{axis}</div>'


def row(entry: Entry, runs: Sequence[RunFacts], began_s: float, end_s: float) -> str:
    """The bar of one item."""

    def percent(time_s: float) -> float:
        return 100 * min(max((time_s - began_s) / (end_s - began_s), 0.0), 1.0) if end_s > began_s else 0.0

    left = min(percent(entry.began_s), 100 - NARROWEST)
    stop_s = entry.ended_s if math.isfinite(entry.ended_s) else end_s
    width = max(percent(stop_s) - left, NARROWEST)
    state = "begun" if entry.state == RUNNING else entry.state
    marks = "".join(mark(percent(run.ended_s), run) for run in cut_off(entry, runs))
    about = f"{entry.state}, {clock(entry.began_s)} to {clock(stop_s)}, {span(stop_s - entry.began_s)}"
    return (
        f'<div class="label">{entry.index + 1} {own(entry.item.title, 80)}</div>'
        f'<svg role="img" class="{state}" aria-label="{text(about)}"><title>{text(about)}</title>'
        f'<rect class="track" x="0" y="30%" width="100%" height="40%" rx="3"/>'
        f'<rect class="span" x="{left:.2f}%" y="12%" width="{width:.2f}%" height="76%" rx="3"/>{marks}</svg>'
    )


def cut_off(entry: Entry, runs: Iterable[RunFacts]) -> list[RunFacts]:
    """Runs of an item that a process left unfinished."""
    return [run for run in runs if run.item == entry.index and run.interrupted and math.isfinite(run.ended_s)]


def mark(percent: float, run: RunFacts) -> str:
    """A mark where a run was cut off."""
    told = text(f"interrupted at {clock(run.ended_s)}: {run.reason or 'a process died'}")
    return f'<line class="cut" x1="{percent:.2f}%" x2="{percent:.2f}%" y1="0" y2="100%"><title>{told}</title></line>'
