"""Where the emitters are (paper, section 3.4, Fig. 6a and b), and where one of them is now."""

from bluesky import preprocessors as bpp
from bluesky.utils import MsgGenerator, plan

from devices.microscope import Microscope
from plans.course import answer, ask
from plans.exposure import exposure_problem, raster_dose
from plans.outcomes import RecentreOutcome
from plans.raster import planned_raster, raster_metadata, set_raster, take_lines
from plans.refocus import refocus
from plans.single import INTENSITY_W_CM2, about_emitter, cw_problem, on_one_emitter, planned_emitter
from plans.stubs import counters_problem, light_problem, lit, md_problem, outside, plain, require, staged
from plans.tcspc import APART, EMISSION_FILTERS, chosen_sample, cw_metadata, mount, set_detection

SEARCH = {"psf_fwhm_um": 0.24, "largest_fwhm_um": 0.32, "least_distance_um": 0.6}
COARSEST_UM = 0.2  # pixel: a diffraction-limited spot must not fall between two


@plan
def find_emitters(
    microscope: Microscope,
    *,
    sample: str | None = None,
    extent_um: float = 10.0,
    n_pixels: int = 100,
    dwell_ms: float = 10.0,
    centre_um: tuple[float, float] | None = None,
    intensity_w_cm2: float = INTENSITY_W_CM2,
    settle_ms: float = 1.0,
    false_alarm: float = 0.01,
    threshold_counts_per_ms: float | None = None,
    md: dict | None = None,
) -> MsgGenerator:
    """Image of one square under continuous light in both colours, and the single emitters in it.

    The defaults are the paper's: 10 um, 561 nm at 2.5 kW/cm2. The pulse counters count, so any wiring of the card will
    do. One line is one Event and one checkpoint. `false_alarm` is the number of spots expected in an image without
    emitters; `threshold_counts_per_ms` leaves out what is dimmer (the paper: 18). Returns the run uid.
    """
    raster, raster_problems = planned_raster(
        microscope, centre_um, extent_um, n_pixels, dwell_ms, 1, settle_ms, snake=False
    )
    name, sample_problem = yield from chosen_sample(microscope, sample)
    require(
        [
            md_problem(md),
            *raster_problems,
            sample_problem,
            cw_problem(microscope, intensity_w_cm2),
            *search_problems(raster, false_alarm, threshold_counts_per_ms),
            (yield from counters_problem(microscope)),
            (yield from light_problem(microscope)),
        ]
    )
    w_cm2 = plain(intensity_w_cm2)
    require([(yield from exposure_problem(microscope, raster_dose(raster, w_cm2)))])
    threshold = plain(threshold_counts_per_ms)
    search = {**SEARCH, "false_alarm": plain(false_alarm), "threshold_counts_per_ms": threshold}
    yield from mount(microscope, name)
    yield from set_detection(microscope, APART, EMISSION_FILTERS)
    yield from set_raster(microscope.scanner, raster, counting="counters")
    metadata = yield from cw_metadata(microscope, "find_emitters", w_cm2)
    about = {"campaign": "", **(md or {}), **metadata, **raster_metadata(microscope, raster)}

    @bpp.run_decorator(md={**about, "search": search, "emitter": ""})
    def run():
        measured = lit(microscope, microscope.cw, w_cm2, lambda: take_lines(microscope, raster))
        yield from staged(microscope.scanner, measured)

    uid = yield from run()
    yield from ask(microscope.field)
    yield from answer(microscope, microscope.field)
    return uid


def search_problems(raster, false_alarm, threshold_counts_per_ms) -> list[str | None]:
    """What is wrong with how spots are searched."""
    problems = [outside("false_alarm", false_alarm, 1e-9, 100)]
    if threshold_counts_per_ms is not None:
        problems.append(outside("threshold_counts_per_ms", threshold_counts_per_ms, 0, 1e6))
    if raster is None:
        return problems
    pixel_um = raster.extent_um / raster.n_pixels
    if pixel_um > COARSEST_UM:
        least = -(-raster.extent_um // COARSEST_UM)
        problems.append(
            f"pixels of {pixel_um:.3g} um would miss emitters: n_pixels={least:.0f} or more for {raster.extent_um:g} um"
        )
    if raster.n_pixels < 5:
        problems.append(f"n_pixels={raster.n_pixels}: five or more, to tell emitters from background")
    return problems


@plan
def recentre(
    microscope: Microscope,
    *,
    at_um: tuple[float, float] | None = None,
    emitter: str | None = None,
    sample: str | None = None,
    intensity_w_cm2: float = INTENSITY_W_CM2,
    md: dict | None = None,
) -> MsgGenerator:
    """Find one emitter again and put it into the focus, in a run of its own.

    Scans 0.7 um around the expected place, three times if need be, then 2 um. What was seen is in `microscope.target`.
    Returns a `RecentreOutcome`; `found` is False if there is nothing, and the stage stays at the expected place.
    """
    name, sight, problems = yield from planned_emitter(microscope, sample, at_um, emitter, md)
    require([*problems, cw_problem(microscope, intensity_w_cm2), (yield from light_problem(microscope))])
    w_cm2 = plain(intensity_w_cm2)

    def describe():
        metadata = yield from cw_metadata(microscope, "recentre", w_cm2)
        return about_emitter(sight, md) | metadata | {"detectors": [microscope.scanner.name]}

    uid, seen = yield from on_one_emitter(
        microscope,
        name,
        lambda: lit(microscope, microscope.cw, w_cm2, lambda: refocus(microscope, sight)),
        describe=describe,
    )
    told = {key: seen.target[key] for key in seen.target if key in RecentreOutcome.__dataclass_fields__}
    return RecentreOutcome(uid=uid, **{**told, "found": seen.found})
