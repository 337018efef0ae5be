"""The fields of TimeHarp 200 files, little-endian and packed, in the order and by the names of the vendor."""

import numpy as np

IDENT = "TimeHarp 200"
VERSIONS = ("2.0", "3.0", "5.0", "6.0")
HISTOGRAMS, TIME_TAGS = 0, 2  # measurement modes; 1 is continuous, in files of another kind
N_CHANNELS = 4096
MOST = 2**31 - 1  # of anything that is counted
RESOLUTION_NS = (1e-3, 100.0)  # of channels; the card has 0.035 to 1.2 ns
CLOCK_NS = (1, 1_000_000)  # the card has 100 ns


def _integers(names: str) -> list:
    return [(name, "<i4") for name in names.split()]


START = np.dtype([("Ident", "S16"), ("FormatVersion", "S6")])
MAKER = [("HardwareVersion", "S6")]
MAKER_6 = [("CreatorName", "S18"), ("CreatorVersion", "S12")]
TEXT = [("FileTime", "S18"), ("CRLF", "S2"), ("Comment", "S256")]
SETTINGS = [
    *_integers("NumberOfChannels NumberOfCurves BitsPerChannel RoutingChannels NumberOfBoards ActiveCurve"),
    *_integers("MeasurementMode SubMode RangeNo Offset AcquisitionTime StopAt StopOnOvfl Restart DisplayLinLog"),
    *_integers("DisplayTimeAxisFrom DisplayTimeAxisTo DisplayCountAxisFrom DisplayCountAxisTo"),
    ("DisplayCurve", "<i4", (8, 2)),
    ("Param", "<f4", (3, 3)),
    *_integers("RepeatMode RepeatsPerCurve RepeatTime RepeatWaitTime"),
    ("ScriptName", "S20"),
]
BOARD_6 = [("HardwareIdent", "S16"), ("HardwareVersion", "S8")]
BOARD = [*_integers("BoardSerial CFDZeroCross CFDDiscriminatorMin SYNCLevel CurveOffset"), ("Resolution", "<f4")]
TAGGING = [
    *_integers("TTTRGlobclock ExtDevices"),
    ("Reserved", "<i4", (5,)),
    *_integers("SyncRate AverageCFDRate StopAfter StopReason NumberOfRecords"),
]
SPECIAL = _integers("SpecHeaderLength")
CURVE = np.dtype(
    [
        *_integers("CurveIndex TimeOfRecording BoardSerial CFDZeroCross CFDDiscrMin SyncLevel CurveOffset"),
        *_integers("RoutingChannel SubMode MeasMode"),
        *[(name, "<f4") for name in ("P1", "P2", "P3")],
        *_integers("RangeNo Offset AcquisitionTime StopAfter StopReason SyncRate CFDCountRate TDCCountRate"),
        *_integers("IntegralCount"),
        ("Resolution", "<f4"),
        *_integers("ExtDevices Reserved"),
    ]
)

# Least and greatest values with which data can be understood.
LIMITS: dict[str, tuple[float, float]] = {
    "NumberOfChannels": (N_CHANNELS, N_CHANNELS),
    "NumberOfCurves": (0, MOST),
    "BitsPerChannel": (32, 32),
    "NumberOfBoards": (1, 1),
}
TAGGING_LIMITS: dict[str, tuple[float, float]] = {
    "Resolution": RESOLUTION_NS,
    "TTTRGlobclock": CLOCK_NS,
    "NumberOfRecords": (0, MOST),
    "SpecHeaderLength": (0, 4096),
}

# What files of the vendor's software have in common, for those that were never in it.
USUAL = {
    "Ident": IDENT,
    "HardwareVersion": "2.5",
    "CreatorName": "Luminescope",
    "CRLF": "\r\n",
    "NumberOfChannels": N_CHANNELS,
    "BitsPerChannel": 32,
    "RoutingChannels": 1,
    "NumberOfBoards": 1,
    "StopAt": 65535,
    "DisplayLinLog": 1,
    "DisplayTimeAxisTo": 150,
    "DisplayCountAxisTo": 100_000,
    "DisplayCurve": [[curve, 1] for curve in range(8)],
    "RepeatsPerCurve": 1,
    "HardwareIdent": IDENT,
}


def header_fields(version: str) -> np.dtype:
    """Between the version and the data, or the header of time tags."""
    if version == "6.0":
        return np.dtype(MAKER_6 + TEXT + SETTINGS + BOARD_6 + BOARD)
    return np.dtype(MAKER + TEXT + SETTINGS + BOARD)


def tagging_fields(version: str) -> np.dtype:
    """What files of time tags add."""
    return np.dtype(TAGGING + (SPECIAL if version in ("5.0", "6.0") else []))


def whole_header(version: str, mode: int) -> np.dtype:
    """The fields in front of the data, without the special header that files of time tags may add.

    >>> [whole_header(version, TIME_TAGS).itemsize for version in VERSIONS]
    [588, 588, 592, 640]
    """
    parts = [START, header_fields(version)] + [tagging_fields(version)] * (mode == TIME_TAGS)
    return np.dtype([field for part in parts for field in part.descr])


def offset_of(fields: np.dtype, name: str) -> int:
    """Bytes before a field."""
    return next(place[1] for field, place in (fields.fields or {}).items() if field == name)
