"""What the card delivers after one integration; times are simulated seconds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Block:
    """One histogram per route, (n_routes, 4096), with what the light did meanwhile."""

    histograms: NDArray[np.uint16]
    overflow: NDArray[np.bool_]
    lit_fraction: float
    started_s: float
    elapsed_s: float
    interrupted: bool


@dataclass(frozen=True, eq=False)
class HbtBlock:
    """First stops after starts, (4096,), and the clicks of both counters meanwhile, (n_bins, n_routes)."""

    histogram: NDArray[np.uint16]
    counts: NDArray[np.int64]
    overflow: NDArray[np.bool_]
    lit_fraction: float
    started_s: float
    elapsed_s: float
    interrupted: bool


@dataclass(frozen=True, eq=False)
class RecordBlock:
    """Time-tagged records (n,), and the photons of each route among them.

    After an overrun they end at `elapsed_s`; the light stays on the sample until the integration is over.
    """

    records: NDArray[np.uint32]
    counts: NDArray[np.int64]
    overrun: bool
    lit_fraction: float
    started_s: float
    elapsed_s: float
    interrupted: bool
