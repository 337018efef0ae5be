"""What card and counters share: `Arm` opens a file for rows of one kind, `Acquire` = i measures row i into it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from caproto.server import pvproperty

from devices.iocs.backends import ROUTES
from devices.iocs.exposure import ExposureIOC
from devices.iocs.instrument import InstrumentIOC, Refused, text
from devices.iocs.measuring import Measuring
from devices.iocs.spads import SpadsIOC, peak_cps
from devices.iocs.writer import RowFile, RowKind


class RecorderIOC(InstrumentIOC):
    """Base of the groups that write files. A row that was refused, stopped or comes too late is not kept."""

    path = text("Path", doc="the file being written, or the last one")
    acquisition = pvproperty(value=0, name="Acquisition", read_only=True, doc="number of this file since the start")
    n_written = pvproperty(value=0, name="NWritten", read_only=True, doc="valid rows in the file")
    stop = pvproperty(value=0, name="Stop", doc="1 abandons what is being measured; nothing of it is kept")
    counts = pvproperty(value=[0] * len(ROUTES), name="Counts", units="counts", read_only=True, doc="per route")
    lit = pvproperty(value=0.0, name="Lit", precision=4, read_only=True, doc="share of the time with light on")
    started = pvproperty(value=0.0, name="Started", units="s", precision=3, read_only=True, doc="instrument time")
    elapsed = pvproperty(value=0.0, name="Elapsed", units="s", precision=3, read_only=True, doc="instrument time")

    arm: Any  # a choice of "closed" and kinds of files

    def __init__(
        self, *args, bench, spads: SpadsIOC, exposure: ExposureIOC, raw_folder: Path, measuring: Measuring, **kwargs
    ):
        super().__init__(*args, **kwargs)
        self.bench, self.spads, self.exposure = bench, spads, exposure
        self.raw_folder, self.measuring = raw_folder, measuring
        self.file: RowFile | None = None
        self.file_kind = "closed"

    def row_kind(self, kind: str) -> RowKind:
        """What a row of such a file is; Refused if it cannot be measured now."""
        raise NotImplementedError

    def attributes(self) -> Mapping[str, Any]:
        """What the file says about itself."""
        return {"routes": list(ROUTES), "acquisition": self.acquisition.value}

    def require_closed(self, what: str):
        if self.file is not None:
            raise Refused(f"{what} cannot change while a file is open: put Arm = closed first")

    async def rearm(self, kind: str):
        """End what is being measured, close the file, open one of this kind; none for "closed"."""
        async with self.measuring.ended():
            row = None if kind == "closed" else self.row_kind(kind)
            await self.close_file()
            if self.arm.value != "closed":
                await self.arm.write("closed", verify_value=False)  # and so it stays if no other file can be opened
            if row is not None:
                await self.open_file(kind, row)

    async def open_file(self, kind: str, row: RowKind):
        await self.acquisition.write(self.bench.next_acquisition())
        ragged = kind == "records"
        file = await self.off_the_loop(RowFile, self.raw_folder, row, ragged=ragged, attributes=self.attributes())
        self.file, self.file_kind = file, kind
        await self.path.write(str(file.path))
        await self.n_written.write(0)

    async def close_file(self):
        if self.file is not None:
            file, self.file, self.file_kind = self.file, None, "closed"
            await self.off_the_loop(file.close)
            await self.off_the_loop(self.bench.finish_acquisition, self.acquisition.value)

    async def store(self, index: int, row: np.ndarray, started_s: float):
        """Put one row into the open file."""
        if (file := self.file) is None:
            raise Refused("the file was closed while the row was measured")
        await self.off_the_loop(file.write, index, row, started_s)
        await self.n_written.write(file.n_written)

    async def publish(self, block, counts: np.ndarray):
        """Tell what every block tells. counts: (n_routes,)"""
        await self.counts.write(counts.tolist())
        await self.lit.write(float(block.lit_fraction))
        await self.started.write(float(block.started_s))
        await self.elapsed.write(float(block.elapsed_s))

    async def measure(self, acquire, *what, seconds: float, index: int, stopping, **options):
        """Let an instrument measure where the stage stands, within the budget; the block, if it was not stopped."""
        identity = {"acquisition": self.acquisition.value, "index": index, "stop": stopping}
        async with self.exposure.accounted_here(seconds) as booking:
            block = await self.off_the_loop(acquire, *what, **identity, **options)
            booking.settle_share(block.lit_fraction, block.elapsed_s / seconds)
        if block.interrupted:
            raise Refused(f"measurement {index} was stopped; nothing of it is kept")
        return block

    async def judge(self, counts: np.ndarray, bin_s: float):
        """Let the SPADs be judged by the most they saw. counts: (n_bins, n_routes)"""
        await self.spads.judge(peak_cps(counts, bin_s))

    @stop.putter
    async def stop(self, instance, value):
        self.measuring.stop()
        return 0

    @path.shutdown
    async def path(self, instance, async_lib):
        self.measuring.stop()
        await self.close_file()
