"""SPAD IOC: two counters read ten times a second, and a latch that closes the shutter before a detector suffers."""

import asyncio

import numpy as np
from caproto.server import pvproperty

from devices.iocs.backends import ROUTES
from devices.iocs.instrument import InstrumentIOC, choice, guarded, text

READOUT_PERIOD_S = 0.1
WARN_CPS = 2e6
TRIP_CPS = 5e6
GATE_S = 0.01


def rate(name: str):
    return pvproperty(value=0.0, name=f"{name}:Rate", units="cps", precision=0, read_only=True, doc="gate 0.1 s")


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
    """Rates of both SPADs; over `Trip` the shutter closes within one readout and `Overload` holds the reason."""

    perovskite_rate = rate("Perovskite")
    qd_rate = rate("Qd")
    trip_cps = pvproperty(
        value=TRIP_CPS, name="Trip", units="cps", precision=0, lower_ctrl_limit=1e3, upper_ctrl_limit=2e7
    )
    level = choice("Level", ("ok", "high", "overload"), read_only=True, doc=f"high above {WARN_CPS:g} cps")
    overload = text("Overload", doc="why the shutter was tripped; empty if it was not")
    reset = pvproperty(value=0, name="Reset", doc="1 clears Overload (the shutter has a Reset of its own)")

    def __init__(self, *args, spads, trip, **kwargs):
        super().__init__(*args, **kwargs)
        self.spads, self.trip = spads, trip

    @reset.putter
    @guarded
    async def reset(self, instance, value):
        await self.overload.write("")
        return 0

    async def judge(self, rates: dict[str, float]):
        """Compare rates with the trip level; called at every readout and after every integration of the card."""
        route, cps = max(rates.items(), key=lambda item: item[1])
        level = "overload" if cps > self.trip_cps.value else "high" if cps > WARN_CPS else "ok"
        if level != self.level.value:
            await self.level.write(level)
        if level == "overload" and not self.overload.value:
            reason = f"overload: the {route} SPAD saw {cps:.3g} cps, the limit is {self.trip_cps.value:.3g} cps"
            await self.trip(reason)
            await self.overload.write(reason)

    @perovskite_rate.startup
    async def perovskite_rate(self, instance, async_lib):
        while True:
            rates = await self.off_the_loop(self.spads.rates)
            await self.judge(rates)
            await self.perovskite_rate.write(rates["perovskite"])
            await self.qd_rate.write(rates["qd"])
            await asyncio.sleep(READOUT_PERIOD_S)
