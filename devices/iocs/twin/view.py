"""What was looked at: the light meanwhile, and what the counters should see of it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from devices.iocs.twin.continuous import CwView
from devices.iocs.twin.photons import Expected
from devices.iocs.twin.sample import Emission

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Glimpse:
    """The light during a stretch of simulated time: pulsed, continuous, and share of the time under either."""

    t_s: float
    passed_s: float
    lit: float
    w_cm2: float
    repetition_hz: float
    complete: bool
    cw_lit: float = 0.0
    cw_w_cm2: float = 0.0
    any_lit: float = 0.0


@dataclass(frozen=True)
class View:
    """What the counters should see, averaged over each of n dwells; rates include the share of time lit.

    t_s, lit, scene and lifetimes have shape (n,); drift_um and scene_um (n, 2);
    signal_cps (own luminescence or scatter), crosstalk_cps and background_cps (flat) (n, n_routes).
    All of this is pulsed light and dark counts. Continuous light is `cw`, None where it was not asked for; any_lit is
    the share of time under either.
    """

    t_s: Floats
    lit: Floats
    drift_um: Floats
    scene_um: Floats
    emission: Emission
    signal_cps: Floats
    crosstalk_cps: Floats
    background_cps: Floats
    expected: tuple[Expected, ...]
    any_lit: Floats
    cw: CwView | None = None

    @property
    def total_cps(self) -> Floats:
        """All that the counters should see of pulsed light, dark counts included."""
        return self.signal_cps + self.crosstalk_cps + self.background_cps

    @property
    def heard_cps(self) -> Floats:
        """All that the counters should see of both lasers, dark counts included."""
        return self.total_cps if self.cw is None else self.total_cps + self.cw.total_cps

    def as_flat(self) -> View:
        """The same with continuous light as light that is unrelated to the pulses."""
        if self.cw is None or self.cw.is_dark:
            return self
        flat_cps = self.cw.total_cps
        expected = tuple(
            replace(one, flat_cps=one.flat_cps + more) for one, more in zip(self.expected, flat_cps.T, strict=True)
        )
        return replace(self, expected=expected, background_cps=self.background_cps + flat_cps)
