"""What all measurements of one emitter share: which one, under which light, seen by both SPADs."""

import math
from collections.abc import Callable, Generator
from typing import Any

import numpy as np
from bluesky import plan_stubs as bps
from bluesky import preprocessors as bpp
from bluesky.utils import Msg, MsgGenerator

from devices.microscope import Microscope
from plans.refocus import Sight, planned_sight, set_patches
from plans.stubs import (
    counters_problem,
    md_problem,
    note,
    outside,
    plain,
    read,
    readings,
    shine,
    staged,
    take,
    went_dark,
)
from plans.tcspc import QD_FILTERS, SHARED, chosen_sample, mount, with_detection

INTENSITY_W_CM2 = 2500.0


def cw_problem(microscope: Microscope, w_cm2: Any) -> str | None:
    """The problem with an intensity of the continuous laser, or None."""
    return outside("intensity_w_cm2", w_cm2, 1.0, microscope.cw.intensity.limits[1])


def planned_emitter(
    microscope: Microscope, sample: str | None, at_um: Any, emitter: str | None, md: dict | None
) -> Generator[Msg, Any, tuple[str, Sight, list[str | None]]]:
    """The sample to measure, the emitter on it, and what is wrong with them."""
    name, sample_problem = yield from chosen_sample(microscope, sample)
    mounted = yield from read(microscope.sample.mounted)
    sight, problems = planned_sight(microscope, at_um, emitter, name)
    if at_um is None and not any(problems) and name != mounted:
        problems = [f"sample={name!r}: {mounted!r} is mounted, so the place of {emitter!r} is not known; search first"]
    return name, sight, [md_problem(md), sample_problem, *problems, (yield from counters_problem(microscope))]


def about_emitter(sight: Sight, md: dict | None) -> dict[str, Any]:
    """What the start document says of the emitter, behind what the user wants noted."""
    return {"campaign": "", **(md or {}), "emitter": sight.emitter, "at_um": [sight.x_um, sight.y_um]}


def as_it_is(inner: MsgGenerator) -> MsgGenerator:
    """Nothing around it."""
    return (yield from inner)


def on_one_emitter(
    microscope: Microscope,
    sample: str,
    measure: Callable[[], MsgGenerator],
    *,
    describe: Callable[[], Generator[Msg, Any, dict[str, Any]]],
    staging: Callable[[MsgGenerator], MsgGenerator] = as_it_is,
    splitter: str = SHARED,
    filters: dict[str, str] = QD_FILTERS,
) -> Generator[Msg, Any, tuple[str, Any]]:
    """One run of `measure` with the light on its way to the SPADs and patches ready; (run uid, what `measure` returns).

    describe : sets what is left to set, and says what goes into the start document
    staging : opens the files around `measure`, which goes dark before they are closed
    """
    results = []

    def measured():
        yield from set_patches(microscope)

        @bpp.run_decorator(md=(yield from describe()))
        def run():
            results.append((yield from staged(microscope.scanner, staging(measure()))))

        return (yield from run())

    yield from mount(microscope, sample)
    uid = yield from with_detection(microscope, splitter, filters, measured())
    return uid, results[0] if results else None


def lit_row(microscope: Microscope, instrument, row: int, what: str) -> Generator[Msg, Any, dict[str, Any]]:
    """One row of an instrument in the light, one Event; what it read. MeasurementError if the light went out in it."""
    yield from bps.checkpoint()
    yield from shine(microscope)
    yield from take(instrument, row)
    yield from note("primary", instrument, microscope.shutter.state)
    seen = yield from readings(instrument)
    if seen.get("lit", 1.0) < 1:
        yield from went_dark(microscope, f"{what} {row}", seen["lit"])
    return seen


def dead_times_ns(microscope: Microscope) -> Generator[Msg, Any, list[float]]:
    """Of both SPADs."""
    return [float(value) for value in np.atleast_1d((yield from read(microscope.counters.dead_time)))]


def delay_facts(microscope: Microscope) -> Generator[Msg, Any, dict[str, Any]]:
    """The delay of the cable as declared, and as calibrated by `time_zero`: None where it is not."""
    declared_ns = yield from read(microscope.timeharp.delay)
    booted = yield from read(microscope.timeharp.boot_id)
    uid = (
        (yield from read(microscope.time_zero_uid)) if (yield from read(microscope.time_zero_boot_id)) == booted else ""
    )
    found = {}
    for key, signal in {"t0_ns": "time_zero_ns", "t0_err_ns": "time_zero_err_ns", "sigma_ns": "pair_sigma_ns"}.items():
        value = float((yield from read(getattr(microscope, signal))))
        found[key] = value if uid and math.isfinite(value) else None
    return {"declared_ns": plain(declared_ns), **found, "uid": uid}
