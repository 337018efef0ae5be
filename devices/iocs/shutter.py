"""Shutter IOC: closed at boot, open only under a live lease, closed by itself when nobody is in control.

No beat of the lease for ``DeadMan`` seconds while open: the shutter closes, the lasers go to standby, and ``Latch``
says why until ``Reset`` (or a new owner) clears it. This protects sample and detectors; it is not a laser-safety
function.
"""

import asyncio
import logging
import time

from caproto.server import pvproperty

from devices.iocs.instrument import Refused, choice, guarded, text
from devices.iocs.lease import SILENCE, WATCH_PERIOD_S, LeasedIOC

log = logging.getLogger(__name__)


class ShutterIOC(LeasedIOC):
    """One shutter for both lasers, a dead-man timer and a latch."""

    command = choice("Command", ("closed", "open"), doc="closing always works; opening needs a live lease")
    state = choice("State", ("closed", "open"), read_only=True, doc="read back from the shutter")
    interlock = choice("Interlock", ("closed", "open"), read_only=True, doc="enclosure and key: closed = may shine")
    reason = text("Reason", "boot", doc="why the shutter was last closed")
    latch = text("Latch", doc="not empty: something closed the shutter and must be acknowledged by Reset")
    trip = text("Trip", read_only=False, doc="any other IOC closes and latches by writing its reason here")
    reset = pvproperty(value=0, name="Reset", doc="1 clears the latch, if its cause is gone")
    open_s = pvproperty(
        value=0.0, name="OpenTime", units="s", precision=2, read_only=True, doc="total open time since boot"
    )

    def __init__(self, *args, light, standby, **kwargs):
        super().__init__(*args, **kwargs)
        self.light, self.standby = light, standby
        self.turn = asyncio.Lock()  # one command at a time

    async def darken(self, reason: str):
        """Close for a change of the lease, which also clears what the silence of the last one latched."""
        await self.close(reason)
        if self.latch.value.startswith("dead-man"):
            await self.latch.write("")

    @command.putter
    @guarded
    async def command(self, instance, value):
        if value == "closed":
            await self.close("commanded")
        else:
            await self.open()

    async def open(self):
        """Open, or raise Refused with the first reason against it."""
        async with self.turn:
            if self.latch.value:
                raise Refused(f"latched: {self.latch.value}; remove the cause, then put 1 to {self.reset.pvname}")
            if not self.light.interlock:
                raise Refused("the laser interlock is open: close the enclosure and turn the key")
            self.require_lease()
            await self.off_the_loop(self.light.open_shutter)
            if not await self.read_back():
                raise Refused("the shutter did not open: its readback stayed closed")

    async def close(self, reason: str):
        """Close and read back; lasers to standby if it did not close or cannot be told."""
        async with self.turn:
            closed = False
            try:
                await self.off_the_loop(self.light.close_shutter)
                closed = not await self.read_back()
            finally:
                if not closed:
                    await self.standby()
                    await self.latch.write("the shutter does not close: lasers on standby, call for help")
        await self.reason.write(reason)
        if self.command.value != "closed":
            await self.command.write("closed", verify_value=False)  # pyright: ignore[reportAttributeAccessIssue]

    async def read_back(self) -> bool:
        opened = await self.off_the_loop(self.light.shutter_is_open)
        if (self.state.value == "open") != opened:
            await self.state.write("open" if opened else "closed")
        return opened

    async def latch_closed(self, reason: str):
        """Close, both lasers to standby, and refuse to open until somebody acknowledges the reason."""
        await self.latch.write(reason)
        try:
            await self.close(reason)
        finally:
            await self.standby()

    @trip.putter
    @guarded
    async def trip(self, instance, value):
        if value:
            await self.latch_closed(value)

    @reset.putter
    @guarded
    async def reset(self, instance, value):
        if not self.light.interlock:
            raise Refused("the laser interlock is still open: close the enclosure and turn the key first")
        await self.latch.write("")
        return 0

    @state.startup
    async def state(self, instance, async_lib):
        await self.close("boot")
        before = time.monotonic()
        while True:
            try:
                self.light.refresh()
                await self.watch()
            except Exception:
                log.exception("one look at the shutter failed; the next one comes")
            now = time.monotonic()
            if instance.value == "open":
                await self.open_s.write(self.open_s.value + now - before)
            before = now
            await asyncio.sleep(WATCH_PERIOD_S)

    async def watch(self):
        """Follow the interlock and the lease; the loop behind every promise made above."""
        was_open, closed = self.state.value == "open", self.light.interlock
        if (self.interlock.value == "closed") != closed:
            await self.interlock.write("closed" if closed else "open")
        if not (await self.read_back() or was_open):
            return
        if not closed:
            await self.latch_closed("interlock: the enclosure or the key opened while the shutter was open")
        elif self.forsaken:
            await self.latch_closed(SILENCE)
        elif self.latch.value:
            await self.latch_closed(self.latch.value)

    @state.shutdown
    async def state(self, instance, async_lib):
        self.light.close_shutter()
