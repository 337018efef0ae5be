"""Histogram files: HDF5 that can be read while it grows, complete up to the last row after a kill.

The file lives in the IOC, never in the RunEngine's process: HDF5 takes the whole process down when a disk fills up,
so the writer looks at the free space before each row and refuses in time. Rows are addressed by index: a row that
is measured again after a pause overwrites its first attempt, nothing is doubled.
"""

import secrets
import shutil
import time
from pathlib import Path

import h5py
import numpy as np

RESERVE_BYTES = 200_000_000


class DiskFull(ValueError):  # noqa: N818  (a state, not a mistake)
    """Fewer bytes are free than the next row may need."""


class HistogramFile:
    """One growing stack of histograms: row i is a raster line or one integration.

    Datasets: ``histograms`` (n_rows, *row_shape) uint16, ``written`` (n_rows,) uint8 = 1 where the row is valid,
    ``started_s`` (n_rows,) float64 instrument time. Open with ``swmr=True``, also after a crash.
    """

    def __init__(self, folder: Path, row_shape: tuple[int, ...], *, chunk: tuple[int, ...], attributes: dict):
        day = folder / time.strftime("%Y/%m/%d")
        day.mkdir(parents=True, exist_ok=True)
        self.path = day / f"{time.strftime('%H%M%S')}-{secrets.token_hex(4)}.h5"
        self.row_shape = tuple(row_shape)
        self.chunk_shape = (1, *chunk)
        self.row_bytes = 2 * int(np.prod(row_shape))
        self.require_space()
        self.file = h5py.File(self.path, "w", libver="latest")
        self.file.attrs.update(attributes)
        self.histograms = self.dataset("histograms", "<u2", row_shape, chunk, compression="gzip", compression_opts=1)
        self.written = self.dataset("written", "u1", (), ())
        self.started_s = self.dataset("started_s", "<f8", (), (), units="s")
        self.file.swmr_mode = True
        self.rows: set[int] = set()

    @property
    def n_written(self) -> int:
        return len(self.rows)

    def dataset(self, name, dtype, row_shape, chunk, *, units="counts", **options):
        chunks = (1, *chunk) if chunk else (1024,)
        made = self.file.create_dataset(
            name, (0, *row_shape), dtype, maxshape=(None, *row_shape), chunks=chunks, **options
        )
        made.attrs["units"] = units
        return made

    def require_space(self):
        free = shutil.disk_usage(self.path.parent).free
        if free < self.row_bytes + RESERVE_BYTES:
            raise DiskFull(
                f"{free / 1e6:.0f} MB free in {self.path.parent}, {(self.row_bytes + RESERVE_BYTES) / 1e6:.0f} MB "
                "needed: make room, then measure again"
            )

    def write(self, index: int, histograms: np.ndarray, started_s: float):
        """Write one row and flush it, so that a reader sees it and a kill cannot take it away."""
        self.require_space()
        if index >= len(self.written):
            for dataset in (self.histograms, self.written, self.started_s):
                dataset.resize(index + 1, axis=0)
        self.histograms[index] = histograms
        self.started_s[index] = started_s
        for dataset in (self.histograms, self.started_s):
            dataset.flush()
        self.written[index] = 1
        self.written.flush()
        self.rows.add(index)

    def close(self):
        self.file.close()
