"""Continuous light on the sample: what dots and background send to each counter, step by step."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from devices.iocs.twin.cw_light import CwLight, Source
from devices.iocs.twin.dots import Dots, Exposure, Lives
from devices.iocs.twin.emitters import pump_hz
from devices.iocs.twin.preset import SamplePreset

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class CwView:
    """What n steps under continuous light give; rates are averaged over each step, darkness in it included.

    share : of the light of the dots that each route gets, (n_routes,)
    flat_cps : background of each route without dark counts, (n, n_routes)
    edges_s : when the steps began and ended, from the start of the first on, (n + 1,)
    """

    dots: Dots
    preset: SamplePreset
    exposure: Exposure
    lives: Lives
    share: Floats
    flat_cps: Floats
    edges_s: Floats

    @property
    def is_dark(self) -> bool:
        """No continuous light at all."""
        return not (self.exposure.share * self.exposure.w_cm2).any()

    @property
    def pumped_hz(self) -> Floats:
        """Excitation rate of each row of `lives`, while there is light."""
        return np.asarray(pump_hz(self.preset, self.exposure.w_cm2[self.lives.step])) * self.lives.profile

    @property
    def bright_cps(self) -> Floats:
        """Light of each row of `lives` while it is lit and bright, before the splitter, (n_rows,)."""
        return self.emitting(slice(None), self.pumped_hz, np.ones(len(self.lives.dot))).rate_cps

    @property
    def signal_cps(self) -> Floats:
        """Light of all dots in each route, (n, n_routes)."""
        lives, n_steps = self.lives, len(self.exposure.seconds)
        cps = self.bright_cps * lives.level * self.exposure.share[lives.step]
        return np.bincount(lives.step, cps, minlength=n_steps)[:, None] * self.share

    @property
    def total_cps(self) -> Floats:
        """Everything but dark counts, (n, n_routes)."""
        return self.signal_cps + self.flat_cps

    def light(self, dark_cps: Floats) -> CwLight:
        """The same in stretches within which nothing changes: steps cut where a dot blinks or bleaches."""
        histories = [_History(self, rows) for rows in self._rows()]
        cuts_s = np.unique(np.concatenate([self.edges_s, *(one.cuts_s for one in histories)]))
        middle_s = (cuts_s[1:] + cuts_s[:-1]) / 2
        step = np.clip(np.searchsorted(self.edges_s, middle_s, side="right") - 1, 0, len(self.exposure.seconds) - 1)
        sources = tuple(one.source(step, middle_s) for one in histories)
        return CwLight(cuts_s, sources, self.share, self.flat_cps[step] + dark_cps)

    def _rows(self) -> list[NDArray[np.intp]]:
        """Rows of each dot."""
        return [np.flatnonzero(self.lives.dot == dot) for dot in np.unique(self.lives.dot)]

    def emitting(self, rows: NDArray[np.intp] | slice, pumped_hz: Floats, bright: Floats) -> Source:
        """A dot, or all rows at once, that emits while `bright`."""
        dots = self.dots.emitters[self.lives.dot[rows]]
        decay_hz = 1e9 / dots["tau_ns"]
        efficiency = self.preset.cw.efficiency * dots["relative_brightness"] * bright
        paired = second_photon(self.preset.cw.biexciton, np.max(pumped_hz / (pumped_hz + decay_hz), initial=0.0))
        return Source(int(dots["id"][0]) if len(dots) else -1, pumped_hz, decay_hz, efficiency, paired)


class _History:
    """One dot over the steps in which it was lit."""

    def __init__(self, view: CwView, rows: NDArray[np.intp]) -> None:
        self.view, self.rows = view, rows
        lives = view.lives
        self.dot, self.steps = int(lives.dot[rows[0]]), lives.step[rows]
        self.trace = view.dots.trace(self.dot)
        ends_s = np.column_stack([view.edges_s[self.steps], view.edges_s[self.steps + 1]]).ravel()
        self._times_s = ends_s
        self._lit_s = np.column_stack([lives.lit_from_s[rows], lives.lit_to_s[rows]]).ravel()
        self._dose_s = np.column_stack([lives.dose_from_s[rows], lives.dose_to_s[rows]]).ravel()
        self.bleach_dose_s = float(view.dots.bleaches_at_s(np.array([self.dot]))[0])

    @property
    def cuts_s(self) -> Floats:
        """When it blinks or bleaches."""
        changes_s = self.trace.changes_s(float(self._lit_s[0]), float(self._lit_s[-1]))
        cuts_s = np.interp(changes_s, self._lit_s, self._times_s)
        if self._dose_s[0] < self.bleach_dose_s < self._dose_s[-1]:
            return np.append(cuts_s, np.interp(self.bleach_dose_s, self._dose_s, self._times_s))
        return cuts_s

    def source(self, step: NDArray[np.intp], middle_s: Floats) -> Source:
        """The dot in stretches that belong to steps and have their middle there."""
        view, at = self.view, self.rows
        row = np.minimum(np.searchsorted(self.steps, step), len(self.steps) - 1)
        there = self.steps[row] == step
        lit_s = np.interp(middle_s, self._times_s, self._lit_s)
        alive = np.interp(middle_s, self._times_s, self._dose_s) < self.bleach_dose_s
        bright = self.trace.level(lit_s) * alive * there * view.exposure.share[step]
        pumped_hz = np.where(there, view.pumped_hz[at][row], 0.0)
        return view.emitting(np.repeat(at[:1], len(step)), pumped_hz, bright)


def second_photon(floor: float, excited: float) -> float:
    """Chance that an emission is a pair, for a floor of g2(0), where the dot is excited for that share of the time.

    Solves floor = p / (excited (1 + p)^2).
    """
    strength = floor * excited
    if strength == 0:
        return 0.0
    return float((1 - 2 * strength - np.sqrt(1 - 4 * strength)) / (2 * strength))
