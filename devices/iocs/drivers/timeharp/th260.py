"""A TimeHarp 260 through TH260Lib 3. Needs the standard library only, of 3.8 or newer."""

from __future__ import annotations

from typing import Any

if __package__:
    from devices.iocs.drivers.timeharp.errors import CardFault
    from devices.iocs.drivers.timeharp.later import Later
    from devices.iocs.drivers.timeharp.later_settings import NUMBER, REAL
    from devices.iocs.drivers.timeharp.library import INT, TEXT, WORDS, Library
else:  # run by the path of server.py
    from errors import CardFault  # pyright: ignore
    from later import Later  # pyright: ignore
    from later_settings import NUMBER, REAL  # pyright: ignore
    from library import INT, TEXT, WORDS, Library  # pyright: ignore

FUNCTIONS = {
    "TH260_GetErrorString": (TEXT, INT),
    "TH260_GetLibraryVersion": (TEXT,),
    "TH260_OpenDevice": (INT, TEXT),
    "TH260_CloseDevice": (INT,),
    "TH260_Initialize": (INT, INT),
    "TH260_GetHardwareInfo": (INT, TEXT, TEXT, TEXT),
    "TH260_GetBaseResolution": (INT, REAL, NUMBER),
    "TH260_GetNumOfInputChannels": (INT, NUMBER),
    "TH260_SetSyncDiv": (INT, INT),
    "TH260_SetSyncCFD": (INT, INT, INT),
    "TH260_SetSyncEdgeTrg": (INT, INT, INT),
    "TH260_SetInputCFD": (INT, INT, INT, INT),
    "TH260_SetInputEdgeTrg": (INT, INT, INT, INT),
    "TH260_SetStopOverflow": (INT, INT, INT),
    "TH260_SetBinning": (INT, INT),
    "TH260_SetOffset": (INT, INT),
    "TH260_SetHistoLen": (INT, INT, NUMBER),
    "TH260_ClearHistMem": (INT,),
    "TH260_StartMeas": (INT, INT),
    "TH260_StopMeas": (INT,),
    "TH260_CTCStatus": (INT, NUMBER),
    "TH260_GetHistogram": (INT, WORDS, INT, INT),
    "TH260_GetResolution": (INT, REAL),
    "TH260_GetSyncRate": (INT, NUMBER),
    "TH260_GetCountRate": (INT, INT, NUMBER),
    "TH260_GetFlags": (INT, NUMBER),
    "TH260_GetElapsedMeasTime": (INT, REAL),
    "TH260_ReadFiFo": (INT, WORDS, INT, NUMBER),
}
LENGTH_CODE = 2  # 1024 channels times 2^code
NANO = "TimeHarp 260 N"


class Th260(Later):
    """A TimeHarp 260: the sync input starts, each of its inputs stops for itself."""

    overflow, fifo_full, system_error = 0x0001, 0x0002, 0x0010

    def __init__(self, path: str) -> None:
        super().__init__(Library(path, FUNCTIONS, (), "TH260_GetErrorString"), "TH260_")
        self.n_inputs = 0

    def set_up(self, routing: bool, levels: dict[str, Any], found: dict[str, Any]) -> dict[str, Any]:
        kind = "EdgeTrg" if found["hardware"].startswith(NANO) else "CFD"
        if kind != levels["kind"]:
            raise CardFault(
                "TH260_GetHardwareInfo", 0, f"{found['hardware']} has {kind} inputs, lab.toml is for {levels['kind']}"
            )
        self.n_inputs = self.number("GetNumOfInputChannels")
        self.call("SetSyncDiv", levels["sync_divider"])
        self.call("SetSync" + kind, *levels["sync"])
        for channel in range(self.n_inputs):
            self.call("SetInput" + kind, channel, *levels["input"])
        if not self.tagging:
            self.n_bins = self.number("SetHistoLen", LENGTH_CODE)
        return {"routing_channels": self.n_inputs, "router": f"{self.n_inputs} inputs"}

    def set_offset(self, offset_ns: int) -> None:
        self.call("SetOffset", offset_ns)

    def rate(self, source: str) -> int:
        if source == "sync":
            return self.number("GetSyncRate")
        return sum(self.number("GetCountRate", channel) for channel in range(self.n_inputs))

    def clear(self) -> None:
        self.call("ClearHistMem")

    def block(self, memory: Any, block: int) -> None:
        self.call("GetHistogram", memory, block, 0)
