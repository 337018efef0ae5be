"""What a file of photons, of decay curves or of spectra holds, whatever its format."""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np


class Markers(NamedTuple):
    """Marks between photons, such as line starts: `index` (m,) photons came before each, `pattern` (m,) its bits."""

    index: np.ndarray
    pattern: np.ndarray


def no_markers() -> Markers:
    """The markers of a record without any."""
    return Markers(np.empty(0, np.int64), np.empty(0, np.uint8))


@dataclass(frozen=True, eq=False)
class Photons:
    """Time-tagged photons, in order of arrival.

    macrotime : (n,) int64 ticks of macrotime_unit_s since the start, never decreasing
    nanotime : (n,) unsigned channel numbers of nanotime_unit_s; empty where the card timed no pulses (T2)
    route : (n,) uint8 detector
    marker : where marks stand between the photons; marker_macrotime (m,) their times, same ticks
    n_channels : channels of a nanotime histogram; 0 without nanotimes
    reversed : nanotimes run backwards, from the photon to the next sync (TimeHarp 200); kept as recorded
    sync_hz : rate of the laser, NaN if the file does not tell
    header : everything the file says of itself, by its own names
    """

    macrotime: np.ndarray
    macrotime_unit_s: float
    nanotime: np.ndarray
    nanotime_unit_s: float
    route: np.ndarray
    marker: Markers = field(default_factory=no_markers)
    marker_macrotime: np.ndarray = field(default_factory=lambda: np.empty(0, np.int64))
    n_channels: int = 0
    reversed: bool = False
    sync_hz: float = float("nan")
    header: dict[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return self.macrotime.size

    @property
    def arrival_s(self) -> np.ndarray:
        """(n,) seconds since the start, to the precision of the macrotime."""
        return self.macrotime * self.macrotime_unit_s

    @property
    def bin_width_ns(self) -> float:
        """Width of a channel of `decay`."""
        return self.nanotime_unit_s * 1e9

    @property
    def delay(self) -> np.ndarray:
        """(n,) nanotimes that grow with the time after the pulse, whichever way the card counts."""
        return self.n_channels - 1 - self.nanotime if self.reversed else self.nanotime

    def times(self, route: int) -> np.ndarray:
        """(n_of_route,) int64 macrotimes of one route, ascending, as `coincidences` wants them; empty if it saw none.

        >>> Photons(np.array([2, 5, 6]), 1e-9, np.empty(0), 1e-9, np.array([0, 1, 0])).times(0)
        array([2, 6])
        """
        from analysis.formats._photon_kernels import pick

        routes = np.ascontiguousarray(self.route, np.uint8)
        if not 0 <= route < 256:
            raise ValueError(f"route {route}: expected one of 0 to 255; the photons have {np.unique(routes)}")
        chosen = np.empty(np.count_nonzero(routes == route), np.int64)
        pick(np.ascontiguousarray(self.macrotime, np.int64), routes, np.uint8(route), chosen)
        return chosen

    def decay(self, route: int | None = None) -> np.ndarray:
        """(n_channels,) int64 histogram of `delay`, of one route or of all photons."""
        chosen = self.nanotime if route is None else self.nanotime[self.route == route]
        counts = np.bincount(chosen, minlength=self.n_channels)
        return counts[::-1].copy() if self.reversed else counts


@dataclass(frozen=True, eq=False)
class Decays:
    """Decay curves, each with its own time axis.

    counts : (n_curves, n_bins)
    bin_width_ns : (n_curves,)
    header : everything the file says of itself, by its own names
    sync_hz : (n_curves,) rate of the laser, NaN where it is not known; empty if the file has none
    """

    counts: np.ndarray
    bin_width_ns: np.ndarray
    header: dict[str, Any] = field(default_factory=dict)
    sync_hz: np.ndarray = field(default_factory=lambda: np.empty(0))

    @property
    def period_ns(self) -> np.ndarray:
        """(n_curves,) from one laser pulse to the next."""
        return 1e9 / self.sync_hz

    def __len__(self) -> int:
        return len(self.counts)


@dataclass(frozen=True, eq=False)
class Spectrum:
    """Curves over one axis.

    x : (n,) ascending, in `x_unit`: "nm", "ns"...; empty if the file does not tell
    counts : (n_curves, n) what was measured, NaN where a shorter curve has no point
    header : everything the file says of itself, by its own names; a tuple, one for each, where its curves differ
    curves : the header of each curve by itself

    >>> scan = Spectrum(np.array([500.0, 501.0]), np.zeros((1, 2)), {"Labels": "A"})
    >>> scan.wavelength_nm, scan.labels
    (array([500., 501.]), ('A',))
    """

    x: np.ndarray
    counts: np.ndarray
    header: dict[str, Any] = field(default_factory=dict)
    x_unit: str = "nm"
    curves: tuple[dict[str, Any], ...] = ()

    @property
    def wavelength_nm(self) -> np.ndarray:
        """(n,) the axis of a spectrum; AttributeError if it is none, as that of a decay."""
        if self.x_unit != "nm":
            raise AttributeError(
                f"these curves have no wavelength: their axis is x, in {self.x_unit or 'no known unit'}"
            )
        return self.x

    @property
    def labels(self) -> tuple[str, ...]:
        """(n_curves,) what each curve is called; empty texts if the file does not tell."""
        labels = self.header.get("Labels", "")
        return tuple(labels) if isinstance(labels, tuple) else (str(labels),) * len(self)

    def __len__(self) -> int:
        return len(self.counts)
