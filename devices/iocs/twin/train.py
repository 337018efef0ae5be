"""The optical train: from the light on the sample to what each counter should see.

It joins what is otherwise separate: clock, beam, stage, drift, sample and filters. Nothing random happens
here.
"""

from __future__ import annotations

import math
import threading
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from devices.iocs.twin.beam import BeamReader, BeamState
from devices.iocs.twin.clock import Clock
from devices.iocs.twin.continuous import CwView
from devices.iocs.twin.cw_light import CwLight
from devices.iocs.twin.dots import Exposure
from devices.iocs.twin.drift import Drift
from devices.iocs.twin.filters import TwinFilters
from devices.iocs.twin.mounting import Mounting
from devices.iocs.twin.piezo import TwinStage
from devices.iocs.twin.preset import ROUTES, InstrumentPreset, SpadPreset
from devices.iocs.twin.routes import Routes
from devices.iocs.twin.sample import Sample
from devices.iocs.twin.view import Glimpse, View
from devices.iocs.twin.world import Begin

Floats = NDArray[np.float64]
SLICE_S = 0.1  # light and drift are looked at this often
MAX_SLICES = 2000  # ... but not more often than this in one dwell


class OpticalTrain:
    """Beam, stage, sample and filters of one bench, looking at one spot at a time.

    begin : told of each line, patch and integration before it starts
    """

    def __init__(
        self,
        preset: InstrumentPreset,
        clock: Clock,
        beam: BeamReader,
        stage: TwinStage,
        drift: Drift,
        sample: Sample,
        mounting: Mounting,
        filters: TwinFilters,
        begin: Begin,
    ) -> None:
        self.preset, self.clock, self.beam, self.stage, self.drift = preset, clock, beam, stage, drift
        self.sample, self.mounting, self.filters, self.begin = sample, mounting, filters, begin
        self._routes = Routes(preset, self.filters)

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
        lit, w_cm2 = _light([(look.pulsed_lit, look.pulsed_w_cm2) for look in looks])
        cw_lit, cw_w_cm2 = _light([(look.cw_lit, look.cw_w_cm2) for look in looks])
        any_lit = _mean([float(look.lit) for look in looks])
        repetition_hz = self.repetition_hz(looks[0])
        began_s += passed_s / 2
        return Glimpse(began_s, passed_s, lit, w_cm2, repetition_hz, complete, cw_lit, cw_w_cm2, any_lit)

    def see(self, commanded_um: Floats, glimpses: list[Glimpse], *, lead_s: float = 0.0, keep: bool = True) -> View:
        """What is seen from stage positions (n, 2) during n glimpses of both lasers.

        The dots live through it, and through `lead_s` at each position before: once for each acquisition or line.
        `keep=False` only looks what it would be like.
        """
        t_s, lit, w_cm2 = np.array([(one.t_s, one.lit, one.w_cm2) for one in glimpses]).reshape(-1, 3).T
        view = self.view(commanded_um, t_s, lit, w_cm2)
        any_lit = np.array([one.any_lit for one in glimpses])
        return replace(view, any_lit=any_lit, cw=self._continuous(view.scene_um, glimpses, lead_s, keep))

    def cw_light(self, view: View) -> CwLight:
        """Continuous light and dark counts of an acquisition that was seen, in stretches without change."""
        if view.cw is None:
            raise ValueError("this view has no continuous light: take it with `see`")
        return view.cw.light(np.array([spad.dark_cps for spad in self.spads]))

    def view(self, commanded_um: Floats, t_s: Floats, lit: Floats, w_cm2: Floats) -> View:
        """What is seen from commanded stage positions (n, 2) at times (n,) under that pulsed light."""
        drift_um = self.drift.displacement_um(t_s)
        scene_um = self.mounting.of_sample_um(self.stage.true_um(commanded_um) - drift_um)
        emission = self.sample.emission(scene_um[:, 0], scene_um[:, 1], w_cm2)
        scatter, own, crosstalk, expected = self.sample.preset.scatter, [], [], []
        for route in ROUTES:
            cps, tau_ns = self._routes.pulsed(route, emission, scatter, w_cm2)
            cps = cps * lit[:, None]
            expected.append(self._routes.expected(route, cps, tau_ns))
            own.append(cps[:, :2].sum(axis=1))
            crosstalk.append(cps[:, 2:].sum(axis=1))
        background = np.column_stack([one.flat_cps for one in expected])
        return View(
            t_s, lit, drift_um, scene_um, emission, np.column_stack(own), np.column_stack(crosstalk),
            background, tuple(expected), lit,
        )  # fmt: skip

    def _continuous(self, scene_um: Floats, glimpses: list[Glimpse], lead_s: float, keep: bool) -> CwView:
        """Dots and background under the continuous laser."""
        columns = np.array([(one.passed_s, one.cw_lit, one.cw_w_cm2) for one in glimpses]).reshape(-1, 3).T
        seconds, share, w_cm2 = columns
        exposure = Exposure(scene_um, np.full(len(seconds), float(lead_s)), seconds, share, w_cm2)
        parts = [self._routes.continuous(route, self.sample.preset) for route in ROUTES]
        flat_cps = (share * w_cm2)[:, None] * np.array([flat for _, flat in parts])
        dots, edges_s = self.sample.dots, np.append(0.0, np.cumsum(seconds))
        lives = dots.live(exposure, keep=keep)
        of_dots = np.array([of_dots for of_dots, _ in parts])
        return CwView(dots, self.sample.preset, exposure, lives, of_dots, flat_cps, edges_s)

    @property
    def spads(self) -> tuple[SpadPreset, ...]:
        """The counters in the order of routes."""
        return self._routes.spads


def _light(looks: list[tuple[bool, float]]) -> tuple[float, float]:
    """Share of the time with light, and its intensity then, of looks (lit, intensity) at equal steps."""
    lit = _mean([float(on) for on, _ in looks])
    power = _mean([w_cm2 * on for on, w_cm2 in looks])
    return lit, power / lit if lit else 0.0


def _mean(samples: list[float]) -> float:
    """Mean of a quantity sampled at equal steps, both ends included."""
    return (sum(samples) - (samples[0] + samples[-1]) / 2) / (len(samples) - 1)
