"""Photons of a row of pixels, one by one, and what busy electronics leave of them.

Times are whole ticks of 1/16384 ns, so that sorting, periods and dead times are exact. Each pixel has a
slot on one time axis; slots are far enough apart that no dead time crosses them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

TICKS_PER_NS = 1 << 14
Floats = NDArray[np.float64]
Ticks = NDArray[np.int64]


@dataclass(frozen=True)
class Expected:
    """What one route should detect in each pixel.

    cps : signal rates, shape (n_pixels, n_components)
    tau_ns : their lifetimes, same shape; 0 is prompt
    flat_cps : unrelated to the laser, shape (n_pixels,)
    shift_ns, sigma_ns : delay and Gaussian width common to all signal photons
    """

    cps: Floats
    tau_ns: Floats
    flat_cps: Floats
    shift_ns: float
    sigma_ns: float

    def part(self, pixels: slice, share: Floats) -> Expected:
        """Some pixels, each seen only for a share of its time."""
        return replace(
            self,
            cps=self.cps[pixels] * share[:, None],
            tau_ns=self.tau_ns[pixels],
            flat_cps=self.flat_cps[pixels] * share,
        )


@dataclass(frozen=True)
class Slots:
    """Pixels on the common time axis: each lasts `length`, one begins every `stride`; all whole periods."""

    period: int
    length: int
    stride: int
    count: int

    @staticmethod
    def of(count: int, *, dwell_s: float, repetition_hz: float, apart_ns: float) -> Slots:
        """Slots for `count` pixels of `dwell_s`, rounded to whole laser periods."""
        period = round(1e9 / repetition_hz * TICKS_PER_NS)
        length = max(round(dwell_s * repetition_hz), 1) * period
        pause = -(-int(apart_ns * TICKS_PER_NS) // period) * period
        return Slots(period, length, length + pause, count)

    @property
    def starts(self) -> Ticks:
        """First tick of each slot."""
        return np.arange(self.count, dtype=np.int64) * self.stride

    def counts(self, times: Ticks) -> NDArray[np.int64]:
        """How many of the sorted times fall into each slot."""
        return np.diff(np.searchsorted(times, self.starts), append=len(times))


def detections(expected: Expected, slots: Slots, rng: np.random.Generator) -> Ticks:
    """Sorted times at which a perfect counter would click.

    Numbers are Poisson; a signal photon belongs to a random pulse and comes an exponential delay after
    it, however many periods later; what leaves a slot at its end enters at its beginning, as from the pulses before.
    """
    rates_cps = np.column_stack([expected.flat_cps, expected.cps])
    number = rng.poisson(rates_cps.sum(axis=1) * slots.length / (TICKS_PER_NS * 1e9))
    times = _ordered_uniform(number, rng)
    times *= slots.length // slots.period
    times = np.floor(times, out=times).astype(np.int64)
    times *= slots.period
    kind = _kinds(rates_cps, number, rng)
    flat = np.flatnonzero(kind == 0)
    delay_ns = _lifetimes(expected.tau_ns, kind, number)
    delay_ns *= rng.standard_exponential(len(delay_ns))
    delay_ns += rng.normal(expected.shift_ns, expected.sigma_ns, len(delay_ns))
    delay_ns *= TICKS_PER_NS
    delay_ns[flat] = slots.period * rng.random(len(flat))
    times += delay_ns.astype(np.int64)
    outside = np.flatnonzero((times < 0) | (times >= slots.length))
    times[outside] %= slots.length
    times += np.repeat(slots.starts, number)
    times.sort(kind="stable")  # quick, being almost in order
    return times


def _ordered_uniform(number: NDArray[np.int64], rng: np.random.Generator) -> Floats:
    """For each pixel `number` uniform values in 0..1 in ascending order, end to end."""
    steps = np.cumsum(rng.standard_exponential(int(number.sum()) + len(number)))
    last = np.cumsum(number + 1) - 1
    before = np.append(0.0, steps[last[:-1]])
    values = np.delete(steps, last)
    values -= np.repeat(before, number)
    values /= np.repeat(steps[last] - before, number)
    return values


def _kinds(rates_cps: Floats, number: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.uint8]:
    """For each photon the column of `rates_cps` that it belongs to."""
    total_cps = rates_cps.sum(axis=1)
    upper = np.cumsum(rates_cps, axis=1) / np.where(total_cps > 0, total_cps, 1)[:, None]
    draw = rng.random(int(number.sum()))
    kind = np.zeros(len(draw), dtype=np.uint8)
    for column in range(rates_cps.shape[1] - 1):
        kind += draw >= np.repeat(upper[:, column], number)
    return kind


def _lifetimes(tau_ns: Floats, kind: NDArray[np.uint8], number: NDArray[np.int64]) -> Floats:
    """For each photon its lifetime: kind 0 has none, kind k that of component k - 1."""
    table = np.column_stack([np.zeros(len(tau_ns)), tau_ns])
    row = np.repeat(np.arange(len(tau_ns)) * table.shape[1], number)
    row += kind
    return table.ravel()[row]


def accepted(times: Ticks, busy_until: Ticks) -> NDArray[np.bool_]:
    """Which of the sorted events a device takes that is busy until `busy_until[i]` after taking event i.

    `busy_until` must not decrease. Events lost do not prolong the dead time.

    >>> accepted(np.array([0, 3, 6, 20]), np.array([0, 3, 6, 20]) + 5).tolist()
    [True, False, True, True]
    """
    if len(times) == 0:
        return np.zeros(0, dtype=bool)
    taken = np.append(True, times[1:] >= busy_until[:-1])
    heads = np.flatnonzero(taken)
    ends = np.append(heads[1:], len(times))
    while len(heads := heads[crowded := ends - heads > 1]):
        ends = ends[crowded]
        following = np.searchsorted(times, busy_until[heads])
        inside = following < ends
        heads, ends = following[inside], ends[inside]
        taken[heads] = True
    return taken


def after_dead_time(times: Ticks, dead_time_ns: float) -> Ticks:
    """The clicks of a counter that is deaf for a while after each."""
    return times[accepted(times, times + int(dead_time_ns * TICKS_PER_NS))]
