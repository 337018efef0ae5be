"""Emptying the FIFO of a TimeHarp 200 while it tags photons. Needs the standard library only, of 3.8 or newer."""

from __future__ import annotations

import threading
import time
from typing import Any

if __package__:
    from devices.iocs.drivers.timeharp import thlib
    from devices.iocs.drivers.timeharp.errors import CardFault
    from devices.iocs.drivers.timeharp.library import Library, words
else:  # run by the path of server.py
    import thlib  # pyright: ignore
    from errors import CardFault  # pyright: ignore
    from library import Library, words  # pyright: ignore

POLL_S = 0.001
LAST_BLOCKS = 2  # half FIFOs that can be left when the measurement has ended
DMA_FAILED = -24


class TimeTags:
    """The records of one measurement.

    most : records that may be kept
    overrun : the FIFO or that memory was full; records are missing from then on, and none is kept
    halted : it was ended before its time
    """

    def __init__(self, lib: Library, halt: threading.Event, most: int) -> None:
        self.lib, self.halt, self.most = lib, halt, most
        self.memory: Any = words(thlib.DMA_RECORDS)
        self.parts: list[bytes] = []
        self.n, self.overrun, self.halted = 0, False, False

    def take(self, longest_s: float) -> None:
        """Empty the FIFO until the measurement ends."""
        until_s = time.monotonic() + longest_s
        while True:
            flags = self.flags()
            if self.overrun:
                return
            if flags & thlib.FIFO_HALF_FULL:
                self.transfer()
                continue
            if self.lib.call("TH_CTCStatus") > 0:
                break
            if self.halt.is_set():
                self.halted = True
                break
            if time.monotonic() > until_s:
                raise CardFault("TH_CTCStatus", 0, "the measurement does not end")
            time.sleep(POLL_S)
        self.drain()

    def flags(self) -> int:
        """Flags of the board; notes an overrun."""
        flags = self.lib.call("TH_GetFlags")
        if flags & thlib.SYSTEM_ERROR:
            raise CardFault("TH_GetFlags", 0, "the board reports a system error")
        self.overrun = self.overrun or bool(flags & thlib.FIFO_FULL)
        return flags

    def transfer(self) -> int:
        """Fetch what is in half the FIFO; no other call may come between beginning and end."""
        with self.lib.turn:
            self.lib.call("TH_T3RStartDMA", self.memory, thlib.DMA_RECORDS)
            return self.keep(self.lib.call("TH_T3RCompleteDMA"))

    def drain(self) -> None:
        """Fetch what is left: in blocks, then one by one."""
        for _ in range(LAST_BLOCKS):
            if self.overrun or self.flags() & thlib.FIFO_EMPTY:
                return
            try:
                if not self.transfer():
                    break
            except CardFault as why:
                if why.code != DMA_FAILED:
                    raise
                break
        for _ in range(0 if self.halted else thlib.FIFO_RECORDS):
            if self.overrun or self.flags() & thlib.FIFO_EMPTY:
                return
            self.keep(self.lib.call("TH_T3RDoDMA", self.memory, 1))

    def keep(self, n: int) -> int:
        """Keep the first n records of the memory; how many it were."""
        if n > thlib.DMA_RECORDS:
            raise CardFault("TH_T3RCompleteDMA", 0, f"it tells of {n} records in a block of {thlib.DMA_RECORDS}")
        kept = min(n, self.most - self.n)
        self.overrun = self.overrun or kept < n
        self.parts.append(memoryview(self.memory).cast("B")[: 4 * kept].tobytes())
        self.n += kept
        return n

    def data(self) -> bytes:
        return b"".join(self.parts)
