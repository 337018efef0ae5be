"""What an IOC gets back from the hardware behind it after one measurement; times are instrument time."""

from typing import Protocol

import numpy as np


class Timed(Protocol):
    """When it began and how long it took; interrupted: it was stopped, and is not to be kept."""

    started_s: float
    elapsed_s: float
    interrupted: bool


class Integration(Timed, Protocol):
    """lit_fraction : share of the time with light on."""

    lit_fraction: float


class Pixels(Timed, Protocol):
    """Pixels in the order they were visited; lit, x_um, y_um: (n_pixels,)."""

    lit: np.ndarray
    x_um: np.ndarray
    y_um: np.ndarray


class Block(Integration, Protocol):
    """One integration of the card. histograms: (n_routes, n_channels) uint16, forward in time."""

    histograms: np.ndarray
    overflow: np.ndarray


class LineBlock(Pixels, Protocol):
    """One raster line. histograms: (n_pixels, n_routes, n_channels) uint16."""

    histograms: np.ndarray
    overflow: np.ndarray


class HbtBlock(Integration, Protocol):
    """One integration in the wiring "hbt". histogram: (n_channels,) uint16, first stop after start, from time zero on.

    counts : (n_bins, n_routes) what the pulse counters of both SPADs heard meanwhile, in equal bins; dead time in it
    """

    histogram: np.ndarray
    counts: np.ndarray
    overflow: np.ndarray


class RecordBlock(Integration, Protocol):
    """One time-tagged measurement. records: (n,) uint32 as the TimeHarp 200 writes them in T3R files.

    counts : (n_routes,) photons among them
    overrun : the FIFO was full; the records end at the time `elapsed_s`, before the measurement should have ended
    """

    records: np.ndarray
    counts: np.ndarray
    overrun: bool


class CounterBlock(Integration, Protocol):
    """Counts in equal time bins. counts: (n_bins, n_routes); dead time of the SPADs is in them."""

    counts: np.ndarray


class CountedPixels(Pixels, Protocol):
    """Counts of pixels in the order they were visited. counts: (n_pixels, n_routes)."""

    counts: np.ndarray
