"""Spectrofluorometer IOC: a scan is told once and then flies; its points come as arrays that grow.

`Acquire` = 0 begins a scan, `Acquire` = i goes on at point i with one that was stopped; the put completes when the
scan is over. The instrument's own shutter opens only during a scan, under a live lease, and closes at its end however
that comes about.
"""

import asyncio
import contextlib
import logging

from caproto.server import pvproperty

from devices.iocs.backends import Scan
from devices.iocs.instrument import Refused, choice, guarded
from devices.iocs.lease import SILENCE, WATCH_PERIOD_S
from devices.iocs.scan import PointsIOC

log = logging.getLogger(__name__)

PUBLISH_PERIOD_S = 0.1
STATES = ("idle", "waiting", "scanning", "done", "stopped", "failed")


class SpectrofluorometerIOC(PointsIOC):
    """Scans: one at a time, each can be stopped and go on."""

    check = pvproperty(value=0, name="Check", doc="1 asks whether the present settings can be done")
    acquire = pvproperty(value=-1, name="Acquire", doc="0 begins a scan, i goes on at point i; completes at its end")
    state = choice("State", STATES, read_only=True, doc="waiting: for the operator, see Instruction")
    acquisition = pvproperty(value=0, name="Acquisition", read_only=True, doc="number of this scan; new with Acquire=0")

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.flying = False
        self.scan: Scan | None = None  # the one that runs, or was stopped and can go on

    @check.putter
    @guarded
    async def check(self, instance, value):
        await self.off_the_loop(self.told)
        return 0

    @acquire.putter
    @guarded
    async def acquire(self, instance, value):
        first = int(value)
        self.require_rest()
        self.require_lease()
        async with self.busy:
            await instance.write(-1, verify_value=False)  # what a scan that is cut short leaves to be read back
            self.stopping.clear()
            self.why_stopped = ""
            scan = await self.off_the_loop(self.told)
            if first == 0:
                await self.begin(scan)
            elif scan != self.scan or first != len(self.taken):
                stands = f"one stands at point {len(self.taken)}" if self.scan else "no scan was stopped"
                raise Refused(f"no scan with these settings goes on at point {first}: {stands}; begin with point 0")
            await self.fly(scan, first)
        return first

    async def begin(self, scan: Scan):
        """A new scan without points."""
        await self.finish()
        self.scan, self.taken = scan, []
        await self.points_done.write(0)
        await self.points.write(scan.n_points)
        await self.acquisition.write(await self.off_the_loop(self.backend.next_acquisition))

    async def finish(self):
        """A scan that can no longer go on is over for the backend, too."""
        if self.scan is not None:
            self.scan = None
            await self.off_the_loop(self.backend.finish_acquisition, self.acquisition.value)

    async def fly(self, scan: Scan, first: int):
        """Take the points from `first` on; dark and published, however this ends."""
        self.flying, complete, outcome = True, False, "failed"
        await self.state.write("scanning")
        publishing = asyncio.get_running_loop().create_task(self.keep_publishing())
        try:
            complete = await self.off_the_loop(
                self.backend.scan,
                scan,
                acquisition=self.acquisition.value,
                first=first,
                stop=self.stopping,
                on_point=self.take,
            )
            outcome = "done" if complete else "stopped"
        finally:
            publishing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await publishing
            await self.land(outcome)
        if not complete:
            raise Refused(f"the scan stands at point {len(self.taken)} of {scan.n_points}: {self.why_stopped}")
        await self.finish()

    async def land(self, outcome: str):
        """Dark, then everything published, then the outcome."""
        self.flying = False
        try:
            await self.close_shutter()
        except Refused:
            outcome = "failed"
            raise
        finally:
            await self.publish()
            await self.look()
            await self.state.write(outcome)

    async def keep_publishing(self):
        """Points, and whether the scan waits for the operator, while it runs."""
        while True:
            await self.publish()
            state = "waiting" if self.backend.instruction else "scanning"
            if self.state.value != state:
                await self.look()
                await self.state.write(state)
            await asyncio.sleep(PUBLISH_PERIOD_S)

    @state.startup
    async def state(self, instance, async_lib):
        await self.off_the_loop(self.backend.close_shutter)
        while True:
            try:
                await self.watch()
            except Exception:
                log.exception("one look at the spectrofluorometer failed; the next one comes")
            await asyncio.sleep(WATCH_PERIOD_S)

    async def watch(self):
        """Follow the instrument and the lease."""
        await self.look()
        if self.flying and self.forsaken:
            self.why_stopped = self.why_stopped or SILENCE
            self.stopping.set()
            await self.close_shutter()
        elif self.shutter.value == "open" and not self.flying and self.lamp_state.value != "off":
            await self.close_shutter()

    @state.shutdown
    async def state(self, instance, async_lib):
        self.stopping.set()
        self.backend.close_shutter()
