"""Line scanner IOC: a raster is told once, then taken line by line, close to the hardware.

Channel Access is paid once a line, not once a pixel. `Acquire` = i takes line i of the raster: scan i // NY, row
i % NY, forwards or (snake, odd rows) backwards; the put completes when the line lies in the file.
"""

import asyncio
import threading

import numpy as np
from caproto.server import pvproperty

from devices.iocs.backends import ROUTES
from devices.iocs.instrument import InstrumentIOC, Refused, choice, guarded, quantity

MAX_PIXELS = 2048


def pixels(name: str, units: str, doc: str, *, kind: float):
    """A read-only array with one element a pixel, integers or floats after `kind`."""
    return pvproperty(value=[kind] * MAX_PIXELS, name=name, units=units, read_only=True, doc=doc)


class ScannerIOC(InstrumentIOC):
    """Software-timed raster lines: move, settle, integrate, read, next pixel."""

    x_centre = quantity("XCentre", 50.0, "um", 0.0, 100.0, "centre of the raster")
    y_centre = quantity("YCentre", 50.0, "um", 0.0, 100.0, "centre of the raster")
    x_extent = quantity("XExtent", 50.0, "um", 1e-3, 100.0, "width: columns times pixel size")
    y_extent = quantity("YExtent", 50.0, "um", 1e-3, 100.0, "height: rows times pixel size")
    nx = pvproperty(value=100, name="NX", lower_ctrl_limit=1, upper_ctrl_limit=MAX_PIXELS, doc="pixels in a line")
    ny = pvproperty(value=100, name="NY", lower_ctrl_limit=1, upper_ctrl_limit=MAX_PIXELS, doc="lines in a scan")
    n_scans = pvproperty(value=1, name="NScans", lower_ctrl_limit=1, upper_ctrl_limit=10000, doc="scans of the raster")
    dwell = quantity("Dwell", 0.1, "s", 1e-3, 3600.0, "integration time per pixel")
    settle = quantity("Settle", 0.01, "s", 0.0, 10.0, "wait after each step")
    snake = choice("Snake", ("no", "yes"), doc="odd rows run backwards")
    acquire = pvproperty(value=-1, name="Acquire", doc="put i to take line i; completes when it is in the file")
    stop = pvproperty(value=0, name="Stop", doc="1 abandons the line being taken; nothing of it is kept")
    line = pvproperty(value=-1, name="Line", read_only=True, doc="index of the last complete line")
    pixels_done = pvproperty(value=0, name="PixelsDone", read_only=True, doc="progress inside the line")
    perovskite_counts = pixels("Perovskite:Counts", "counts", "counts per pixel, ascending x", kind=0)
    qd_counts = pixels("Qd:Counts", "counts", "counts per pixel, ascending x", kind=0)
    lit = pvproperty(value=0.0, name="Lit", precision=4, read_only=True, doc="share of the line with light on")
    x = pixels("X", "um", "measured positions of the pixels, ascending x", kind=0.0)
    y = pixels("Y", "um", "measured positions of the pixels, ascending x", kind=0.0)
    started = pvproperty(value=0.0, name="Started", units="s", precision=3, read_only=True, doc="instrument time")
    elapsed = pvproperty(value=0.0, name="Elapsed", units="s", precision=3, read_only=True, doc="instrument time")
    overflow = pvproperty(value=0, name="Overflow", read_only=True, doc="1 if a 16-bit channel saturated in the line")

    def __init__(self, *args, bench, card, spads, **kwargs):
        super().__init__(*args, **kwargs)
        self.bench, self.card, self.spads = bench, card, spads
        self.stopping = threading.Event()
        self.busy = asyncio.Lock()

    def positions(self, index: int) -> tuple[np.ndarray, np.ndarray, bool]:
        """Pixel centres of line `index` in the order they are visited, and whether that is backwards."""
        nx, ny = self.nx.value, self.ny.value
        row = index % ny
        x = self.x_centre.value + (np.arange(nx) - (nx - 1) / 2) * self.x_extent.value / nx
        y = np.full(nx, self.y_centre.value + (row - (ny - 1) / 2) * self.y_extent.value / ny)
        backwards = self.snake.value == "yes" and row % 2 == 1
        return (x[::-1] if backwards else x), y, backwards

    def check(self, index: int):
        n_lines = self.ny.value * self.n_scans.value
        if not 0 <= index < n_lines:
            raise Refused(f"line {index} does not exist; the raster has lines 0..{n_lines - 1}")
        if self.card.armed_for != "raster" or self.card.file is None:
            raise Refused("no histogram file is open: put Arm = raster first")
        if self.card.file.row_shape[0] != self.nx.value:
            raise Refused(f"the open file holds lines of {self.card.file.row_shape[0]} pixels, not {self.nx.value}")

    @acquire.putter
    @guarded
    async def acquire(self, instance, value):
        index = int(value)
        self.check(index)
        if self.busy.locked():
            raise Refused("a line is already being taken")
        async with self.busy:
            self.stopping.clear()
            await self.take(index)
        return index

    async def take(self, index: int):
        """Scan one line, put it into the file, then publish it."""
        x, y, backwards = self.positions(index)
        await self.pixels_done.write(0)
        progress = asyncio.get_running_loop().create_task(self.watch_progress())
        try:
            block = await self.off_the_loop(
                self.bench.scan_line,
                x,
                y,
                dwell_s=self.dwell.value,
                settle_s=self.settle.value,
                acquisition=self.card.acquisition.value,
                index=index,
                stop=self.stopping,
                on_pixel=self.note_pixel,
            )
        finally:
            progress.cancel()
        if block.interrupted:
            raise Refused(f"line {index} was stopped; nothing of it is kept")
        forward = slice(None, None, -1 if backwards else 1)
        histograms = block.histograms[forward]
        await self.card.store(index, histograms, block.started_s)
        await self.publish(index, histograms, block, forward)

    _pixel = 0

    def note_pixel(self, pixel: int):
        self._pixel = pixel + 1

    async def watch_progress(self):
        """Publish the pixel number now and then while a slow line runs."""
        while True:
            await asyncio.sleep(0.2)
            await self.pixels_done.write(self._pixel)

    async def publish(self, index, histograms, block, forward):
        counts = histograms.sum(axis=2, dtype=np.int64).T
        for route, of_route in zip(ROUTES, counts, strict=True):
            await getattr(self, f"{route}_counts").write(of_route.tolist())
        await self.lit.write(float(np.mean(block.lit)))
        await self.x.write(block.x_um[forward].tolist())
        await self.y.write(block.y_um[forward].tolist())
        await self.started.write(float(block.started_s))
        await self.elapsed.write(float(block.elapsed_s))
        await self.overflow.write(int(np.any(block.overflow)))
        await self.pixels_done.write(self.nx.value)
        await self.line.write(index)
        peak = counts.max(axis=1) / self.dwell.value
        await self.spads.judge(dict(zip(ROUTES, map(float, peak), strict=True)))

    @stop.putter
    async def stop(self, instance, value):
        self.stopping.set()
        return 0
