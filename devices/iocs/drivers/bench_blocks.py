"""What a real bench delivers after one measurement; times are seconds of this computer's clock."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class CounterBlock:
    """Counts (n_bins, n_routes), zero in bins that an interruption cut off."""

    counts: np.ndarray
    lit_fraction: float
    started_s: float
    elapsed_s: float
    interrupted: bool


@dataclass(frozen=True, eq=False)
class LineBlock:
    """One line of pixels; see `devices.iocs.blocks.LineBlock`.

    x_um, y_um, lit : NaN and 0 where an interrupted line has no data
    seconds : (n_pixels,) what each pixel really took, with the way to it
    """

    histograms: np.ndarray
    overflow: np.ndarray
    lit: np.ndarray
    x_um: np.ndarray
    y_um: np.ndarray
    seconds: np.ndarray
    started_s: float
    elapsed_s: float
    interrupted: bool


@dataclass(frozen=True, eq=False)
class CountedPixels:
    """Pixels as the pulse counters deliver them; counts (n_pixels, n_routes), else as `LineBlock`."""

    counts: np.ndarray
    lit: np.ndarray
    x_um: np.ndarray
    y_um: np.ndarray
    seconds: np.ndarray
    started_s: float
    elapsed_s: float
    interrupted: bool
