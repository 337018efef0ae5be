"""A real bench: stage, filters, SPADs, counters and card, each a driver or, mixed in, the twin's.

Lines are timed by this computer: move, settle, count, read where the stage stands, next pixel.
"""

import logging
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Event
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike

from devices.iocs.backends import ROUTES, Card, Counters, Filters, Illumination, Spads
from devices.iocs.drivers.bench_blocks import CountedPixels, LineBlock
from devices.iocs.drivers.followed import FollowedStage, leave
from devices.iocs.drivers.light.lit import LightPath, LitLog

log = logging.getLogger(__name__)


class Holder(Protocol):
    """What lies on the stage."""

    @property
    def samples(self) -> Sequence[str]: ...
    @property
    def mounted(self) -> str: ...
    def mount(self, name: str) -> None: ...


class Numbers(Protocol):
    """Acquisitions, counted across restarts."""

    def next_acquisition(self) -> int: ...
    def finish_acquisition(self, acquisition: int) -> None: ...


@dataclass(frozen=True)
class Pixel:
    """One pixel that was measured: what was counted, where, for how long the pixel had the stage, how much was lit."""

    block: Any
    x_um: float
    y_um: float
    seconds: float
    lit: float


class RealBench:
    """Everything on the optical table but the light."""

    def __init__(
        self,
        *,
        stage: FollowedStage,
        filters: Filters,
        spads: Spads,
        counters: Counters,
        card: Card,
        holder: Holder,
        numbers: Numbers,
        light: LightPath,
    ) -> None:
        self.stage, self.filters, self.spads, self.counters, self.card = stage, filters, spads, counters, card
        self.light, self._holder = light, holder
        self.next_acquisition, self.finish_acquisition = numbers.next_acquisition, numbers.finish_acquisition

    def greet(self) -> None:
        """Speak to everything once, before anybody relies on it; whoever does not answer raises, and says why."""
        told = self.stage.limits_um, self.stage.position_um(), self.card.serial, self.spads.rates()
        for place in self.filters.positions:
            told = *told, self.filters.get(place)
        log.info("the bench answers: %s", told)

    @property
    def samples(self) -> Sequence[str]:
        return self._holder.samples

    @property
    def mounted(self) -> str:
        return self._holder.mounted

    def mount(self, name: str) -> None:
        self._holder.mount(name)

    def illumination(self) -> Illumination:
        return self.light.illumination()

    def scan_line(
        self,
        x_um: ArrayLike,
        y_um: ArrayLike,
        *,
        dwell_s: float,
        settle_s: float,
        acquisition: int,
        index: int,
        stop: Event | None = None,
        on_pixel: Callable[[int], None] | None = None,
    ) -> LineBlock:
        """A histogram per pixel and route; ends early if `stop` is set. `on_pixel` hears of each."""
        path = self.path(x_um, y_um, dwell_s, settle_s)
        if self.card.wiring != "raster":
            raise ValueError(f"a raster needs the wiring 'raster', the card is cabled for {self.card.wiring!r}")

        def count(pixel: int) -> Any:
            number = index * len(path) + pixel  # no two pixels of an acquisition are alike
            return self.card.acquire(dwell_s, acquisition=acquisition, index=number, stop=stop)

        started_s, began_s = time.time(), time.monotonic()
        pixels = self.walk(path, settle_s, count, stop, on_pixel)
        histograms = np.zeros((len(path), len(ROUTES), self.card.n_channels), np.uint16)
        overflow = np.zeros(len(ROUTES), bool)
        for n, pixel in enumerate(pixels):
            histograms[n] = pixel.block.histograms
            overflow |= pixel.block.overflow
        elapsed_s, interrupted = time.monotonic() - began_s, len(pixels) < len(path)
        return LineBlock(histograms, overflow, *columns(pixels, len(path)), started_s, elapsed_s, interrupted)

    def scan_counts(
        self,
        x_um: ArrayLike,
        y_um: ArrayLike,
        *,
        dwell_s: float,
        settle_s: float,
        acquisition: int,
        index: int,
        stop: Event | None = None,
        on_pixel: Callable[[int], None] | None = None,
    ) -> CountedPixels:
        """As `scan_line`, with the pulse counters instead of the card."""
        path = self.path(x_um, y_um, dwell_s, settle_s)

        def count(pixel: int) -> Any:
            number = index * len(path) + pixel
            return self.counters.acquire(1, dwell_s, acquisition=acquisition, index=number, stop=stop)

        started_s, began_s = time.time(), time.monotonic()
        pixels = self.walk(path, settle_s, count, stop, on_pixel)
        counts = np.zeros((len(path), len(ROUTES)), np.int64)
        for n, pixel in enumerate(pixels):
            counts[n] = pixel.block.counts[0]
        elapsed_s, interrupted = time.monotonic() - began_s, len(pixels) < len(path)
        return CountedPixels(counts, *columns(pixels, len(path)), started_s, elapsed_s, interrupted)

    def walk(
        self,
        path: np.ndarray,
        settle_s: float,
        count: Callable[[int], Any],
        stop: Event | None,
        on_pixel: Callable[[int], None] | None,
    ) -> list[Pixel]:
        """Visit and count pixel by pixel; those that are complete."""
        pixels: list[Pixel] = []
        z_um, stop = self.stage.target_um[2], stop or Event()
        with LitLog(self.light) as lit:
            for n, (x_um, y_um) in enumerate(path.tolist()):
                began_s = time.monotonic()
                if not self.stage.move(x_um, y_um, z_um, stop=stop) or stop.wait(settle_s):
                    break
                x_seen_um, y_seen_um, _ = self.stage.read_um()
                counting_s = time.monotonic()
                block = count(n)
                if block.interrupted:
                    break
                ended_s = time.monotonic()
                share = lit.share(counting_s, ended_s)
                pixels.append(Pixel(block, x_seen_um, y_seen_um, ended_s - began_s, share))
                if on_pixel is not None:
                    on_pixel(n)
        return pixels

    def path(self, x_um: ArrayLike, y_um: ArrayLike, dwell_s: float, settle_s: float) -> np.ndarray:
        """The pixels (n, 2); ValueError for anything that cannot be scanned, before anything moves."""
        if not (math.isfinite(dwell_s) and dwell_s > 0 and math.isfinite(settle_s) and settle_s >= 0):
            raise ValueError(f"dwell_s = {dwell_s}, settle_s = {settle_s}: finite seconds, the dwell above 0")
        x_um, y_um = np.atleast_1d(np.asarray(x_um, float)), np.atleast_1d(np.asarray(y_um, float))
        if x_um.ndim != 1 or x_um.shape != y_um.shape or x_um.size == 0:
            raise ValueError(f"x_um {x_um.shape} and y_um {y_um.shape}: as many of both, at least one")
        for axis, places, (low, high) in zip("xy", (x_um, y_um), self.stage.limits_um, strict=False):
            if not (low <= places.min() and places.max() <= high):  # and neither is NaN
                raise ValueError(
                    f"{axis} goes from {places.min()} to {places.max()} um: the stage goes from {low:g} to {high:g} um"
                )
        return np.column_stack([x_um, y_um])

    def close(self) -> None:
        """Leave every instrument."""
        for part in (self.spads, self.counters, self.card, self.stage, self.filters):
            leave(part)


def columns(pixels: list[Pixel], n_pixels: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """lit, x_um, y_um and seconds of each pixel; NaN and 0 where there was none."""
    told = np.full((4, n_pixels), math.nan)
    told[[0, 3]] = 0.0
    for n, pixel in enumerate(pixels):
        told[:, n] = pixel.lit, pixel.x_um, pixel.y_um, pixel.seconds
    return told[0], told[1], told[2], told[3]
