"""Photons under continuous light, one by one: of emitters that never emit two at once, and of random light.

A two-level emitter is excited after Exp(k) and emits after Exp(G). If each of its photons is detected with the chance
eta, the gap between detected photons is Exp(a) + Exp(b) with a b = eta k G and a + b = k + G, exactly: the Laplace
transforms agree. So nothing is emitted that is not detected. What is left of both waits is kept in units of their
means: where rates change, a wait goes on at the new rate, and a seam is nothing but such a place.
Light that pairs with nothing is an emitter without the second wait. Times are ticks, as in photons.py.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from devices.iocs.twin.cw_light import CwLight, Source
from devices.iocs.twin.photons import TICKS_PER_NS, Ticks

TICKS_PER_S = TICKS_PER_NS * 1_000_000_000
SPARE_SIGMA = 10  # room for photons beyond the expected number, in its standard deviations
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Emission:
    """Detections of one emitter, or of random light in one route.

    rates : (n, 5) of each stretch: mean of the long and of the short wait; the chance that a detection is of both
        photons of a pair, and of its second one alone; the mean delay of the second photon. Times in ticks
    share : (n_routes,) chances of the routes, summed up
    waits : (2,) what is left of the waits, in units of their means; it changes as time passes
    """

    rates: Floats
    share: Floats
    waits: Floats

    def detect(self, stretches: slice, edges: Ticks, jitter: Floats, rng: np.random.Generator) -> list[Ticks]:
        """Times in each route between the edges of those stretches; ticks."""
        rates = self.rates[stretches]
        mean = float(np.sum(np.diff(edges) * (1 + rates[:, 2]) / (rates[:, 0] + rates[:, 1])))
        times = np.empty((len(self.share), int(mean + SPARE_SIGMA * np.sqrt(mean)) + 100), np.int64)
        number = _detect(rng, edges, rates, self.share, jitter, self.waits, times)
        return [row[:count].copy() for row, count in zip(times, number, strict=True)]


class CwPhotons:
    """The photons of an acquisition under continuous light, piece by piece.

    Parameters
    ----------
    jitter_ns : (n_routes,) standard deviation of the time that each counter tells
    """

    def __init__(self, light: CwLight, jitter_ns: Floats, rng: np.random.Generator) -> None:
        self._edges = np.round(light.edges_s * TICKS_PER_S).astype(np.int64)
        self._jitter, self._rng = np.asarray(jitter_ns, float) * TICKS_PER_NS, rng
        self._emissions = [_of_emitter(source, light.share, rng) for source in light.sources]
        self._emissions += [_of_route(light.flat_cps, route, rng) for route in range(light.flat_cps.shape[1])]
        self._now = 0

    def until(self, end: int) -> list[Ticks]:
        """Photon times in each route from where the last piece ended until `end`; in no order."""
        begin, self._now = self._now, max(end, self._now)
        first = max(int(np.searchsorted(self._edges, begin, side="right")) - 1, 0)
        last = min(int(np.searchsorted(self._edges, end, side="left")), len(self._edges) - 1)
        last = max(last, first)
        edges = np.clip(self._edges[first : last + 1], begin, end)
        parts = [one.detect(slice(first, last), edges, self._jitter, self._rng) for one in self._emissions]
        return [np.concatenate(route) for route in zip(*parts, strict=True)]


def _of_emitter(source: Source, share: Floats, rng: np.random.Generator) -> Emission:
    """Waits between its detections, and what comes in pairs: the second photon after one more lifetime."""
    pump, decay, pair = source.pump_hz, source.decay_hz, source.second_photon
    routed = max(float(np.sum(share)), 1.0)  # SPADs better than the reference may see more than all
    seen = source.efficiency * routed
    either = 1 + pair - pair * seen  # per chance of one photon
    product, total = either * seen * pump * decay, pump + decay
    roots = total + np.sqrt(np.maximum(total**2 - 4 * product, 0))
    with np.errstate(divide="ignore"):
        waits = np.column_stack([roots / (2 * product), 2 / roots, 1 / decay]) * TICKS_PER_S
    both, second = seen * pair / either, (1 - seen) * pair / either
    rates = np.column_stack([waits[:, :2], both, second, waits[:, 2]])
    return Emission(rates, np.cumsum(share) / routed, rng.standard_exponential(2))


def _of_route(flat_cps: Floats, route: int, rng: np.random.Generator) -> Emission:
    """Random light that only this route sees."""
    rates = np.zeros((len(flat_cps), 5))
    with np.errstate(divide="ignore"):
        rates[:, 0] = TICKS_PER_S / flat_cps[:, route]
    share = (np.arange(flat_cps.shape[1]) >= route).astype(float)
    return Emission(rates, share, rng.standard_exponential(2))


@njit(cache=True, nogil=True, error_model="numpy")
def _detect(rng, edges, rates, share, jitter, waits, times):
    """Fill times (n_routes, room) with detections between edges (n + 1,); how many there are in each route."""
    number = np.zeros(share.size, np.int64)
    for i in range(rates.shape[0]):
        long, short, both, second, lag = rates[i]
        if not long < np.inf:
            continue
        left = float(edges[i + 1] - edges[i])
        while True:
            after_long = left - waits[0] * long
            if after_long < 0:
                waits[0] -= left / long
                break
            after_short = after_long - waits[1] * short
            if after_short < 0:
                waits[0] = 0.0
                waits[1] -= after_long / short
                break
            left = after_short
            waits[0], waits[1] = rng.standard_exponential(), rng.standard_exponential()
            time = edges[i + 1] - np.int64(left)
            if both + second == 0.0:
                _click(rng, time, share, jitter, times, number)
                continue
            draw = rng.random()
            if draw >= second:
                _click(rng, time, share, jitter, times, number)
            if draw < both + second:
                _click(rng, time + np.int64(lag * rng.standard_exponential()), share, jitter, times, number)
    return number


@njit(cache=True, nogil=True)
def _click(rng, time, share, jitter, times, number):
    """Send a photon to a route, or lose it."""
    route = 0
    draw = rng.random()
    while route < share.size and draw >= share[route]:
        route += 1
    if route < share.size:
        if number[route] == times.shape[1]:
            raise OverflowError("more photons than were expected")
        times[route, number[route]] = time + np.int64(jitter[route] * rng.standard_normal())
        number[route] += 1
