"""The dots of a sample in continuous light: how long each has been lit, how it blinks, and when it bleaches.

Two clocks of each dot run while light falls on it. Its lit time runs at the local intensity relative to the focus:
in focus it is the time under light, whatever the power; bright and dark periods are laid out along it. Its dose runs
at the local intensity relative to the reference; the dot is dark for good when its survival is used up. Both clocks
follow the excitation profile, rate and pump the (wider) detected one. Pulsed light, weaker by far in the mean,
neither blinks nor bleaches; a bleached dot is dark under it too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from devices.iocs.twin.blinking import Trace
from devices.iocs.twin.dot_memory import remembered_clocks
from devices.iocs.twin.emitter_preset import BlinkingPreset

Floats = NDArray[np.float64]
Integers = NDArray[np.intp]
NEGLIGIBLE = 1e-4  # dots that are this far below one in focus are left out
LIT, DOSE = 0, 1  # columns of the memory


@dataclass(frozen=True, eq=False)
class Exposure:
    """Places that are lit one after the other, all (n,) but xy_um (n, 2): places of the sample.

    lead_s : seconds there, before those that are counted
    share : of all these seconds, how many are under light
    w_cm2 : intensity in focus, while there is light
    """

    xy_um: Floats
    lead_s: Floats
    seconds: Floats
    share: Floats
    w_cm2: Floats


@dataclass(frozen=True, eq=False)
class Lives:
    """What dots did in each step of an exposure: one row for each dot near enough, all (n,), dot by dot, in time order.

    dot, step : which
    profile : detected light of the dot relative to one in focus
    lit_from_s, lit_to_s, dose_from_s, dose_to_s : its clocks at begin and end of the counted part
    level, bright : mean level and share of time at full brightness, until it bleached; 0 afterwards
    """

    dot: Integers
    step: Integers
    profile: Floats
    lit_from_s: Floats
    lit_to_s: Floats
    dose_from_s: Floats
    dose_to_s: Floats
    level: Floats
    bright: Floats


class Dots:
    """All dots of one sample.

    Parameters
    ----------
    emitters : their table
    generator : random numbers of one dot, by its number
    profile_um : widths (FWHM) of excitation and of detected light
    memory : file that keeps the clocks (made when missing); None forgets
    """

    def __init__(
        self,
        emitters: NDArray,
        blinking: BlinkingPreset,
        generator: Callable[[int], np.random.Generator],
        *,
        reference_w_cm2: float,
        profile_um: tuple[float, float],
        memory: Path | None = None,
    ) -> None:
        self.emitters = emitters
        self._blinking, self._generator, self._reference_w_cm2 = blinking, generator, reference_w_cm2
        self._excitation_um, self._detected_um = profile_um
        self._reach_um = max(profile_um) * np.sqrt(-np.log(NEGLIGIBLE) / (4 * np.log(2)))
        self._tree = KDTree(np.column_stack([emitters["x_um"], emitters["y_um"]])) if len(emitters) else None
        self._clocks = remembered_clocks(memory, len(emitters))
        self._traces: dict[int, Trace] = {}

    def bleached(self, dot: Integers) -> NDArray[np.bool_]:
        """Which of these dots are dark for good."""
        return np.asarray(self._clocks[dot, DOSE] >= self.emitters["survival_s"][dot])

    @property
    def clocks_s(self) -> Floats:
        """Lit time and dose of all dots, (n, 2)."""
        return np.array(self._clocks)

    def trace(self, dot: int) -> Trace:
        """How a dot blinks over its lit time."""
        if dot not in self._traces:
            on_fraction = float(self.emitters["on_fraction"][dot])
            self._traces.setdefault(dot, Trace(self._blinking, on_fraction, self._generator(dot)))
        return self._traces[dot]

    def bleaches_at_s(self, dot: Integers) -> Floats:
        """The dose at which dots bleach."""
        return self.emitters["survival_s"][dot]

    def live(self, exposure: Exposure, *, keep: bool = True) -> Lives:
        """Let the dots live through an exposure; `keep=False` only looks what it would be like."""
        dot, step, distance_um = self._near(exposure)
        local = exposure.share[step] * _gaussian(distance_um, self._excitation_um)
        lead_s, lit_s = local * exposure.lead_s[step], local * exposure.seconds[step]
        relative = exposure.w_cm2[step] / self._reference_w_cm2
        lit_from_s, lit_to_s = _running(dot, self._clocks[dot, LIT], lead_s, lit_s)
        dose_from_s, dose_to_s = _running(dot, self._clocks[dot, DOSE], lead_s * relative, lit_s * relative)
        if keep and len(dot):
            last = np.flatnonzero(np.append(dot[1:] != dot[:-1], True))
            self._clocks[dot[last], LIT], self._clocks[dot[last], DOSE] = lit_to_s[last], dose_to_s[last]
        alive = _share_below(self.bleaches_at_s(dot), dose_from_s, dose_to_s)
        level, bright = self._levels(dot, lit_from_s, lit_from_s + alive * (lit_to_s - lit_from_s))
        return Lives(
            dot, step, _gaussian(distance_um, self._detected_um), lit_from_s, lit_to_s, dose_from_s, dose_to_s,
            alive * level, alive * bright,
        )  # fmt: skip

    def _near(self, exposure: Exposure) -> tuple[Integers, Integers, Floats]:
        """Dots within reach of each lit step, and how far they are from it; sorted by dot, then in time."""
        lit = np.flatnonzero((exposure.share > 0) & (exposure.w_cm2 > 0))
        if self._tree is None or len(lit) == 0:
            return np.zeros(0, np.intp), np.zeros(0, np.intp), np.zeros(0)
        here = KDTree(exposure.xy_um[lit])
        pairs = here.sparse_distance_matrix(self._tree, self._reach_um, output_type="ndarray")
        pairs = pairs[np.lexsort((pairs["i"], pairs["j"]))]
        return pairs["j"], lit[pairs["i"]], pairs["v"]

    def _levels(self, dot: Integers, from_s: Floats, to_s: Floats) -> tuple[Floats, Floats]:
        """Mean level and bright share of each row between two lit times; at a standstill, those of the moment."""
        level, bright = np.zeros(len(dot)), np.zeros(len(dot))
        for rows in _groups(dot):
            trace, begin_s, end_s = self.trace(int(dot[rows.start])), from_s[rows], to_s[rows]
            (light_0, bright_0), (light_1, bright_1) = trace.integrals_s(begin_s), trace.integrals_s(end_s)
            passed_s, now = end_s - begin_s, trace.level(begin_s)
            moving = passed_s > 0
            level[rows] = np.divide(light_1 - light_0, passed_s, out=now.copy(), where=moving)
            bright[rows] = np.divide(bright_1 - bright_0, passed_s, out=(now == 1).astype(float), where=moving)
        return level, bright


def _gaussian(distance_um: Floats, fwhm_um: float) -> Floats:
    return np.exp(-4 * np.log(2) * (distance_um / fwhm_um) ** 2)


def _groups(dot: Integers) -> list[slice]:
    """Rows of each dot, in an array sorted by dot."""
    edges = [0, *(np.flatnonzero(np.diff(dot)) + 1).tolist(), len(dot)] if len(dot) else [0]
    return [slice(first, last) for first, last in pairwise(edges)]


def _running(dot: Integers, started_s: Floats, lead_s: Floats, counted_s: Floats) -> tuple[Floats, Floats]:
    """A clock of each dot at begin and end of the counted part of each step."""
    begin_s, end_s = np.zeros(len(dot)), np.zeros(len(dot))
    for rows in _groups(dot):
        steps_s = np.column_stack([lead_s[rows], counted_s[rows]]).ravel()
        times_s = np.cumsum(np.append(started_s[rows.start], steps_s))
        begin_s[rows], end_s[rows] = times_s[1::2], times_s[2::2]
    return begin_s, end_s


def _share_below(limit: Floats, begin: Floats, end: Floats) -> Floats:
    """Which share of the way from begin to end lies below a limit."""
    before = (begin < limit).astype(float)
    span = end - begin
    return np.divide(np.clip(limit, begin, end) - begin, span, out=before, where=span > 0)
