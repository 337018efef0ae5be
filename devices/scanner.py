"""The line scanner: one line of a raster at a time, or a small patch at once, timed close to the hardware."""

from ophyd import Component as Cpt
from ophyd import FormattedComponent as FCpt
from ophyd.status import Status

from devices.rows import Layout, RowStream
from devices.signals import Reading, Setting, reading, setting

GRACE_S = 30.0
N_ROUTES = 2


class LineScanner(RowStream):
    """Tell it the raster once, then `set(i)` takes line i, or with the pattern "patch" the whole raster, time i.

    With counting "histograms" the card takes one of every pixel: `histograms` is (pixel, route, channel). With
    "counters" the pulse counters count, whatever is cabled to the card and whatever it does; there is no file then.
    `first_line` goes into row 0 of the file: rows are counted from 0 also where a raster is continued.
    """

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
    first_line = setting("FirstLine")
    counting = setting("Counting", string=True)
    pattern = setting("Pattern", string=True)
    n_channels = FCpt(Reading, "{self.parent.prefix}timeharp:NChannels", kind="omitted")
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
    begin = Cpt(Setting, "Begin", kind="omitted")

    file_kind = "raster"

    @property
    def n_pixels(self) -> int:
        """Of what one `set` takes."""
        rows = int(self.ny.get()) if self.pattern.get() == "patch" else 1
        return rows * int(self.nx.get())

    def layout(self) -> Layout:
        shape = (self.n_pixels, N_ROUTES, int(self.n_channels.get()))
        chunk = (shape[0], 1, shape[2])
        return Layout("histograms", "histograms", "<u2", shape, chunk, ("pixel", "route", "channel"))

    def open_file(self):
        """Begin a new series; a file is opened only if histograms are taken."""
        if self.counting.get() == "counters":
            self.begin.prove(1, GRACE_S)
        else:
            super().open_file()

    def close_file(self):
        if self.streaming:
            super().close_file()
        else:
            self.begin.prove(0, GRACE_S)

    def set(self, index: int) -> Status:
        timeout_s = GRACE_S + 2 * self.n_pixels * (self.dwell.get() + self.settle.get())
        self.mark(index - int(self.first_line.get()))
        return self.begin_row(index, timeout_s)
