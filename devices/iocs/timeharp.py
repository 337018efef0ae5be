"""TimeHarp 200 IOC: one start-stop converter, 4096 channels, six ranges, and the file its histograms go to."""

import asyncio
import shutil
import threading
from typing import Any

import numpy as np
from caproto.server import pvproperty

from devices.iocs.backends import ROUTES
from devices.iocs.instrument import InstrumentIOC, Refused, choice, guarded, text
from devices.iocs.writer import HistogramFile

N_RANGES = 6
WIRINGS = ("raster", "hbt")
FREE_SPACE_PERIOD_S = 2.0


class TimeHarpIOC(InstrumentIOC):
    """Histogramming mode. Histograms are delivered forward in time, uint16, saturating with the overflow flag."""

    serial = text("Serial", length=40)
    n_channels = pvproperty(value=4096, name="NChannels", read_only=True, doc="channels of one histogram")
    range_code = pvproperty(
        value=2,
        name="RangeCode",
        lower_ctrl_limit=0,
        upper_ctrl_limit=N_RANGES - 1,
        doc="channel width = base resolution times 2^code",
    )
    range_codes = text("RangeCodes", length=80, doc="ranges this card has, one a line")
    offset = pvproperty(
        value=0.0,
        name="Offset",
        units="ns",
        precision=1,
        lower_ctrl_limit=0.0,
        upper_ctrl_limit=2000.0,
        doc="the card rounds it to its own steps; read back what it took",
    )
    base_resolution = pvproperty(value=36.0, name="BaseResolution", units="ps", precision=3, read_only=True)
    bin_width = pvproperty(value=0.144, name="BinWidth", units="ns", precision=5, read_only=True)
    wiring = choice("Wiring", WIRINGS, doc="what is cabled: both SPADs on the router, or SPAD 1 start, SPAD 2 stop")
    sync_rate = pvproperty(value=0.0, name="SyncRate", units="Hz", precision=0, read_only=True, doc="steps of 128 Hz")
    read_sync = pvproperty(value=0, name="ReadSync", doc="1 reads the sync meter, which needs half a second to settle")
    integration_time = pvproperty(
        value=1.0,
        name="IntegrationTime",
        units="s",
        precision=3,
        lower_ctrl_limit=1e-3,
        upper_ctrl_limit=36000.0,
    )
    acquire = pvproperty(value=-1, name="Acquire", doc="put i to integrate once into row i of the file")
    stop = pvproperty(value=0, name="Stop", doc="1 abandons the integration; nothing of it is kept")
    counts = pvproperty(value=[0] * len(ROUTES), name="Counts", units="counts", read_only=True, doc="per route")
    overflow = pvproperty(value=0, name="Overflow", read_only=True, doc="1 if a 16-bit channel saturated")
    lit = pvproperty(value=0.0, name="Lit", precision=4, read_only=True, doc="share of the integration with light on")
    started = pvproperty(value=0.0, name="Started", units="s", precision=3, read_only=True, doc="instrument time")
    elapsed = pvproperty(value=0.0, name="Elapsed", units="s", precision=3, read_only=True, doc="instrument time")
    arm = choice("Arm", ("closed", "raster", "point"), doc="open a file for lines or single integrations, or close it")
    path = text("Path", doc="the file being written, or the last one")
    acquisition = pvproperty(value=0, name="Acquisition", read_only=True, doc="number of this file since the start")
    n_written = pvproperty(value=0, name="NWritten", read_only=True, doc="valid rows in the file")
    free_bytes = pvproperty(value=0.0, name="FreeBytes", units="B", precision=0, read_only=True)

    def __init__(self, *args, bench, spads, raw_folder, wiring: str, **kwargs):
        super().__init__(*args, **kwargs)
        self.bench, self.spads, self.raw_folder, self.boot_wiring = bench, spads, raw_folder, wiring
        self.scanner: Any = None
        self.file: HistogramFile | None = None
        self.stopping = threading.Event()
        self.busy = asyncio.Lock()

    @property
    def armed_for(self) -> str:
        return self.arm.value

    @serial.startup
    async def serial(self, instance, async_lib):
        card = self.bench.card
        await instance.write(str(card.serial))
        await self.base_resolution.write(card.base_resolution_ps)
        await self.n_channels.write(card.n_channels)
        await self.wiring.write(self.boot_wiring, verify_value=False)
        await self.range_codes.write("\n".join(map(str, card.range_codes)))
        await self.range_code.write(card.range_code, verify_value=False)
        await self.configure(card.range_code, self.offset.value)
        self.raw_folder.mkdir(parents=True, exist_ok=True)
        while True:
            await self.free_bytes.write(float(shutil.disk_usage(self.raw_folder).free))
            await asyncio.sleep(FREE_SPACE_PERIOD_S)

    async def configure(self, range_code: int, offset_ns: float) -> float:
        if self.file is not None:
            raise Refused("the card cannot change range or offset while a file is open: put Arm = closed first")
        actual_ns = await self.off_the_loop(self.bench.card.configure, int(range_code), float(offset_ns))
        await self.bin_width.write(self.bench.card.bin_width_ns)
        return actual_ns

    @range_code.putter
    @guarded
    async def range_code(self, instance, value):
        if value != instance.value:
            await self.configure(value, self.offset.value)

    @offset.putter
    @guarded
    async def offset(self, instance, value):
        return await self.configure(self.range_code.value, value)

    @read_sync.putter
    @guarded
    async def read_sync(self, instance, value):
        self.stopping.clear()
        await self.sync_rate.write(await self.off_the_loop(self.bench.card.sync_rate_hz, self.stopping))
        return 0

    @arm.putter
    @guarded
    async def arm(self, instance, value):
        self.stopping.set()
        self.scanner.stopping.set()
        async with self.busy, self.scanner.busy:  # a row that is being measured ends first
            await self.close_file()
            await self.open_file(value)

    async def open_file(self, value: str):
        """A new file for rows of this kind; none for "closed"."""
        if value == "closed":
            return
        shape, chunk = self.row_layout(value)
        acquisition = self.bench.next_acquisition()
        attributes = {"bin_width_ns": self.bin_width.value, "routes": list(ROUTES), "acquisition": acquisition}
        file = await self.off_the_loop(HistogramFile, self.raw_folder, shape, chunk=chunk, attributes=attributes)
        self.file = file
        await self.acquisition.write(acquisition)
        await self.path.write(str(file.path))
        await self.n_written.write(0)

    def row_layout(self, kind: str) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Shape of one row of the file and of one chunk in it."""
        n_routes, n_channels = len(ROUTES), self.n_channels.value
        if kind == "point":
            return (n_routes, n_channels), (n_routes, n_channels)
        nx = self.scanner.nx.value
        return (nx, n_routes, n_channels), (nx, 1, n_channels)

    async def close_file(self):
        if self.file is not None:
            file, self.file = self.file, None
            await self.off_the_loop(file.close)
            await self.off_the_loop(self.bench.finish_acquisition, self.acquisition.value)

    async def store(self, index: int, histograms: np.ndarray, started_s: float):
        """Put one row into the open file."""
        if (file := self.file) is None:
            raise Refused("the file was closed while the row was measured")
        await self.off_the_loop(file.write, index, histograms, started_s)
        await self.n_written.write(file.n_written)

    @acquire.putter
    @guarded
    async def acquire(self, instance, value):
        if self.armed_for != "point" or self.file is None:
            raise Refused("no histogram file is open: put Arm = point first")
        if self.busy.locked():
            raise Refused("an integration is already running")
        async with self.busy:
            self.stopping.clear()
            await self.integrate(int(value))
        return int(value)

    async def integrate(self, index: int):
        """Integrate once, store, publish."""
        block = await self.off_the_loop(
            self.bench.card.acquire,
            self.integration_time.value,
            acquisition=self.acquisition.value,
            index=index,
            stop=self.stopping,
        )
        if block.interrupted:
            raise Refused(f"integration {index} was stopped; nothing of it is kept")
        await self.store(index, block.histograms, block.started_s)
        counts = block.histograms.sum(axis=1, dtype=np.int64)
        await self.counts.write(counts.tolist())
        await self.overflow.write(int(np.any(block.overflow)))
        await self.lit.write(float(block.lit_fraction))
        await self.started.write(float(block.started_s))
        await self.elapsed.write(float(block.elapsed_s))
        rates = counts / max(self.integration_time.value, 1e-9)
        await self.spads.judge(dict(zip(ROUTES, map(float, rates), strict=True)))

    @stop.putter
    async def stop(self, instance, value):
        self.stopping.set()
        return 0

    @path.shutdown
    async def path(self, instance, async_lib):
        self.stopping.set()
        self.scanner.stopping.set()
        await self.close_file()
