"""Scanner IOC: a raster is told once, then taken line by line, or as a patch in one go, close to the hardware.

Channel Access is paid once a line, not once a pixel. `Acquire` = i takes line i of the raster: scan i // NY, row
i % NY, forwards or (snake, odd rows) backwards; with Pattern = patch it takes the whole raster, for the time i. The
put completes when the line lies in the file, or with Counting = counters, which needs no file, when it is counted.
"""

import asyncio

import numpy as np
from caproto.server import pvproperty

from devices.iocs.backends import ROUTES
from devices.iocs.instrument import Refused, choice, guarded
from devices.iocs.pathway import Pathway
from devices.iocs.raster import MAX_PIXELS, RasterIOC

NO_SERIES = -1


def pixels(name: str, units: str, doc: str, *, kind: float):
    """A read-only array with one element a pixel, integers or floats after `kind`."""
    return pvproperty(value=[kind] * MAX_PIXELS, name=name, units=units, read_only=True, doc=doc)


class ScannerIOC(RasterIOC):
    """Software-timed raster lines and patches: move, settle, integrate, read, next pixel."""

    counting = choice(
        "Counting", ("histograms", "counters"), doc="what counts: the card into its file, or the counters"
    )
    begin = pvproperty(value=0, name="Begin", doc="1 begins a series of lines taken with the counters, 0 ends it")
    acquire = pvproperty(value=-1, name="Acquire", doc="put i to take line i; completes when it is in the file")
    stop = pvproperty(value=0, name="Stop", doc="1 abandons the line being taken; nothing of it is kept")
    line = pvproperty(value=-1, name="Line", read_only=True, doc="index of the last complete line")
    pixels_done = pvproperty(value=0, name="PixelsDone", read_only=True, doc="progress inside the line")
    perovskite_counts = pixels("Perovskite:Counts", "counts", "counts per pixel, row by row, ascending x", kind=0)
    qd_counts = pixels("Qd:Counts", "counts", "counts per pixel, row by row, ascending x", kind=0)
    lit = pvproperty(value=0.0, name="Lit", precision=4, read_only=True, doc="share of the line with light on")
    x = pixels("X", "um", "measured positions of the pixels, row by row, ascending x", kind=0.0)
    y = pixels("Y", "um", "measured positions of the pixels, row by row, ascending x", kind=0.0)
    started = pvproperty(value=0.0, name="Started", units="s", precision=3, read_only=True, doc="instrument time")
    elapsed = pvproperty(value=0.0, name="Elapsed", units="s", precision=3, read_only=True, doc="instrument time")
    overflow = pvproperty(value=0, name="Overflow", read_only=True, doc="1 if a 16-bit channel saturated in the line")

    def __init__(self, *args, bench, card, spads, measuring, **kwargs):
        super().__init__(*args, **kwargs)
        self.bench, self.card, self.spads, self.measuring = bench, card, spads, measuring
        self.series = NO_SERIES

    @begin.putter
    @guarded
    async def begin(self, instance, value):
        async with self.measuring.ended():
            await self.end_series()
            if value:
                self.series = self.bench.next_acquisition()

    async def end_series(self):
        if self.series != NO_SERIES:
            series, self.series = self.series, NO_SERIES
            await self.off_the_loop(self.bench.finish_acquisition, series)

    @begin.shutdown
    async def begin(self, instance, async_lib):
        await self.end_series()

    @acquire.putter
    @guarded
    async def acquire(self, instance, value):
        index, n_pixels = int(value), self.n_pixels
        path = self.pathway(index)
        if self.counting.value == "histograms":
            self.card.require_rows_of(n_pixels)
        async with self.measuring.alone() as stopping:
            await self.take(index, path, stopping)
        return index

    async def take(self, index: int, path: Pathway, stopping):
        """Scan, put what the card took into its file, then publish."""
        counting = self.counting.value == "counters"
        if counting and self.series == NO_SERIES:
            self.series = self.bench.next_acquisition()
        scan, acquisition = self.bench.scan_line, self.card.acquisition.value
        if counting:
            scan, acquisition = self.bench.scan_counts, self.series
        block = await self.watched(scan, path, index, acquisition, stopping)
        if block.interrupted:
            raise Refused(f"line {index} was stopped; nothing of it is kept")
        overflow, back = False, np.argsort(path.raster)
        if counting:
            counts = block.counts[back].astype(np.int64)
        else:
            histograms = block.histograms[back]
            counts, overflow = histograms.sum(axis=2, dtype=np.int64), bool(np.any(block.overflow))
            await self.card.store(index, histograms, block.started_s)
        await self.publish(index, counts, overflow, block, back)

    async def watched(self, scan, path: Pathway, index: int, acquisition: int, stopping):
        """Let the backend scan; publish the pixel number now and then meanwhile."""
        done = [0]

        async def tell():
            while True:
                await asyncio.sleep(0.2)
                await self.pixels_done.write(done[0])

        def note(pixel: int):
            done[0] = pixel + 1

        times = {"dwell_s": self.dwell.value, "settle_s": self.settle.value}
        identity = {"acquisition": acquisition, "index": index}
        await self.pixels_done.write(0)
        telling = asyncio.get_running_loop().create_task(tell())
        try:
            return await self.off_the_loop(
                scan, path.x_um, path.y_um, **times, **identity, stop=stopping, on_pixel=note
            )
        finally:
            telling.cancel()

    async def publish(self, index: int, counts: np.ndarray, overflow: bool, block, back: np.ndarray):
        """Publish what is known of a line; arrays in raster order. counts: (n_pixels, n_routes)"""
        for route, of_route in zip(ROUTES, counts.T, strict=True):
            await getattr(self, f"{route}_counts").write(of_route.tolist())
        await self.lit.write(float(np.mean(block.lit)))
        await self.x.write(block.x_um[back].tolist())
        await self.y.write(block.y_um[back].tolist())
        await self.started.write(float(block.started_s))
        await self.elapsed.write(float(block.elapsed_s))
        await self.overflow.write(int(overflow))
        await self.pixels_done.write(len(counts))
        await self.line.write(index)
        peak = counts.max(axis=0) / self.dwell.value
        await self.spads.judge(dict(zip(ROUTES, map(float, peak), strict=True)))

    @stop.putter
    async def stop(self, instance, value):
        self.measuring.stop()
        return 0
