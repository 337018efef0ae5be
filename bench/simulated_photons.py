"""Photon records: two detectors, PTU files. The writer knows nothing of the readers it feeds."""

import struct
from pathlib import Path
from typing import NamedTuple

import numpy as np

TICK_S = 1e-12
T2_WRAP, T3_WRAP = 2**25, 2**10
SPECIAL, OVERFLOW = 1 << 31, 63 << 25
HYDRAHARP_T2, HYDRAHARP_T3 = 0x01010204, 0x01010304
INTEGER, FLOAT, TEXT, DATE, EMPTY = 0x10000008, 0x20000008, 0x4001FFFF, 0x21000008, 0xFFFF0008
CHANNEL_S = 1e-10
PIXEL_PULSES = 10_000


def detections(rng: np.random.Generator, n: int, rate_cps: float) -> np.ndarray:
    """(n,) ps ticks of a Poisson stream, ascending."""
    return np.cumsum(rng.exponential(1 / (rate_cps * TICK_S), n)).astype(np.int64)


def two_detectors(n: int, rate_cps: float, *, seed: int = 5) -> tuple[np.ndarray, np.ndarray]:
    """About n detections, rate_cps on each of two detectors, over the same time; 1 % come as pairs 3 ns apart."""
    rng = np.random.default_rng(seed)
    a, b = detections(rng, n // 2, rate_cps), detections(rng, n // 2 + 1000, rate_cps)
    pairs = rng.integers(0, a.size, n // 200)
    b[rng.integers(0, b.size, pairs.size)] = a[pairs] + 3000
    return a, np.sort(b)


def t2_records(times: np.ndarray, channel: np.ndarray) -> np.ndarray:
    """(m,) uint32 HydraHarp V2 T2 records of ascending ticks; overflows before the photons that need them."""
    return _with_overflows(times // T2_WRAP, (channel.astype(np.uint32) << 25) | (times % T2_WRAP).astype(np.uint32))


def t3_records(sync: np.ndarray, word: np.ndarray) -> np.ndarray:
    """(m,) uint32 HydraHarp V2 T3 records; word holds all but the low ten bits of the sync count."""
    return _with_overflows(sync // T3_WRAP, word.astype(np.uint32) | (sync % T3_WRAP).astype(np.uint32))


def _with_overflows(turns: np.ndarray, words: np.ndarray) -> np.ndarray:
    passed = np.diff(turns, prepend=0)
    where = np.flatnonzero(passed)
    overflows = (SPECIAL | OVERFLOW | passed[where]).astype(np.uint32)
    return np.insert(words, where, overflows)


def write_ptu(path: Path, records: np.ndarray, *, record_type: int, tags: dict[str, int | float | str]) -> None:
    """A header that every reader here accepts, and the records."""
    everything = {
        **{"File_GUID": "{00000000-0000-0000-0000-000000000000}", "HW_Type": "HydraHarp", "HW_Version": "2.0"},
        **{"CreatorSW_Name": "bench", "CreatorSW_Version": "1", "HW_SerialNo": "1", "HW_InpChannels": 2},
        **{"TTResultFormat_TTTRRecType": record_type, "TTResultFormat_BitsPerRecord": 32},
        **{"TTResult_NumberOfRecords": records.size, "MeasDesc_BinningFactor": 1},
        **tags,
    }
    with path.open("wb") as file:
        file.write(b"PQTTTR\0\0" + b"1.0.00\0\0")
        file.write(struct.pack("<32siId", b"File_CreatingTime", -1, DATE, 46000.0))
        file.writelines(_tag(name, value) for name, value in everything.items())
        file.write(struct.pack("<32siIq", b"Header_End", -1, EMPTY, 0))
        file.write(records.astype("<u4").tobytes())


def _tag(name: str, value: int | float | str) -> bytes:
    if isinstance(value, str):
        text = value.encode()
        text += bytes(-len(text) % 8 or 8)
        return struct.pack("<32siIq", name.encode(), -1, TEXT, len(text)) + text
    kind, form = (INTEGER, "q") if isinstance(value, int) else (FLOAT, "d")
    return struct.pack(f"<32siI{form}", name.encode(), -1, kind, value)


def write_t2(path: Path, times_a: np.ndarray, times_b: np.ndarray) -> int:
    """Two detectors as channels 1 and 2 of a T2 file; the number of records."""
    times = np.concatenate([times_a, times_b])
    channel = np.repeat([0, 1], [times_a.size, times_b.size])
    order = np.argsort(times, kind="stable")
    records = t2_records(times[order], channel[order])
    resolution = {"MeasDesc_GlobalResolution": TICK_S, "MeasDesc_Resolution": TICK_S}
    mode = {"Measurement_Mode": 2, "Measurement_SubMode": 0, "TTResult_SyncRate": 0}
    duration = {"MeasDesc_AcquisitionTime": int(times.max() * TICK_S * 1e3) + 1}
    write_ptu(path, records, record_type=HYDRAHARP_T2, tags={**resolution, **mode, **duration})
    return records.size


class Image(NamedTuple):
    """Photons of a scan: n_side lines of n_side pixels, one frame; pulse and channel of each, ascending."""

    n_side: int
    n_bins: int
    sync: np.ndarray
    channel: np.ndarray


def scanned(n_side: int, n_photons: int, *, n_bins: int = 256, seed: int = 7) -> Image:
    """Photons of a laser scan, 10 000 pulses per pixel; between lines there is a pause of one pixel."""
    rng = np.random.default_rng(seed)
    line = rng.integers(0, n_side, n_photons)
    sync = np.sort(line * (n_side + 1) * PIXEL_PULSES + rng.integers(1, n_side * PIXEL_PULSES, n_photons))
    channel = np.minimum(rng.exponential(n_bins / 6, n_photons), n_bins - 1).astype(np.uint16)
    return Image(n_side, n_bins, sync + PIXEL_PULSES, channel)


def cube_of(image: Image) -> np.ndarray:
    """(n_side, n_side, n_bins) counts, straight from the photons."""
    within = image.sync - PIXEL_PULSES
    line, place = np.divmod(within, (image.n_side + 1) * PIXEL_PULSES)
    flat = (line * image.n_side + place // PIXEL_PULSES) * image.n_bins + image.channel
    return np.bincount(flat, minlength=image.n_side**2 * image.n_bins).reshape(image.n_side, image.n_side, -1)


def write_t3_image(path: Path, image: Image) -> int:
    """A T3 image file with line and frame markers; the number of records."""
    start = PIXEL_PULSES * (1 + np.arange(image.n_side) * (image.n_side + 1))
    marks = np.concatenate([start[:1] - 1, start, start + image.n_side * PIXEL_PULSES])
    words = np.repeat([4, 1, 2], [1, image.n_side, image.n_side])  # frame, line start, line stop
    sync = np.concatenate([marks, image.sync])
    word = np.concatenate([SPECIAL | words << 25, image.channel.astype(np.int64) << 10])
    order = np.argsort(sync, kind="stable")
    records = t3_records(sync[order], word[order])
    period_s = image.n_bins * CHANNEL_S
    numbers = {"ImgHdr_Dimensions": 3, "ImgHdr_Ident": 1, "ImgHdr_PixX": image.n_side, "ImgHdr_PixY": image.n_side}
    markers = {"ImgHdr_LineStart": 1, "ImgHdr_LineStop": 2, "ImgHdr_Frame": 3, "ImgHdr_BiDirect": 0}
    timing = {
        **{"MeasDesc_GlobalResolution": period_s, "MeasDesc_Resolution": CHANNEL_S},
        **{"TTResult_SyncRate": round(1 / period_s), "Measurement_Mode": 3, "Measurement_SubMode": 3},
        **{"ImgHdr_TimePerPixel": PIXEL_PULSES * period_s * 1e3, "ImgHdr_PixResol": 0.1},
        **{"MeasDesc_AcquisitionTime": int(sync.max() * period_s * 1e3) + 1},
    }
    write_ptu(path, records, record_type=HYDRAHARP_T3, tags={**timing, **numbers, **markers})
    return records.size
