"""What a raster says while it grows: its summed decay with a fit, the rates line by line, the drift of its scans."""

from dataclasses import dataclass, field

import numpy as np

from analysis.decay import DecayFit, DecayModel
from analysis.flim import FlimRaster, RasterFacts, drift_of
from analysis.registration import Drift, LineDrift

NO_DRIFT = Drift(shift_px=np.zeros((1, 2)), shift_err_px=np.zeros((1, 2)), reliable=np.ones(1, bool))


@dataclass(frozen=True, eq=False)
class DecaySoFar:
    """All perovskite photons of the usable lines as one decay, under the names of a `FlimMap` of one pixel, (0,)."""

    facts: RasterFacts
    model: DecayModel = field(repr=False)
    fit: DecayFit
    compressed: np.ndarray = field(repr=False)  # (1, n_time_bins)


@dataclass(frozen=True, eq=False)
class TrackSoFar:
    """Where the scene was in the complete scans, under the names of a `FlimMap`."""

    facts: RasterFacts
    drift: Drift
    line_drift: LineDrift | None = None


def decay_so_far(raster: FlimRaster) -> DecaySoFar | None:
    """The summed decay, fitted; None before a line with photons."""
    usable = raster.usable
    if raster.model is None or not usable.any():
        return None
    total = raster.compressed[usable].sum(axis=(0, 1), dtype=np.int64)[None]
    if not total.any():
        return None
    model = raster.timed()
    return DecaySoFar(raster.facts, model, model.fit(total), total)


def track_so_far(raster: FlimRaster) -> TrackSoFar:
    """How far the scene had moved in each complete scan since the first; no motion before there are two."""
    scans = raster.complete_scans
    return TrackSoFar(raster.facts, drift_of(raster.images[:, scans]) if len(scans) > 1 else NO_DRIFT)


def line_rates(raster: FlimRaster) -> tuple[np.ndarray, np.ndarray]:
    """Numbers (n,) of the lines taken, from 1, and the mean rate of each route on them (2, n), cps; NaN: no light."""
    facts = raster.facts
    taken = np.flatnonzero(raster.taken.ravel())
    counts = raster.images.sum(axis=-1).reshape(2, -1)[:, taken]
    rates = counts / (facts.nx * facts.dwell_s)
    return taken + 1, np.where(raster.usable.ravel()[taken], rates, np.nan)
