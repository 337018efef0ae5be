"""One measurement at a time: card, scanner and counters share the bench, and any of them can be told to stop."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from devices.iocs.instrument import Refused


class Measuring:
    """What is being measured on the bench now, and the flag that ends it.

    measures : whether something is being measured; ended_s : when the last measurement ended (monotonic)
    """

    def __init__(self):
        self.stopping = threading.Event()
        self.measures, self.ended_s = False, time.monotonic()
        self._busy = asyncio.Lock()

    @asynccontextmanager
    async def alone(self) -> AsyncIterator[threading.Event]:
        """Measure, with the flag to watch; Refused while something else is being measured."""
        if self._busy.locked():
            raise Refused("something is being measured already: wait for it, or put 1 to its Stop")
        async with self._busy:
            self.stopping.clear()
            self.measures = True
            try:
                yield self.stopping
            finally:
                self.measures, self.ended_s = False, time.monotonic()

    @asynccontextmanager
    async def ended(self) -> AsyncIterator[None]:
        """Do something after what is being measured, which is told to stop, has come to its end."""
        self.stopping.set()
        async with self._busy:
            yield

    @asynccontextmanager
    async def still(self, what: str) -> AsyncIterator[None]:
        """Change what a measurement stands on, between measurements; Refused during one that nobody has stopped."""
        if self.measures and not self.stopping.is_set():
            raise Refused(f"{what} while something is being measured: wait for it, or put 1 to its Stop")
        async with self._busy:
            yield

    def stop(self):
        self.stopping.set()
