"""Scanner IOC: a raster is told once, then taken line by line, or as a patch in one go, close to the hardware.

Channel Access is paid once a line, not once a pixel. `Acquire` = i takes line i of the raster: scan i // NY, row
i % NY, forwards or (snake, odd rows) backwards; with Pattern = patch it takes the whole raster, for the time i. The
put completes when the line lies in the file, or with Counting = counters, which needs no file, when it is counted.
"""

import asyncio

import numpy as np
from caproto.server import pvproperty

from devices.iocs.backends import ROUTES
from devices.iocs.exposure import lit_seconds
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

    def __init__(self, *args, bench, card, spads, exposure, measuring, **kwargs):
        super().__init__(*args, **kwargs)
        self.bench, self.card, self.spads, self.exposure, self.measuring = bench, card, spads, exposure, measuring
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
        if index < self.first_line.value:
            raise Refused(f"line {index} has no row in the file, which begins with line {self.first_line.value}")
        path = self.pathway(index)
        self.require_within_travel(path)
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
        block = await self.exposed(scan, path, index, acquisition, stopping)
        counts = (block.counts if counting else block.histograms.sum(axis=2, dtype=np.int64)).astype(np.int64)
        await self.judge(counts)
        if block.interrupted:
            raise Refused(f"line {index} was stopped; nothing of it is kept")
        overflow, back = False, np.argsort(path.raster)
        if not counting:
            overflow = bool(np.any(block.overflow))
            await self.card.store(index - self.first_line.value, block.histograms[back], block.started_s)
        await self.publish(index, counts[back], overflow, block, back)

    def require_within_travel(self, path: Pathway):
        """Refused if a pixel lies beyond the travel; on the way to it the stage only crosses what lies between."""
        for axis, places, (low, high) in zip("xy", (path.x_um, path.y_um), self.bench.stage.limits_um, strict=False):
            if not (low <= places.min() and places.max() <= high):  # and neither is NaN
                raise Refused(
                    f"the raster goes from {axis} = {places.min():g} to {places.max():g} um, the travel is "
                    f"{low:g}..{high:g} um: another centre, or a smaller extent"
                )

    async def exposed(self, scan, path: Pathway, index: int, acquisition: int, stopping):
        """Let the backend scan within the budget of every place; what fell is accounted where it fell."""
        dwell_s, settle_s = self.dwell.value, self.settle.value
        async with self.exposure.accounted(path.x_um, path.y_um, dwell_s + settle_s) as booking:
            block = await self.watched(scan, path, index, acquisition, stopping)
            seen = np.isfinite(block.x_um)
            x_um, y_um = np.where(seen, block.x_um, path.x_um), np.where(seen, block.y_um, path.y_um)
            booking.settle(x_um, y_um, lit_seconds(block, dwell_s, settle_s))
        return block

    async def judge(self, counts: np.ndarray):
        """Let the SPADs be judged by the brightest pixel. counts: (n_pixels, n_routes)"""
        peak = counts.max(axis=0) / self.dwell.value
        await self.spads.judge(dict(zip(ROUTES, map(float, peak), strict=True)))

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

    @stop.putter
    async def stop(self, instance, value):
        self.measuring.stop()
        return 0
