"""Lifetime imaging with the pulsed laser: the instrument response and the FLIM raster (paper, section 2.6)."""

import logging
from collections.abc import Generator
from typing import Any

from bluesky import plan_stubs as bps
from bluesky import preprocessors as bpp
from bluesky.utils import Msg, MsgGenerator, plan

from devices.microscope import Microscope
from plans.continuing import continued_metadata, left_of, settings_problems
from plans.exposure import exposure_problem, raster_dose
from plans.raster import Raster, disk_problem, planned_raster, raster_metadata, set_raster, take_lines
from plans.stubs import (
    MeasurementError,
    light_problem,
    lit,
    md_problem,
    note,
    outside,
    plain,
    read,
    require,
    shine,
    staged,
    sync_problem,
    take,
    wiring_problem,
)
from plans.tcspc import (
    APART,
    EMISSION_FILTERS,
    ROUTES,
    SCATTER,
    chosen_sample,
    irf_problem,
    mount,
    prepare_card,
    scatter_problems,
    set_detection,
    start_metadata,
    take_dark,
    with_card,
    with_detection,
)

log = logging.getLogger(__name__)

MAX_INTEGRATIONS = 200


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
    require([md_problem(md), *scatter_problems(microscope, min_counts, intensity_w_cm2, integration_s)])
    tcspc, range_problem = yield from prepare_card(microscope, range_code)
    wiring = yield from wiring_problem(microscope, "raster")
    require([range_problem, wiring, (yield from light_problem(microscope))])
    require([(yield from sync_problem(microscope))])
    card: Any = microscope.timeharp

    def measure():
        yield from bps.mv(card.range_code, tcspc["range_code"], card.integration_time, integration_s)
        metadata = yield from start_metadata(microscope, "irf", tcspc, intensity_w_cm2)

        @bpp.run_decorator(md={**(md or {}), **metadata, "detectors": [card.name]})
        def run():
            counting = lit(
                microscope, microscope.pulsed, intensity_w_cm2, lambda: count_until(microscope, int(min_counts))
            )
            yield from with_card(microscope, "point", counting)

        return (yield from run())

    uid = yield from with_detection(microscope, APART, SCATTER, measure())
    yield from bps.mv(microscope.irf_uid, uid)
    yield from bps.mv(microscope.irf_bin_width_ns, tcspc["bin_width_ns"], microscope.irf_period_ns, tcspc["period_ns"])
    yield from bps.mv(microscope.irf_boot_id, (yield from read(card.boot_id)))
    return uid


def count_until(microscope: Microscope, min_counts: int) -> MsgGenerator:
    """Integrations of the card, one Event each in the stream "irf", until each route holds `min_counts`."""
    card: Any = microscope.timeharp
    total, row = [0] * len(ROUTES), 0
    while min(total) < min_counts:
        yield from bps.checkpoint()
        yield from shine(microscope)
        yield from take(card, row)
        counts = yield from read(card.counts)
        if (yield from read(card.overflow)):
            raise MeasurementError("a channel of the card is full: less light, or a shorter integration_s")
        if min(counts) * MAX_INTEGRATIONS < min_counts:
            raise MeasurementError(f"too little scattered light (counts {list(counts)} in one integration): focus?")
        yield from note("irf", card, microscope.shutter.state)
        total, row = [t + int(c) for t, c in zip(total, counts, strict=True)], row + 1


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
    continues: str | None = None,
    md: dict | None = None,
) -> MsgGenerator:
    """Lifetime image of both colours: repeated scans of one square, a histogram per pixel and route.

    The defaults are the paper's: 50 um, 100 ms per pixel and scan, 10 scans, 445 nm at the intensity noted for the
    sample. One line is one Event and one checkpoint. `sample=None` measures what is mounted; `dark_frame` first counts
    for `DARK_S` with the shutter closed, in the stream "dark". `continues` is the uid of a raster that was broken off:
    with the same settings, a new run takes the lines that are missing, and the image is of all. Returns the run uid.
    """
    raster, raster_problems = planned_raster(
        microscope, centre_um, extent_um, n_pixels, dwell_ms, n_scans, settle_ms, snake
    )
    name, w_cm2, sample_problems = yield from sample_and_intensity(microscope, sample, intensity_w_cm2)
    require([md_problem(md), *raster_problems, *sample_problems])
    left = left_of(microscope, continues)
    tcspc, range_problem = yield from prepare_card(microscope, range_code)
    require([range_problem, *(settings_problems(left, raster, name, w_cm2, tcspc) if left else [])])
    if left and left.first_line >= raster.n_lines:
        log.info("all lines of raster %s are there: nothing is left to do", left.runs[0][:8])
        return left.runs[-1]
    require([(yield from exposure_problem(microscope, raster_dose(raster, w_cm2)))])
    yield from require_ready(microscope, raster, None if left else tcspc)
    yield from mount(microscope, name)
    yield from set_detection(microscope, APART, EMISSION_FILTERS)
    yield from bps.mv(microscope.timeharp.range_code, tcspc["range_code"])
    first_line = left.first_line if left else 0
    yield from set_raster(microscope.scanner, raster, first_line=first_line)
    about = yield from continued_metadata(microscope, left) if left else irf_metadata(microscope)
    metadata = yield from start_metadata(microscope, "flim_raster", tcspc, w_cm2)
    metadata |= raster_metadata(microscope, raster, first_line)

    @bpp.run_decorator(md={**(md or {}), **metadata, **about})
    def run():
        yield from lit(microscope, microscope.pulsed, w_cm2, measure)

    def measure():
        if dark_frame:
            yield from take_dark(microscope)
        yield from staged(microscope.scanner, take_lines(microscope, raster, first_line))

    return (yield from run())


def require_ready(microscope: Microscope, raster: Raster, tcspc: dict | None) -> MsgGenerator:
    """PlanError unless card, disk, cables, light and laser are ready; `tcspc=None` needs no new instrument response."""
    free = yield from read(microscope.timeharp.free_bytes)
    require(
        [
            None if tcspc is None else (yield from irf_problem(microscope, tcspc)),
            disk_problem(raster, free),
            (yield from wiring_problem(microscope, "raster")),
            (yield from light_problem(microscope)),
        ]
    )
    require([(yield from sync_problem(microscope))])


def irf_metadata(microscope: Microscope) -> Generator[Msg, Any, dict[str, Any]]:
    """Which instrument response the run is analysed with."""
    return {"irf_uid": (yield from read(microscope.irf_uid))}


def sample_and_intensity(microscope: Microscope, sample: str | None, w_cm2: float | None):
    """Name of the sample to measure, the intensity to use on it, and what is wrong with them."""
    name, problem = yield from chosen_sample(microscope, sample)
    noted = microscope.samples.get(str(name), {}).get("excitation_w_cm2", 50.0)
    intensity = plain(noted if w_cm2 is None else w_cm2)
    highest = microscope.pulsed.intensity.limits[1]
    return name, intensity, [problem, outside("intensity_w_cm2", intensity, 1e-3, highest)]
