"""SPAD IOC: two counters read ten times a second, and latches that close the shutter before a detector suffers.

Too many counts under light are an overload; too many in the dark are room light; none at all, where even darkness
would count, are a detector that is off or saturated. Each closes the shutter first and is told afterwards.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable

import numpy as np
from caproto.server import pvproperty

from devices.iocs.backends import ROUTES
from devices.iocs.instrument import InstrumentIOC, Refused, choice, guarded, text
from devices.iocs.silence import Silence

log = logging.getLogger(__name__)

READOUT_PERIOD_S = 0.1
WARN_CPS = 2e6
TRIP_CPS = 5e6
GATE_S = 0.01
DARK_FACTOR, LEAST_ROOM_LIGHT_CPS = 3.0, 3e3
READOUTS = 2  # in a row, before room light is believed
FAILURES = 3  # in a row, before counters that do not answer are believed to be broken


def rate(name: str):
    return pvproperty(value=0.0, name=f"{name}:Rate", units="cps", precision=0, read_only=True, doc="gate 0.1 s")


def level_cps(name: str, value: float, doc: str):
    """A rate at which something happens."""
    return pvproperty(
        value=value, name=name, units="cps", precision=0, lower_ctrl_limit=1e2, upper_ctrl_limit=2e7, doc=doc
    )


def peak_cps(counts: np.ndarray, bin_s: float) -> dict[str, float]:
    """The highest rate of each route, in gates of at least `GATE_S` so that a few clicks are no overload.

    counts : (n_bins, n_routes) in equal bins; bins left over at the end are judged with the last gate

    >>> peak_cps(np.array([[9, 0], [1, 0], [0, 30]]), 0.01)
    {'perovskite': 900.0, 'qd': 3000.0}
    """
    n_in_gate = min(max(1, round(GATE_S / bin_s)), len(counts))
    starts = np.arange(0, len(counts) - n_in_gate + 1, n_in_gate)
    seconds = np.diff(np.append(starts, len(counts))) * bin_s
    rates = np.add.reduceat(counts.astype(np.int64), starts) / seconds[:, None]
    return dict(zip(ROUTES, map(float, rates.max(axis=0)), strict=True))


class SpadsIOC(InstrumentIOC):
    """Rates of both SPADs; what they must not see closes the shutter within one readout, and `Overload` says why."""

    perovskite_rate = rate("Perovskite")
    qd_rate = rate("Qd")
    warn_cps = level_cps("Warn", WARN_CPS, "Level is high from here on")
    trip_cps = level_cps("Trip", TRIP_CPS, "the shutter closes above")
    room_light_cps = level_cps("RoomLight", LEAST_ROOM_LIGHT_CPS, "most that is believed to be darkness")
    level = choice("Level", ("ok", "high", "overload"), read_only=True, doc="of the last readout or gate")
    warning = text("Warning", doc="what went wrong last without a trip: the memory of the card ran over")
    overload = text("Overload", doc="why the shutter was tripped; empty if it was not")
    reset = pvproperty(value=0, name="Reset", doc="1 clears Overload (the shutter has a Reset of its own)")

    def __init__(
        self,
        *args,
        spads,
        illumination,
        trip: Callable[[str], Awaitable[None]],
        darken: Callable[[], Awaitable[None]],
        **kwargs,
    ):
        super().__init__(*args, **kwargs)
        self.spads, self.illumination, self.trip, self.darken = spads, illumination, trip, darken
        self.silence = Silence(spads.dark_cps, READOUT_PERIOD_S)
        self.n_bright, self.n_failed, self.in_the_dark = 0, 0, ""

    @reset.putter
    @guarded
    async def reset(self, instance, value):
        if self.in_the_dark:
            raise Refused(f"{self.in_the_dark}: darken the room first")
        await self.overload.write("")
        await self.warning.write("")
        return 0

    async def trip_for(self, reason: str):
        """Shutter first, then the books; tripped again as long as the cause is there, whoever reset the shutter."""
        await self.trip(reason)
        if not self.overload.value:
            await self.overload.write(reason)

    async def judge(self, rates: dict[str, float]):
        """Compare rates with the trip level: at every readout, and for every gate of a measurement that ended."""
        route, cps = max(rates.items(), key=lambda item: item[1])
        level = "overload" if cps > self.trip_cps.value else "high" if cps >= self.warn_cps.value else "ok"
        if level == "overload":
            limit = self.trip_cps.value
            await self.trip_for(f"overload: the {route} SPAD saw {cps:.3g} cps, the limit is {limit:.3g} cps")
        if level != self.level.value:
            await self.level.write(level)

    async def judge_darkness(self, rates: dict[str, float], *, lit: bool):
        """Rates that no darkness has, in the dark, in two readouts in a row: room light."""
        route, cps = max(rates.items(), key=lambda item: item[1])
        limit = self.room_light_cps.value
        self.n_bright = 0 if lit or cps <= limit else self.n_bright + 1
        if self.n_bright >= READOUTS:
            self.in_the_dark = f"room light: {cps:.3g} cps on the {route} SPAD with no laser on the sample"
            await self.trip_for(f"{self.in_the_dark}, the limit is {limit:.3g} cps")
        elif not lit:
            self.in_the_dark = ""

    async def judge_silence(self, rates: dict[str, float], *, lit: bool):
        """No count at all for longer than darkness ever is without one, under light: off, or saturated."""
        if route := self.silence.after(rates, lit=lit):
            await self.trip_for(f"silent: the {route} SPAD counts nothing under light, it is saturated or off")

    async def overran(self, what: str):
        """The memory of the card ran over: dark until the next measurement, and said; nothing is latched."""
        await self.darken()
        await self.warning.write(what)

    async def read(self):
        """One readout, judged before it is published."""
        dark_before = not self.illumination().lit
        rates = await self.off_the_loop(self.spads.rates)
        lit_after = self.illumination().lit
        await self.judge(rates)
        await self.judge_darkness(rates, lit=lit_after or not dark_before)
        await self.judge_silence(rates, lit=lit_after and not dark_before)
        await self.perovskite_rate.write(rates["perovskite"])
        await self.qd_rate.write(rates["qd"])

    @perovskite_rate.startup
    async def perovskite_rate(self, instance, async_lib):
        await self.room_light_cps.write(max(DARK_FACTOR * max(self.spads.dark_cps.values()), LEAST_ROOM_LIGHT_CPS))
        while True:
            try:
                await self.read()
                self.n_failed = 0
            except Exception as why:
                log.exception("one readout of the SPADs failed; the next one comes")
                await self.missed(why)
            await asyncio.sleep(READOUT_PERIOD_S)

    async def missed(self, why: Exception):
        """Nobody watches the detectors while they are not read."""
        self.n_failed += 1
        if self.n_failed >= FAILURES and self.illumination().lit:
            await self.trip_for(f"the SPADs cannot be read ({why}): nobody would see an overload")
