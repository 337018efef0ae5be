"""Shutter IOC: closed at boot, open only under a live lease, closed by itself when nobody is in control.

No beat of the lease for ``DeadMan`` seconds while open: the shutter closes, the lasers go to standby, and ``Latch``
says why until ``Reset`` (or a new owner) clears it. So it does if the bench falls silent, which tells what filters
stand in the detection. This protects sample and detectors; it is not a laser-safety function.
"""

import asyncio
import logging
import time
from functools import partial

from caproto.server import pvproperty

from devices.iocs import permit as permits
from devices.iocs.instrument import Refused, choice, guarded, quantity, text
from devices.iocs.lease import SILENCE, WATCH_PERIOD_S, LeasedIOC
from devices.iocs.pairing import read_optics

log = logging.getLogger(__name__)

FORGIVEN = ("dead-man:", "bench:")  # latches that a new lease clears: their cause went with the last one


class ShutterIOC(LeasedIOC):
    """One shutter for both lasers, a dead-man timer and a latch."""

    command = choice("Command", ("closed", "open"), doc="closing always works; opening needs a live lease")
    state = choice("State", ("closed", "open"), read_only=True, doc="read back from the shutter")
    interlock = choice("Interlock", ("closed", "open"), read_only=True, doc="enclosure and key: closed = may shine")
    reason = text("Reason", "boot", doc="why the shutter was last closed")
    latch = text("Latch", doc="not empty: something closed the shutter and must be acknowledged by Reset")
    trip = text("Trip", read_only=False, doc="any other IOC closes and latches by writing its reason here")
    rest = pvproperty(value=0, name="Rest", doc="1: dark and both lasers on standby, as it is left after every plan")
    optics = text("Optics", read_only=False, doc="told by the bench alone: filters, splitter, whether it measures")
    open_idle_s = quantity("OpenIdle", 10.0, "s", 1.0, 3600.0, "open so long while nothing is measured: it closes")
    reset = pvproperty(value=0, name="Reset", doc="1 clears the latch, if its cause is gone")
    open_s = pvproperty(
        value=0.0, name="OpenTime", units="s", precision=2, read_only=True, doc="total open time since boot"
    )

    def __init__(self, *args, light, standby, permit: permits.Permit, **kwargs):
        super().__init__(*args, **kwargs)
        self.light, self.standby, self.permit = light, standby, permit
        self.turn = asyncio.Lock()  # one command at a time
        self.used_s = -float("inf")  # when something was last measured in the light, or it was opened

    async def darken(self, reason: str):
        """Close for a change of the lease, which also clears what the silence of the last one latched."""
        await self.close(reason)
        if self.latch.value.startswith(FORGIVEN):
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
        async with self.permit.turn, self.turn:
            self.require_all()
            self.used_s, self.permit.opened = time.monotonic(), True
            await self.off_the_loop(self.light.open_shutter)
            if not await self.read_back():
                raise Refused("the shutter did not open: its readback stayed closed; look at its power, cable and key")

    def require_all(self):
        """Raise Refused with the first reason why it must stay closed."""
        if self.latch.value:
            raise Refused(f"latched: {self.latch.value}; remove the cause, then put 1 to {self.reset.pvname}")
        if not self.light.interlock:
            raise Refused("the laser interlock is open: close the enclosure and turn the key")
        self.require_lease()
        if why := self.permit.objection():
            raise Refused(why)

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
        opened = self.permit.opened = await self.off_the_loop(self.light.shutter_is_open)
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

    @rest.putter
    @guarded
    async def rest(self, instance, value):
        await self.close("at rest")
        await self.standby()
        return 0

    @optics.putter
    @partial(guarded, clears=False)
    async def optics(self, instance, value):
        told = read_optics(value, self.permit.key)
        if self.permit.hear(told) and self.permit.opened:
            await self.latch_closed("bench: it was restarted while the shutter was open")
        elif self.permit.opened and (why := self.permit.objection()):
            await self.close(why)
        return told.as_text()

    @reset.putter
    @guarded
    async def reset(self, instance, value):
        if not self.light.interlock:
            raise Refused("the laser interlock is still open: close the enclosure and turn the key first")
        if self.latch.value.startswith("bench:") and self.permit.bench_is_silent:
            raise Refused(f"the bench is still silent: {self.permit.objection()}")
        await self.latch.write("")
        return 0

    @state.startup
    async def state(self, instance, async_lib):
        before, complaint = time.monotonic(), ""
        try:
            await self.close("boot")
        except Exception:
            log.exception("the shutter could not be closed at boot; it is tried again and again")
        while True:
            try:
                self.light.refresh()
                await self.watch()
                complaint = ""
            except Exception as why:
                if complaint != (complaint := repr(why)):
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
        elif self.permit.bench_is_silent:
            await self.latch_closed(permits.SILENCE)
        elif why := self.permit.objection() or self.idleness():
            await self.close(why)

    def idleness(self) -> str:
        """Whether it is open for nothing; each measurement and each opening starts the time anew."""
        now = time.monotonic()
        if self.permit.measuring:
            self.used_s = now
        if now - self.used_s <= self.open_idle_s.value:
            return ""
        return f"open for {self.open_idle_s.value:g} s while nothing was measured"

    @state.shutdown
    async def state(self, instance, async_lib):
        self.light.close_shutter()
