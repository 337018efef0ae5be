"""Lasers and a shutter that are only remembered, and the light groups around them without a network."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

from caproto import SkipWrite

from devices.iocs import lease, permit, shutter
from devices.iocs.light import light_groups
from devices.iocs.pairing import Optics

TOKEN = "the session"
EMISSION = {"splitter": "dichroic", "perovskite": "532/10+OD1", "qd": "FBH650-40+655/15"}
SCATTER = {"splitter": "dichroic", "perovskite": "scatter", "qd": "scatter"}


class FakeLight:
    """What a backend is told, and an interlock."""

    max_w_cm2, max_cw_w_cm2 = 2000.0, 50_000.0

    def __init__(self):
        self.open, self.interlock = False, True
        self.on: dict[str, float] = {}

    def open_shutter(self):
        self.open = True

    def close_shutter(self):
        self.open = False

    def shutter_is_open(self) -> bool:
        return self.open

    def refresh(self):
        """A spring that needs nothing."""

    def pulsed(self, on: bool, repetition_hz: float, w_cm2: float):
        self.switch("pulsed", on, w_cm2)

    def cw(self, on: bool, w_cm2: float):
        self.switch("cw", on, w_cm2)

    def switch(self, laser: str, on: bool, w_cm2: float):
        self.on.pop(laser, None)
        if on:
            self.on[laser] = w_cm2


class Clock:
    """Time that passes when it is told to."""

    now_s = 1000.0

    def monotonic(self) -> float:
        return self.now_s


class Room:
    """Shutter and lasers by name, and whoever may act on them."""

    def __init__(self, clock: Clock, key: str):
        self.clock, self.light, self.key = clock, FakeLight(), key
        groups: list[Any] = light_groups("t:", self.light, repetition_hz=2e6, rates_hz=(2e6,), key=key)
        self.shutter, self.pulsed, self.cw = groups
        self.told_s = -float("inf")
        self.told: dict[str, Any] = {}

    async def put(self, pv: Any, value: Any) -> str:
        """Put; the reason if it was refused."""
        await pv.group.error.write("")
        with suppress(SkipWrite):
            await pv.write(value)
        return pv.group.error.value

    async def tell(self, boot: str = "1", key: str | None = None, **optics: Any) -> str:
        """The bench tells what stands in the detection."""
        self.told, self.told_s = EMISSION | optics, self.clock.now_s
        told = Optics(boot, **self.told)
        return await self.put(self.shutter.optics, told.as_text(key=self.key if key is None else key))

    async def ready(self, laser: str = "pulsed", w_cm2: float = 50.0, **optics: Any):
        """All is there that light needs."""
        await self.put(self.shutter.owner, TOKEN)
        await self.put(self.shutter.beat, TOKEN)
        await self.tell(**optics)
        await self.put(getattr(self, laser).intensity, w_cm2)
        await self.put(getattr(self, laser).emission, "on")

    async def shine(self) -> str:
        return await self.put(self.shutter.command, "open")

    async def pass_time(self, seconds: float, *, beats: bool = True, tells: bool = True, **optics: Any):
        """In steps of a third of a second, with or without a sign of life of session and bench."""
        end_s = self.clock.now_s + seconds
        while self.clock.now_s < end_s:
            self.clock.now_s += 0.3
            if beats:
                await self.put(self.shutter.beat, TOKEN)
            if tells:
                await self.tell(**optics)
            await self.shutter.watch()


def in_room(steps: Callable[[Room], Awaitable[None]], key: str = "a key"):
    """Run `steps` with a clock of its own."""
    clock = Clock()
    modules: list[Any] = [lease, permit, shutter]
    real = [module.time for module in modules]
    try:
        for module in modules:
            module.time = SimpleNamespace(monotonic=clock.monotonic)

        async def main():
            await steps(Room(clock, key))

        asyncio.run(main())
    finally:
        for module, time in zip(modules, real, strict=True):
            module.time = time
