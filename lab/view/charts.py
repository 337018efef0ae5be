"""Curves with axes as SVG: colours come from the page, so they are dark on paper and light at night."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from lab.night.html import text

WIDTH, HEIGHT = 480.0, 290.0
LEFT, RIGHT, TOP, BOTTOM = 76.0, 12.0, 12.0, 44.0
MOST_POINTS = 700
MANY = 60  # dots, from which on they are small
SUPER = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclass(frozen=True, eq=False)
class Curve:
    """Points of one quantity, shapes (n,); `err` is drawn as a band, `kind`: "one", "two", "soft"."""

    name: str
    x: np.ndarray
    y: np.ndarray
    err: np.ndarray | None = None
    kind: str = "one"
    dots: bool = False


@dataclass(frozen=True)
class Chart:
    """A plot: what it shows, what is on its axes."""

    title: str
    x_label: str
    y_label: str
    curves: tuple[Curve, ...]
    log: bool = False
    zero: bool = False
    note: str = ""


@dataclass(frozen=True)
class Axis:
    """A scale from `low` to `high` in data, from `start` to `stop` on paper."""

    low: float
    high: float
    start: float
    stop: float
    ticks: tuple[float, ...]
    log: bool = False

    def __call__(self, values: np.ndarray) -> np.ndarray:
        values = np.asarray(values, float)
        low, high = (math.log10(self.low), math.log10(self.high)) if self.log else (self.low, self.high)
        shown = np.log10(np.maximum(values, self.low)) if self.log else np.clip(values, self.low, self.high)
        return self.start + (shown - low) / (high - low) * (self.stop - self.start)


def svg(chart: Chart) -> str:
    """The plot; a sentence where there are no numbers."""
    curves = [thinned(finite(curve, log=chart.log)) for curve in chart.curves]
    curves = [curve for curve in curves if curve.x.size]
    if not curves:
        return '<p class="soft">There are no numbers to draw.</p>'
    x = axis(np.concatenate([each.x for each in curves]), LEFT, WIDTH - RIGHT, tight=True)
    heights = np.concatenate([each.y for each in curves])
    y = axis(heights, HEIGHT - BOTTOM, TOP, log=chart.log, zero=chart.zero)
    label = f"{chart.title}: {chart.y_label} against {chart.x_label}"
    drawn = "".join(band(each, x, y) for each in curves) + "".join(line(each, x, y) for each in curves)
    return (
        f'<svg class="chart" viewBox="0 0 {WIDTH:g} {HEIGHT:g}" role="img" aria-label="{text(label)}">'
        f"{frame(x, y, chart)}{drawn}</svg>{legend(curves)}"
    )


def finite(curve: Curve, *, log: bool) -> Curve:
    """Points that are numbers; on a scale of powers those above zero."""
    good = np.isfinite(curve.x) & np.isfinite(curve.y)
    good &= (curve.y > 0) if log else True
    return replace(curve, x=curve.x[good], y=curve.y[good], err=None if curve.err is None else curve.err[good])


def thinned(curve: Curve) -> Curve:
    """Few enough points for a page; of each group the lowest and the highest, so that no step and no peak is lost."""
    n = curve.x.size
    if n <= 2 * MOST_POINTS or curve.dots:
        return curve
    edges = np.linspace(0, n, MOST_POINTS + 1).astype(int)
    groups = [(a, curve.y[a:b]) for a, b in pairwise(edges)]
    kept = np.unique([a + int(i) for a, group in groups for i in (group.argmin(), group.argmax())])
    return replace(curve, x=curve.x[kept], y=curve.y[kept], err=None if curve.err is None else curve.err[kept])


def axis(
    values: np.ndarray, start: float, stop: float, *, log: bool = False, zero: bool = False, tight: bool = False
) -> Axis:
    """A scale that holds all values, with round ticks."""
    low, high = float(values.min()), float(values.max())
    if log:
        first, last = math.floor(math.log10(low)), max(math.ceil(math.log10(high)), math.floor(math.log10(low)) + 1)
        ticks = tuple(10.0**i for i in range(first, last + 1, -(-(last - first) // 6)))
        return Axis(10.0**first, 10.0**last, start, stop, ticks, log=True)
    low, high = (min(low, 0.0), max(high, 0.0)) if zero else (low, high)
    if low == high:
        low, high = low - 0.5, high + 0.5
    step = rounded_step((high - low) / 5)
    if not tight:
        low, high = math.floor(low / step + 1e-9) * step, math.ceil(high / step - 1e-9) * step
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return Axis(low, high, start, stop, tuple(i * step for i in range(first, last + 1)))


def rounded_step(step: float) -> float:
    """The next round number.

    >>> rounded_step(0.13), rounded_step(37), rounded_step(0.6)
    (0.2, 50.0, 1.0)
    """
    power = 10.0 ** math.floor(math.log10(step))
    return round(next(factor for factor in (1, 2, 5, 10) if factor * power >= step * 0.999) * power, 15)


def written(value: float, ticks: Sequence[float], *, log: bool = False) -> str:
    """A tick in words.

    >>> written(0.25, (0.25, 0.5)), written(25000.0, (0, 25000.0)), written(4e6, (0, 4e6)), written(100.0, (), log=True)
    ('0.25', '25,000', '4×10⁶', '10²')
    """
    if log:
        return f"10{str(round(math.log10(value))).translate(SUPER)}"
    largest = max(map(abs, ticks), default=1.0)
    if largest >= 1e5 or largest < 1e-3:
        power = math.floor(math.log10(largest)) if largest else 0
        return "0" if value == 0 else f"{value / 10.0**power:.3g}×10{str(power).translate(SUPER)}"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def frame(x: Axis, y: Axis, chart: Chart, height: float = HEIGHT) -> str:
    """Hairlines, ticks, and what they count."""
    base, right = height - BOTTOM, WIDTH - RIGHT
    drawn = [f'<path class="axis" d="M{LEFT:g} {TOP:g}V{base:g}H{right:g}"/>']
    for value, y_px in zip(y.ticks, y(np.array(y.ticks)), strict=True):
        drawn.append(f'<line class="hair" x1="{LEFT:g}" x2="{right:g}" y1="{y_px:.1f}" y2="{y_px:.1f}"/>')
        drawn.append(words(LEFT - 7, y_px + 4, written(value, y.ticks, log=y.log), "tick end"))
    for value, x_px in zip(x.ticks, x(np.array(x.ticks)), strict=True):
        drawn.append(f'<line class="axis" x1="{x_px:.1f}" x2="{x_px:.1f}" y1="{base:g}" y2="{base + 4:g}"/>')
        drawn.append(words(x_px, base + 17, written(value, x.ticks), "tick middle"))
    drawn.append(words((LEFT + right) / 2, height - 8, chart.x_label, "label middle"))
    return "".join(drawn) + upright(12, (TOP + base) / 2, chart.y_label)


def words(x: float, y: float, said: str, kind: str) -> str:
    """A text on a drawing."""
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}">{text(said)}</text>'


def upright(x: float, y: float, said: str) -> str:
    """A text that runs upwards."""
    return f'<text class="label middle" transform="translate({x:g} {y:g}) rotate(-90)">{text(said)}</text>'


def band(curve: Curve, x: Axis, y: Axis) -> str:
    """One standard deviation on both sides."""
    if curve.err is None or curve.dots:
        return ""
    err = np.nan_to_num(curve.err, nan=0.0, posinf=0.0, neginf=0.0)
    up, down, places = y(curve.y + err), y(curve.y - err), x(curve.x)
    edge = [*zip(places, up, strict=True), *zip(places[::-1], down[::-1], strict=True)]
    return f'<polygon class="band {curve.kind}" points="{joined(edge)}"/>'


def line(curve: Curve, x: Axis, y: Axis) -> str:
    """The points, joined or each with its error bar."""
    places = list(zip(x(curve.x), y(curve.y), strict=True))
    if not curve.dots:
        return f'<polyline class="curve {curve.kind}" points="{joined(places)}"/>'
    bars = ""
    if curve.err is not None:
        ends = zip(x(curve.x), y(curve.y - curve.err), y(curve.y + curve.err), strict=True)
        bars = "".join(f"M{a:.1f} {b:.1f}V{c:.1f}" for a, b, c in ends if math.isfinite(b + c))
        bars = f'<path class="bars {curve.kind}" d="{bars}"/>'
    radius = 3.0 if len(places) < MANY else 1.7
    dots = (f'<circle class="dot {curve.kind}" cx="{a:.1f}" cy="{b:.1f}" r="{radius:g}"/>' for a, b in places)
    return bars + "".join(dots)


def joined(points: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{a:.1f},{b:.1f}" for a, b in points)


def legend(curves: Sequence[Curve]) -> str:
    """What is what, where there is more than one thing."""
    if len(curves) < 2:
        return ""
    each = "".join(f'<span class="key {curve.kind}">{text(curve.name)}</span>' for curve in curves)
    return f'<p class="legend small">{each}</p>'
