"""What the figures are made of: axes placed in inches, images to scale, colour bars, contours, arrows.

Sizes are those of the printed page: a figure is as wide as two journal columns, its text is never below 6.5 points.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

import numpy as np
from matplotlib import patheffects
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Colormap, LinearSegmentedColormap, LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.patches import Rectangle
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter, StrMethodFormatter

from analysis.flim import FlimMap

WIDTH_IN = 6.73  # two columns, 17.1 cm
FONT, SMALL, LETTER = 7.0, 6.5, 9.0
LINE = 0.6
GREY = "0.45"
UNKNOWN = (0.45, 0.45, 0.45)  # no hue of the lifetime scale: there is no number for this pixel
BLUE, VIOLET, RED = (0.06, 0.24, 0.92), (0.62, 0.10, 0.74), (0.93, 0.06, 0.10)
PALEST, PAPER = 0.30, 0.90  # the dimmest pixels keep a hue, and leave white for contour lines
QD_MAP, PEROVSKITE_MAP = "inferno", "viridis"
OUTLINE = (patheffects.withStroke(linewidth=1.6, foreground="black"),)


class Grid(Protocol):
    """The pixels of an image: `RasterFacts`, or anything that knows its run, its size and where pixel (0, 0) is."""

    @property
    def uid(self) -> str: ...
    @property
    def nx(self) -> int: ...
    @property
    def ny(self) -> int: ...
    @property
    def pixel_um(self) -> float: ...
    @property
    def origin_um(self) -> tuple[float, float]: ...


def place(figure: Figure, left_in: float, bottom_in: float, width_in: float, height_in: float) -> Axes:
    """Axes at a place measured in inches from the lower left corner."""
    width, height = figure.get_size_inches()
    ax = figure.add_axes((left_in / width, bottom_in / height, width_in / width, height_in / height))
    return tidy(ax)


def tidy(ax: Axes) -> Axes:
    """Thin lines and small type."""
    ax.tick_params(which="both", labelsize=SMALL, width=LINE, length=2.5, pad=2)
    ax.tick_params(which="minor", length=1.5)
    for spine in ax.spines.values():
        spine.set_linewidth(LINE)
    return ax


def headline(ax: Axes, letter: str, text: str) -> None:
    """Panel letter and what the panel shows, above it."""
    if letter:
        ax.annotate(
            letter, (0, 1), (0, 3), xycoords="axes fraction", textcoords="offset points", size=LETTER, weight="bold"
        )
    shift = 11 if letter else 0
    ax.annotate(text, (0, 1), (shift, 3.5), xycoords="axes fraction", textcoords="offset points", size=FONT)


def footnote(ax: Axes, text: str, *, upright: bool = False) -> None:
    """Small grey type at the edge of a panel, below it or (upright) on its right: the run it comes from."""
    style = {"xycoords": "axes fraction", "textcoords": "offset points", "size": SMALL, "color": GREY, "va": "top"}
    if upright:
        ax.annotate(text, (1, 1), (2, 0), rotation=90, **style)
    else:
        ax.annotate(text, (1, 0), (0, -2), ha="right", **style)


def run_name(facts: Grid) -> str:
    """A run as figures name it: by the first eight characters of its uid."""
    return f"run {facts.uid[:8]}"


def run_names(uids: Iterable[str], *, per_line: int = 4) -> str:
    r"""Runs as figures name them, each once, in lines of a few.

    >>> run_names(["0123456789", "abcdefghij", "0123456789"]), run_names([]), run_names(["a", "b", "c"], per_line=2)
    ('runs 01234567, abcdefgh', '', 'runs a, b,\nc')
    """
    short = list(dict.fromkeys(uid[:8] for uid in uids))
    lines = [", ".join(short[i : i + per_line]) for i in range(0, len(short), per_line)]
    return f"run{'s' * (len(short) > 1)} " + ",\n".join(lines) if short else ""


def uncertain(value: float, error: float) -> str:
    """A number with its error, to the first digit of the error that matters.

    >>> uncertain(6.612, 0.94), uncertain(23.81, 1.46), uncertain(0.4912, 0.081), uncertain(8.5, float("nan"))
    ('6.6 ± 0.9', '23.8 ± 1.5', '0.49 ± 0.08', '8.5')
    """
    if not np.isfinite(value):
        return "–"
    if not (np.isfinite(error) and error > 0):
        return f"{value:.3g}"
    leading, power = f"{error:.0e}".split("e")
    digits = max(0, (leading == "1") - int(power))  # an error that begins with 1 gets a second digit
    return f"{value:.{digits}f} ± {error:.{digits}f}"


def span(values: np.ndarray, low: float = 0.0, high: float = 100.0) -> tuple[float, float]:
    """Percentiles of the finite values, always apart: (0, 1) if there are none.

    >>> span(np.array([1.0, 3.0, np.nan])), span(np.zeros(3)), span(np.array([]))
    ((1.0, 3.0), (0.0, 1.0), (0.0, 1.0))
    """
    finite = values[np.isfinite(values)]
    if not finite.size:
        return 0.0, 1.0
    first, last = (float(edge) for edge in np.percentile(finite, [low, high]))
    return (first, last) if last > first else (first, first + max(1.0, abs(first)))


def linear_scale(values: np.ndarray) -> Normalize:
    """From the dimmest pixel to the 99th percentile."""
    return Normalize(*span(values, 0, 99))


def log_scale(values: np.ndarray) -> LogNorm:
    """From the 1st percentile of the pixels with photons to the brightest pixel."""
    positive = values[np.isfinite(values) & (values > 0)]
    low, high = span(positive, 1, 100)
    return LogNorm(low, high) if positive.size else LogNorm(1, 10)


def extent_um(facts: Grid) -> tuple[float, float, float, float]:
    """Outer edges of the image: left, right, bottom, top."""
    half, (x, y) = facts.pixel_um / 2, facts.origin_um
    return (x - half, x + facts.nx * facts.pixel_um - half, y - half, y + facts.ny * facts.pixel_um - half)


def show(ax: Axes, values: np.ndarray, facts: Grid, cmap: str | None = None, norm=None) -> AxesImage:
    """An image to scale, row 0 at the bottom, grey where nothing was measured; `values` (ny, nx) or RGB."""
    if norm is not None:
        values = np.clip(values, norm.vmin, None)
    picture = ax.imshow(values, origin="lower", extent=extent_um(facts), cmap=cmap, norm=norm, interpolation="nearest")
    if cmap is not None:
        picture.set_cmap(picture.get_cmap().with_extremes(bad=UNKNOWN))
    ax.set(xticks=[], yticks=[])
    return picture


def round_length(length: float) -> float:
    """The largest of 1, 2, 5, 10, ... that is not longer.

    >>> [round_length(length) for length in (10.0, 2.6, 0.7)]
    [10.0, 2.0, 0.5]
    """
    power = 10.0 ** np.floor(np.log10(length))
    return float(max(step * power for step in (1, 2, 5) if step * power <= length * (1 + 1e-9)))


def scale_bar(ax: Axes, facts: Grid, length: float | None = None) -> None:
    """A bar with its length, um; by default a fifth of the width or a little less."""
    left, right, bottom, top = extent_um(facts)
    width, height = right - left, top - bottom
    length = round_length(width / 5) if length is None else length
    x, y = right - 0.05 * width - length, bottom + 0.05 * height
    outlined: dict[str, Any] = {"path_effects": OUTLINE, "zorder": 5}
    ax.add_patch(Rectangle((x, y), length, 0.016 * height, facecolor="white", edgecolor="none", **outlined))
    text = f"{length:g} µm"
    ax.text(x + length / 2, y + 0.03 * height, text, size=FONT, color="white", ha="center", va="bottom", **outlined)


def contours(ax: Axes, values: np.ndarray, facts: Grid, level: float, color: str = "white") -> None:
    """Lines around the regions where `values` exceed `level`, if there are any."""
    finite = values[np.isfinite(values)]
    if min(values.shape) < 2 or not finite.size or not finite.min() < level < finite.max():
        return
    x, y = (start + facts.pixel_um * np.arange(n) for start, n in zip(facts.origin_um, values.shape[::-1], strict=True))
    ax.contour(x, y, np.ma.masked_invalid(values), [level], colors=color, linewidths=0.5)


def arrow(ax: Axes, facts: Grid, pixel: tuple[int, int], number: int) -> None:
    """A numbered arrow that points at a pixel from the side where there is room."""
    left, right, bottom, top = extent_um(facts)
    x, y = (start + facts.pixel_um * index for start, index in zip(facts.origin_um, pixel[::-1], strict=True))
    side = 1 if x < (left + right) / 2 else -1, 1 if y < (bottom + top) / 2 else -1
    outlined: dict[str, Any] = {"path_effects": OUTLINE}
    note = ax.annotate(
        str(number), (x, y), (19 * side[0], 15 * side[1]), textcoords="offset points", size=LETTER, weight="bold",
        color="white", ha="center", va="center", zorder=6,
        arrowprops={"arrowstyle": "->", "color": "white", "linewidth": 1.0, "shrinkA": 3, "shrinkB": 2, **outlined},
        **outlined,
    )  # fmt: skip
    note.set_in_layout(False)


def colour_bar(ax: Axes, picture: ScalarMappable, label: str, *, extend: str = "neither") -> None:
    """The colour bar of a picture, drawn into axes of its own."""
    bar = ax.figure.colorbar(picture, cax=ax, extend=extend, extendfrac=0.035)
    bar.outline.set_linewidth(LINE)
    above_pt = 7.5 if extend in ("max", "both") else 3.5
    ax.annotate(label, (0, 1), (-1, above_pt), xycoords="axes fraction", textcoords="offset points", size=SMALL)
    if isinstance(picture.norm, LogNorm):
        label_decades(ax.yaxis, *picture.get_clim())
    else:
        bar.locator = MaxNLocator(5)
        bar.update_ticks()
    tidy(ax)


def label_decades(axis: Axis, low: float | None, high: float | None) -> None:
    """Ticks of a logarithmic axis as plain numbers; within less than two decades also at 2 and 5."""
    wide = low and high and high > 100 * low
    axis.set_major_locator(LogLocator(subs=(1.0,) if wide else (1.0, 2.0, 5.0)))
    axis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axis.set_minor_formatter(NullFormatter())


# --- lifetimes as colours ----------------------------------------------------------------------------------


def hues() -> Colormap:
    """Blue, violet, red: short to long lifetimes at full saturation."""
    return LinearSegmentedColormap.from_list("lifetime", [BLUE, VIOLET, RED])


def lifetime_rgb(
    tau_ns: np.ndarray,
    counts: np.ndarray,
    limits: tuple[float, float],
    counts_limits: tuple[float, float] | None = None,
) -> np.ndarray:
    """Colours of a lifetime image: hue is the lifetime, saturation the logarithm of the intensity.

    Parameters
    ----------
    tau_ns, counts : any shape; counts or rates
    limits : lifetimes shown in pure blue and pure red; what lies outside takes the colour of the end
    counts_limits : intensities shown palest and fully saturated; by default the 1st and 99th percentile

    Returns
    -------
    RGB in 0..1, shape (..., 3); grey where the lifetime is not finite or there were no counts.

    >>> lifetime_rgb(np.array([5.0, np.nan]), np.array([100, 100]), (5, 20), (1, 100)).round(2).tolist()
    [[0.06, 0.24, 0.92], [0.45, 0.45, 0.45]]
    """
    tau_ns, counts = np.asarray(tau_ns, float), np.asarray(counts, float)
    known = np.isfinite(tau_ns) & (counts > 0)
    if counts_limits is None:
        counts_limits = span(counts[known], 1, 99)
    low, high = np.log(np.maximum(counts_limits, 1e-9))
    position = (np.where(known, tau_ns, limits[0]) - limits[0]) / (limits[1] - limits[0])
    pure = hues()(np.clip(position, 0, 1))[..., :3]
    depth = np.clip((np.log(np.where(known, counts, 1.0)) - low) / (high - low), 0, 1)
    saturation = (PALEST + (1 - PALEST) * depth)[..., None]
    return np.where(known[..., None], PAPER + saturation * (pure - PAPER), UNKNOWN)


def lifetime_limits(images: Sequence[FlimMap]) -> tuple[float, float]:
    """Whole nanoseconds that hold 98 % of the trusted tau2 of all images."""
    tau_ns = np.concatenate([image.fit.tau_ns[..., -1][image.trusted_photons > 0] for image in images])
    low, high = span(tau_ns, 1, 99)
    return float(np.floor(low)), float(np.ceil(high))


def rate_limits(image: FlimMap) -> tuple[float, float]:
    """Perovskite rates from the 1st to the 99th percentile of the image, at least a factor of four apart, cps."""
    rates = image.perovskite_cps
    low, high = span(rates[rates > 0], 1, 99) if (rates > 0).any() else (1.0, 10.0)
    return min(low, high / 4), high


def lifetime_key(
    ax: Axes, limits: tuple[float, float], rates: tuple[float, float], ends: tuple[str, str] | None = None
) -> None:
    """The two-dimensional colour bar of lifetime images: lifetime upwards, intensity to the right; `ends` name it."""
    tau_ns, cps = np.linspace(*limits, 128)[:, None], np.geomspace(*rates, 64)[None]
    tau_ns, cps = np.broadcast_arrays(tau_ns, cps)
    colours = lifetime_rgb(tau_ns, cps, limits, rates)
    ax.imshow(colours, origin="lower", extent=(*np.log10(rates), *limits), aspect="auto")
    ax.yaxis.set_label_position("right")
    ax.yaxis.tick_right()
    ax.yaxis.set_major_locator(MaxNLocator(6, integer=True))
    ax.set_ylabel(r"slow lifetime $\tau_2$ (ns)", size=FONT, labelpad=2)
    ax.set_xticks(np.log10(rates), ends or [f"{float(f'{one:.2g}'):g}" for one in rates], rotation=90)
    unit = "" if ends else "counts/s"
    ax.annotate(unit, (0, 0), (-3, -24), xycoords="axes fraction", textcoords="offset points", size=SMALL, va="top")
    tidy(ax)
