"""Files of rows: HDF5 that can be read while it grows, complete up to the last row after a kill.

The file lives in the IOC, never in the RunEngine's process: HDF5 takes the whole process down when a disk fills up,
so the writer looks at the free space before each row and refuses in time. Rows are addressed by index: a row that
is measured again after a pause overwrites its first attempt, nothing is doubled.
"""

import secrets
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

RESERVE_BYTES = 200_000_000
PACKED = {"compression": "gzip", "compression_opts": 1}


class DiskFull(ValueError):  # noqa: N818  (a state, not a mistake)
    """Fewer bytes are free than the next row may need."""


@dataclass(frozen=True)
class RowKind:
    """What a row of a file is.

    dataset, dtype : under what name, as what numbers
    shape, chunk : of a row, and of what is stored in one piece; shape[0] is the most a row may hold
    packed : compress
    """

    dataset: str
    dtype: str
    shape: tuple[int, ...]
    chunk: tuple[int, ...]
    units: str = "counts"
    packed: bool = True

    @property
    def bytes(self) -> int:
        return np.dtype(self.dtype).itemsize * int(np.prod(self.shape))


class RowFile:
    """One growing stack of rows: a raster line, a patch, one integration, one measurement of photon records.

    Datasets: that of its kind (n_rows, *shape), ``written`` (n_rows,) uint8 = 1 where the row is valid, ``started_s``
    (n_rows,) float64 instrument time, and ``n_<dataset>`` (n_rows,) int64 where rows may be shorter than their place:
    zeros stand behind, which take no room. Open with ``swmr=True``, also after a crash.
    """

    def __init__(self, folder: Path, kind: RowKind, *, ragged: bool = False, attributes: Mapping[str, Any]):
        day = folder / time.strftime("%Y/%m/%d")
        day.mkdir(parents=True, exist_ok=True)
        self.path = day / f"{time.strftime('%H%M%S')}-{secrets.token_hex(4)}.h5"
        self.kind = kind
        self.require_space(kind.bytes)
        self.file = h5py.File(self.path, "w", libver="latest")
        self.file.attrs.update(attributes)
        self.data = self.dataset(kind.dataset, kind.dtype, kind.shape, kind.chunk, kind.units, packed=kind.packed)
        self.written = self.dataset("written", "u1")
        self.started_s = self.dataset("started_s", "<f8", units="s")
        self.lengths = self.dataset(f"n_{kind.dataset}", "<i8") if ragged else None
        self.file.swmr_mode = True
        self.rows: set[int] = set()

    @property
    def n_written(self) -> int:
        return len(self.rows)

    def dataset(self, name: str, dtype: str, row_shape=(), chunk=(), units: str = "counts", *, packed: bool = False):
        options = PACKED if packed else {}
        chunks = (1, *chunk) if chunk else (1024,)
        made = self.file.create_dataset(
            name, (0, *row_shape), dtype, maxshape=(None, *row_shape), chunks=chunks, **options
        )
        made.attrs["units"] = units
        return made

    def require_space(self, row_bytes: int):
        free = shutil.disk_usage(self.path.parent).free
        if free < row_bytes + RESERVE_BYTES:
            raise DiskFull(
                f"{free / 1e6:.0f} MB free in {self.path.parent}, {(row_bytes + RESERVE_BYTES) / 1e6:.0f} MB "
                "needed: make room, then measure again"
            )

    def write(self, index: int, row: np.ndarray, started_s: float):
        """Write one row and flush it, so that a reader sees it and a kill cannot take it away."""
        self.require_space(row.size * self.data.dtype.itemsize)
        self.grow(index)
        if self.lengths is None:
            self.data[index] = row
        else:
            self.write_ragged(self.lengths, index, row)
        self.started_s[index] = started_s
        for dataset in (self.data, self.started_s):
            dataset.flush()
        self.written[index] = 1
        self.written.flush()
        self.rows.add(index)

    def grow(self, index: int):
        if index >= len(self.written):
            for dataset in (self.data, self.written, self.started_s, self.lengths):
                if dataset is not None:
                    dataset.resize(index + 1, axis=0)

    def write_ragged(self, lengths: h5py.Dataset, index: int, row: np.ndarray):
        """Write a row that may be shorter than its place; what an earlier attempt left behind it becomes zero."""
        if len(row) > self.kind.shape[0]:
            raise ValueError(f"{len(row)} {self.kind.dataset}: a row holds at most {self.kind.shape[0]}")
        before = int(lengths[index])
        self.data[index, : len(row)] = row
        if before > len(row):
            self.data[index, len(row) : before] = 0
        lengths[index] = len(row)
        lengths.flush()

    def close(self):
        self.file.close()
