"""Pulsed counting: the range of the card, the instrument response that fits it, filters, dark counts."""

import math
from collections.abc import Generator, Iterable
from typing import Any

from bluesky import plan_stubs as bps
from bluesky import preprocessors as bpp
from bluesky.utils import Msg, MsgGenerator

from devices.microscope import Microscope
from plans.stubs import LINE_TIMEOUT_S, dark, lines_of, outside, read, require, staged

ROUTES = ("perovskite", "qd")
EMISSION_FILTERS = {"perovskite": "532/10+OD1", "qd": "FBH650-40+655/15"}
N_CHANNELS = 4096
BLIND_START_NS = 20.0
DARK_S = 30.0
PROTOCOL_VERSION = 1


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
