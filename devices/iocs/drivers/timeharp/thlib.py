"""THLib v6.1, the library of the TimeHarp 200: its functions and constants. Needs the standard library only."""

from __future__ import annotations

if __package__:
    from devices.iocs.drivers.timeharp.library import INT, TEXT, WORDS, Library
else:
    from library import INT, TEXT, WORDS, Library  # pyright: ignore

VERSION = "6.1"
HISTOGRAMS, TIME_TAGS = 0, 1  # what TH_Initialize opens the board for
ONE_SHOT = 0  # of TH_SetMMode
N_CHANNELS, FULL_BIN = 4096, 65535
FIFO_RECORDS, DMA_RECORDS = 131072, 65536

SYSTEM_ERROR, OVERFLOW, RAM_READY = 0x0100, 0x0200, 0x0400
FIFO_FULL, FIFO_HALF_FULL, FIFO_EMPTY, SCAN_ACTIVE = 0x0800, 0x1000, 0x2000, 0x4000

FUNCTIONS = {
    "TH_GetErrorString": (TEXT, INT),
    "TH_GetLibraryVersion": (TEXT,),
    "TH_GetHardwareVersion": (TEXT,),
    "TH_GetSerialNumber": (TEXT,),
    "TH_GetBaseResolution": (),
    "TH_Initialize": (INT,),
    "TH_Calibrate": (),
    "TH_Shutdown": (),
    "TH_SetCFDDiscrMin": (INT,),
    "TH_SetCFDZeroCross": (INT,),
    "TH_SetSyncLevel": (INT,),
    "TH_SetStopOverflow": (INT, INT),
    "TH_SetRange": (INT,),
    "TH_SetOffset": (INT,),
    "TH_ClearHistMem": (INT,),
    "TH_SetMMode": (INT, INT),
    "TH_SetSyncMode": (),
    "TH_StartMeas": (),
    "TH_StopMeas": (),
    "TH_CTCStatus": (),
    "TH_GetBlock": (WORDS, INT),
    "TH_GetResolution": (),
    "TH_GetCountRate": (),
    "TH_GetFlags": (),
    "TH_GetElapsedMeasTime": (),
    "TH_GetRouterModel": (TEXT,),
    "TH_GetRoutingChannels": (),
    "TH_EnableRouting": (INT,),
    "TH_SetNRT400CFD": (INT, INT, INT),
    "TH_T3RDoDMA": (WORDS, INT),
    "TH_T3RStartDMA": (WORDS, INT),
    "TH_T3RCompleteDMA": (),
    "TH_T3RSetMarkerEdges": (INT, INT, INT),
}


def thlib(path: str) -> Library:
    """The library in that file."""
    return Library(path, FUNCTIONS, ("TH_GetResolution",), "TH_GetErrorString")
