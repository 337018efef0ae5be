"""The line scanner: move, settle, integrate, next pixel, all close to the hardware.

The line is paced pixel by pixel on the clock; its photons are drawn in one go when it has ended.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from devices.iocs.twin.card import N_CHANNELS
from devices.iocs.twin.counters import clicks
from devices.iocs.twin.preset import ROUTES
from devices.iocs.twin.timeharp import Generator, Record, TwinTimeHarp
from devices.iocs.twin.train import OpticalTrain
from devices.iocs.twin.view import Glimpse, View

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class LineBlock:
    """One line of pixels, as scanner and card deliver it.

    histograms (n_pixels, n_routes, 4096); overflow (n_routes,); lit, x_um, y_um (n_pixels,): share of the
    dwell under light and measured position, 0 and NaN where an interrupted line has no data. Times are
    simulated seconds.
    """

    histograms: NDArray[np.uint16]
    overflow: NDArray[np.bool_]
    lit: Floats
    x_um: Floats
    y_um: Floats
    started_s: float
    elapsed_s: float
    interrupted: bool


@dataclass(frozen=True)
class CountedPixels:
    """Pixels as scanner and pulse counters deliver them; counts (n_pixels, n_routes), else as `LineBlock`."""

    counts: NDArray[np.int64]
    lit: Floats
    x_um: Floats
    y_um: Floats
    started_s: float
    elapsed_s: float
    interrupted: bool


@dataclass(frozen=True)
class Walk:
    """Pixels that were visited: where they were to be, where the sensors saw them, and the light meanwhile."""

    path_um: Floats
    measured_um: Floats
    view: View | None
    glimpses: list[Glimpse]
    missing: int
    started_s: float
    elapsed_s: float


class LineScanner:
    """Scans pixels with the stage, and the card or the pulse counters of one bench."""

    def __init__(self, train: OpticalTrain, card: TwinTimeHarp, generator: Generator, record: Record) -> None:
        self._train, self._card, self._generator, self._record = train, card, generator, record

    def scan_line(
        self,
        x_um: ArrayLike,
        y_um: ArrayLike,
        *,
        dwell_s: float,
        settle_s: float,
        acquisition: int,
        index: int,
        stop: threading.Event | None = None,
        on_pixel: Callable[[int], None] | None = None,
    ) -> LineBlock:
        """Fly back, then integrate pixel by pixel; ends early if `stop` is set. `on_pixel` hears of each."""
        self._card.require("raster")
        self._train.begin(b"scanner", acquisition, index)
        rng = self._generator(b"scanner", acquisition, index)
        walk = self._visit(self._path(x_um, y_um, dwell_s, settle_s), dwell_s, settle_s, rng, stop, on_pixel)
        histograms = np.zeros((len(walk.glimpses), len(ROUTES), N_CHANNELS), dtype=np.uint16)
        overflow, lit = np.zeros(len(ROUTES), dtype=bool), np.zeros(0)
        if walk.view:
            view = walk.view.as_flat()
            histograms, overflow = self._card.line(view, walk.glimpses, dwell_s, rng)
            lit = view.lit
            self._record("line", acquisition, index, walk.view, dwell_s, walk.path_um)
        return LineBlock(_extended(histograms, walk.missing, 0), overflow, *_ending(walk, lit))

    def scan_counts(
        self,
        x_um: ArrayLike,
        y_um: ArrayLike,
        *,
        dwell_s: float,
        settle_s: float,
        acquisition: int,
        index: int,
        stop: threading.Event | None = None,
        on_pixel: Callable[[int], None] | None = None,
    ) -> CountedPixels:
        """As `scan_line`, with the pulse counters instead of the card; `lit` is the share under either laser."""
        self._train.begin(b"scanner", acquisition, index)
        rng = self._generator(b"scanner", acquisition, index)
        walk = self._visit(self._path(x_um, y_um, dwell_s, settle_s), dwell_s, settle_s, rng, stop, on_pixel)
        counts, lit = np.zeros((0, len(ROUTES)), dtype=np.int64), np.zeros(0)
        if walk.view:
            counts = clicks(walk.view.heard_cps * dwell_s, dwell_s, self._train.spads, rng)
            lit = walk.view.any_lit
            self._record("counts", acquisition, index, walk.view, dwell_s, walk.path_um)
        return CountedPixels(_extended(counts, walk.missing, 0), *_ending(walk, lit))

    def _visit(
        self,
        path_um: Floats,
        dwell_s: float,
        settle_s: float,
        rng: np.random.Generator,
        stop: threading.Event | None,
        on_pixel: Callable[[int], None] | None,
    ) -> Walk:
        """Walk the path; the dots live through dwells and settling."""
        started_s, start_um = self._train.clock.now_s, self._train.stage.at_um[:2]
        glimpses = self._walk(path_um, dwell_s, settle_s, stop, on_pixel)
        elapsed_s, visited_um = self._train.clock.now_s - started_s, path_um[: len(glimpses)]
        seen_um = self._seen_um(np.vstack([start_um, visited_um]), dwell_s, settle_s)
        measured_um = seen_um + rng.normal(0, self._train.stage.preset.noise_nm / 1000, seen_um.shape)
        view = self._train.see(seen_um, glimpses, lead_s=settle_s) if glimpses else None
        return Walk(visited_um, measured_um, view, glimpses, len(path_um) - len(glimpses), started_s, elapsed_s)

    def _walk(
        self,
        path_um: Floats,
        dwell_s: float,
        settle_s: float,
        stop: threading.Event | None,
        on_pixel: Callable[[int], None] | None,
    ) -> list[Glimpse]:
        """Pace the line on the clock; what the light did in each completed pixel."""
        stage, glimpses = self._train.stage, []
        wait_s = stage.preset.flyback_ms / 1000 + settle_s
        for pixel, (x, y) in enumerate(path_um.tolist()):
            stage.place(x, y, stage.at_um[2])
            if not self._train.clock.advance(wait_s, stop):
                break
            glimpse = self._train.watch(dwell_s, stop)
            if not glimpse.complete:
                break
            glimpses.append(glimpse)
            wait_s = settle_s
            if on_pixel:
                on_pixel(pixel)
        return glimpses

    def _seen_um(self, path_um: Floats, dwell_s: float, settle_s: float) -> Floats:
        """Mean position of the stage in each dwell; `path_um` begins where the line came from."""
        settled_s = np.full(len(path_um) - 1, float(settle_s))
        settled_s[:1] += self._train.stage.preset.flyback_ms / 1000
        return path_um[1:] + self._train.stage.lag_um(path_um, settled_s, dwell_s)

    def _path(self, x_um: ArrayLike, y_um: ArrayLike, dwell_s: float, settle_s: float) -> Floats:
        """The pixels (n, 2) of a line; ValueError for anything that cannot be scanned."""
        if not (math.isfinite(dwell_s) and dwell_s > 0):
            raise ValueError(f"dwell_s = {dwell_s}: it must be finite and > 0")
        if not (math.isfinite(settle_s) and settle_s >= 0):
            raise ValueError(f"settle_s = {settle_s}: it must be finite and >= 0")
        x, y = np.broadcast_arrays(np.atleast_1d(np.asarray(x_um, float)), np.asarray(y_um, float))
        if x.ndim != 1 or len(x) == 0:
            raise ValueError(f"x_um and y_um give shape {x.shape}: a line needs one row of pixels")
        for corner in ((x.min(), y.min()), (x.max(), y.max())):
            self._train.stage.check(*corner, self._train.stage.at_um[2])
        return np.column_stack([x, y])


def _ending(walk: Walk, lit: Floats) -> tuple[Floats, Floats, Floats, float, float, bool]:
    """The last fields of both kinds of line, missing pixels filled in."""
    x_um, y_um = (_extended(column, walk.missing, np.nan) for column in walk.measured_um.T)
    return _extended(lit, walk.missing, 0), x_um, y_um, walk.started_s, walk.elapsed_s, walk.missing > 0


def _extended(array: NDArray, missing: int, value: float) -> NDArray:
    """The array with `missing` more rows of one value."""
    if not missing:
        return array
    return np.concatenate([array, np.full((missing, *array.shape[1:]), value, dtype=array.dtype)])
