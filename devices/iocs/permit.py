"""What may shine now: the pairing table against the lasers that are on and the filters as the bench tells them."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from devices.iocs.instrument import Refused
from devices.iocs.pairing import USUAL, Optics, Pairing, objection

SILENT_S = 1.5
SILENCE = f"bench: silent for {SILENT_S} s, so filters and detectors are unknown"


class Permit:
    """Shared by shutter and lasers; each asks before it lets light through, and tells what it did.

    shining : the lasers whose emission is on, with their intensity in W/cm2
    opened : whether the shutter is open, or about to be
    turn : lasers and the opening of the shutter change one after the other; closing never waits for it
    """

    def __init__(self, table: Iterable[Pairing] = USUAL, key: str = ""):
        self.table, self.key = tuple(table), key
        self.shining: dict[str, float] = {}
        self.opened = False
        self.turn = asyncio.Lock()
        self.optics: Optics | None = None
        self.heard_s = -float("inf")

    @property
    def bench_is_silent(self) -> bool:
        return time.monotonic() - self.heard_s > SILENT_S

    @property
    def measuring(self) -> bool:
        """Whether the bench measures something."""
        return self.optics is not None and self.optics.measuring

    def hear(self, optics: Optics) -> bool:
        """Note what the bench tells; whether it was restarted since it told something last."""
        restarted = self.optics is not None and optics.boot != self.optics.boot
        self.optics, self.heard_s = optics, time.monotonic()
        return restarted

    def objection(self, shining: dict[str, float] | None = None) -> str:
        """Why there must be no light, or nothing."""
        if self.optics is None or self.bench_is_silent:
            return f"{SILENCE}; is it running? It comes back by itself, or start the IOCs again"
        return objection(self.table, self.optics, self.shining if shining is None else shining)

    @asynccontextmanager
    async def changing(self, laser: str, w_cm2: float, *, begins: bool = False) -> AsyncIterator[bool]:
        """Change a laser that shines, or one that begins to; whether it does. Refused if that must not be now."""
        async with self.turn:
            shines = begins or laser in self.shining
            wanted = self.shining | {laser: w_cm2}
            if shines and self.opened and (why := self.objection(wanted)):
                raise Refused(f"the shutter is open, and {why}")
            yield shines
            if shines:
                self.shining[laser] = w_cm2
