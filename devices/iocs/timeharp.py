"""TimeHarp 200 IOC: what the card measures, and the file its results go to."""

import numpy as np
from caproto.server import pvproperty

from devices.iocs.backends import ROUTES
from devices.iocs.card import CardIOC
from devices.iocs.instrument import Refused, choice, guarded, quantity
from devices.iocs.writer import RowKind

WIRING_OF = {"raster": "raster", "point": "raster", "hbt": "hbt", "records": "clock"}  # what the rows of a file need
TRACE_BINS = 100
RECORDS_CHUNK = 65536
LONGEST_S = 400.0  # the counters of a route hold 2^31 clicks


class TimeHarpIOC(CardIOC):
    """Histograms are delivered forward in time, uint16, saturating with the overflow flag; photon records as T3R."""

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
    overrun = pvproperty(value=0, name="Overrun", read_only=True, doc="records: 1 if the FIFO ended the measurement")
    arm = choice("Arm", ("closed", *WIRING_OF), doc="open a file for rows of this kind, or close it")

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

    async def integrate(self, acquire, index: int, stopping, **options):
        """Let the card measure; the block, if it was not stopped."""
        seconds = self.integration_time.value
        return await self.measure(acquire, seconds, seconds=seconds, index=index, stopping=stopping, **options)

    async def take_histograms(self, index: int, stopping):
        """Integrate once, one histogram a route."""
        block = await self.integrate(self.bench.card.acquire, index, stopping)
        counts = block.histograms.sum(axis=1, dtype=np.int64)
        await self.judge(counts[None], self.integration_time.value)
        await self.store(index, block.histograms, block.started_s)
        await self.overflow.write(int(np.any(block.overflow)))
        await self.publish(block, counts)

    async def take_pairs(self, index: int, stopping):
        """Integrate once, one histogram of start-stop times; the pulse counters count along."""
        block = await self.integrate(self.bench.card.acquire_hbt, index, stopping, n_bins=TRACE_BINS)
        trace = block.counts.astype(np.int64)
        await self.judge(trace, self.integration_time.value / len(trace))
        await self.store(index, block.histogram, block.started_s)
        await self.coincidences.write(int(block.histogram.sum(dtype=np.int64)))
        await self.trace.write(trace.ravel().tolist())
        await self.overflow.write(int(np.any(block.overflow)))
        await self.publish(block, trace.sum(axis=0))

    async def take_records(self, index: int, stopping):
        """Measure once, one record a photon. A FIFO that ran over ends it early; what was recorded is kept."""
        block = await self.integrate(self.bench.card.acquire_records, index, stopping)
        await self.judge(block.counts[None], max(float(block.elapsed_s), 1e-3))
        if block.overrun:
            await self.spads.overran(f"the memory of the card ran over in row {index}, after {block.elapsed_s:.3g} s")
        await self.store(index, block.records, block.started_s)
        await self.n_records.write(len(block.records))
        await self.overrun.write(int(block.overrun))
        await self.overflow.write(0)
        await self.publish(block, block.counts.astype(np.int64))
