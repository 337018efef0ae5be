"""What an IOC asks of the hardware behind it. The twin and the drivers of real instruments both answer this."""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

from devices.iocs.blocks import Block, CountedPixels, CounterBlock, HbtBlock, LineBlock, RecordBlock

ROUTES = ("perovskite", "qd")
SCAN_KINDS = ("emission", "excitation", "synchronous", "transmission")
LAMP_STATES = ("off", "warming", "ready", "unknown")
Stop = threading.Event


class Light(Protocol):
    """Lasers and shutter, in the light process."""

    @property
    def max_w_cm2(self) -> float: ...
    @property
    def max_cw_w_cm2(self) -> float: ...
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


@dataclass(frozen=True)
class Illumination:
    """What the lasers do to the sample: whether light reaches it, and its intensity if the shutter were open."""

    lit: bool = False
    w_cm2: float = 0.0


class Stage(Protocol):
    """Three piezo axes in closed loop."""

    @property
    def limits_um(self) -> Sequence[tuple[float, float]]: ...
    def move(self, x: float, y: float, z: float, stop: Stop | None = None) -> bool: ...
    def position_um(self) -> tuple[float, float, float]: ...


class Filters(Protocol):
    """One filter position per detection route, and the beamsplitter before them.

    positions : by route, and under "splitter": "dichroic" (perovskite and QD light apart), "50:50" (half to each SPAD)
    """

    @property
    def positions(self) -> dict[str, tuple[str, ...]]: ...
    def set(self, route: str, position: str) -> None: ...
    def get(self, route: str) -> str: ...


class Spads(Protocol):
    """What both counters hear now, cps by route; dark_cps : what they hear in darkness, as declared."""

    @property
    def dark_cps(self) -> dict[str, float]: ...
    def rates(self) -> dict[str, float]: ...


class Counters(Protocol):
    """Pulse counters: they hear every click of the SPADs, whatever is cabled to the card.

    Counters that are the card itself have `most_bins`, too: by wiring, how many bins it can count; not at all in a
    wiring that is not there.
    """

    @property
    def dead_time_ns(self) -> Sequence[float]:
        """Of each route."""
        ...

    def acquire(
        self, n_bins: int, bin_s: float, *, acquisition: int, index: int, stop: Stop | None = None
    ) -> CounterBlock: ...


class Card(Protocol):
    """A TimeHarp 200: one converter, 4096 channels, six ranges.

    wiring : what is cabled to it: "raster" (both SPADs on the router, laser pulses stop), "hbt" (the first SPAD starts,
        the second stops behind the cable delay) or "clock" (both SPADs on the router, a free-running clock stops)
    max_records : the most that one time-tagged measurement can hold
    """

    wiring: str
    max_records: int

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
    def acquire_hbt(
        self, tacq_s: float, *, n_bins: int, acquisition: int, index: int, stop: Stop | None = None
    ) -> HbtBlock: ...
    def acquire_records(
        self, tacq_s: float, *, acquisition: int, index: int, stop: Stop | None = None
    ) -> RecordBlock: ...


@runtime_checkable
class Bench(Protocol):
    """Everything on the optical table but the light.

    One that can go back in time, like the twin, has `begin_step(step: str) -> bool`, too, and
    `knows_step(step: str) -> bool` (see `devices.iocs.sample`).
    """

    stage: Stage
    filters: Filters
    spads: Spads
    counters: Counters
    card: Card

    @property
    def samples(self) -> Sequence[str]: ...
    @property
    def mounted(self) -> str: ...
    def mount(self, name: str) -> None: ...
    def illumination(self) -> Illumination: ...
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
    def scan_counts(
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
    ) -> CountedPixels:
        """As `scan_line`, with the pulse counters instead of the card."""
        ...


@dataclass(frozen=True)
class Scan:
    """One scan of a spectrofluorometer.

    kind : what moves: "emission" or "excitation" (that monochromator), "synchronous" (both, a fixed distance apart),
        "transmission" (the excitation monochromator, with the detector behind the sample)
    fixed_nm : what stands still: the excitation of an emission scan, the emission of an excitation scan, emission
        minus excitation of a synchronous scan; 0 for transmission
    region : which place of the sample the lamp shines on, as the operator numbers them, from 1
    """

    kind: str
    start_nm: float
    stop_nm: float
    step_nm: float
    fixed_nm: float
    excitation_slit_nm: float
    emission_slit_nm: float
    dwell_s: float
    region: int = 1

    @property
    def n_points(self) -> int:
        return int((self.stop_nm - self.start_nm) / self.step_nm + 1e-6) + 1

    @property
    def wavelength_nm(self) -> np.ndarray:
        """(n_points,) where the scanned monochromator is told to stand."""
        return self.start_nm + self.step_nm * np.arange(self.n_points)


@dataclass(frozen=True)
class Point:
    """One point of a scan as the instrument tells it; NaN is what it does not tell.

    counts : of the photomultiplier in the dwell, raw: dead time and dark counts are in them
    reference : reference detector, uA
    transmitted : detector behind the sample, uA; transmission scans only
    correction : what one net count per second stands for: spectral response, over the reference
    corrected : (counts per second, dead time put right, minus dark) x correction; of a transmission scan,
        transmitted over reference
    time_s : instrument time
    """

    wavelength_nm: float
    counts: float
    reference: float
    transmitted: float
    correction: float
    corrected: float
    time_s: float


class Spectrofluorometer(Protocol):
    """A spectrofluorometer with a sample chamber of its own; see `Scan` and `Point`.

    limits : lowest and highest "excitation_nm", "emission_nm", "slit_nm", "step_nm", "dwell_s"
    """

    name: str
    limits: Mapping[str, tuple[float, float]]
    dead_time_ns: float
    max_points: int

    @property
    def samples(self) -> Sequence[str]: ...
    @property
    def mounted(self) -> str: ...
    def mount(self, name: str) -> None: ...
    @property
    def lamp_state(self) -> str:
        """One of LAMP_STATES."""
        ...

    @property
    def warm_up_s(self) -> float:
        """Until the lamp is ready; 0 if it is, NaN if the instrument cannot tell."""
        ...

    def switch_lamp(self, on: bool) -> None: ...
    def warm_up(self, stop: Stop | None = None) -> bool:
        """Wait until the lamp is ready; False if stopped."""
        ...

    def shutter_is_open(self) -> bool: ...
    def close_shutter(self) -> None: ...
    @property
    def instruction(self) -> str:
        """What the operator is asked to do now; empty if nothing."""
        ...

    def next_acquisition(self) -> int: ...
    def dark(self, seconds: float, *, acquisition: int, stop: Stop | None = None) -> tuple[float, float]:
        """Counts with the shutter closed, and the seconds they were counted in; (NaN, 0) if it cannot."""
        ...

    def check(self, scan: Scan) -> None:
        """ValueError with the reason if this scan cannot be done; nothing moves."""
        ...

    def scan(
        self,
        scan: Scan,
        *,
        acquisition: int,
        first: int = 0,
        stop: Stop | None = None,
        on_point: Callable[[int, Point], None],
    ) -> bool:
        """Open the shutter, take the points from `first` on, close it however this ends; False if stopped."""
        ...

    def finish_acquisition(self, acquisition: int) -> None: ...
