"""What light comes to each counter: splitter, filter, leaks, efficiency."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from devices.iocs.twin.filters import OPEN_532, TwinFilters
from devices.iocs.twin.photons import Expected
from devices.iocs.twin.preset import ROUTES, InstrumentPreset, SamplePreset, ScatterPreset, SpadPreset
from devices.iocs.twin.sample import FWHM_PER_SIGMA, Emission

Floats = NDArray[np.float64]


class Routes:
    """Both detection routes of one bench as their filters stand."""

    def __init__(self, preset: InstrumentPreset, filters: TwinFilters) -> None:
        self.preset, self.filters = preset, filters

    def continuous(self, route: str, sample: SamplePreset) -> tuple[float, float]:
        """What a route gets of the light of the dots, and its background per W/cm2."""
        band, gain = self.filters.band(route), self._transmission(route)
        if band == "laser":
            return 0.0, gain * sample.scatter.cps / sample.scatter.reference_w_cm2
        if band == "qd":
            return gain, gain * sample.cw.background_cps / sample.cw.reference_w_cm2
        film_cps = sample.cw.perovskite_cps if sample.thickness_nm else 0.0
        return gain * self.preset.optics.crosstalk_qd_to_perovskite, gain * film_cps / sample.cw.reference_w_cm2

    def pulsed(self, route: str, seen: Emission, scatter: ScatterPreset, w_cm2: Floats) -> tuple[Floats, Floats]:
        """Rates and lifetimes (n, 4) of a route: its own light in two columns, then what leaks into it."""
        optics, none = self.preset.optics, np.zeros(len(w_cm2))
        fast, slow = seen.perovskite_cps * seen.share1, seen.perovskite_cps * (1 - seen.share1)
        band = self.filters.band(route)
        if band == "laser":
            rates = [scatter.cps * w_cm2 / scatter.reference_w_cm2, none, none, none]
            lives = [none] * 4
        elif band == "qd":
            leak = optics.crosstalk_perovskite_to_qd
            rates, lives = (
                [seen.qd_cps, none, leak * fast, leak * slow],
                [seen.qd_tau_ns, none, seen.tau1_ns, seen.tau2_ns],
            )
        else:
            leak = optics.crosstalk_qd_to_perovskite
            rates, lives = (
                [fast, slow, leak * seen.qd_cps, none],
                [seen.tau1_ns, seen.tau2_ns, seen.qd_tau_ns, none],
            )
        return np.column_stack(rates) * self._transmission(route), np.column_stack(lives)

    def _transmission(self, route: str) -> float:
        """Detected rate relative to what presets quote: filter, counter, and what the splitter sends there."""
        attenuation = self.preset.optics.od1_attenuation if self.filters.get(route) == OPEN_532 else 1.0
        return attenuation * self._spad(route).relative_pde * self._arm(route)

    def _arm(self, route: str) -> float:
        """Share of the light of its filter that comes to a route; scattered laser light comes to both."""
        band, share = self.filters.band(route), self.preset.optics.splitter_share
        if not self.filters.shares_light:
            return float(band in (route, "laser"))
        share = share if route == ROUTES[0] else 1 - share
        return 2 * share if band == "laser" else share

    def expected(self, route: str, cps: Floats, tau_ns: Floats) -> Expected:
        """A route's rates with background, delay and width."""
        spad, card = self._spad(route), self.preset.card
        colour_ns = 0.0 if self.filters.band(route) == "laser" else card.colour_shift_ns
        width_ns = math.hypot(self.preset.laser.pulse_fwhm_ns, spad.jitter_fwhm_ns) / FWHM_PER_SIGMA
        flat_cps = spad.dark_cps + spad.flat_share * cps.sum(axis=1)
        return Expected(cps, tau_ns, flat_cps, card.t0_ns + colour_ns, width_ns)

    @property
    def spads(self) -> tuple[SpadPreset, ...]:
        """The counters in the order of routes."""
        return tuple(map(self._spad, ROUTES))

    def _spad(self, route: str) -> SpadPreset:
        return getattr(self.preset.spads, route)
