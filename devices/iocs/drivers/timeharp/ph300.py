"""A PicoHarp 300 through PHLib 3. Needs the standard library only, of 3.8 or newer."""

from __future__ import annotations

from typing import Any

if __package__:
    from devices.iocs.drivers.timeharp.later import Later
    from devices.iocs.drivers.timeharp.later_settings import NUMBER, REAL
    from devices.iocs.drivers.timeharp.library import INT, TEXT, WORDS, Library
else:  # run by the path of server.py
    from later import Later  # pyright: ignore
    from later_settings import NUMBER, REAL  # pyright: ignore
    from library import INT, TEXT, WORDS, Library  # pyright: ignore

FUNCTIONS = {
    "PH_GetErrorString": (TEXT, INT),
    "PH_GetLibraryVersion": (TEXT,),
    "PH_OpenDevice": (INT, TEXT),
    "PH_CloseDevice": (INT,),
    "PH_Initialize": (INT, INT),
    "PH_GetHardwareInfo": (INT, TEXT, TEXT, TEXT),
    "PH_GetBaseResolution": (INT, REAL, NUMBER),
    "PH_Calibrate": (INT,),
    "PH_SetInputCFD": (INT, INT, INT, INT),
    "PH_SetSyncDiv": (INT, INT),
    "PH_SetStopOverflow": (INT, INT, INT),
    "PH_SetBinning": (INT, INT),
    "PH_SetOffset": (INT, INT),
    "PH_ClearHistMem": (INT, INT),
    "PH_StartMeas": (INT, INT),
    "PH_StopMeas": (INT,),
    "PH_CTCStatus": (INT, NUMBER),
    "PH_GetHistogram": (INT, WORDS, INT),
    "PH_GetResolution": (INT, REAL),
    "PH_GetCountRate": (INT, INT, NUMBER),
    "PH_GetFlags": (INT, NUMBER),
    "PH_GetElapsedMeasTime": (INT, REAL),
    "PH_ReadFiFo": (INT, WORDS, INT, NUMBER),
    "PH_GetRouterVersion": (INT, TEXT, TEXT),
    "PH_GetRoutingChannels": (INT, NUMBER),
    "PH_EnableRouting": (INT, INT),
    "PH_SetPHR800Input": (INT, INT, INT, INT),
    "PH_SetPHR800CFD": (INT, INT, INT, INT),
}
SYNC, INPUT = 0, 1
PS_PER_NS = 1000
N_BLOCKS = 4


class Ph300(Later):
    """A PicoHarp 300: the sync input starts, the other one stops."""

    n_bins = 65536
    overflow, fifo_full, system_error = 0x0040, 0x0003, 0x0100

    def __init__(self, path: str) -> None:
        super().__init__(Library(path, FUNCTIONS, (), "PH_GetErrorString"), "PH_")

    def set_up(self, routing: bool, levels: dict[str, Any], found: dict[str, Any]) -> dict[str, Any]:
        self.call("Calibrate")
        self.call("SetSyncDiv", levels["sync_divider"])
        self.call("SetInputCFD", SYNC, *levels["sync"])
        self.call("SetInputCFD", INPUT, *levels["input"])
        self.channels = self.number("GetRoutingChannels")
        self.routed = self.channels > 1 and (routing or self.tagging)
        if self.channels > 1:
            self.call("EnableRouting", int(self.routed))
            for channel, pair in enumerate(levels["phr800_input"]):
                self.call("SetPHR800Input", channel, *pair)
            for channel, pair in enumerate(levels["phr800_cfd"]):
                self.call("SetPHR800CFD", channel, *pair)
        return {"routing_channels": self.channels, "router": "PHR" if self.channels > 1 else ""}

    def calibrate(self) -> dict[str, Any]:
        with self.idle():
            self.call("Calibrate")
            return {}

    def set_offset(self, offset_ns: int) -> None:
        self.call("SetOffset", PS_PER_NS * offset_ns)

    def rate(self, source: str) -> int:
        return self.number("GetCountRate", SYNC if source == "sync" else INPUT)

    def clear(self) -> None:
        for block in range(N_BLOCKS if self.routed else 1):
            self.call("ClearHistMem", block)

    def block(self, memory: Any, block: int) -> None:
        self.call("GetHistogram", memory, block)
