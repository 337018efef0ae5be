"""What a figure shows, as arrays: two figures of the same arrays are the same figure, whatever their style.

digest(one) == digest(other)
drawn(figure)[0].arrays["line 1"]  # what stands behind the first line of the first panel
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.collections import Collection, QuadMesh
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.lines import Line2D
from matplotlib.patches import FancyArrowPatch, Patch
from matplotlib.text import Annotation, Text

HEX = 16


@dataclass(frozen=True, eq=False)
class Panel:
    """The axes of a figure: its letter, or its number; the arrays of what is drawn in it, by name; its texts.

    An image (n, m) or (n, m, 4) with its extent and limits of colour; a line (n, 2); the points, sizes, values and
    outlines of a collection, error bars and bands among them; the corners of patches; what arrows point at; limits.
    """

    name: str
    arrays: Mapping[str, np.ndarray]
    texts: tuple[str, ...]

    def told(self) -> dict[str, Any]:
        """As JSON knows it: of each array shape, digest, least, mean and largest value; the texts word for word."""
        return {
            "panel": self.name,
            "arrays": {key: summary(array) for key, array in self.arrays.items()},
            "texts": list(self.texts),
        }


def drawn(figure: Figure) -> tuple[Panel, ...]:
    """The arrays behind every artist, panel by panel; what stands outside of the panels comes last."""
    panels = [panel_of(ax, f"axes {n}") for n, ax in enumerate(every_axes(figure), 1)]
    loose = tuple(text.get_text() for text in figure.texts if text.get_text())
    size_in = np.asarray(figure.get_size_inches(), float)
    return (*panels, Panel("page", {"size (in)": size_in}, loose))


def prints(figure: Figure) -> list[dict[str, Any]]:
    """What a figure shows, short enough to be kept in its file."""
    return [panel.told() for panel in drawn(figure)]


def digest(figure: Figure) -> str:
    """One word for all that a figure shows; another pixel, another word."""
    return digest_of(prints(figure))


def digest_of(told: Iterable[Mapping[str, Any]]) -> str:
    """The digest of a figure from its prints.

    >>> digest_of([]) == digest_of([]), digest_of([]) == digest_of([{"panel": "a", "arrays": {}, "texts": []}])
    (True, False)
    """
    words = [[one["panel"], [[key, *one["arrays"][key][:2]] for key in one["arrays"]], one["texts"]] for one in told]
    return hashlib.sha256(repr(words).encode()).hexdigest()[:HEX]


def every_axes(figure: Figure) -> Iterator[Axes]:
    """All axes of a figure, insets too."""
    for ax in figure.axes:
        yield ax
        yield from (inset for inset in ax.child_axes if isinstance(inset, Axes))


def panel_of(ax: Axes, name: str) -> Panel:
    """All that is drawn in some axes."""
    frame = {ax.patch, *ax.spines.values()}
    artists = [artist for artist in ax.get_children() if artist not in frame]
    arrays = {"limits": np.array([*ax.get_xlim(), *ax.get_ylim()])}
    counted: dict[str, int] = {}
    for artist in artists:
        for kind, array in arrays_of(artist):
            counted[kind] = counted.get(kind, 0) + 1
            arrays[f"{kind} {counted[kind]}"] = array
    labels = [ax.get_xlabel(), ax.get_ylabel()]
    texts = [text.get_text() for text in artists if isinstance(text, Text)]
    legend = ax.get_legend()
    named = [] if legend is None else [text.get_text() for text in legend.get_texts()]
    return Panel(letter_of(artists) or name, arrays, tuple(filter(None, [*labels, *texts, *named])))


def letter_of(artists: Iterable[Artist]) -> str:
    """The bold letter of a panel, "" without one."""
    bold = (text for text in artists if isinstance(text, Text) and text.get_fontweight() == "bold")
    return next((f"panel {text.get_text()}" for text in bold if len(text.get_text()) == 1), "")


def arrays_of(artist: Artist) -> Iterator[tuple[str, np.ndarray]]:
    """The arrays of one artist, each with what it is."""
    match artist:
        case Line2D():
            yield "line", np.column_stack([plain(artist.get_xdata(orig=False)), plain(artist.get_ydata(orig=False))])
        case AxesImage():
            yield "image", plain(artist.get_array())
            yield "extent", np.asarray(artist.get_extent(), float)
            yield from limits_of(artist)
        case Collection():
            yield from collected(artist)
        case FancyArrowPatch():
            return
        case Patch():
            path = artist.get_patch_transform().transform_path(artist.get_path())
            yield "patch", plain(path.vertices)
        case Annotation():
            yield "pointed at", pointed_at(artist)


def limits_of(mappable: Any) -> Iterator[tuple[str, np.ndarray]]:
    """Between which values the colours run, if they stand for values."""
    values = mappable.get_array()
    if values is not None and np.ndim(values) < 3:
        yield "colour limits", np.array([np.nan if one is None else one for one in mappable.get_clim()], float)


def collected(artist: Collection) -> Iterator[tuple[str, np.ndarray]]:
    """Points, bars, bands, contours, meshes."""
    if isinstance(artist, QuadMesh):
        yield "mesh", plain(artist.get_coordinates())
    else:
        vertices = [plain(path.vertices) for path in artist.get_paths()]
        yield "outline", np.concatenate(vertices) if vertices else np.empty((0, 2))
        yield "points", plain(artist.get_offsets())
    if artist.get_array() is not None:
        yield "values", plain(artist.get_array())
        yield from limits_of(artist)


def pointed_at(text: Annotation) -> np.ndarray:
    """Where an arrow or a label belongs."""
    return np.array([float(value) for value in text.xy])


def plain(values: Any) -> np.ndarray:
    """Numbers without a mask: what is hidden is NaN."""
    values = np.ma.asarray(values)
    if np.ma.is_masked(values):
        return values.astype(float).filled(np.nan)
    return np.asarray(values.data)


def summary(array: np.ndarray) -> list[Any]:
    """Shape, digest, and of the finite values the least, the mean, the largest; None without any."""
    array = np.asarray(array)
    if array.dtype.kind != "u":
        array = array.astype("<f8") + 0.0  # one type, and no negative zero
        array = np.where(np.isnan(array), np.nan, array)  # one kind of NaN
    name = f"{array.dtype.str}{array.shape}".encode()
    word = hashlib.sha256(name + np.ascontiguousarray(array).tobytes()).hexdigest()[:HEX]
    known = array[np.isfinite(array)]
    told = [float(known.min()), float(known.mean()), float(known.max())] if known.size else [None, None, None]
    return [list(array.shape), word, *told]
