"""The line scanner: one line of a raster at a time, timed close to the hardware."""

from ophyd import Component as Cpt
from ophyd import EpicsSignal
from ophyd.status import Status

from devices.histograms import HistogramStream
from devices.signals import CommandError, Setting, in_background, reading, setting

GRACE_S = 30.0
N_ROUTES = 2


class LineScanner(HistogramStream):
    """Tell it the raster once, then `set(i)` takes line i; `histograms` is (pixel, route, channel)."""

    x_centre = setting("XCentre")
    y_centre = setting("YCentre")
    x_extent = setting("XExtent")
    y_extent = setting("YExtent")
    nx = setting("NX")
    ny = setting("NY")
    n_scans = setting("NScans")
    dwell = setting("Dwell")
    settle = setting("Settle")
    snake = setting("Snake", string=True)
    line = reading("Line", kind="normal")
    perovskite_counts = reading("Perovskite:Counts", kind="normal")
    qd_counts = reading("Qd:Counts", kind="normal")
    x = reading("X", kind="normal")
    y = reading("Y", kind="normal")
    lit = reading("Lit", kind="normal")
    started = reading("Started", kind="normal")
    elapsed = reading("Elapsed", kind="normal")
    overflow = reading("Overflow", kind="normal")
    pixels_done = reading("PixelsDone", kind="omitted")
    acquire = Cpt(Setting, "Acquire", kind="omitted")
    halt = Cpt(EpicsSignal, "Stop", kind="omitted")

    file_kind = "raster"
    told_to_stop = False

    def row_shape(self) -> tuple[int, ...]:
        return (int(self.nx.get()), N_ROUTES, int(self.n_channels.get()))

    def chunk_shape(self) -> tuple[int, ...]:
        nx, _, n_channels = self.row_shape()
        return (nx, 1, n_channels)

    def stage(self) -> list[object]:
        self.open_file()
        self.pixel_time_s = self.dwell.get() + self.settle.get()
        return super().stage()

    def set(self, index: int) -> Status:
        timeout_s = GRACE_S + 2 * self.pixel_time_s * self.row_shape()[0]
        self.mark(index)
        self.told_to_stop = False
        return in_background(self, lambda: self.take(index, timeout_s))

    def take(self, index: int, timeout_s: float):
        """Take a line. One that was told to stop has not failed: a paused plan takes it again (see `line`)."""
        try:
            self.acquire.prove(index, timeout_s)
        except CommandError:
            if not self.told_to_stop:
                raise

    def stop(self, *, success: bool = False):
        self.told_to_stop = True
        self.halt.put(1)
