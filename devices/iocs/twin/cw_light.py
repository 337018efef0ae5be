"""What the counters should see under continuous light: emitters that can be told apart, and light that cannot."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Source:
    """One emitter during an acquisition, in stretches within which nothing changes; all arrays (n,).

    pump_hz : excitation rate k
    decay_hz : 1 / lifetime
    efficiency : detected photons per emitted one, both arms together; 0 while it is dark
    second_photon : chance that an emission comes as a pair (biexciton)
    """

    number: int
    pump_hz: Floats
    decay_hz: Floats
    efficiency: Floats
    second_photon: float = 0.0

    @property
    def rate_cps(self) -> Floats:
        """Detected photons per second, both arms together."""
        pumped = self.pump_hz + self.decay_hz
        emitted = np.divide(self.pump_hz * self.decay_hz, pumped, out=np.zeros_like(pumped), where=pumped > 0)
        return self.efficiency * emitted * (1 + self.second_photon)


@dataclass(frozen=True, eq=False)
class CwLight:
    """Everything the counters should see between the edges (n + 1,), in seconds from the start of the acquisition.

    share : of each source's photons that each route gets, (n_routes,); what is missing to 1 is lost
    flat_cps : of each route, dark counts and background that pairs with nothing, (n, n_routes)
    """

    edges_s: Floats
    sources: tuple[Source, ...]
    share: Floats
    flat_cps: Floats

    @property
    def duration_s(self) -> float:
        """Length of the acquisition."""
        return float(self.edges_s[-1] - self.edges_s[0])

    @property
    def signal_cps(self) -> Floats:
        """Light of all sources in each route, (n, n_routes)."""
        total = np.sum([one.rate_cps for one in self.sources], axis=0) if self.sources else np.zeros(len(self.flat_cps))
        return total[:, None] * self.share
