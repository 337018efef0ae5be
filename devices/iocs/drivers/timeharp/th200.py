"""The documented call sequences of a TimeHarp 200. Needs the standard library only, of 3.8 or newer."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from typing import Any

if __package__:
    from devices.iocs.drivers.timeharp import thlib
    from devices.iocs.drivers.timeharp.board import LATE_S, POLL_S
    from devices.iocs.drivers.timeharp.errors import CardFault
    from devices.iocs.drivers.timeharp.library import words
    from devices.iocs.drivers.timeharp.one_meter import SETTLING_S, OneMeter
    from devices.iocs.drivers.timeharp.tags import TimeTags
else:  # run by the path of server.py
    import thlib  # pyright: ignore
    from board import LATE_S, POLL_S  # pyright: ignore
    from errors import CardFault  # pyright: ignore
    from library import words  # pyright: ignore
    from one_meter import SETTLING_S, OneMeter  # pyright: ignore
    from tags import TimeTags  # pyright: ignore


class Th200(OneMeter):
    """A TimeHarp 200, through THLib."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.stop_full = -1

    def open(self, mode: int, routing: bool, levels: dict[str, Any], serial: str) -> dict[str, Any]:
        """Open the board for histograms (mode 0) or time tags (1), calibrate it and set its levels; what it is."""
        with self.idle():
            version = self.lib.text("TH_GetLibraryVersion")
            if version != thlib.VERSION:
                raise CardFault("TH_GetLibraryVersion", 0, f"the library is {version!r}, not {thlib.VERSION!r}")
            self.shut_down()
            self.call("Initialize", mode)
            self.opened = True
            found = self.identity(version)
            if serial and found["serial"] != serial:
                raise CardFault("TH_GetSerialNumber", 0, f"the board is {found['serial']!r}, not {serial!r}")
            if found["routing_channels"] > 1:
                self.set_router(mode, routing, levels["nrt"])
            self.call("Calibrate")
            self.set_levels(mode, levels)
            return found

    def identity(self, version: str) -> dict[str, Any]:
        channels = self.call("GetRoutingChannels")
        return {
            "library": version,
            "hardware": self.lib.text("TH_GetHardwareVersion"),
            "serial": self.lib.text("TH_GetSerialNumber"),
            "base_resolution_ps": self.call("GetBaseResolution"),
            "routing_channels": channels,
            "router": self.lib.text("TH_GetRouterModel") if channels > 1 else "",
        }

    def set_router(self, mode: int, routing: bool, nrt: Sequence[Sequence[int]]) -> None:
        if mode == thlib.HISTOGRAMS:  # time tags are routed whenever there is a router
            self.call("EnableRouting", int(routing))
        for channel, (level_mv, zero_mv) in enumerate(nrt):
            self.call("SetNRT400CFD", channel, level_mv, zero_mv)

    def set_levels(self, mode: int, levels: dict[str, Any]) -> None:
        self.call("SetCFDDiscrMin", levels["cfd_mv"])
        self.call("SetCFDZeroCross", levels["zero_cross_mv"])
        self.call("SetSyncLevel", levels["sync_level_mv"])
        if mode == thlib.TIME_TAGS:
            self.call("T3RSetMarkerEdges", *levels["edges"])

    def shut_down(self) -> None:
        """Leave the board, if it is open."""
        self.tacq_ms, self.stop_full, self.metered = 0, -1, ""
        if self.opened:
            self.opened = False
            self.call("Shutdown")

    def calibrate(self) -> dict[str, Any]:
        with self.idle():
            self.call("Calibrate")
            return {}

    def window(self, range_code: int, offset_ns: int) -> dict[str, Any]:
        """Set range and offset; the offset the board took, and the width of a channel."""
        with self.idle():
            self.call("SetRange", range_code)
            offset_ns = self.call("SetOffset", offset_ns)
            return {"offset_ns": offset_ns, "bin_width_ns": self.call("GetResolution")}

    def histograms(
        self, tacq_ms: int, blocks: Sequence[int], stop_full: bool, meter_every_s: float
    ) -> tuple[dict[str, Any], bytes]:
        """One measurement: the blocks, its flags and time, and (time in ms, cps) of the detector input meanwhile."""
        with self.idle(measuring=True):
            if self.stop_full != stop_full:
                self.call("SetStopOverflow", int(stop_full), thlib.FULL_BIN)
                self.stop_full = stop_full
            self.set_mode(tacq_ms)
            for block in blocks:
                self.call("ClearHistMem", block)
            with self.started():
                rates, halted = self.until_it_ends(tacq_ms, meter_every_s)
                elapsed_ms = self.call("GetElapsedMeasTime")
            counts, memory = b"", words(thlib.N_CHANNELS)
            for block in blocks:
                self.call("GetBlock", memory, block)
                counts += bytes(memory)
            told = {"flags": self.call("GetFlags"), "elapsed_ms": elapsed_ms, "halted": halted, "rates": rates}
            return told, counts

    def until_it_ends(self, tacq_ms: int, meter_every_s: float) -> tuple[list[tuple[float, int]], bool]:
        """The rates meanwhile, and whether it was halted."""
        began_s, rates, due_s = time.monotonic(), [], 0.0
        while self.call("CTCStatus") == 0:
            if self.halt.is_set():
                return rates, True
            gone_s = time.monotonic() - began_s
            if gone_s > 1.1 * tacq_ms / 1000 + LATE_S:
                raise CardFault("TH_CTCStatus", 0, f"a measurement of {tacq_ms} ms does not end")
            if meter_every_s and gone_s >= due_s and time.monotonic() > self.switched_s + SETTLING_S:
                with contextlib.suppress(CardFault):  # a meter that cannot be read ends no measurement
                    rates.append((1000 * gone_s, self.call("GetCountRate")))
                due_s = gone_s + meter_every_s
            time.sleep(POLL_S)
        return rates, False

    def records(self, tacq_ms: int, most: int) -> tuple[dict[str, Any], bytes]:
        """One measurement with time tags: the records as they come, at most so many."""
        with self.idle(measuring=True):
            self.set_mode(tacq_ms)
            tags = TimeTags(self.lib, self.halt, most)
            with self.started():
                tags.take(1.1 * tacq_ms / 1000 + LATE_S)
            return {"overrun": tags.overrun, "halted": tags.halted}, tags.data()
