"""TimeHarp 200 IOC: one converter, 4096 channels, six ranges, three wirings, and the file its results go to."""

import asyncio
import math
import shutil
from typing import Any

import numpy as np
from caproto.server import pvproperty

from devices.iocs.backends import ROUTES
from devices.iocs.instrument import Refused, choice, guarded, quantity, text
from devices.iocs.recorder import RecorderIOC
from devices.iocs.writer import RowKind

N_RANGES = 6
WIRINGS = ("raster", "hbt", "clock")
WIRING_OF = {"raster": "raster", "point": "raster", "hbt": "hbt", "records": "clock"}  # what the rows of a file need
TRACE_BINS = 100
RECORDS_CHUNK = 65536
LONGEST_S = 400.0  # the counters of a route hold 2^31 clicks
FREE_SPACE_PERIOD_S = 2.0


class TimeHarpIOC(RecorderIOC):
    """Histograms are delivered forward in time, uint16, saturating with the overflow flag; photon records as T3R."""

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
    offset = quantity("Offset", 0.0, "ns", 0.0, 2000.0, "the card rounds it to its own steps; read back what it took")
    base_resolution = pvproperty(value=36.0, name="BaseResolution", units="ps", precision=3, read_only=True)
    bin_width = pvproperty(value=0.144, name="BinWidth", units="ns", precision=5, read_only=True)
    wiring = choice(
        "Wiring",
        WIRINGS,
        doc="what is cabled: both SPADs routed and laser pulses (raster) or a clock stop; SPAD 1 start, 2 stop (hbt)",
    )
    delay = quantity("Delay", 0.0, "ns", 0.0, 2000.0, "declared length of the cable before SYNC in the wiring hbt")
    sync_rate = pvproperty(value=0.0, name="SyncRate", units="Hz", precision=0, read_only=True, doc="steps of 128 Hz")
    read_sync = pvproperty(value=0, name="ReadSync", doc="1 reads the sync meter, which needs half a second to settle")
    integration_time = quantity("IntegrationTime", 1.0, "s", 1e-3, 36000.0, f"hbt and records at most {LONGEST_S:g}")
    acquire = pvproperty(value=-1, name="Acquire", doc="put i to integrate once into row i of the file")
    overflow = pvproperty(value=0, name="Overflow", read_only=True, doc="1 if a 16-bit channel saturated")
    coincidences = pvproperty(value=0, name="Coincidences", units="counts", read_only=True, doc="hbt: pairs in the row")
    trace = pvproperty(
        value=[0] * (TRACE_BINS * len(ROUTES)),
        name="Trace",
        units="counts",
        read_only=True,
        doc=f"hbt: clicks of both SPADs meanwhile, {TRACE_BINS} equal bins by {len(ROUTES)} routes",
    )
    n_records = pvproperty(value=0, name="NRecords", read_only=True, doc="records: how many are in the row")
    max_records = pvproperty(value=0, name="MaxRecords", read_only=True, doc="the most that fit into a row")
    overrun = pvproperty(value=0, name="Overrun", read_only=True, doc="records: 1 if the FIFO ended the measurement")
    arm = choice("Arm", ("closed", *WIRING_OF), doc="open a file for rows of this kind, or close it")
    free_bytes = pvproperty(value=0.0, name="FreeBytes", units="B", precision=0, read_only=True)

    def __init__(self, *args, wiring: str, delay_ns: float, **kwargs):
        super().__init__(*args, **kwargs)
        self.declared = {"wiring": wiring, "delay_ns": delay_ns}
        self.scanner: Any = None

    @serial.startup
    async def serial(self, instance, async_lib):
        card = self.bench.card
        await instance.write(str(card.serial))
        await self.base_resolution.write(card.base_resolution_ps)
        await self.n_channels.write(card.n_channels)
        await self.max_records.write(card.max_records)
        card.wiring = self.declared["wiring"]
        await self.wiring.write(card.wiring, verify_value=False)
        await self.delay.write(self.declared["delay_ns"])
        await self.range_codes.write("\n".join(map(str, card.range_codes)))
        await self.range_code.write(card.range_code, verify_value=False)
        await self.configure(card.range_code, self.offset.value)
        self.raw_folder.mkdir(parents=True, exist_ok=True)
        while True:
            await self.free_bytes.write(float(shutil.disk_usage(self.raw_folder).free))
            await asyncio.sleep(FREE_SPACE_PERIOD_S)

    async def configure(self, range_code: int, offset_ns: float) -> float:
        self.require_closed("range and offset of the card")
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

    @wiring.putter
    @guarded
    async def wiring(self, instance, value):
        if value != self.bench.card.wiring:
            self.require_closed("the wiring")
            self.bench.card.wiring = value

    @delay.putter
    @guarded
    async def delay(self, instance, value):
        if not (math.isfinite(value) and value >= 0):
            raise Refused(f"a cable of {value} ns: must be a number from 0 on")

    @read_sync.putter
    @guarded
    async def read_sync(self, instance, value):
        async with self.measuring.alone() as stopping:
            await self.sync_rate.write(await self.off_the_loop(self.bench.card.sync_rate_hz, stopping))
        return 0

    @arm.putter
    @guarded
    async def arm(self, instance, value):
        await self.rearm(value)

    def row_kind(self, kind: str) -> RowKind:
        """What a row of the file is; Refused if that cannot be measured as the card is wired."""
        cabled, needed = self.bench.card.wiring, WIRING_OF[kind]
        if cabled != needed:
            raise Refused(
                f"{kind!r} needs the wiring {needed!r}, the card is cabled for {cabled!r}: re-cable it, then put Wiring"
            )
        n_routes, n_channels = len(ROUTES), self.n_channels.value
        if kind == "records":
            n = self.max_records.value
            return RowKind("records", "<u4", (n,), (min(n, RECORDS_CHUNK),), units="", packed=False)
        if kind == "hbt":
            return RowKind("histograms", "<u2", (n_channels,), (n_channels,))
        if kind == "point":
            return RowKind("histograms", "<u2", (n_routes, n_channels), (n_routes, n_channels))
        n_pixels = self.scanner.n_pixels
        return RowKind("histograms", "<u2", (n_pixels, n_routes, n_channels), (n_pixels, 1, n_channels))

    def require_rows_of(self, n_pixels: int):
        """Refused unless a file for raster rows of this many pixels is open."""
        if self.file_kind != "raster" or self.file is None:
            raise Refused("no histogram file is open: put Arm = raster first")
        if self.file.kind.shape[0] != n_pixels:
            raise Refused(f"the open file holds rows of {self.file.kind.shape[0]} pixels, not {n_pixels}")

    def attributes(self):
        return {**super().attributes(), "bin_width_ns": self.bin_width.value}

    @acquire.putter
    @guarded
    async def acquire(self, instance, value):
        takes = {"point": self.take_histograms, "hbt": self.take_pairs, "records": self.take_records}
        if self.file_kind not in takes:
            raise Refused("no file for single integrations is open: put Arm = point, hbt or records first")
        if self.file_kind != "point" and self.integration_time.value > LONGEST_S:
            raise Refused(f"IntegrationTime {self.integration_time.value:g} s: at most {LONGEST_S:g} s; sum several")
        async with self.measuring.alone() as stopping:
            await takes[self.file_kind](int(value), stopping)
        return int(value)

    async def measure(self, acquire, index: int, stopping, **options):
        """Let the card measure; the block, if it was not stopped."""
        block = await self.off_the_loop(
            acquire,
            self.integration_time.value,
            acquisition=self.acquisition.value,
            index=index,
            stop=stopping,
            **options,
        )
        if block.interrupted:
            raise Refused(f"integration {index} was stopped; nothing of it is kept")
        return block

    async def take_histograms(self, index: int, stopping):
        """Integrate once, one histogram a route."""
        block = await self.measure(self.bench.card.acquire, index, stopping)
        await self.store(index, block.histograms, block.started_s)
        counts = block.histograms.sum(axis=1, dtype=np.int64)
        await self.overflow.write(int(np.any(block.overflow)))
        await self.publish(block, counts)
        await self.judge(counts[None], self.integration_time.value)

    async def take_pairs(self, index: int, stopping):
        """Integrate once, one histogram of start-stop times; the pulse counters count along."""
        block = await self.measure(self.bench.card.acquire_hbt, index, stopping, n_bins=TRACE_BINS)
        await self.store(index, block.histogram, block.started_s)
        trace = block.counts.astype(np.int64)
        await self.coincidences.write(int(block.histogram.sum(dtype=np.int64)))
        await self.trace.write(trace.ravel().tolist())
        await self.overflow.write(int(np.any(block.overflow)))
        await self.publish(block, trace.sum(axis=0))
        await self.judge(trace, self.integration_time.value / len(trace))

    async def take_records(self, index: int, stopping):
        """Measure once, one record a photon. A FIFO that ran over ends it early; what was recorded is kept."""
        block = await self.measure(self.bench.card.acquire_records, index, stopping)
        await self.store(index, block.records, block.started_s)
        await self.n_records.write(len(block.records))
        await self.overrun.write(int(block.overrun))
        await self.overflow.write(0)
        await self.publish(block, block.counts.astype(np.int64))
        await self.judge(block.counts[None], max(float(block.elapsed_s), 1e-3))
