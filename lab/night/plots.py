"""Curves against time as SVG, the words beside it in HTML: they keep their size on any screen."""

import math
from collections.abc import Mapping, Sequence

from lab.night.html import amount, clock, text

Points = Sequence[tuple[float, float]]

WIDTH, HEIGHT = 1000.0, 100.0
CLASSES = ("one", "two")
MOST_POINTS = 600


def curves(series: Mapping[str, Points], unit: str, *, zero: bool = True, gap_s: float = math.inf) -> str:
    """One plot of up to two quantities against clock time; nothing if there are no points.

    series : name -> (Unix time, value), in the order of time; values that are no numbers are left out
    zero : the scale includes zero; gap_s : a curve is interrupted where there is nothing for longer
    """
    told = {name: [p for p in points if all(map(math.isfinite, p))] for name, points in series.items()}
    points = [point for each in told.values() for point in each]
    if not points:
        return ""
    (start_s, end_s), (low, high) = extent([t for t, _ in points]), rounded(*extent([y for _, y in points], zero=zero))
    drawn = "".join(
        curve(each, kind, (start_s, end_s, low, high), gap_s)
        for each, kind in zip(told.values(), CLASSES, strict=False)
    )
    legend = "".join(
        f'<span><b class="{kind}">{text(name)}</b> {amount(each[-1][1])} {text(unit)}</span>'
        for (name, each), kind in zip(told.items(), CLASSES, strict=False)
        if each
    )
    middle = f'<line class="grid" x1="0" x2="{WIDTH:g}" y1="{HEIGHT / 2:g}" y2="{HEIGHT / 2:g}"/>'
    scale = "".join(f"<span>{amount(value)}</span>" for value in (high, (low + high) / 2, low))
    return (
        f'<figure class="plot"><div class="legend">{legend}</div><div class="y">{scale}</div>'
        f'<svg viewBox="0 0 {WIDTH:g} {HEIGHT:g}" preserveAspectRatio="none" role="img" '
        f'aria-label="{text(" and ".join(told))} against time, {text(unit)}">{middle}{drawn}</svg>'
        f'<div class="x"><span>{clock(start_s)}</span><span>{text(unit)}</span><span>{clock(end_s)}</span></div>'
        "</figure>"
    )


def extent(values: Sequence[float], *, zero: bool = False) -> tuple[float, float]:
    """From where to where, never empty.

    >>> extent([2.0, 5.0], zero=True), extent([3.0, 3.0])
    ((0.0, 5.0), (2.5, 3.5))
    """
    low, high = min(values), max(values)
    low, high = (min(low, 0.0), max(high, 0.0)) if zero else (low, high)
    half = 0.0 if high > low else 0.5
    return low - half, high + half


def rounded(low: float, high: float) -> tuple[float, float]:
    """The nearest range around it whose ends and middle are round numbers.

    >>> rounded(0.0, 25296.0), rounded(-0.149, 0.35)
    ((0.0, 30000.0), (-0.4, 0.4))
    """
    for power in range(math.floor(math.log10((high - low) / 2)), 400):
        for factor in (1, 1.5, 2, 2.5, 3, 4, 5):
            step = factor * 10.0**power
            start = math.floor(low / step + 1e-9) * step
            if start + 2 * step >= high:
                return round(start, 12), round(start + 2 * step, 12)
    return low, high


def curve(points: Points, kind: str, frame: tuple[float, float, float, float], gap_s: float) -> str:
    """One quantity: a line where points follow each other, a dot where one stands alone."""
    start_s, end_s, low, high = frame
    drawn = ""
    for piece in pieces(thinned(points), gap_s):
        places = [
            (WIDTH * (t - start_s) / (end_s - start_s), HEIGHT * (1 - (y - low) / (high - low))) for t, y in piece
        ]
        if len(places) == 1:
            x, y = places[0]
            drawn += f'<path class="dots {kind}" d="M{x:.1f} {y:.1f}h0.01"/>'
            continue
        drawn += f'<polyline class="{kind}" points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in places)}"/>'
    return drawn


def thinned(points: Points) -> Points:
    """At most `MOST_POINTS`, the last one among them; of each group the highest, so that no peak is lost."""
    group = -(-len(points) // MOST_POINTS)
    if group <= 1:
        return points
    return [max(points[i : i + group], key=lambda point: point[1]) for i in range(0, len(points) - 1, group)] + [
        points[-1]
    ]


def pieces(points: Points, gap_s: float) -> list[list[tuple[float, float]]]:
    """Points that follow each other without a gap."""
    found: list[list[tuple[float, float]]] = []
    for point in points:
        if found and point[0] - found[-1][-1][0] <= gap_s:
            found[-1].append(point)
        else:
            found.append([point])
    return found
