"""Exposure IOC: what light each place of the sample has seen, and the most it may see.

Every measurement is booked before it begins, by place: over ``Budget`` it is refused, in the dark. What really fell is
settled after it; a process that is killed meanwhile leaves the booking, which is more. Light that stands on a place for
more than a second without a measurement counts as well, and trips when that place is over budget.
"""

import asyncio
import logging
import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import numpy as np
from caproto.server import pvproperty
from numpy.typing import ArrayLike

from devices.iocs.backends import Bench
from devices.iocs.doses import PLACE_UM, Doses, Place, by_place, place_of
from devices.iocs.instrument import InstrumentIOC, Refused, guarded, quantity, text
from devices.iocs.measuring import Measuring

log = logging.getLogger(__name__)

WATCH_PERIOD_S = 0.1
TELL_PERIOD_S = 0.5
GAP_S = 1.0  # between two measurements; light that stands longer counts, all of it
LARGEST_BUDGET = 1e9


@dataclass
class Booking:
    """Light that is about to fall on a sample: what was booked, and what fell as far as that is known."""

    sample: str
    w_cm2: float
    booked: dict[Place, float]
    fell: dict[Place, float] | None = field(default=None)

    def settle(self, x_um: ArrayLike, y_um: ArrayLike, lit_s: ArrayLike):
        """What fell: seconds of light at positions (n,)."""
        self.fell = by_place(x_um, y_um, np.asarray(lit_s) * self.w_cm2 / 1e3)

    def settle_share(self, lit: float, passed: float):
        """What fell of a measurement at one place: its share of light, and how much of its time passed."""
        share = passed * (lit if lit > 0 else 1.0)
        self.fell = {place: dose * share for place, dose in self.booked.items()}

    @property
    def difference(self) -> dict[Place, float]:
        """What fell beyond the booking; negative where it was less."""
        if self.fell is None:
            return {}
        places = self.booked.keys() | self.fell.keys()
        return {place: self.fell.get(place, 0.0) - self.booked.get(place, 0.0) for place in places}


def lit_seconds(block, dwell_s: float, settle_s: float) -> np.ndarray:
    """(n_pixels,) seconds of light on the pixels of a line: dwell, settling before it, and what else the line took.

    A block that tells the `seconds` of each pixel is believed. The rest is the fly-back, spent before the first pixel,
    or a pixel that was cut short. An instrument that was under light at the beginning and reports no light at all is
    not believed.
    """
    complete, lit = np.isfinite(block.x_um), np.asarray(block.lit, float)
    seconds = np.where(complete, getattr(block, "seconds", dwell_s + settle_s), 0.0)
    rest_s = max(float(block.elapsed_s) - float(seconds.sum()), 0.0)
    seconds[0 if complete.all() else int(np.argmin(complete))] += rest_s
    return seconds * np.where(complete & (lit.max(initial=0.0) > 0), lit, 1.0)


class ExposureIOC(InstrumentIOC):
    """Doses of the mounted sample, by places of 0.5 um on the stage; see `devices.iocs.doses`."""

    budget = quantity("Budget", 0.0, "kJ/cm2", 0.0, LARGEST_BUDGET, "the most a place may see; 0: no limit")
    here = pvproperty(value=0.0, name="Here", units="kJ/cm2", precision=4, read_only=True, doc="seen by this place")
    largest = pvproperty(
        value=0.0, name="Largest", units="kJ/cm2", precision=4, read_only=True, doc="seen by the most exposed place"
    )
    over = pvproperty(value=0, name="Over", read_only=True, doc="how many places have seen more than Budget")
    reset = text("Reset", read_only=False, doc="put why the doses of the mounted sample no longer count")

    def __init__(
        self,
        *args,
        bench: Bench,
        doses: Doses,
        measuring: Measuring,
        darken: Callable[[], Awaitable[None]],
        trip: Callable[[str], Awaitable[None]],
        **kwargs,
    ):
        super().__init__(*args, **kwargs)
        self.bench, self.doses, self.measuring = bench, doses, measuring
        self.darken, self.trip = darken, trip
        self.looked_s, self.standing_s = time.monotonic(), 0.0

    @budget.putter
    @guarded
    async def budget(self, instance, value):
        if not (math.isfinite(value) and 0 <= value <= LARGEST_BUDGET):
            raise Refused(f"a budget of {value} kJ/cm2: must be 0 (no limit) to {LARGEST_BUDGET:g}")
        self.doses.budget_kj_cm2 = float(value)

    @reset.putter
    @guarded
    async def reset(self, instance, value):
        if not value.strip():
            raise Refused("why do the doses no longer count? Put the reason: a fresh film, another place of the holder")
        self.doses.reset(self.bench.mounted, value.strip())
        await self.tell()

    @asynccontextmanager
    async def accounted(self, x_um: ArrayLike, y_um: ArrayLike, seconds: float) -> AsyncIterator[Booking]:
        """Expose these places for so long each; Refused, and dark, if one of them would be over budget."""
        shining, sample = self.bench.illumination(), self.bench.mounted
        ahead_kj_cm2 = seconds * shining.w_cm2 / 1e3 if shining.lit else 0.0
        booking = Booking(sample, shining.w_cm2, by_place(x_um, y_um, ahead_kj_cm2))
        if problem := self.over_budget(sample, booking.booked):
            await self.darken()
            raise Refused(problem)
        await self.off_the_loop(self.doses.add, sample, booking.booked)
        try:
            yield booking
        finally:
            if shining.lit:
                await self.off_the_loop(self.doses.add, sample, booking.difference)
                await self.tell()

    @asynccontextmanager
    async def accounted_here(self, seconds: float) -> AsyncIterator[Booking]:
        """Expose the place where the stage stands; see `accounted`."""
        x_um, y_um, _ = self.bench.stage.position_um()
        async with self.accounted([x_um], [y_um], seconds) as booking:
            yield booking

    def over_budget(self, sample: str, doses: dict[Place, float]) -> str:
        """Why these doses must not fall; empty if they may."""
        budget = self.budget.value
        for place, more in doses.items() if budget else ():
            if (seen := self.doses.at(sample, place)) + more > budget:
                x_um, y_um = ((index + 0.5) * PLACE_UM for index in place)
                return (
                    f"exposure: the place at ({x_um:g}, {y_um:g}) um of sample {sample!r} has seen {seen:.4g} kJ/cm2, "
                    f"{more:.4g} more would exceed the budget of {budget:g}: go to a fresh place, use less light, or "
                    f"raise {self.budget.pvname}"
                )
        return ""

    async def tell(self):
        """Publish what the mounted sample has seen."""
        sample, budget = self.bench.mounted, self.budget.value
        x_um, y_um, _ = self.bench.stage.position_um()
        await self.here.write(self.doses.at(sample, place_of(x_um, y_um)))
        await self.largest.write(self.doses.largest(sample))
        await self.over.write(self.doses.n_over(sample, budget) if budget else 0)

    @here.startup
    async def here(self, instance, async_lib):
        await self.budget.write(self.doses.budget_kj_cm2)
        told_s = -math.inf
        while True:
            try:
                await self.watch()
                if time.monotonic() - told_s > TELL_PERIOD_S:
                    told_s = time.monotonic()
                    await self.tell()
            except Exception:
                log.exception("one look at the exposure failed; the next one comes")
            await asyncio.sleep(WATCH_PERIOD_S)

    async def watch(self):
        """Account light that falls while nothing is measured; over budget it ends."""
        shining, sample = self.bench.illumination(), self.bench.mounted
        if not (standing_s := self.stood_s(lit=shining.lit)):
            return
        x_um, y_um, _ = self.bench.stage.position_um()
        place = place_of(x_um, y_um)
        await self.off_the_loop(self.doses.add, sample, {place: standing_s * shining.w_cm2 / 1e3})
        if problem := self.over_budget(sample, {place: 0.0}):
            await self.trip(problem)

    def stood_s(self, *, lit: bool) -> float:
        """Seconds that light has stood without a measurement since the last look, once they are more than a gap."""
        now_s, ended_s, measures = time.monotonic(), self.measuring.ended_s, self.measuring.measures
        if measures or not lit or ended_s > self.looked_s:
            self.looked_s, self.standing_s = now_s, 0.0
            return 0.0
        before_s, passed_s, self.looked_s = self.standing_s, now_s - self.looked_s, now_s
        self.standing_s += passed_s
        if self.standing_s < GAP_S:
            return 0.0
        return passed_s if before_s >= GAP_S else self.standing_s

    @here.shutdown
    async def here(self, instance, async_lib):
        self.doses.close()
