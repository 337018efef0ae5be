"""Measurements of the PicoHarp 300 and the TimeHarp 260. Needs the standard library only, of 3.8 or newer."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from typing import Any

if __package__:
    from devices.iocs.drivers.timeharp import thlib
    from devices.iocs.drivers.timeharp.board import LATE_S, POLL_S
    from devices.iocs.drivers.timeharp.errors import CardFault
    from devices.iocs.drivers.timeharp.later_settings import LaterSettings
    from devices.iocs.drivers.timeharp.library import words
else:  # run by the path of server.py
    import thlib  # pyright: ignore
    from board import LATE_S, POLL_S  # pyright: ignore
    from errors import CardFault  # pyright: ignore
    from later_settings import LaterSettings  # pyright: ignore
    from library import words  # pyright: ignore

READ_RECORDS = 131072


class Later(LaterSettings):
    """One board that measures."""

    def histograms(
        self, tacq_ms: int, blocks: Sequence[int], stop_full: bool, meter_every_s: float
    ) -> tuple[dict[str, Any], bytes]:
        """One measurement: the blocks, its flags and time, and (time in ms, cps) of the sync input meanwhile."""
        with self.idle(measuring=True):
            if self.stop_full != stop_full:
                self.call("SetStopOverflow", int(stop_full), thlib.FULL_BIN)
                self.stop_full = stop_full
            self.clear()
            with self.started(tacq_ms):
                rates, halted = self.until_it_ends(tacq_ms, meter_every_s)
                elapsed_ms = self.real("GetElapsedMeasTime")
            counts, memory = b"", words(self.n_bins)
            for block in blocks:
                self.block(memory, block)
                counts += bytes(memory)[: 4 * thlib.N_CHANNELS]
            return {"flags": self.flags(), "elapsed_ms": elapsed_ms, "halted": halted, "rates": rates}, counts

    def until_it_ends(self, tacq_ms: int, meter_every_s: float) -> tuple[list[tuple[float, int]], bool]:
        began_s, rates, due_s = time.monotonic(), [], 0.0
        while self.number("CTCStatus") == 0:
            if self.halt.is_set():
                return rates, True
            gone_s = time.monotonic() - began_s
            self.check_end(gone_s, tacq_ms)
            if meter_every_s and gone_s >= due_s:
                with contextlib.suppress(CardFault):  # a meter that cannot be read ends no measurement
                    rates.append((1000 * gone_s, self.rate("sync")))
                due_s = gone_s + meter_every_s
            time.sleep(POLL_S)
        return rates, False

    def check_end(self, gone_s: float, tacq_ms: int) -> None:
        if gone_s > 1.1 * tacq_ms / 1000 + LATE_S:
            raise CardFault(self.prefix + "CTCStatus", 0, f"a measurement of {tacq_ms} ms does not end")

    def records(self, tacq_ms: int, most: int) -> tuple[dict[str, Any], bytes]:
        """One measurement with time tags: T3 records as they come, at most so many, and the sync rate before."""
        with self.idle(measuring=True):
            sync_hz, memory = self.meter("sync")["cps"], words(READ_RECORDS)
            parts, n, overrun, ended, began_s = [], 0, False, False, time.monotonic()
            with self.started(tacq_ms):
                while not overrun:
                    overrun = bool(self.number("GetFlags") & self.fifo_full)
                    got = 0 if overrun else self.number("ReadFiFo", memory, READ_RECORDS)
                    kept = min(got, most - n)
                    n, overrun = n + kept, overrun or kept < got
                    parts.append(memoryview(memory).cast("B")[: 4 * kept].tobytes())
                    if self.halt.is_set() or (ended and not got):
                        break
                    self.check_end(time.monotonic() - began_s, tacq_ms)
                    ended = ended or self.number("CTCStatus") != 0
                    time.sleep(POLL_S)
            told = {"overrun": overrun, "halted": self.halt.is_set() and not ended, "sync_hz": sync_hz}
            return told, b"".join(parts)
