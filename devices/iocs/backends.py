"""What an IOC asks of the hardware behind it. The twin and the drivers of real instruments both answer this."""

import threading
from collections.abc import Callable, Sequence
from typing import Protocol, runtime_checkable

import numpy as np

ROUTES = ("perovskite", "qd")
Stop = threading.Event


class Light(Protocol):
    """Lasers and shutter, in the light process."""

    @property
    def max_w_cm2(self) -> float: ...
    @property
    def interlock(self) -> bool:
        """True while the interlock loop is closed."""
        ...

    def open_shutter(self) -> None: ...
    def close_shutter(self) -> None: ...
    def shutter_is_open(self) -> bool: ...
    def pulsed(self, on: bool, repetition_hz: float, w_cm2: float) -> None: ...
    def cw(self, on: bool, w_cm2: float) -> None: ...
    def refresh(self) -> None:
        """Keep the spring-loaded shutter drive supplied; without this it closes within half a second."""


class Stage(Protocol):
    """Three piezo axes in closed loop."""

    @property
    def limits_um(self) -> Sequence[tuple[float, float]]: ...
    def move(self, x: float, y: float, z: float, stop: Stop | None = None) -> bool: ...
    def position_um(self) -> tuple[float, float, float]: ...


class Filters(Protocol):
    """One filter position per detection route."""

    @property
    def positions(self) -> dict[str, tuple[str, ...]]: ...
    def set(self, route: str, position: str) -> None: ...
    def get(self, route: str) -> str: ...


class Spads(Protocol):
    def rates(self) -> dict[str, float]: ...


class Block(Protocol):
    """One integration of the card. histograms: (n_routes, n_channels) uint16, forward in time."""

    histograms: np.ndarray
    overflow: np.ndarray
    lit_fraction: float
    started_s: float
    elapsed_s: float
    interrupted: bool


class LineBlock(Protocol):
    """One raster line. histograms: (n_pixels, n_routes, n_channels) uint16; lit, x_um, y_um: (n_pixels,)."""

    histograms: np.ndarray
    overflow: np.ndarray
    lit: np.ndarray
    x_um: np.ndarray
    y_um: np.ndarray
    started_s: float
    elapsed_s: float
    interrupted: bool


class Card(Protocol):
    """A TimeHarp 200: one converter, 4096 channels, six ranges."""

    serial: str
    base_resolution_ps: float
    n_channels: int
    range_codes: Sequence[int]

    @property
    def range_code(self) -> int: ...
    @property
    def bin_width_ns(self) -> float: ...
    def configure(self, range_code: int, offset_ns: float) -> float: ...
    def sync_rate_hz(self, stop: Stop | None = None) -> float: ...
    def acquire(self, tacq_s: float, *, acquisition: int, index: int, stop: Stop | None = None) -> Block: ...


@runtime_checkable
class Bench(Protocol):
    """Everything on the optical table but the light."""

    stage: Stage
    filters: Filters
    spads: Spads
    card: Card

    @property
    def samples(self) -> Sequence[str]: ...
    @property
    def mounted(self) -> str: ...
    def mount(self, name: str) -> None: ...
    def next_acquisition(self) -> int: ...
    def finish_acquisition(self, acquisition: int) -> None: ...
    def scan_line(
        self,
        x_um: np.ndarray,
        y_um: np.ndarray,
        *,
        dwell_s: float,
        settle_s: float,
        acquisition: int,
        index: int,
        stop: Stop | None = None,
        on_pixel: Callable[[int], None] | None = None,
    ) -> LineBlock: ...
