"""Blinking of one dot: bright and dark periods in turn, over the time that it has been lit.

Dark periods follow a power law between two bounds; some of them are grey. Bright periods are exponential, or a
power law as well, and as long in the mean as the ON fraction of the dot asks. The first period is one already
under way, so that any stretch of the trace has the same statistics.
"""

from __future__ import annotations

import math
import threading

import numpy as np
from numpy.typing import NDArray

from devices.iocs.twin.emitter_preset import BlinkingPreset

Floats = NDArray[np.float64]
CYCLES = 256  # drawn at a time


class Trace:
    """Levels of one dot over its lit time, drawn as far as they are asked for; always the same from the same generator.

    on_fraction : in the long run; 1 never blinks
    """

    def __init__(self, preset: BlinkingPreset, on_fraction: float, rng: np.random.Generator) -> None:
        self._preset, self._rng = preset, rng
        self._mean_off_s = _mean(preset.off_exponent, *preset.off_s)
        self._mean_on_s = self._mean_off_s * on_fraction / (1 - on_fraction) if on_fraction < 1 else math.inf
        self._drawing = threading.Lock()
        self._edges_s, self._levels = np.array([0.0, math.inf]), np.ones(1)
        self._integrals = (np.zeros(1), np.zeros(1))
        if on_fraction < 1:
            self._begin(on_fraction)

    def changes_s(self, from_s: float, to_s: float) -> Floats:
        """Where the level changes between two times."""
        edges_s, _, _ = self._until(to_s)
        first, last = np.searchsorted(edges_s, (from_s, to_s), side="right")
        inside = edges_s[first:last]
        return inside[inside > 0]

    def level(self, at_s: Floats) -> Floats:
        """The level at times, 1 when bright."""
        edges_s, levels, _ = self._until(float(np.max(at_s, initial=0.0)))
        return levels[np.searchsorted(edges_s, at_s, side="right") - 1]

    def integrals_s(self, until_s: Floats) -> tuple[Floats, Floats]:
        """From time zero to each time: the integral of the level, and the time spent bright."""
        edges_s, levels, (light_s, bright_s) = self._until(float(np.max(until_s, initial=0.0)))
        period = np.searchsorted(edges_s, until_s, side="right") - 1
        within_s, level = until_s - edges_s[period], levels[period]
        return light_s[period] + within_s * level, bright_s[period] + within_s * (level == 1)

    def _begin(self, on_fraction: float) -> None:
        bright = self._rng.random() < on_fraction
        within, grey = self._rng.random(2), self._rng.random() < self._preset.grey_share
        length_s = self._remaining_s(bright, *within)
        self._bright_next = not bright
        self._edges_s = np.array([0.0, length_s])
        self._levels = np.array([1.0 if bright else self._dark_levels(np.array([grey]))[0]])
        self._sum()

    def _until(self, to_s: float) -> tuple[Floats, Floats, tuple[Floats, Floats]]:
        """Edges (n + 1,), levels (n,) and the integrals up to each edge, beyond `to_s`; from any thread."""
        with self._drawing:
            while self._edges_s[-1] <= to_s:
                self._extend()
            return self._edges_s, self._levels, self._integrals

    def _extend(self) -> None:
        """Another few hundred cycles."""
        rng = self._rng
        on_s, off_s = self._bright_s(rng.random(CYCLES)), self._dark_s(rng.random(CYCLES))
        dark = self._dark_levels(rng.random(CYCLES) < self._preset.grey_share)
        lengths_s, levels = np.column_stack([on_s, off_s]), np.column_stack([np.ones(CYCLES), dark])
        if not self._bright_next:
            lengths_s, levels = lengths_s[:, ::-1], levels[:, ::-1]
        edges_s = self._edges_s[-1] + np.cumsum(lengths_s.ravel())
        self._edges_s = np.concatenate([self._edges_s, edges_s])
        self._levels = np.concatenate([self._levels, levels.ravel()])
        self._sum()

    def _sum(self) -> None:
        lengths_s = np.diff(self._edges_s)
        light_s = np.append(0.0, np.cumsum(lengths_s * self._levels))
        self._integrals = light_s, np.append(0.0, np.cumsum(lengths_s * (self._levels == 1)))

    def _dark_levels(self, grey: NDArray[np.bool_]) -> Floats:
        return np.where(grey, self._preset.grey_level, self._preset.off_level)

    def _bright_s(self, share: Floats) -> Floats:
        """Lengths of bright periods at quantiles."""
        if self._preset.on_law == "exponential":
            return -self._mean_on_s * np.log1p(-share)
        return _quantile(self._preset.on_exponent, *self._bright_bounds_s(), share)

    def _dark_s(self, share: Floats) -> Floats:
        return _quantile(self._preset.off_exponent, *self._preset.off_s, share)

    def _bright_bounds_s(self) -> tuple[float, float]:
        """The bounds of the power law that give the mean."""
        span = self._preset.on_span
        shortest_s = self._mean_on_s / _mean(self._preset.on_exponent, 1.0, span)
        return shortest_s, shortest_s * span

    def _remaining_s(self, bright: bool, which: float, passed: float) -> float:
        """What is left of a period met at a random moment: long ones are met more often."""
        if bright and self._preset.on_law == "exponential":
            return float(self._bright_s(np.array(which)))
        exponent = self._preset.on_exponent if bright else self._preset.off_exponent
        bounds_s = self._bright_bounds_s() if bright else self._preset.off_s
        return float(_quantile(exponent - 1, *bounds_s, np.array(which))) * passed


def _mean(exponent: float, low: float, high: float) -> float:
    """Mean of the power law t^-exponent between two bounds."""
    return _power_integral(1 - exponent, low, high) / _power_integral(-exponent, low, high)


def _power_integral(power: float, low: float, high: float) -> float:
    if abs(power + 1) < 1e-9:
        return math.log(high / low)
    return (high ** (power + 1) - low ** (power + 1)) / (power + 1)


def _quantile(exponent: float, low: float, high: float, share: Floats) -> Floats:
    """Quantiles of the power law t^-exponent between two bounds."""
    rest = 1 - exponent
    if abs(rest) < 1e-9:
        return low * (high / low) ** share
    return (low**rest + share * (high**rest - low**rest)) ** (1 / rest)
