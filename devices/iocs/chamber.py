"""Sample chamber of a spectrofluorometer: sample, lamp, shutter, dark counts.

One thing at a time: warming up and counting in the dark wait for their turn, so a plan that was paused may ask again.
"""

import asyncio
import math
import threading

from caproto.server import pvproperty

from devices.iocs.backends import LAMP_STATES
from devices.iocs.instrument import Refused, choice, guarded, text
from devices.iocs.lease import LeasedIOC


class ChamberIOC(LeasedIOC):
    """The state of the instrument, and what can be done without a scan."""

    mounted = text("Mounted", read_only=False, length=80, doc="name of the sample in the chamber")
    available = text("Available", doc="samples there are, one a line; empty: any, the operator declares")
    lamp = choice("Lamp", ("off", "on"), doc="ignite or extinguish")
    lamp_state = choice("LampState", LAMP_STATES, read_only=True, doc="ready: steady enough to measure")
    warm_up = pvproperty(value=0.0, name="WarmUp", units="s", precision=0, read_only=True, doc="until it is ready")
    warm = pvproperty(value=0, name="Warm", doc="1 ignites the lamp; completes when it is ready")
    shutter = choice("Shutter", ("closed", "open"), read_only=True, doc="read back from the instrument")
    take_dark = pvproperty(
        value=0.0,
        name="Dark:Take",
        units="s",
        precision=3,
        lower_ctrl_limit=0.0,
        upper_ctrl_limit=3600.0,
        doc="count so long with the shutter closed",
    )
    dark_counts = pvproperty(value=math.nan, name="Dark:Counts", units="counts", precision=0, read_only=True)
    dark_time = pvproperty(value=0.0, name="Dark:Time", units="s", precision=3, read_only=True)
    dead_time = pvproperty(value=0.0, name="DeadTime", units="ns", precision=2, read_only=True, doc="photomultiplier")
    instruction = text("Instruction", length=2000, doc="what the operator is asked to do now")
    backend_name = text("Backend", length=40, doc="what stands behind these PVs")
    stop = pvproperty(value=0, name="Stop", doc="1 ends what runs; completes when the shutter is closed")

    def __init__(self, *args, backend, **kwargs):
        super().__init__(*args, **kwargs)
        self.backend = backend
        self.busy = asyncio.Lock()
        self.stopping = threading.Event()
        self.why_stopped = ""

    @backend_name.startup
    async def backend_name(self, instance, async_lib):
        await instance.write(self.backend.name)
        await self.dead_time.write(float(self.backend.dead_time_ns))
        await self.available.write("\n".join(self.backend.samples))
        await self.show()

    async def show(self):
        """Tell what is in the chamber, and whether the lamp burns."""
        await self.mounted.write(self.backend.mounted, verify_value=False)
        await self.look()
        await self.lamp.write("off" if self.lamp_state.value == "off" else "on", verify_value=False)

    async def look(self):
        """Publish what changed at the instrument."""
        warm_up_s = float(self.backend.warm_up_s)
        now = {
            self.lamp_state: self.backend.lamp_state,
            self.warm_up: warm_up_s if math.isnan(warm_up_s) else math.ceil(warm_up_s),
            self.shutter: "open" if self.backend.shutter_is_open() else "closed",
            self.instruction: self.backend.instruction,
        }
        for pv, value in now.items():
            if repr(pv.value) != repr(value):  # NaN is as it was
                await pv.write(value)

    def require_rest(self):
        """Raise Refused while something runs."""
        if self.busy.locked():
            raise Refused(f"a measurement is running: wait for its end, or put 1 to {self.stop.pvname}")

    @mounted.putter
    @guarded
    async def mounted(self, instance, value):
        self.require_rest()
        allowed = tuple(self.backend.samples)
        if allowed and value not in allowed:
            raise Refused(f"no sample {value!r} for the chamber; there are {', '.join(allowed)}")
        if value != self.backend.mounted:
            await self.off_the_loop(self.backend.mount, value)

    @lamp.putter
    @guarded
    async def lamp(self, instance, value):
        self.require_rest()
        await self.off_the_loop(self.backend.switch_lamp, value == "on")
        await self.look()

    @warm.putter
    @guarded
    async def warm(self, instance, value):
        async with self.busy:
            self.stopping.clear()
            await self.off_the_loop(self.backend.switch_lamp, True)
            await self.lamp.write("on", verify_value=False)
            ready = await self.off_the_loop(self.backend.warm_up, self.stopping)
            await self.look()
        if not ready:
            raise Refused(f"warming up was stopped {self.backend.warm_up_s:.0f} s before its end")
        return 0

    @take_dark.putter
    @guarded
    async def take_dark(self, instance, value):
        async with self.busy:
            self.stopping.clear()
            number = await self.off_the_loop(self.backend.next_acquisition)
            counted = await self.off_the_loop(self.backend.dark, value, acquisition=number, stop=self.stopping)
            await self.off_the_loop(self.backend.finish_acquisition, number)
        if self.stopping.is_set():
            raise Refused("counting in the dark was stopped; nothing of it is kept")
        for pv, told in zip((self.dark_counts, self.dark_time), counted, strict=True):
            await pv.write(float(told))

    async def darken(self, reason: str):
        """End what runs and close the shutter; returns when it is over."""
        self.why_stopped = self.why_stopped or reason
        self.stopping.set()
        await self.close_shutter()
        async with self.busy:
            pass

    async def close_shutter(self):
        """Close and read back; without the lamp if it does not close."""
        await self.off_the_loop(self.backend.close_shutter)
        if self.backend.shutter_is_open():
            await self.off_the_loop(self.backend.switch_lamp, False)
            raise Refused("the shutter does not close: the lamp was extinguished, call for help")

    @stop.putter
    async def stop(self, instance, value):
        await self.darken("stopped by command")
        return 0
