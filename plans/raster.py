"""The raster: a square of pixels, scanned several times. What it needs, what is wrong with it, how it is told."""

from dataclasses import asdict, dataclass, replace
from typing import Any

from bluesky import plan_stubs as bps
from bluesky.utils import Msg, MsgGenerator

from devices.microscope import Microscope
from plans.stubs import LINE_TIMEOUT_S, MeasurementError, outside, plain, shine, went_dark
from plans.tcspc import N_CHANNELS, ROUTES

MAX_PIXELS = 2048
FLY_BACK_S = 0.05
DISK_RESERVE_BYTES = 5e8


@dataclass(frozen=True)
class Raster:
    """Geometry and timing of a raster; lengths in um, times as the suffix says."""

    centre_um: tuple[float, float]
    extent_um: float
    n_pixels: int
    dwell_ms: float
    n_scans: int
    settle_ms: float
    snake: bool

    def problems(self, travel_um: list[tuple[float, float]]) -> list[str | None]:
        """What is wrong with it, if anything."""
        found = [
            outside("extent_um", self.extent_um, 0.001, 1000),
            outside("n_pixels", self.n_pixels, 1, MAX_PIXELS, whole=True),
            outside("dwell_ms", self.dwell_ms, 1, 3.6e6),
            outside("n_scans", self.n_scans, 1, 10_000, whole=True),
            outside("settle_ms", self.settle_ms, 0, 10_000),
        ]
        if any(found):
            return found
        reach = self.extent_um / 2 * (1 - 1 / self.n_pixels)
        for axis, centre, (low, high) in zip("xy", self.centre_um, travel_um, strict=True):
            found.append(outside(f"centre_um ({axis})", centre, low, high))
            if found[-1] is None and not (low <= centre - reach and centre + reach <= high):
                found.append(
                    f"extent_um={self.extent_um:g} around {axis}={centre:g} um leaves the travel "
                    f"{low:g}..{high:g} um: move centre_um or choose extent_um <= "
                    f"{2 * min(centre - low, high - centre):g}"
                )
        return found

    @property
    def n_lines(self) -> int:
        return self.n_pixels * self.n_scans

    @property
    def duration_s(self) -> float:
        line_s = self.n_pixels * (self.dwell_ms + self.settle_ms) / 1e3 + FLY_BACK_S
        return self.n_lines * line_s

    @property
    def bytes(self) -> float:
        """Upper bound of the histogram file: 16-bit channels, before compression."""
        return 2.0 * self.n_lines * self.n_pixels * len(ROUTES) * N_CHANNELS


def planned_raster(microscope, centre_um, extent_um, n_pixels, dwell_ms, n_scans, settle_ms, snake) -> tuple[Any, list]:
    """The raster around `centre_um` (default: mid-travel), and what is wrong with it."""
    travel = [axis.limits for axis in (microscope.piezo.x, microscope.piezo.y)]
    if centre_um is None:
        centre_um = tuple((low + high) / 2 for low, high in travel)
    if not (isinstance(centre_um, (tuple, list)) and len(centre_um) == 2):
        return None, [f"centre_um={centre_um!r}: must be a pair (x, y) in um"]
    extent_um, n_pixels, dwell_ms, n_scans, settle_ms = map(plain, (extent_um, n_pixels, dwell_ms, n_scans, settle_ms))
    x_um, y_um = map(plain, centre_um)
    raster = Raster((x_um, y_um), extent_um, n_pixels, dwell_ms, n_scans, settle_ms, bool(snake))
    if any(problems := raster.problems(travel)):
        return None, problems
    return replace(raster, n_pixels=int(n_pixels), n_scans=int(n_scans)), []


def disk_problem(raster: Raster, free_bytes: float) -> str | None:
    """Whether the histograms may outgrow the disk."""
    needed = raster.bytes + DISK_RESERVE_BYTES
    if needed <= free_bytes:
        return None
    return (
        f"{raster.n_pixels} x {raster.n_pixels} pixels x {raster.n_scans} scans may need {needed / 1e9:.1f} GB, "
        f"{free_bytes / 1e9:.1f} GB are free: fewer pixels or scans, or make room"
    )


def set_raster(scanner, raster: Raster, *, counting: str = "histograms", first_line: int = 0) -> MsgGenerator:
    """Tell the scanner the raster, and what counts in its pixels: the card ("histograms") or the "counters"."""
    yield from bps.mv(scanner.counting, counting, scanner.pattern, "lines")
    x, y = raster.centre_um
    yield from bps.mv(scanner.x_centre, x, scanner.y_centre, y)
    yield from bps.mv(scanner.x_extent, raster.extent_um, scanner.y_extent, raster.extent_um)
    yield from bps.mv(scanner.nx, raster.n_pixels, scanner.ny, raster.n_pixels, scanner.n_scans, raster.n_scans)
    yield from bps.mv(scanner.dwell, raster.dwell_ms / 1e3, scanner.settle, raster.settle_ms / 1e3)
    yield from bps.mv(scanner.snake, "yes" if raster.snake else "no", scanner.first_line, first_line)


def raster_metadata(microscope: Microscope, raster: Raster, first_line: int = 0) -> dict:
    """Shape, extents and hints as grid displays expect them: rows first."""
    half, (x, y) = raster.extent_um / 2, raster.centre_um
    n_lines = raster.n_lines - first_line
    return {
        "raster": asdict(raster),
        "detectors": [microscope.scanner.name],
        "motors": ["y", "x"],
        "shape": [raster.n_pixels, raster.n_pixels],
        "extents": [[y - half, y + half], [x - half, x + half]],
        "snaking": [False, raster.snake],
        "num_points": n_lines,
        "num_intervals": n_lines - 1,
        "duration_s": raster.duration_s * n_lines / raster.n_lines,
        "hints": {"dimensions": [[["scanner_started"], "primary"]]},
    }


def take_lines(microscope: Microscope, raster: Raster, first_line: int = 0) -> MsgGenerator:
    """The lines of all scans, from one on, each with the shutter open."""
    for index in range(first_line, raster.n_lines):
        yield Msg("checkpoint")
        yield from shine(microscope)
        yield from take_line(microscope, index)


def take_line(microscope: Microscope, index: int) -> MsgGenerator:
    """One line: scan it, then one Event. Plain messages, because this is the inner loop."""
    scanner = microscope.scanner
    yield Msg("set", scanner, index, group="line")
    yield Msg("wait", None, group="line", error_on_timeout=True, timeout=LINE_TIMEOUT_S)
    try:
        yield Msg("create", None, name="primary")
        line = yield Msg("read", scanner)
        if line is not None and line["scanner_line"]["value"] != index:
            raise MeasurementError(f"line {index} was stopped by hand; the lines before it are kept")
        yield Msg("read", microscope.shutter.state)
        yield Msg("read", microscope.spads)
    except Exception:
        yield Msg("drop")  # or the end of the run would stumble over the open Event and hide why
        raise
    yield Msg("save")
    if line is not None and line["scanner_lit"]["value"] < 1:
        yield from went_dark(microscope, f"line {index}", line["scanner_lit"]["value"])
