"""The lifetime of one emitter, from its decay under the pulsed laser."""

from collections.abc import Generator
from typing import Any

from bluesky import plan_stubs as bps
from bluesky.utils import Msg, MsgGenerator, plan

from devices.microscope import Microscope
from plans.exposure import exposure_problem, standing_dose
from plans.outcomes import LifetimeOutcome
from plans.refocus import Sight, refocus
from plans.single import about_emitter, lit_row, on_one_emitter, planned_emitter
from plans.stubs import (
    light_problem,
    lit,
    outside,
    plain,
    read,
    require,
    sync_problem,
    wiring_problem,
)
from plans.tcspc import APART, EMISSION_FILTERS, ROUTES, irf_problem, prepare_card, start_metadata, with_card

QD = ROUTES.index("qd")


@plan
def lifetime_at(
    microscope: Microscope,
    *,
    at_um: tuple[float, float] | None = None,
    emitter: str | None = None,
    sample: str | None = None,
    n_photons: int = 20_000,
    max_time_s: float = 600.0,
    intensity_w_cm2: float = 50.0,
    integration_s: float = 2.0,
    patch_ms: float = 100.0,
    recentre_s: float = 60.0,
    range_code: int | None = None,
    md: dict | None = None,
) -> MsgGenerator:
    """Decay of one emitter under the pulsed laser, until its route holds `n_photons`, or for `max_time_s` of light.

    Needs the wiring "raster" and an instrument response. The emitter is centred first and every `recentre_s`, with
    `patch_ms` on each pixel, because pulsed light is weak. Returns a `LifetimeOutcome`.
    """
    name, sight, problems = yield from planned_emitter(microscope, sample, at_um, emitter, md)
    require(
        [
            *problems,
            outside("n_photons", n_photons, 100, 1e9, whole=True),
            outside("intensity_w_cm2", intensity_w_cm2, 1e-3, microscope.pulsed.intensity.limits[1]),
            outside("integration_s", integration_s, 0.1, 3600),
            outside("max_time_s", max_time_s, 0.1, 1e5),
            outside("patch_ms", patch_ms, 1, 10_000),
            outside("recentre_s", recentre_s, 1, 1e5),
        ]
    )
    tcspc, range_problem = yield from prepare_card(microscope, range_code)
    irf_uid = yield from read(microscope.irf_uid)
    dose = yield from exposure_problem(microscope, standing_dose(max_time_s, intensity_w_cm2))
    wiring, light = (yield from wiring_problem(microscope, "raster")), (yield from light_problem(microscope))
    require([range_problem, wiring, (yield from irf_problem(microscope, tcspc)), light, dose])
    require([(yield from sync_problem(microscope))])
    w_cm2, card = plain(intensity_w_cm2), microscope.timeharp

    def describe():
        yield from bps.mv(card.range_code, tcspc["range_code"], card.integration_time, plain(integration_s))
        metadata = yield from start_metadata(microscope, "lifetime_at", tcspc, w_cm2)
        return about_emitter(sight, md) | metadata | {"irf_uid": irf_uid, "detectors": [card.name]}

    def measure():
        wanted = {"n_photons": int(n_photons), "max_time_s": max_time_s, "recentre_s": recentre_s}
        return photons_until(microscope, sight, dwell_s=plain(patch_ms) / 1e3, integration_s=integration_s, **wanted)

    uid, (stopped_by, seen, counted) = yield from on_one_emitter(
        microscope,
        name,
        lambda: lit(microscope, microscope.pulsed, w_cm2, measure),
        describe=describe,
        staging=lambda measured: with_card(microscope, "point", measured),
        splitter=APART,
        filters=EMISSION_FILTERS,
    )
    return LifetimeOutcome(uid, stopped_by, seen.emitter, seen.x_um, seen.y_um, counted)


def photons_until(
    microscope: Microscope,
    sight: Sight,
    *,
    n_photons: int,
    max_time_s: float,
    recentre_s: float,
    dwell_s: float,
    integration_s: float,
) -> Generator[Msg, Any, tuple[str, Sight, int]]:
    """Integrations and re-centrings until there are enough photons; (reason, last sight, photons)."""
    sight = yield from refocus(microscope, sight, dwell_s=dwell_s)
    row, counted, live_s, recentred_s = 0, 0, 0.0, 0.0
    while sight.found and counted < n_photons and live_s < max_time_s:
        if live_s - recentred_s >= recentre_s:
            sight, recentred_s = (yield from refocus(microscope, sight, dwell_s=dwell_s)), live_s
            continue
        counted += yield from decay(microscope, row)
        row, live_s = row + 1, live_s + integration_s
    if counted >= n_photons:
        return "n_photons", sight, counted
    return ("max_time_s" if sight.found else "lost"), sight, counted


def decay(microscope: Microscope, row: int) -> Generator[Msg, Any, int]:
    """One row of the card, one Event; the photons of the route of quantum dots."""
    seen = yield from lit_row(microscope, microscope.timeharp, row, "integration")
    return int(seen["counts"][QD]) if "counts" in seen else 0
