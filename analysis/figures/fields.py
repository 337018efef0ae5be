"""Panels with images of single emitters: both colours, the contour of the paper, the emitters that were found."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from matplotlib.axes import Axes
from matplotlib.image import AxesImage
from matplotlib.patches import Circle

from analysis.emitters import Emitters
from analysis.field import Field, FieldFacts
from analysis.figures import parts
from analysis.figures.plates import finish_image

CONTOUR_COUNTS_PER_MS = 18.0
BAR_UM = 1.0
CIRCLE_UM = 0.30
CIRCLES = "emitters"  # how circles and their names are known among the artists of a panel
NAMED_PT = 1.5  # from a circle to its name
OTHER = "0.75"  # of emitters that do not stand alone


@dataclass(frozen=True)
class Pixels:
    """The pixels of a square image, as the parts of figures take them."""

    uid: str
    nx: int
    ny: int
    pixel_um: float
    origin_um: tuple[float, float]


class Images(Protocol):
    """Both images of a raster, finished or not; (ny, nx) counts and (ny,) seconds per pixel of each row."""

    qd_counts: np.ndarray
    perovskite_counts: np.ndarray
    exposure_s: np.ndarray


def pixels_of(facts: FieldFacts) -> Pixels:
    """The pixels of a search raster."""
    return Pixels(facts.uid, facts.n, facts.n, facts.pixel_um, facts.origin_um)


def per_ms(counts: np.ndarray, exposure_s: np.ndarray) -> np.ndarray:
    """Counts per millisecond, NaN in rows that were not exposed.

    >>> per_ms(np.array([[180, 20], [0, 0]]), np.array([0.01, 0.0])).tolist()
    [[18.0, 2.0], [nan, nan]]
    """
    lit_s = np.where(exposure_s > 0, exposure_s, np.nan)[:, None]
    return counts / (1e3 * lit_s)


def perovskite_panel(ax: Axes, bar: Axes, field: Field, letter: str) -> AxesImage:
    """Perovskite image with scale and colour bar."""
    return image_panel(ax, bar, field, (field.perovskite_counts, parts.PEROVSKITE_MAP), letter, "perovskite")


def qd_panel(ax: Axes, bar: Axes, field: Field, letter: str) -> AxesImage:
    """QD image with scale and colour bar."""
    return image_panel(ax, bar, field, (field.qd_counts, parts.QD_MAP), letter, "QDs")


def image_panel(ax: Axes, bar: Axes, field: Field, shown: tuple[np.ndarray, str], letter: str, name: str) -> AxesImage:
    """One image, linear from zero, in counts per millisecond; shown: counts and colour map."""
    pixels, values = pixels_of(field.facts), per_ms(shown[0], field.exposure_s)
    norm = parts.linear_scale(np.append(values[np.isfinite(values)], 0.0))
    picture = parts.show(ax, values, pixels, shown[1], norm)
    parts.colour_bar(bar, picture, "counts/ms", extend="max")
    finish_image(ax, pixels, letter, f"{field.sample}: {name}", BAR_UM if field.extent_um > 4 * BAR_UM else None)
    return picture


def qd_contours(ax: Axes, field: Field, level: float) -> None:
    """Lines around the spots of the QD image brighter than a level, counts per millisecond."""
    parts.contours(ax, per_ms(field.qd_counts, field.exposure_s), pixels_of(field.facts), level)


def circles(ax: Axes, emitters: Emitters, names: Sequence[str] = ()) -> None:
    """A circle around each emitter with its name or rank: bold if it stands alone, dashed and pale if not."""
    left, right = ax.get_xlim()
    for i in range(len(emitters)):
        centre, alone = (float(emitters.x_um[i]), float(emitters.y_um[i])), bool(emitters.isolated[i])
        style = {"edgecolor": "white", "linewidth": 0.9} if alone else {"edgecolor": OTHER, "linestyle": (0, (2, 1.5))}
        style |= {"facecolor": "none", "zorder": 4, "gid": CIRCLES}
        ax.add_patch(Circle(centre, CIRCLE_UM, **{"linewidth": 0.6, **style}))
        name = short(names[i]) if i < len(names) and names[i] else str(i + 1)
        side = -1 if centre[0] > 0.06 * left + 0.94 * right else 1
        ax.annotate(
            name, (centre[0] + side * CIRCLE_UM * 0.71, centre[1] + CIRCLE_UM * 0.71), (side * NAMED_PT, 0),
            textcoords="offset points", size=parts.SMALL, color="white" if alone else OTHER,
            path_effects=parts.OUTLINE, zorder=5, annotation_clip=True, ha="left" if side > 0 else "right", gid=CIRCLES,
        )  # fmt: skip


def short(name: str) -> str:
    """The number at the end of an id, which is what tells emitters of one sample apart.

    >>> short("single-007"), short("halide_qds-112"), short("the bright one")
    ('7', '112', 'the bright one')
    """
    head, _, number = name.rpartition("-")
    return str(int(number)) if head and number.isdecimal() else name
