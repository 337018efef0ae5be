"""Piezo stage IOC: three closed-loop axes, limits on every PV, a put completes when the stage is on target."""

import asyncio
import logging
import math
import threading

from caproto.server import pvproperty

from devices.iocs.instrument import InstrumentIOC, Refused, guarded
from devices.iocs.measuring import Measuring

log = logging.getLogger(__name__)

READBACK_PERIOD_S = 0.5
AXES = ("x", "y", "z")


def axis(name: str, upper_um: float):
    """A setpoint in micrometres with its travel as control limits."""
    return pvproperty(
        value=0.0,
        name=name,
        units="um",
        precision=4,
        lower_ctrl_limit=0.0,
        upper_ctrl_limit=upper_um,
        doc="target; the put completes when the stage has settled there",
    )


def readback(name: str):
    return pvproperty(value=0.0, name=f"{name}:RBV", units="um", precision=4, read_only=True)


class StageIOC(InstrumentIOC):
    """X, Y, Z in micrometres; `Stop` ends a move where it is."""

    x = axis("X", 100.0)
    y = axis("Y", 100.0)
    z = axis("Z", 20.0)
    x_rbv = readback("X")
    y_rbv = readback("Y")
    z_rbv = readback("Z")
    stop = pvproperty(value=0, name="Stop", doc="1 stops a move")

    def __init__(self, *args, stage, measuring: Measuring, **kwargs):
        super().__init__(*args, **kwargs)
        self.stage, self.measuring = stage, measuring
        self.stopping = threading.Event()

    async def move(self, name: str, value: float):
        """Move one axis, the others staying where they were told to be."""
        low, high = self.stage.limits_um[AXES.index(name)]
        if not (math.isfinite(value) and low <= value <= high):
            raise Refused(f"{value} um is outside the travel {low:g}..{high:g} um")
        async with self.measuring.still("the stage does not move"):
            target = {axis: getattr(self, axis).value for axis in AXES} | {name: float(value)}
            self.stopping.clear()
            arrived = await self.off_the_loop(self.stage.move, *target.values(), stop=self.stopping)
            await self.read_back()
        if not arrived:
            raise Refused(f"stopped before it reached its target, {value} um: move again")

    @x.putter
    @guarded
    async def x(self, instance, value):
        await self.move("x", value)

    @y.putter
    @guarded
    async def y(self, instance, value):
        await self.move("y", value)

    @z.putter
    @guarded
    async def z(self, instance, value):
        await self.move("z", value)

    @stop.putter
    async def stop(self, instance, value):
        self.stopping.set()
        return 0

    async def show(self):
        """Tell where the stage stands as where it was told to be."""
        for axis, position in zip(AXES, await self.off_the_loop(self.stage.position_um), strict=True):
            await getattr(self, axis).write(position, verify_value=False)

    async def read_back(self):
        for axis, position in zip(AXES, await self.off_the_loop(self.stage.position_um), strict=True):
            await getattr(self, f"{axis}_rbv").write(position)

    async def tell_limits(self):
        """The travel that the stage has."""
        limits_um = await self.off_the_loop(lambda: tuple(self.stage.limits_um))
        for axis, (low, high) in zip(AXES, limits_um, strict=True):
            await getattr(self, axis).write_metadata(lower_ctrl_limit=low, upper_ctrl_limit=high)

    @x_rbv.startup
    async def x_rbv(self, instance, async_lib):
        """Follow the stage; one that does not answer is asked again, and why is said once."""
        begun, why = False, ""
        while True:
            try:
                if not begun:
                    await self.tell_limits()
                    await self.show()
                    begun = True
                await self.read_back()
                why = ""
            except Exception as fault:
                if str(fault) != why:
                    log.error("the stage cannot be read: %s", fault)
                    why = str(fault)
                    await self.error.write(why[: self.error.max_length])
            await asyncio.sleep(READBACK_PERIOD_S)
