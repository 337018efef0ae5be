"""The raster that a scanner takes, line by line or as a patch in one go."""

from caproto.server import pvproperty

from devices.iocs.instrument import InstrumentIOC, Refused, choice, quantity
from devices.iocs.pathway import Grid, Pathway, line_of, patch_of

MAX_PIXELS = 2048


class RasterIOC(InstrumentIOC):
    """Where its pixels lie, and how long each is looked at."""

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
    pattern = choice("Pattern", ("lines", "patch"), doc="what Acquire takes: a line, or the raster at once, serpentine")

    first_line = pvproperty(
        value=0,
        name="FirstLine",
        lower_ctrl_limit=0,
        upper_ctrl_limit=MAX_PIXELS * 10000,
        doc="line in row 0 of the file: not 0 if a raster is continued",
    )

    @property
    def grid(self) -> Grid:
        centre, extent = (self.x_centre.value, self.y_centre.value), (self.x_extent.value, self.y_extent.value)
        return Grid(*centre, *extent, self.nx.value, self.ny.value)

    @property
    def n_pixels(self) -> int:
        """Of one line, or patch; Refused if there are too many."""
        n = self.nx.value * (self.ny.value if self.pattern.value == "patch" else 1)
        if n > MAX_PIXELS:
            raise Refused(f"a patch of {self.nx.value} x {self.ny.value} pixels: at most {MAX_PIXELS} in all")
        return n

    def pathway(self, index: int) -> Pathway:
        """The pixels of line, or patch, `index`; Refused if there is none."""
        is_patch, row = self.pattern.value == "patch", index % self.ny.value
        n = self.n_scans.value * (1 if is_patch else self.ny.value)
        if not 0 <= index < n:
            what = "patch" if is_patch else "line"
            raise Refused(f"{what} {index} does not exist; the raster has {what} 0..{n - 1}")
        if is_patch:
            return patch_of(self.grid)
        return line_of(self.grid, row, backwards=self.snake.value == "yes" and row % 2 == 1)
