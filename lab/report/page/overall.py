"""All numbers at a glance: where within its tolerance each fell."""

from __future__ import annotations

import math
from collections.abc import Sequence

from lab.night.html import text
from lab.report.page.chapters import CHAPTERS
from lab.report.rows import Row
from lab.report.text import told

WIDTH, LANE, TOP, LEFT, RIGHT = 760.0, 58.0, 8.0, 44.0, 8.0
REACH = 1.3  # half widths of the tolerance on either side
STEP = 8.5  # between points that would lie on each other
LEVELS = (0, -1, 1, -2, 2)  # rows of points in a lane


def overall(rows: Sequence[Row]) -> str:
    """A lane for each section; the band is what is accepted, each point a number. Limits on one side are counted."""
    lanes = [(chapter, placed(chapter.rows(rows))) for chapter in CHAPTERS]
    lanes = [(chapter, found) for chapter, found in lanes if found]
    if not lanes:
        return ""
    height = TOP + LANE * len(lanes) + 22
    drawn = [lane(chapter.number, found, TOP + LANE * (k + 0.5)) for k, (chapter, found) in enumerate(lanes)]
    n = sum(len(found) for _, found in lanes)
    others = sum(one.verdict in ("ok", "missed") and one.measured is not None for one in rows) - n
    told_others = f" {others} numbers with a limit on one side, or an exact one, are in the tables." if others else ""
    return (
        f'<figure class="overall"><svg viewBox="0 0 {WIDTH:g} {height:g}" role="img" '
        f'aria-label="where within their tolerances {n} numbers fell">{frame(height)}{"".join(drawn)}</svg>'
        f"<figcaption>Where within its tolerance (the band) each of {n} numbers fell; lines are one standard deviation."
        f"{told_others}</figcaption></figure>"
    )


def x_of(share: float) -> float:
    """Where a position lies: -1 and 1 are the ends of the tolerance."""
    share = min(max(share, -REACH), REACH)
    return LEFT + (share + REACH) / (2 * REACH) * (WIDTH - LEFT - RIGHT)


def frame(height: float) -> str:
    """The band, its middle, and what they are."""
    low, middle, high, bottom = x_of(-1), x_of(0), x_of(1), height - 22
    marks = (
        (low, "lowest accepted", "middle"),
        (middle, "middle of the tolerance", "middle"),
        (high, "highest accepted", "middle"),
    )
    return (
        f'<rect class="accepted" x="{low:.1f}" y="{TOP:g}" width="{high - low:.1f}" height="{bottom - TOP:.1f}"/>'
        f'<line class="hair" x1="{middle:.1f}" x2="{middle:.1f}" y1="{TOP:g}" y2="{bottom:.1f}"/>'
        + "".join(f'<line class="end" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP:g}" y2="{bottom:.1f}"/>' for x in (low, high))
        + "".join(f'<text class="tick" x="{x:.1f}" y="{height - 6:.1f}">{label}</text>' for x, label, _ in marks)
    )


def placed(rows: Sequence[Row]) -> list[tuple[Row, float, float]]:
    """Numbers with a tolerance on both sides: position and error in half widths of it, from the left."""
    found = []
    for one in rows:
        if one.measured is None or one.low is None or one.high is None or one.verdict not in ("ok", "missed"):
            continue
        if (half := (one.high - one.low) / 2) > 0:
            found.append((one, (one.measured - (one.low + one.high) / 2) / half, (one.error or 0.0) / half))
    return sorted(found, key=lambda each: each[1])


def lane(label: str, found: Sequence[tuple[Row, float, float]], y: float) -> str:
    """One section; points that would lie on each other are put side by side."""
    drawn: list[str] = []
    last: dict[int, float] = dict.fromkeys(LEVELS, -math.inf)
    for one, share, error in found:
        x = x_of(share)
        level = next((each for each in LEVELS if x - last[each] > STEP), min(last, key=lambda each: last[each]))
        last[level] = x
        drawn.append(dot(one, x, y + STEP * level, (x_of(share - error), x_of(share + error))))
    return f'<text class="lane" x="4" y="{y + 4:.1f}">{text(label)}</text>{"".join(drawn)}'


def dot(one: Row, x: float, y: float, ends: tuple[float, float]) -> str:
    """A number, linked to its line."""
    error = f'<line class="error" x1="{ends[0]:.1f}" x2="{ends[1]:.1f}" y1="{y:.1f}" y2="{y:.1f}"/>'
    if one.verdict == "missed":
        shape = f'<path class="miss" d="M{x:.1f} {y - 5:.1f}l5 5l-5 5l-5 -5z"/>'
    else:
        shape = f'<circle class="hit" cx="{x:.1f}" cy="{y:.1f}" r="3.2"/>'
    title = f"<title>{text(one.id)} {text(one.quantity)}: {text(told(one))}; accepted {text(one.asked)}</title>"
    return f'<a href="#{text(one.id)}">{title}{error}{shape}</a>'
