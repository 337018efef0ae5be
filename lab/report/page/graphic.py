"""A number as a picture: what is accepted as a bar, what was measured as a point with its error."""

from __future__ import annotations

import math
from collections.abc import Sequence

from lab.night.html import text
from lab.report.rows import Row
from lab.report.text import told

WIDTH, HEIGHT, MIDDLE = 150.0, 26.0, 13.0
EDGE = 7.0  # room for an arrow on either side
BAR = 9.0
POINT = 3.6
OPEN_SHARE = 0.68  # of the width that lies on the good side of a limit
ROOM = (2.2, 6.0)  # half widths of a tolerance shown: at least, at most


def picture(one: Row) -> str:
    """The number as SVG; nothing for a choice, an exact number, or one that was not measured."""
    if one.measured is None or one.verdict == "setting" or (span := axis(one)) is None:
        return ""
    label = f"measured {told(one)}; accepted: {one.asked}"
    inside = [bar(one, span), printed(one, span), whiskers(one, span), point(one, span)]
    return (
        f'<svg class="interval" viewBox="0 0 {WIDTH:g} {HEIGHT:g}" role="img" aria-label="{text(label)}">'
        f'<line class="hair" x1="{EDGE:g}" x2="{WIDTH - EDGE:g}" y1="{MIDDLE:g}" y2="{MIDDLE:g}"/>'
        f"{''.join(inside)}</svg>"
    )


def axis(one: Row) -> tuple[float, float] | None:
    """From where to where the axis reaches; None for an exact number, which has no width."""
    assert one.measured is not None
    if one.low is not None and one.high is not None:
        return around(one.low, one.high, one.measured, one.error or 0.0) if one.high > one.low else None
    limit = one.high if one.low is None else one.low
    if limit is None:
        return None
    away = abs(one.measured - limit) + (one.error or 0.0)
    good = within_limit(one)
    share = (OPEN_SHARE if good else 1 - OPEN_SHARE) - 0.08
    width = max(away / share, 0.3 * abs(limit), 1e-12)
    left = OPEN_SHARE if one.low is None else 1 - OPEN_SHARE
    return limit - left * width, limit + (1 - left) * width


def around(low: float, high: float, measured: float, error: float) -> tuple[float, float]:
    """An axis about a tolerance that also holds what was measured, if that is not too far away."""
    centre, half = (low + high) / 2, (high - low) / 2
    reach = min(max(ROOM[0] * half, 1.15 * (abs(measured - centre) + error)), ROOM[1] * half)
    return centre - reach, centre + reach


def within_limit(one: Row) -> bool:
    assert one.measured is not None
    return (one.low is None or one.measured >= one.low) and (one.high is None or one.measured <= one.high)


def at(value: float, span: Sequence[float]) -> float:
    """Where a value lies on the picture, at its edges if it is outside."""
    share = (value - span[0]) / (span[1] - span[0])
    return EDGE + min(max(share, 0.0), 1.0) * (WIDTH - 2 * EDGE)


def bar(one: Row, span: Sequence[float]) -> str:
    """What is accepted; with a limit on one side only it runs off the other."""
    left = 0.0 if one.low is None else at(one.low, span)
    right = WIDTH if one.high is None else at(one.high, span)
    ends = [x for x, bound in ((left, one.low), (right, one.high)) if bound is not None]
    box = (
        f'<rect class="accepted" x="{left:.1f}" y="{MIDDLE - BAR / 2:g}" width="{right - left:.1f}" height="{BAR:g}"/>'
    )
    top, bottom = MIDDLE - BAR / 2 - 2, MIDDLE + BAR / 2 + 2
    return box + "".join(f'<line class="end" x1="{x:.1f}" x2="{x:.1f}" y1="{top:g}" y2="{bottom:g}"/>' for x in ends)


def printed(one: Row, span: Sequence[float]) -> str:
    """The published value, a tick above the bar."""
    if one.value is None or not span[0] <= one.value <= span[1]:
        return ""
    x = at(one.value, span)
    return f'<path class="printed" d="M{x - 3:.1f} 1h6l-3 5z"/>'


def whiskers(one: Row, span: Sequence[float]) -> str:
    """One standard deviation on either side."""
    if not one.error or not math.isfinite(one.error):
        return ""
    assert one.measured is not None
    low, high = (at(one.measured + sign * one.error, span) for sign in (-1, 1))
    return f'<line class="error" x1="{low:.1f}" x2="{high:.1f}" y1="{MIDDLE:g}" y2="{MIDDLE:g}"/>'


def point(one: Row, span: Sequence[float]) -> str:
    """What was measured: a disc, a diamond if it missed, an arrow if it is outside of the picture."""
    assert one.measured is not None
    x = at(one.measured, span)
    if not span[0] <= one.measured <= span[1]:
        sign = 1 if one.measured > span[1] else -1
        return f'<path class="miss" d="M{x + sign * 6:.1f} {MIDDLE:g}l{-8 * sign} -5v10z"/>'
    if one.verdict == "missed":
        return f'<path class="miss" d="M{x:.1f} {MIDDLE - 5.5:g}l5.5 5.5l-5.5 5.5l-5.5 -5.5z"/>'
    return f'<circle class="hit" cx="{x:.1f}" cy="{MIDDLE:g}" r="{POINT:g}"/>'
