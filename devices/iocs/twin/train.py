"""The optical train: from the light on the sample to what each counter should see.

It joins what is otherwise separate: clock, beam, stage, drift, sample and filters. Nothing random happens
here.
"""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from devices.iocs.twin.beam import BeamReader, BeamState
from devices.iocs.twin.clock import Clock
from devices.iocs.twin.drift import Drift
from devices.iocs.twin.filters import OPEN_532, SCATTER, TwinFilters
from devices.iocs.twin.photons import Expected
from devices.iocs.twin.piezo import TwinStage
from devices.iocs.twin.preset import ROUTES, InstrumentPreset, SpadPreset
from devices.iocs.twin.sample import FWHM_PER_SIGMA, Emission, Sample

Floats = NDArray[np.float64]
SLICE_S = 0.1  # light and drift are looked at this often
MAX_SLICES = 2000  # ... but not more often than this in one dwell


@dataclass(frozen=True)
class Glimpse:
    """The light during a stretch of simulated time."""

    t_s: float
    passed_s: float
    lit: float
    w_cm2: float
    repetition_hz: float
    complete: bool


@dataclass(frozen=True)
class View:
    """What the counters should see, averaged over each of n dwells; rates include the share of time lit.

    t_s, lit, scene and lifetimes have shape (n,); drift_um and scene_um (n, 2);
    signal_cps (own luminescence or scatter), crosstalk_cps and background_cps (flat) (n, n_routes).
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

    @property
    def total_cps(self) -> Floats:
        """All that the counters should see."""
        return self.signal_cps + self.crosstalk_cps + self.background_cps


class OpticalTrain:
    """Beam, stage, sample and filters of one bench, looking at one spot at a time."""

    def __init__(
        self,
        preset: InstrumentPreset,
        clock: Clock,
        beam: BeamReader,
        stage: TwinStage,
        drift: Drift,
        sample: Sample,
    ) -> None:
        self.preset, self.clock, self.beam, self.stage, self.drift = preset, clock, beam, stage, drift
        self.filters = TwinFilters()
        self.sample = sample

    def repetition_hz(self, state: BeamState | None = None) -> float:
        """True rate of the pulses on the sync input, now or in that state; 0 while the laser is off."""
        state = state or self.beam.read()
        return (self.preset.laser.front_panel_hz or state.repetition_hz) if state.pulsing else 0.0

    def watch(self, dwell_s: float, stop: threading.Event | None) -> Glimpse:
        """Let a dwell pass on the clock and see how much of it was lit."""
        count = min(math.ceil(dwell_s / SLICE_S - 1e-9), MAX_SLICES) or 1
        began_s, complete, looks = self.clock.now_s, True, [self.beam.read()]
        for _ in range(count):
            complete = self.clock.advance(dwell_s / count, stop)
            looks.append(self.beam.read())
            if not complete:
                break
        passed_s = dwell_s if complete else self.clock.now_s - began_s
        lit = _mean([float(look.pulsed_lit) for look in looks])
        power = _mean([look.pulsed_w_cm2 * look.pulsed_lit for look in looks])
        repetition_hz = self.repetition_hz(looks[0])
        w_cm2 = power / lit if lit else 0.0
        return Glimpse(began_s + passed_s / 2, passed_s, lit, w_cm2, repetition_hz, complete)

    def view(self, commanded_um: Floats, t_s: Floats, lit: Floats, w_cm2: Floats) -> View:
        """What is seen from commanded stage positions (n, 2) at times (n,) under that light."""
        drift_um = self.drift.displacement_um(t_s)
        scene_um = self.stage.true_um(commanded_um) - drift_um
        emission = self.sample.emission(scene_um[:, 0], scene_um[:, 1], w_cm2)
        own, crosstalk, expected = [], [], []
        for route in ROUTES:
            cps, tau_ns = self._components(route, emission, w_cm2)
            cps = cps * lit[:, None]
            expected.append(self._expected(route, cps, tau_ns))
            own.append(cps[:, :2].sum(axis=1))
            crosstalk.append(cps[:, 2:].sum(axis=1))
        background = np.column_stack([one.flat_cps for one in expected])
        return View(
            t_s, lit, drift_um, scene_um, emission, np.column_stack(own), np.column_stack(crosstalk),
            background, tuple(expected),
        )  # fmt: skip

    def _components(self, route: str, seen: Emission, w_cm2: Floats) -> tuple[Floats, Floats]:
        """Rates and lifetimes (n, 4) of a route: its own light in two columns, then what leaks into it."""
        optics, scatter = self.preset.optics, self.sample.preset.scatter
        none = np.zeros(len(w_cm2))
        fast, slow = seen.perovskite_cps * seen.share1, seen.perovskite_cps * (1 - seen.share1)
        if self.filters.get(route) == SCATTER:
            rates = [scatter.cps * w_cm2 / scatter.reference_w_cm2, none, none, none]
            lives = [none] * 4
        elif route == "qd":
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
        """Detected rate relative to what presets quote."""
        attenuation = self.preset.optics.od1_attenuation if self.filters.get(route) == OPEN_532 else 1.0
        return attenuation * self._spad(route).relative_pde

    def _expected(self, route: str, cps: Floats, tau_ns: Floats) -> Expected:
        """A route's rates with background, delay and width."""
        spad, card = self._spad(route), self.preset.card
        colour_ns = 0.0 if self.filters.get(route) == SCATTER else card.colour_shift_ns
        width_ns = math.hypot(self.preset.laser.pulse_fwhm_ns, spad.jitter_fwhm_ns) / FWHM_PER_SIGMA
        flat_cps = spad.dark_cps + spad.flat_share * cps.sum(axis=1)
        return Expected(cps, tau_ns, flat_cps, card.t0_ns + colour_ns, width_ns)

    @property
    def spads(self) -> tuple[SpadPreset, ...]:
        """The counters in the order of routes."""
        return tuple(self._spad(route) for route in ROUTES)

    def _spad(self, route: str) -> SpadPreset:
        return getattr(self.preset.spads, route)


def _mean(samples: list[float]) -> float:
    """Mean of a quantity sampled at equal steps, both ends included."""
    return (sum(samples) - (samples[0] + samples[-1]) / 2) / (len(samples) - 1)
