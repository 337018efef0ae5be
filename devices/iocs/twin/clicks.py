"""What a photon counter makes of photons: clicks, with dead time, and now and then one more click afterwards."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from devices.iocs.twin.photons import TICKS_PER_NS, Ticks

REACH = 1000 * TICKS_PER_NS  # no photon is told earlier than it came by more than this
NEVER = 2**62


class Detector:
    """A counter that hears photons piece by piece.

    It is deaf for a while after each click. With a small chance a carrier is trapped in a click and makes another one
    after the dead time and an exponential delay; one carrier is trapped at a time.
    """

    def __init__(
        self, *, dead_time_ns: float, afterpulse_probability: float, afterpulse_ns: float, rng: np.random.Generator
    ) -> None:
        self._settings = np.array([dead_time_ns * TICKS_PER_NS, afterpulse_probability, afterpulse_ns * TICKS_PER_NS])
        self._rng = rng
        self._waiting = np.zeros(0, np.int64)
        self._state = np.array([-NEVER, NEVER])  # when it can hear again, and when a trapped carrier comes free

    def hear(self, photons: Ticks, end: int) -> Ticks:
        """The clicks before `end`, in order; `photons` came since the last call, all that can still come are later."""
        waiting = np.concatenate([self._waiting, photons])
        waiting.sort(kind="stable")  # quick: it is made of few ordered pieces
        known = int(np.searchsorted(waiting, end))
        self._waiting = waiting[known:]
        return _heard(self._rng, waiting[:known], end, self._settings, self._state)


@njit(cache=True, nogil=True)
def _heard(rng, photons, end, settings, state):
    """Clicks before `end`; `state` is left as it is then."""
    dead, chance, delay = np.int64(settings[0]), settings[1], settings[2]
    free, trapped = state
    clicks, n, i = np.empty(3 * photons.size + 100, np.int64), 0, 0
    while True:
        time = photons[i] if i < photons.size else end
        afterpulse = trapped < time
        if afterpulse:
            time, trapped = trapped, NEVER
        elif i == photons.size:
            break
        else:
            i += 1
        if time < free:
            continue
        if n == clicks.size:
            raise OverflowError("more afterpulses than photons")
        clicks[n] = time
        n += 1
        free = time + dead
        if chance > 0 and trapped == NEVER and rng.random() < chance:
            trapped = free + np.int64(delay * rng.standard_exponential())
    state[0], state[1] = free, trapped
    return clicks[:n]


def in_bins(clicks: list[Ticks], edges: Ticks) -> NDArray[np.int64]:
    """How many clicks of each route lie between the edges (n + 1,): (n, n_routes)."""
    return np.column_stack([np.diff(np.searchsorted(route, edges)) for route in clicks])
