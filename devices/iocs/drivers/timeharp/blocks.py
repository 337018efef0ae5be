"""What a counting card delivers after one measurement; times are seconds of this computer's clock."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Block:
    """One histogram a route, (n_routes, 4096), forward in time; see `devices.iocs.blocks.Block`."""

    histograms: np.ndarray
    overflow: np.ndarray
    lit_fraction: float
    started_s: float
    elapsed_s: float
    interrupted: bool


@dataclass(frozen=True, eq=False)
class HbtBlock:
    """First stops after starts, (4096,), and the clicks of both SPADs meanwhile, (n_bins, n_routes).

    estimated : the clicks come from the rate meters, not from pulse counters
    """

    histogram: np.ndarray
    counts: np.ndarray
    overflow: np.ndarray
    lit_fraction: float
    started_s: float
    elapsed_s: float
    interrupted: bool
    estimated: bool


@dataclass(frozen=True, eq=False)
class RecordBlock:
    """T3R records (n,), and the photons of each route among them; after an overrun they end at `elapsed_s`."""

    records: np.ndarray
    counts: np.ndarray
    overrun: bool
    lit_fraction: float
    started_s: float
    elapsed_s: float
    interrupted: bool
