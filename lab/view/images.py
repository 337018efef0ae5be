"""Images to scale: pixels in a map that the colour-blind read, a colour bar with units, a scale bar, marks."""

import base64
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache

import numpy as np

from lab.night.html import text
from lab.view.charts import rounded_step, written

SIDE = 300.0
BAR_X, BAR_W, WIDTH, HEIGHT = SIDE + 12.0, 14.0, 390.0, SIDE + 2.0
LARGEST_PX = 512
STOPS = 12


@dataclass(frozen=True)
class Mark:
    """A place on an image, in µm from its lower left corner, and where it leads."""

    x_um: float
    y_um: float
    name: str
    address: str = ""
    strong: bool = True


@dataclass(frozen=True, eq=False)
class Picture:
    """An image; `values` (rows from below, columns), NaN where there is nothing to be told.

    side_um : width on the sample; scale : name of the colour map; low, high : None: from the values
    """

    title: str
    values: np.ndarray
    unit: str
    side_um: float
    scale: str = "viridis"
    low: float | None = None
    high: float | None = None
    note: str = ""
    marks: tuple[Mark, ...] = field(default=(), repr=False)


def svg(picture: Picture) -> str:
    """The image with its bars."""
    low, high = span(picture)
    height = SIDE * picture.values.shape[0] / picture.values.shape[1]
    um = SIDE / picture.side_um if picture.side_um > 0 else 0.0
    marks = "".join(mark(each, um, height) for each in picture.marks)
    bar = scale_bar(picture.side_um, um, height) if um else ""
    label = f"{picture.title}, from {low:.4g} to {high:.4g} {picture.unit}"
    return (
        f'<svg class="chart image" viewBox="0 -1 {WIDTH:g} {height + 3:g}" role="img" aria-label="{text(label)}">'
        f'<rect class="void" width="{SIDE:g}" height="{height:g}"/>'
        f'<image href="data:image/png;base64,{pixels(picture, low, high)}" width="{SIDE:g}" height="{height:g}" '
        f'preserveAspectRatio="none" class="pixels"/>{marks}{bar}{colour_bar(picture, low, high, height)}</svg>'
    )


def span(picture: Picture) -> tuple[float, float]:
    """From where to where the colours go: given, or from the 1st to the 99th percentile."""
    known = picture.values[np.isfinite(picture.values)]
    low, high = np.percentile(known, (1, 99)) if known.size else (0.0, 1.0)
    low = float(low) if picture.low is None else picture.low
    high = float(high) if picture.high is None else picture.high
    return low, high if high > low else low + 1.0


@cache
def colours(scale: str) -> np.ndarray:
    """256 colours of a map, shape (256, 3)."""
    import matplotlib

    return (matplotlib.colormaps[scale](np.linspace(0, 1, 256))[:, :3] * 255).astype(np.uint8)


def pixels(picture: Picture, low: float, high: float) -> str:
    """The image as text of a PNG, upwards as the stage goes; what is unknown lets the ground through."""
    from PIL import Image

    values = picture.values[::-1]
    step = max(1, -(-max(values.shape) // LARGEST_PX))
    values = values[::step, ::step]
    known = np.isfinite(values)
    level = np.clip((np.where(known, values, low) - low) / (high - low) * 255, 0, 255).astype(np.uint8)
    rgba = np.dstack([colours(picture.scale)[level], np.where(known, 255, 0).astype(np.uint8)])
    file = io.BytesIO()
    Image.fromarray(rgba).save(file, "PNG", optimize=True)
    return base64.b64encode(file.getvalue()).decode("ascii")


def scale_bar(side_um: float, um: float, height: float) -> str:
    """A bar of a round length, light on dark edges: seen on every colour."""
    length_um = rounded_step(side_um / 5)
    a, b, y = 12.0, 12.0 + length_um * um, height - 12.0
    told = f"{length_um:g} µm"
    return (
        f'<path class="under" d="M{a:g} {y:g}H{b:.1f}"/><path class="over" d="M{a:g} {y:g}H{b:.1f}"/>'
        f'<text class="on" x="{a:g}" y="{y - 7:g}">{told}</text>'
    )


def colour_bar(picture: Picture, low: float, high: float, height: float) -> str:
    """What the colours count."""
    name = f"map-{picture.scale}"
    table = colours(picture.scale)[np.linspace(255, 0, STOPS).astype(int)]
    stops = "".join(
        f'<stop offset="{i / (STOPS - 1):.3f}" stop-color="rgb({r},{g},{b})"/>' for i, (r, g, b) in enumerate(table)
    )
    ticks = ticked(low, high)
    told = "".join(
        f'<text class="tick" x="{BAR_X + BAR_W + 5:g}" y="{height * (1 - (v - low) / (high - low)) + 4:.1f}">'
        f"{written(v, ticks)}</text>"
        for v in ticks
        if 8 < height * (1 - (v - low) / (high - low)) < height - 2
    )
    return (
        f'<defs><linearGradient id="{name}" x1="0" x2="0" y1="0" y2="1">{stops}</linearGradient></defs>'
        f'<rect x="{BAR_X:g}" y="0" width="{BAR_W:g}" height="{height:g}" fill="url(#{name})"/>{told}'
        f'<text class="label middle" transform="translate({WIDTH - 5:g} {height / 2:g}) rotate(-90)">'
        f"{text(picture.unit)}</text>"
    )


def ticked(low: float, high: float) -> Sequence[float]:
    """Round numbers within a range."""
    step = rounded_step((high - low) / 5)
    return [i * step for i in range(math.ceil(low / step), math.floor(high / step) + 1)]


def mark(one: Mark, um: float, height: float) -> str:
    """A ring around a place; a link, if it leads somewhere."""
    strength = "ring" if one.strong else "ring weak"
    ring = (
        f'<circle class="{strength}" cx="{one.x_um * um:.1f}" cy="{height - one.y_um * um:.1f}" r="6">'
        f"<title>{text(one.name)}</title></circle>"
    )
    return f'<a href="{one.address}" aria-label="{text(one.name)}">{ring}</a>' if one.address else ring
