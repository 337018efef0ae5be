"""IOC of the pulse counters: clicks of both SPADs in equal bins, whatever is cabled to the card."""

import numpy as np
from caproto.server import pvproperty

from devices.iocs.backends import ROUTES
from devices.iocs.instrument import Refused, choice, guarded, quantity, text
from devices.iocs.recorder import RecorderIOC
from devices.iocs.writer import RowKind

MAX_BINS = 1_000_000
LONGEST_S = 400.0  # a counter holds 2^31 clicks


class CountersIOC(RecorderIOC):
    """`Acquire` = i counts once, `NBins` bins of `BinWidth` without gaps between them, into row i of the file."""

    n_bins = pvproperty(
        value=1000, name="NBins", lower_ctrl_limit=1, upper_ctrl_limit=MAX_BINS, doc="bins of one measurement"
    )
    bin_width = quantity("BinWidth", 1e-3, "s", 1e-5, LONGEST_S, f"all bins together at most {LONGEST_S:g} s")
    dead_time = pvproperty(
        value=[0.0] * len(ROUTES),
        name="DeadTime",
        units="ns",
        precision=1,
        read_only=True,
        doc="of the SPAD of each route; it is in the counts",
    )
    most_bins = text("MostBins", doc="one a line: a wiring of the card and the most bins in it; empty: any")
    acquire = pvproperty(value=-1, name="Acquire", doc="put i to count once into row i of the file")
    arm = choice("Arm", ("closed", "bins"), doc="open a file, or close it")

    @dead_time.startup
    async def dead_time(self, instance, async_lib):
        counters = self.bench.counters
        await instance.write([float(ns) for ns in counters.dead_time_ns])
        most = getattr(counters, "most_bins", {})
        await self.most_bins.write("\n".join(f"{wiring} {n_bins}" for wiring, n_bins in most.items()))

    @n_bins.putter
    @guarded
    async def n_bins(self, instance, value):
        if value != instance.value:
            self.require_closed("the number of bins")

    @bin_width.putter
    @guarded
    async def bin_width(self, instance, value):
        if value != instance.value:
            self.require_closed("the width of the bins")

    @arm.putter
    @guarded
    async def arm(self, instance, value):
        await self.rearm(value)

    def row_kind(self, kind: str) -> RowKind:
        """A row of as many bins as are asked for; Refused if they last too long."""
        n_bins, seconds = self.n_bins.value, self.n_bins.value * self.bin_width.value
        if not (1 <= n_bins <= MAX_BINS and 0 < seconds <= LONGEST_S):
            raise Refused(
                f"{n_bins} bins of {self.bin_width.value:g} s: at most {MAX_BINS} bins and {LONGEST_S:g} s in all"
            )
        return RowKind("counts", "<u4", (n_bins, len(ROUTES)), (n_bins, len(ROUTES)))

    def attributes(self):
        return {**super().attributes(), "bin_s": self.bin_width.value}

    @acquire.putter
    @guarded
    async def acquire(self, instance, value):
        if self.file is None:
            raise Refused("no file is open: put Arm = bins first")
        async with self.measuring.alone() as stopping:
            await self.count(int(value), stopping)
        return int(value)

    async def count(self, index: int, stopping):
        """Count once, store, publish."""
        n_bins, bin_s = self.n_bins.value, self.bin_width.value
        acquire, seconds = self.bench.counters.acquire, n_bins * bin_s
        block = await self.measure(acquire, n_bins, bin_s, seconds=seconds, index=index, stopping=stopping)
        await self.judge(block.counts, bin_s)
        await self.store(index, block.counts, block.started_s)
        await self.publish(block, block.counts.sum(axis=0, dtype=np.int64))
