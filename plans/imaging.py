"""Lifetime imaging with the pulsed laser: the instrument response and the FLIM raster (paper, section 2.6)."""

import math
from collections.abc import Generator, Iterable
from dataclasses import asdict, dataclass, replace
from typing import Any

from bluesky import plan_stubs as bps
from bluesky import preprocessors as bpp
from bluesky.utils import Msg, MsgGenerator, plan

from devices.microscope import Microscope
from plans.stubs import (
    LINE_TIMEOUT_S,
    MeasurementError,
    dark,
    light_problem,
    lines_of,
    lit,
    outside,
    read,
    require,
    shine,
    staged,
    sync_problem,
    unknown,
    wiring_problem,
)

ROUTES = ("perovskite", "qd")
EMISSION_FILTERS = {"perovskite": "532/10+OD1", "qd": "FBH650-40+655/15"}
N_CHANNELS = 4096
BLIND_START_NS = 20.0
MAX_PIXELS = 2048
FLY_BACK_S = 0.05
DISK_RESERVE_BYTES = 5e8
DARK_S = 30.0
MAX_INTEGRATIONS = 200
PROTOCOL_VERSION = 1


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


def range_code_for(period_ns: float, base_resolution_ps: float, codes: Iterable[int] = range(6)) -> int:
    """The finest of the card's ranges whose 4096 channels hold one laser period behind the blind start, or its widest.

    >>> range_code_for(500.0, 36.0), range_code_for(500.0, 36.0, [0, 3]), range_code_for(50_000.0, 36.0)
    (2, 3, 5)
    """
    needed_ns = period_ns + BLIND_START_NS
    ordered = sorted(codes)
    wide_enough = (code for code in ordered if N_CHANNELS * base_resolution_ps * 1e-3 * 2**code >= needed_ns)
    return next(wide_enough, ordered[-1])


def prepare_card(microscope: Microscope, range_code: int | None) -> Generator[Msg, Any, tuple[dict, str | None]]:
    """Choose the range for the declared rate and describe the time axis; (facts, problem)."""
    card = microscope.timeharp
    period_ns = 1e9 / (yield from read(microscope.pulsed.repetition))
    base_ps = yield from read(card.base_resolution)
    codes = [int(code) for code in (yield from lines_of(card.range_codes))]
    if range_code is not None:
        require([outside("range_code", range_code, 0, 5, whole=True)])
    code = range_code_for(period_ns, base_ps, codes) if range_code is None else int(range_code)
    bin_width_ns = base_ps * 1e-3 * 2**code
    facts = {"range_code": code, "bin_width_ns": bin_width_ns, "n_bins": N_CHANNELS, "period_ns": period_ns}
    if code not in codes:
        return facts, f"range_code={code}: the card has {', '.join(map(str, codes))}"
    if N_CHANNELS * bin_width_ns < period_ns + BLIND_START_NS:
        window, best = f"{N_CHANNELS * bin_width_ns:.0f} ns", range_code_for(period_ns, base_ps, codes)
        hint = f"use {best}" if best > code else "raise the repetition rate"
        return facts, f"range_code={code}: its window of {window} cuts the laser period of {period_ns:g} ns; {hint}"
    return facts, None


def start_metadata(microscope: Microscope, name: str, tcspc: dict, w_cm2: float) -> Generator[Msg, Any, dict]:
    """What every pulsed run says about light, detection and sample."""
    sample = yield from read(microscope.sample.mounted)
    filters = {}
    for route in ROUTES:
        filters[route] = {"filter": (yield from read(getattr(microscope.filters, route)))}
    return {
        "plan_name": name,
        "protocol_version": PROTOCOL_VERSION,
        "sample_name": sample,
        "sample": {"name": sample, **microscope.samples.get(sample, {})},
        "excitation": {
            "laser": "EPL-450",
            "wavelength_nm": (yield from read(microscope.pulsed.wavelength)),
            "intensity_w_cm2": w_cm2,
            "repetition_hz": (yield from read(microscope.pulsed.repetition)),
        },
        "detection": filters,
        "routes": list(ROUTES),
        "wiring": "raster",
        "tcspc": tcspc,
    }


def with_filters(microscope: Microscope, position: dict[str, str], inner: MsgGenerator) -> MsgGenerator:
    """Run `inner` with the given filters in; put the emission filters back however it ends."""
    wheels = {route: getattr(microscope.filters, route) for route in ROUTES}

    def turned():
        for route, wheel in wheels.items():
            yield from bps.mv(wheel, position[route])
        return (yield from inner)

    def restored():
        for route, wheel in wheels.items():
            yield from bps.mv(wheel, EMISSION_FILTERS[route])

    return (yield from bpp.finalize_wrapper(turned(), restored()))


@plan
def irf(
    microscope: Microscope,
    *,
    min_counts: int = 200_000,
    intensity_w_cm2: float = 50.0,
    integration_s: float = 2.0,
    range_code: int | None = None,
    md: dict | None = None,
) -> MsgGenerator:
    """Record the instrument response: attenuated laser scatter on both SPADs, once per session.

    Integrates for `integration_s` at a time until each route holds `min_counts` counts. Fits need it: an error of
    one channel in time zero shifts the short lifetime of a dim pixel by a quarter. Returns the run uid.
    """
    require(
        [
            outside("min_counts", min_counts, 1000, 1e9, whole=True),
            outside("intensity_w_cm2", intensity_w_cm2, 1e-3, microscope.pulsed.intensity.limits[1]),
            outside("integration_s", integration_s, 1e-3, 3600),
        ]
    )
    tcspc, range_problem = yield from prepare_card(microscope, range_code)
    wiring = yield from wiring_problem(microscope, "raster")
    require([range_problem, wiring, (yield from light_problem(microscope))])
    require([(yield from sync_problem(microscope))])
    scatter: dict[str, str] = dict.fromkeys(ROUTES, "scatter")
    card: Any = microscope.timeharp

    def integrate_until_enough():
        total, row = [0, 0], 0
        while min(total) < min_counts:
            yield from bps.checkpoint()
            yield from shine(microscope)
            yield from bps.abs_set(card, row, group="integration")
            yield from bps.wait("integration", timeout=LINE_TIMEOUT_S)
            counts = yield from read(card.counts)
            if (yield from read(card.overflow)):
                raise MeasurementError(
                    f"a channel saturated in {integration_s} s: less light, or a shorter integration_s"
                )
            if min(counts) * MAX_INTEGRATIONS < min_counts:
                raise MeasurementError(
                    f"too little scattered light (counts {list(counts)} in {integration_s} s): focus?"
                )
            yield from bps.create("irf")
            yield from bps.read(card)
            yield from bps.read(microscope.shutter.state)
            yield from bps.save()
            total, row = [t + int(c) for t, c in zip(total, counts, strict=True)], row + 1

    def measure():
        yield from bps.mv(card.range_code, tcspc["range_code"], card.integration_time, integration_s)
        metadata = yield from start_metadata(microscope, "irf", tcspc, intensity_w_cm2)

        @bpp.run_decorator(md={**(md or {}), **metadata, "detectors": [card.name]})
        def run():
            shining = lit(microscope, microscope.pulsed, intensity_w_cm2, integrate_until_enough)
            yield from staged(card, shining)

        return (yield from run())

    uid = yield from with_filters(microscope, scatter, measure())
    yield from bps.mv(microscope.irf_uid, uid)
    yield from bps.mv(microscope.irf_bin_width_ns, tcspc["bin_width_ns"], microscope.irf_period_ns, tcspc["period_ns"])
    yield from bps.mv(microscope.irf_boot_id, (yield from read(card.boot_id)))
    return uid


@plan
def flim_raster(
    microscope: Microscope,
    *,
    sample: str | None = None,
    extent_um: float = 50.0,
    n_pixels: int = 100,
    dwell_ms: float = 100.0,
    n_scans: int = 10,
    centre_um: tuple[float, float] | None = None,
    intensity_w_cm2: float | None = None,
    settle_ms: float = 10.0,
    snake: bool = False,
    dark_frame: bool = False,
    range_code: int | None = None,
    md: dict | None = None,
) -> MsgGenerator:
    """Lifetime image of both colours: repeated scans of one square, a histogram per pixel and route.

    The defaults are the paper's: 50 um, 100 ms per pixel and scan, 10 scans, 445 nm at the intensity noted for the
    sample. One line is one Event and one checkpoint. `sample=None` measures what is mounted; `dark_frame` first counts
    for `DARK_S` with the shutter closed, in the stream "dark". Returns the run uid.
    """
    raster, raster_problems = planned_raster(
        microscope, centre_um, extent_um, n_pixels, dwell_ms, n_scans, settle_ms, snake
    )
    name, w_cm2, sample_problems = yield from sample_and_intensity(microscope, sample, intensity_w_cm2)
    require([*raster_problems, *sample_problems])
    tcspc, range_problem = yield from prepare_card(microscope, range_code)
    irf_uid = yield from read(microscope.irf_uid)
    free = yield from read(microscope.timeharp.free_bytes)
    require(
        [
            range_problem,
            (yield from irf_problem(microscope, tcspc)),
            disk_problem(raster, free),
            (yield from wiring_problem(microscope, "raster")),
            (yield from light_problem(microscope)),
        ]
    )
    require([(yield from sync_problem(microscope))])
    yield from bps.mv(microscope.sample.mounted, name)
    for route, position in EMISSION_FILTERS.items():
        yield from bps.mv(getattr(microscope.filters, route), position)
    yield from bps.mv(microscope.timeharp.range_code, tcspc["range_code"])
    yield from set_raster(microscope.scanner, raster)
    metadata = yield from start_metadata(microscope, "flim_raster", tcspc, w_cm2)

    @bpp.run_decorator(md={**(md or {}), **metadata, **raster_metadata(microscope, raster), "irf_uid": irf_uid})
    def run():
        yield from lit(microscope, microscope.pulsed, w_cm2, measure)

    def measure():
        if dark_frame:
            yield from take_dark(microscope)
        yield from staged(microscope.scanner, take_lines(microscope, raster))

    return (yield from run())


def planned_raster(microscope, centre_um, extent_um, n_pixels, dwell_ms, n_scans, settle_ms, snake) -> tuple[Any, list]:
    """The raster around `centre_um` (default: mid-travel), and what is wrong with it."""
    travel = [axis.limits for axis in (microscope.piezo.x, microscope.piezo.y)]
    if centre_um is None:
        centre_um = tuple((low + high) / 2 for low, high in travel)
    if not (isinstance(centre_um, (tuple, list)) and len(centre_um) == 2):
        return None, [f"centre_um={centre_um!r}: must be a pair (x, y) in um"]
    raster = Raster(tuple(centre_um), extent_um, n_pixels, dwell_ms, n_scans, settle_ms, bool(snake))
    if any(problems := raster.problems(travel)):
        return None, problems
    return replace(raster, n_pixels=int(n_pixels), n_scans=int(n_scans)), []


def sample_and_intensity(microscope: Microscope, sample: str | None, w_cm2: float | None):
    """Name of the sample to measure, the intensity to use on it, and what is wrong with them."""
    name = sample or (yield from read(microscope.sample.mounted))
    available = (yield from lines_of(microscope.sample.available)) or list(microscope.samples)
    noted = microscope.samples.get(name, {}).get("excitation_w_cm2", 50.0)
    intensity = noted if w_cm2 is None else w_cm2
    highest = microscope.pulsed.intensity.limits[1]
    return name, intensity, [unknown("sample", name, available), outside("intensity_w_cm2", intensity, 1e-3, highest)]


def irf_problem(microscope: Microscope, tcspc: dict) -> Generator[Msg, Any, str | None]:
    """Whether there is an instrument response on the time axis of the raster."""
    if not (uid := (yield from read(microscope.irf_uid))):
        return "there is no instrument response for this session: RE(irf(microscope)) first"
    if (yield from read(microscope.irf_boot_id)) != (yield from read(microscope.timeharp.boot_id)):
        return f"the card was restarted since the instrument response {uid[:8]}: RE(irf(microscope)) again"
    width = yield from read(microscope.irf_bin_width_ns)
    period = yield from read(microscope.irf_period_ns)
    if math.isclose(width, tcspc["bin_width_ns"], rel_tol=1e-4) and math.isclose(
        period, tcspc["period_ns"], rel_tol=1e-4
    ):
        return None
    return (
        f"the instrument response {uid[:8]} has channels of {width:.4g} ns and a period of {period:g} ns, this raster "
        f"{tcspc['bin_width_ns']:.4g} ns and {tcspc['period_ns']:g} ns: "
        f"RE(irf(microscope, range_code={tcspc['range_code']})) first"
    )


def disk_problem(raster: Raster, free_bytes: float) -> str | None:
    """Whether the histograms may outgrow the disk."""
    needed = raster.bytes + DISK_RESERVE_BYTES
    if needed <= free_bytes:
        return None
    return (
        f"{raster.n_pixels} x {raster.n_pixels} pixels x {raster.n_scans} scans may need {needed / 1e9:.1f} GB, "
        f"{free_bytes / 1e9:.1f} GB are free: fewer pixels or scans, or make room"
    )


def set_raster(scanner, raster: Raster) -> MsgGenerator:
    """Tell the scanner the raster."""
    x, y = raster.centre_um
    yield from bps.mv(scanner.x_centre, x, scanner.y_centre, y)
    yield from bps.mv(scanner.x_extent, raster.extent_um, scanner.y_extent, raster.extent_um)
    yield from bps.mv(scanner.nx, raster.n_pixels, scanner.ny, raster.n_pixels, scanner.n_scans, raster.n_scans)
    yield from bps.mv(scanner.dwell, raster.dwell_ms / 1e3, scanner.settle, raster.settle_ms / 1e3)
    yield from bps.mv(scanner.snake, "yes" if raster.snake else "no")


def raster_metadata(microscope: Microscope, raster: Raster) -> dict:
    """Shape, extents and hints as grid displays expect them: rows first."""
    half, (x, y) = raster.extent_um / 2, raster.centre_um
    return {
        "raster": asdict(raster),
        "detectors": [microscope.scanner.name],
        "motors": ["y", "x"],
        "shape": [raster.n_pixels, raster.n_pixels],
        "extents": [[y - half, y + half], [x - half, x + half]],
        "snaking": [False, raster.snake],
        "num_points": raster.n_lines,
        "num_intervals": raster.n_lines - 1,
        "duration_s": raster.duration_s,
        "hints": {"dimensions": [[["scanner_started"], "primary"]]},
    }


def take_lines(microscope: Microscope, raster: Raster) -> MsgGenerator:
    """All lines of all scans, each with the shutter open."""
    for index in range(raster.n_lines):
        yield Msg("checkpoint")
        yield from shine(microscope)
        yield from take_line(microscope, index)


def take_line(microscope: Microscope, index: int) -> MsgGenerator:
    """One line: scan it, then one Event. Plain messages, because this is the inner loop."""
    scanner = microscope.scanner
    yield Msg("set", scanner, index, group="line")
    yield Msg("wait", None, group="line", error_on_timeout=True, timeout=LINE_TIMEOUT_S)
    yield Msg("create", None, name="primary")
    try:
        line = yield Msg("read", scanner)
        yield Msg("read", microscope.shutter.state)
        yield Msg("read", microscope.spads)
    except Exception:
        yield Msg("drop")  # or the end of the run would stumble over the open Event and hide why
        raise
    yield Msg("save")
    if line is not None and line["scanner_lit"]["value"] < 1:
        yield from report_dark_line(microscope, index, line["scanner_lit"]["value"])


def report_dark_line(microscope: Microscope, index: int, share: float) -> MsgGenerator:
    """The light went out during a line: say why. The line is stored, with its share of light."""
    reason = (yield from read(microscope.shutter.latch)) or (yield from read(microscope.shutter.reason))
    raise MeasurementError(f"the light went out in line {index} (lit for {share:.0%} of it): {reason}")


def take_dark(microscope: Microscope) -> MsgGenerator:
    """Count with the shutter closed: the dark rate of both routes, one Event in the stream "dark".

    The laser runs, because a start-stop card records nothing without sync.
    """
    card: Any = microscope.timeharp
    yield from dark(microscope)
    yield from bps.mv(card.integration_time, DARK_S)

    def count():
        yield from bps.abs_set(card, 0, group="dark")
        yield from bps.wait("dark", timeout=LINE_TIMEOUT_S)
        yield from bps.create("dark")
        yield from bps.read(card)
        yield from bps.save()

    yield from staged(card, count())


@plan
def park(microscope: Microscope) -> MsgGenerator:
    """Dark, lasers on standby, stage at mid-travel."""
    yield from dark(microscope)
    for laser in (microscope.pulsed, microscope.cw):
        yield from bps.mv(laser.emission, "standby")
    for axis in (microscope.piezo.x, microscope.piezo.y, microscope.piezo.z):
        low, high = axis.limits
        yield from bps.mv(axis, (low + high) / 2)
