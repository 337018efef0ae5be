"""Where photons that arrive together appear behind the cable, and how wide: the zero of all lags."""

from typing import Any

from bluesky import plan_stubs as bps
from bluesky import preprocessors as bpp
from bluesky.utils import MsgGenerator, plan

from devices.microscope import Microscope
from plans.antibunching import pair_axis
from plans.single import dead_times_ns
from plans.stubs import (
    MeasurementError,
    light_problem,
    lit,
    md_problem,
    note,
    plain,
    read,
    require,
    shine,
    take,
    went_dark,
    wiring_problem,
)
from plans.tcspc import BLIND_START_NS, SCATTER, SHARED, scatter_problems, start_metadata, with_card, with_detection

MAX_INTEGRATIONS = 500


@plan
def time_zero(
    microscope: Microscope,
    *,
    min_counts: int = 20_000,
    intensity_w_cm2: float = 50.0,
    integration_s: float = 2.0,
    md: dict | None = None,
) -> MsgGenerator:
    """Calibrate the cable delay: attenuated laser pulses, split to both SPADs, in the wiring "hbt".

    Integrates for `integration_s` at a time until there are `min_counts` pairs. `microscope.time_zero_ns` and
    `pair_sigma_ns` then hold for every `hbt` until the card is restarted. Returns the run uid.
    """
    tcspc, range_problem = yield from pair_axis(microscope)
    require(
        [
            md_problem(md),
            *scatter_problems(microscope, min_counts, intensity_w_cm2, integration_s),
            range_problem,
            (yield from wiring_problem(microscope, "hbt")),
            (yield from light_problem(microscope)),
        ]
    )
    card, w_cm2 = microscope.timeharp, plain(intensity_w_cm2)

    def measure():
        yield from bps.mv(card.range_code, tcspc["range_code"], card.offset, 0.0)
        yield from bps.mv(card.integration_time, plain(integration_s))
        metadata = yield from start_metadata(microscope, "time_zero", tcspc, w_cm2)
        delay = {"declared_ns": (yield from read(card.delay))}
        facts = {"delay": delay, "blind_ns": BLIND_START_NS, "dead_time_ns": (yield from dead_times_ns(microscope))}

        @bpp.run_decorator(md={**(md or {}), **metadata, **facts, "detectors": [card.name]})
        def run():
            counting = lit(microscope, microscope.pulsed, w_cm2, lambda: pairs_until(microscope, int(min_counts)))
            yield from with_card(microscope, "hbt", counting)

        return (yield from run())

    return (yield from with_detection(microscope, SHARED, SCATTER, measure()))


def pairs_until(microscope: Microscope, min_counts: int) -> MsgGenerator:
    """Integrations of the card, one Event each, until there are `min_counts` pairs."""
    card: Any = microscope.timeharp
    total, row = 0, 0
    while total < min_counts:
        yield from bps.checkpoint()
        yield from shine(microscope)
        yield from take(card, row)
        yield from note("primary", card, microscope.shutter.state)
        pairs, share = int((yield from read(card.coincidences))), (yield from read(card.lit))
        if share < 1:
            yield from went_dark(microscope, f"integration {row}", share)
        if (yield from read(card.overflow)):
            raise MeasurementError("a channel of the card is full: less light, or a shorter integration_s")
        if pairs * MAX_INTEGRATIONS < min_counts:
            raise MeasurementError(f"too few pairs ({pairs} in one integration): focus, or more intensity_w_cm2?")
        total, row = total + pairs, row + 1
