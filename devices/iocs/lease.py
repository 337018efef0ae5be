"""A lease on light: one session at a time, and dark by itself when that session falls silent.

The session that drives the lab puts its token in ``Owner`` and then beats ``Beat`` from the RunEngine's own loop.
What shines does so only while the last beat is younger than ``DeadMan`` seconds. The connection over which the token
came is the only writer of the process (`devices.iocs.single_writer`). This protects sample and detectors; it is not a
safety function for people.
"""

import time
from functools import partial

from caproto.server import pvproperty

from devices.iocs import single_writer
from devices.iocs.instrument import InstrumentIOC, Refused, guarded, text
from devices.iocs.single_writer import NOBODY

DEAD_MAN_S = 1.5
WATCH_PERIOD_S = 0.05
STALE_OWNER_S = 5.0
SILENCE = f"dead-man: no sign of a running plan for {DEAD_MAN_S} s"


class LeasedIOC(InstrumentIOC):
    """Base of the IOCs that let light on the sample; `darken` is called whenever the lease changes hands."""

    owner = text("Owner", NOBODY, read_only=False, length=120, doc="token of the session in control, or nobody")
    beat = text("Beat", read_only=False, length=120, doc="put the owner's token at least every DeadMan seconds")
    dead_man_s = pvproperty(
        value=DEAD_MAN_S, name="DeadMan", units="s", precision=2, read_only=True, doc="longest silence with light on"
    )

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.last_beat = -float("inf")

    @property
    def silent_s(self) -> float:
        """Time since the last beat."""
        return time.monotonic() - self.last_beat

    @property
    def forsaken(self) -> bool:
        """Whether no running plan has given a sign of life for too long."""
        return self.silent_s > DEAD_MAN_S

    def require_lease(self):
        if self.forsaken:
            raise Refused("nobody holds a live lease: light is only for a running plan, RE(...)")

    async def darken(self, reason: str):
        """End all light; the reason is told to whoever asks."""
        raise NotImplementedError

    @owner.putter
    @guarded
    async def owner(self, instance, value):
        known = single_writer.require_free(instance.value, value)
        if not known and value not in (NOBODY, instance.value) and self.silent_s < STALE_OWNER_S:
            raise Refused(
                f"the lab is driven by {instance.value!r} (last beat {self.silent_s:.1f} s ago): close that one first"
            )
        await self.darken("lease given up" if value == NOBODY else "new lease")
        self.last_beat = -float("inf") if value == NOBODY else time.monotonic()
        single_writer.claim(value)

    @beat.putter
    @partial(guarded, clears=False)
    async def beat(self, instance, value):
        if value == NOBODY or value != self.owner.value:
            raise Refused(f"{value!r} does not hold the lease, {self.owner.value!r} does")
        self.last_beat = time.monotonic()
        single_writer.claim(value)
