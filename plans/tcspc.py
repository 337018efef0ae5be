"""Counting photons: the range of the card, the instrument response that fits it, the way of the light, metadata."""

import math
from collections.abc import Generator, Iterable
from typing import Any

from bluesky import plan_stubs as bps
from bluesky import preprocessors as bpp
from bluesky.utils import Msg, MsgGenerator

from devices.microscope import Microscope
from plans.stubs import dark, lines_of, note, outside, read, require, sample_problem, staged, take

ROUTES = ("perovskite", "qd")
EMISSION_FILTERS = {"perovskite": "532/10+OD1", "qd": "FBH650-40+655/15"}
QD_FILTERS: dict[str, str] = dict.fromkeys(ROUTES, EMISSION_FILTERS["qd"])  # both SPADs see quantum dots
SCATTER: dict[str, str] = dict.fromkeys(ROUTES, "scatter")  # both see the laser
APART, SHARED = "dichroic", "50:50"  # positions of the splitter: the colours apart, or all light shared
N_CHANNELS = 4096
BLIND_START_NS = 20.0
DARK_S = 30.0
PROTOCOL_VERSION = 1


def finest_range(needed_ns: float, base_resolution_ps: float, codes: Iterable[int] = range(6)) -> int:
    """The finest of the card's ranges whose 4096 channels hold `needed_ns`, or its widest.

    >>> finest_range(470.0, 36.0), finest_range(750.0, 36.0), finest_range(470.0, 36.0, [0, 3])
    (2, 3, 3)
    """
    ordered = sorted(codes)
    wide_enough = (code for code in ordered if N_CHANNELS * base_resolution_ps * 1e-3 * 2**code >= needed_ns)
    return next(wide_enough, ordered[-1])


def range_code_for(period_ns: float, base_resolution_ps: float, codes: Iterable[int] = range(6)) -> int:
    """The finest of the card's ranges that holds one laser period behind the blind start, or its widest.

    >>> range_code_for(500.0, 36.0), range_code_for(500.0, 36.0, [0, 3]), range_code_for(50_000.0, 36.0)
    (2, 3, 5)
    """
    return finest_range(period_ns + BLIND_START_NS, base_resolution_ps, codes)


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


def scatter_problems(microscope: Microscope, min_counts: Any, w_cm2: Any, integration_s: Any) -> list[str | None]:
    """What is wrong with a calibration by scattered pulses."""
    return [
        outside("min_counts", min_counts, 1000, 1e9, whole=True),
        outside("intensity_w_cm2", w_cm2, 1e-3, microscope.pulsed.intensity.limits[1]),
        outside("integration_s", integration_s, 1e-3, 3600),
    ]


def irf_problem(microscope: Microscope, tcspc: dict) -> Generator[Msg, Any, str | None]:
    """Whether there is an instrument response on the time axis of this run."""
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
        f"the instrument response {uid[:8]} has channels of {width:.4g} ns and a period of {period:g} ns, this run "
        f"{tcspc['bin_width_ns']:.4g} ns and {tcspc['period_ns']:g} ns: "
        f"RE(irf(microscope, range_code={tcspc['range_code']})) first"
    )


def run_metadata(microscope: Microscope, name: str, excitation: dict[str, Any]) -> Generator[Msg, Any, dict]:
    """What every run of the microscope says about light, detection and sample."""
    sample = yield from read(microscope.sample.mounted)
    filters = {}
    for route in ROUTES:
        filters[route] = {"filter": (yield from read(getattr(microscope.filters, route)))}
    return {
        "plan_name": name,
        "protocol_version": PROTOCOL_VERSION,
        "sample_name": sample,
        "sample": {"name": sample, **microscope.samples.get(sample, {})},
        "excitation": excitation,
        "detection": filters,
        "splitter": (yield from read(microscope.filters.splitter)),
        "routes": list(ROUTES),
        "wiring": (yield from read(microscope.timeharp.wiring)),
    }


def start_metadata(microscope: Microscope, name: str, tcspc: dict, w_cm2: float) -> Generator[Msg, Any, dict]:
    """What every pulsed run says."""
    excitation = {
        "laser": "EPL-450",
        "wavelength_nm": (yield from read(microscope.pulsed.wavelength)),
        "intensity_w_cm2": w_cm2,
        "repetition_hz": (yield from read(microscope.pulsed.repetition)),
    }
    return {**(yield from run_metadata(microscope, name, excitation)), "tcspc": tcspc}


def cw_metadata(microscope: Microscope, name: str, w_cm2: float) -> Generator[Msg, Any, dict]:
    """What every run under continuous light says."""
    wavelength_nm = yield from read(microscope.cw.wavelength)
    excitation = {"laser": "CW 561", "wavelength_nm": wavelength_nm, "intensity_w_cm2": w_cm2}
    return (yield from run_metadata(microscope, name, excitation))


def chosen_sample(microscope: Microscope, sample: str | None) -> Generator[Msg, Any, tuple[Any, str | None]]:
    """Name of the sample to measure (the mounted one, if none is given), and what is wrong with it."""
    name = (yield from read(microscope.sample.mounted)) if sample is None else sample
    return name, sample_problem(name, microscope.samples, (yield from lines_of(microscope.sample.available)))


def mount(microscope: Microscope, name: str) -> MsgGenerator:
    """Put this sample on the stage, if it is not there."""
    if (yield from read(microscope.sample.mounted)) != name:
        yield from bps.mv(microscope.sample.mounted, name)


def set_detection(microscope: Microscope, splitter: str, filters: dict[str, str]) -> MsgGenerator:
    """Splitter and filters, each only if it stands elsewhere: they close the shutter, and they wear."""
    wanted = {"splitter": splitter, **filters}
    for part, position in wanted.items():
        changer = getattr(microscope.filters, part)
        if (yield from read(changer)) != position:
            yield from bps.mv(changer, position)


def with_detection(microscope: Microscope, splitter: str, filters: dict[str, str], inner: MsgGenerator) -> MsgGenerator:
    """Run `inner` with this way of the light; put back the colours apart, each behind its filter, however it ends."""

    def measured():
        yield from set_detection(microscope, splitter, filters)
        return (yield from inner)

    return (yield from bpp.finalize_wrapper(measured(), colours_apart(microscope)))


def colours_apart(microscope: Microscope) -> MsgGenerator:
    """Splitter and filters as images need them; a place that is changed by hand has one name, and stays as it is."""
    for part, position in {"splitter": APART, **EMISSION_FILTERS}.items():
        changer = getattr(microscope.filters, part)
        names = yield from lines_of(getattr(microscope.filters, f"{part}_positions"))
        if len(names) != 1 and (yield from read(changer)) != position:
            yield from bps.mv(changer, position)


def take_dark(microscope: Microscope) -> MsgGenerator:
    """Count with the shutter closed: the dark rate of both routes, one Event in the stream "dark".

    The laser runs, because a start-stop card records nothing without sync.
    """
    card: Any = microscope.timeharp
    yield from dark(microscope)
    yield from bps.mv(card.integration_time, DARK_S)

    def count():
        yield from take(card, 0)
        yield from note("dark", card)

    yield from with_card(microscope, "point", count())


def with_card(microscope: Microscope, mode: str, inner: MsgGenerator) -> MsgGenerator:
    """Run `inner` with a file open whose rows are "point", "hbt" or "records"; later files are of points again."""
    card = microscope.timeharp

    def measured():
        yield from bps.mv(card.mode, mode)
        return (yield from staged(card, inner))

    return (yield from bpp.finalize_wrapper(measured(), bps.mv(card.mode, "point")))
