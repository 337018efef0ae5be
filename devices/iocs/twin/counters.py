"""Pulse counters beside the card: every click of both SPADs, in equal time bins."""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from devices.iocs.twin.cw_light import CwLight
from devices.iocs.twin.preset import ROUTES, SpadPreset
from devices.iocs.twin.timeharp import Generator, Record
from devices.iocs.twin.train import MAX_SLICES, SLICE_S, OpticalTrain
from devices.iocs.twin.view import Glimpse, View

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]
MAX_BINS = 10_000_000


@dataclass(frozen=True, eq=False)
class CounterBlock:
    """Counts (n_bins, n_routes), zero in bins that an interruption cut off; times are simulated seconds."""

    counts: Counts
    lit_fraction: float
    started_s: float
    elapsed_s: float
    interrupted: bool


class TwinCounters:
    """Two counters that hear all clicks at the present spot, whatever is cabled to the card."""

    def __init__(self, train: OpticalTrain, generator: Generator, record: Record) -> None:
        self._train, self._generator, self._record = train, generator, record

    @property
    def dead_time_ns(self) -> tuple[float, ...]:
        """Of each route."""
        return tuple(spad.dead_time_ns for spad in self._train.spads)

    def acquire(
        self, n_bins: int, bin_s: float, *, acquisition: int, index: int, stop: threading.Event | None = None
    ) -> CounterBlock:
        """Count for `n_bins` bins of `bin_s` where the stage is; the whole bins so far if `stop` is set."""
        _check(n_bins, bin_s)
        self._train.begin(b"counters", acquisition, index)
        duration_s = n_bins * bin_s
        slice_s = duration_s / min(max(math.ceil(duration_s / SLICE_S - 1e-9), 1), MAX_SLICES)
        started_s, spot_um = self._train.clock.now_s, self._train.stage.at_um[:2]
        glimpses = self._watch(round(duration_s / slice_s), slice_s, stop)
        spots_um = np.repeat([spot_um], len(glimpses), axis=0)
        view, complete = self._train.see(spots_um, glimpses), glimpses[-1].complete
        elapsed_s = duration_s if complete else self._train.clock.now_s - started_s
        whole = n_bins if complete else min(int(elapsed_s / bin_s), n_bins)
        counts = np.zeros((n_bins, len(ROUTES)), dtype=np.int64)
        rng = self._generator(b"counters", acquisition, index)
        counts[:whole] = self._counted(view, bin_s * np.arange(whole + 1.0), bin_s, rng)
        self._record("bins", acquisition, index, view, slice_s, spots_um)
        return CounterBlock(counts, float(view.any_lit.mean()), started_s, elapsed_s, not complete)

    def _watch(self, count: int, slice_s: float, stop: threading.Event | None) -> list[Glimpse]:
        glimpses: list[Glimpse] = []
        for _ in range(count):
            glimpses.append(self._train.watch(slice_s, stop))
            if not glimpses[-1].complete:
                break
        return glimpses

    def _counted(self, view: View, edges_s: Floats, bin_s: float, rng: np.random.Generator) -> Counts:
        """Counts between the edges."""
        light, cw = self._train.cw_light(view), view.cw
        pulsed_cps = view.total_cps - np.array([spad.dark_cps for spad in self._train.spads])
        step = np.searchsorted(cw.edges_s, light.edges_s[:-1], side="right") - 1 if cw else 0
        rates_cps = light.signal_cps + light.flat_cps + pulsed_cps[np.minimum(step, len(pulsed_cps) - 1)]
        return clicks(expected_in_bins(light, rates_cps, edges_s), bin_s, self._train.spads, rng)


def expected_in_bins(light: CwLight, rates_cps: Floats, edges_s: Floats) -> Floats:
    """Photons between the edges (n + 1,), for rates in each stretch of the light; shape (n, n_routes)."""
    first = np.searchsorted(light.edges_s, edges_s[:-1], side="right") - 1
    last = np.searchsorted(light.edges_s, edges_s[1:], side="left") - 1
    within = rates_cps[np.clip(first, 0, len(rates_cps) - 1)] * np.diff(edges_s)[:, None]
    so_far = np.concatenate(
        [np.zeros((1, rates_cps.shape[1])), np.cumsum(rates_cps * np.diff(light.edges_s)[:, None], axis=0)]
    )
    at_edges = np.column_stack([np.interp(edges_s, light.edges_s, column) for column in so_far.T])
    return np.where((first == last)[:, None], within, np.diff(at_edges, axis=0))


def clicks(photons: Floats, seconds: float, spads: Sequence[SpadPreset], rng: np.random.Generator) -> Counts:
    """Clicks of each counter where that many photons (n, n_routes) are expected in `seconds`.

    Dead time makes them fewer and steadier: their mean is m = r/(1 + r dead) per second and their variance
    m (1 - m dead)^2, which a binomial distribution has as well. Afterpulses are extra counts.
    """
    counts = np.empty(photons.shape, dtype=np.int64)
    for route, spad in enumerate(spads):
        heard = _after_dead_time(photons[:, route], spad.dead_time_ns * 1e-9 / seconds, rng)
        counts[:, route] = heard + rng.poisson(spad.afterpulse_probability * heard)
    return counts


def _after_dead_time(photons: Floats, dead: float, rng: np.random.Generator) -> Counts:
    """Clicks where `dead` is the dead time in units of the time that was counted."""
    if dead == 0:
        return rng.poisson(photons)
    mean = photons / (1 + photons * dead)
    spread = 1 - (1 - mean * dead) ** 2
    trials = np.maximum(np.rint(np.divide(mean, spread, out=np.ones_like(mean), where=spread > 0)), 1)
    trials = np.maximum(trials, np.ceil(mean))
    return rng.binomial(trials.astype(np.int64), mean / trials)


def _check(n_bins: int, bin_s: float) -> None:
    if not 1 <= n_bins <= MAX_BINS:
        raise ValueError(f"n_bins = {n_bins}: allowed is 1..{MAX_BINS}")
    if not (math.isfinite(bin_s) and bin_s > 0):
        raise ValueError(f"bin_s = {bin_s}: it must be finite and > 0")
