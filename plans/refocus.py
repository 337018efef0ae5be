"""Keeping one emitter in the focus: a small patch is scanned around it, and the stage follows (paper, section 2.7)."""

import logging
import math
from collections.abc import Generator
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
from bluesky import plan_stubs as bps
from bluesky.utils import Msg, MsgGenerator

from analysis.emitters import Place, locate
from devices.microscope import Microscope
from plans.stubs import dark, note, read, readings, shine, take, unmeasurable, went_dark
from plans.tcspc import SHARED

log = logging.getLogger(__name__)

N_PIXELS = 9
MAX_PATCHES = 10_000  # in one run
NEAR_ATTEMPTS = 3  # a dark period of the emitter passes meanwhile
SIGNIFICANT = 2.0  # standard deviations from which the stage follows
JUMP_UM, JUMP_S = 0.35, 60.0  # drift does not go farther in that time
ALIKE = 2.0  # two sights of one emitter differ by less in brightness
SETTLE_S = 1e-3
SEEN = (
    "x_err_um",
    "y_err_um",
    "rate_cps",
    "rate_err_cps",
    "background_cps",
    "background_err_cps",
    "fwhm_um",
)


@dataclass(frozen=True)
class Patch:
    """How the surroundings of an emitter are scanned."""

    pixel_um: float
    dwell_s: float

    @property
    def extent_um(self) -> float:
        return N_PIXELS * self.pixel_um

    @property
    def reach_um(self) -> float:
        """From the centre of the patch to that of its outermost pixel."""
        return (N_PIXELS - 1) / 2 * self.pixel_um


CLOSE = Patch(pixel_um=0.08, dwell_s=0.005)
WIDE = Patch(pixel_um=0.24, dwell_s=0.005)  # 2 um


@dataclass(frozen=True)
class Sight:
    """Where the stage must stand, and what was seen there last; `_err` is one standard deviation, NaN if not known.

    found : whether the last re-centring succeeded; attempts: patches it took
    at_s : instrument time of the last success, NaN before the first
    patches : scanned so far in this run; jumps : times the emitter was found farther away than drift goes
    around, around_um : the first patch of the run, 2 um (N_PIXELS, N_PIXELS) counts, and its centre
    """

    emitter: str
    x_um: float
    y_um: float
    x_err_um: float = math.nan
    y_err_um: float = math.nan
    rate_cps: float = math.nan
    rate_err_cps: float = math.nan
    background_cps: float = math.nan
    background_err_cps: float = math.nan
    fwhm_um: float = math.nan
    found: bool = False
    attempts: int = 0
    at_s: float = math.nan
    patches: int = 0
    jumps: int = 0
    around: np.ndarray | None = field(default=None, repr=False, compare=False)
    around_um: tuple[float, float] = (math.nan, math.nan)

    def had_neighbour(self, x_um: float, y_um: float, rate_cps: float) -> bool:
        """Whether something as bright as a tenth of that was there at the beginning."""
        if self.around is None:
            return False
        steps = (np.arange(N_PIXELS) - (N_PIXELS - 1) / 2) * WIDE.pixel_um
        near_x, near_y = (
            np.abs(centre + steps - at) < 1.5 * WIDE.pixel_um
            for centre, at in zip(self.around_um, (x_um, y_um), strict=True)
        )
        there = self.around[np.ix_(near_y, near_x)]
        level = float(np.median(self.around))
        least = max(0.1 * rate_cps * WIDE.dwell_s, 4 * math.sqrt(level + 1))
        return bool(there.size and there.max() - level > least)

    @property
    def target(self) -> dict[str, Any]:
        """For `microscope.target`."""
        told = asdict(self) | {"found": int(self.found)} | ({} if self.found else dict.fromkeys(SEEN, math.nan))
        return {key: told[key] for key in told if key in ("emitter", "x_um", "y_um", "found", "attempts", *SEEN)}


def planned_sight(microscope: Microscope, at_um: Any, emitter: Any, sample: str) -> tuple[Sight, list[str | None]]:
    """Where the emitter should be, and what is wrong with that: the place that is given, or that of the registry."""
    registry = microscope.emitters
    nowhere = Sight("", math.nan, math.nan)
    if at_um is None and emitter is None:
        return nowhere, ["neither at_um=(x, y) nor emitter='...' is given: say where the emitter is, or which"]
    if emitter is not None and not (isinstance(emitter, str) and emitter):
        return nowhere, [f"emitter={emitter!r}: must be the id of an emitter, such as '{sample}-001'"]
    if at_um is None:
        try:
            if registry is None:
                raise LookupError(f"emitter={emitter!r}: there is no registry of emitters here, give at_um=(x, y)")
            at_um = tuple(registry.where(emitter))
        except LookupError as why:
            return nowhere, [str(why.args[0]) if why.args else f"emitter={emitter!r}: nobody knows where it is"]
    travel = [axis.limits for axis in (microscope.piezo.x, microscope.piezo.y)]
    if problem := unmeasurable("at_um", at_um, travel, CLOSE.extent_um / 2):
        return nowhere, [problem]
    x_um, y_um = map(float, at_um)
    if emitter is None and registry is not None and isinstance(sample, str):
        emitter = registry.near(sample, (x_um, y_um))
    if emitter and registry is not None and emitter not in registry:
        return nowhere, [f"emitter={emitter!r}: there is no such emitter; `emitters` shows all, at_um alone needs none"]
    return Sight(emitter or "", x_um, y_um), []


def set_patches(microscope: Microscope) -> MsgGenerator:
    """Tell the scanner what all patches of a run have in common."""
    scanner = microscope.scanner
    yield from bps.mv(scanner.counting, "counters", scanner.pattern, "patch", scanner.snake, "yes")
    yield from bps.mv(scanner.nx, N_PIXELS, scanner.ny, N_PIXELS, scanner.n_scans, MAX_PATCHES)
    yield from bps.mv(scanner.settle, SETTLE_S)


def refocus(microscope: Microscope, sight: Sight, *, dwell_s: float = CLOSE.dwell_s) -> Generator[Msg, Any, Sight]:
    """Find the emitter again and put it into the focus; one Event in the stream "refocus".

    If it is not seen in `NEAR_ATTEMPTS` patches, one of 2 um is scanned, and where that shows it a close one again. If
    that fails as well, the stage stays where it was and `found` is False. The shutter is closed in the end.
    """
    if math.isnan(sight.at_s):
        sight = yield from survey(microscope, sight, dwell_s)
    new = replace(sight, found=False, attempts=0)
    mounted = yield from read(microscope.sample.mounted)
    for patch in (*[CLOSE] * NEAR_ATTEMPTS, WIDE):
        new, place, at_s = yield from look_around(microscope, new, replace(patch, dwell_s=dwell_s))
        if place.found and patch is WIDE:
            nearer = replace(new, x_um=place.x_um, y_um=place.y_um)
            nearer, place, at_s = yield from look_around(microscope, nearer, replace(CLOSE, dwell_s=dwell_s))
            new = replace(new, patches=nearer.patches, attempts=nearer.attempts)
        other = of_another(microscope, mounted, sight, place)
        if place.found and (new := followed(sight, new, place, at_s, other)).found:
            break
    yield from bps.mv(microscope.piezo.x, new.x_um)  # one after the other: a move of one holds the other
    yield from bps.mv(microscope.piezo.y, new.y_um)
    yield from bps.mv(microscope.target, new.target)
    yield from note("refocus", microscope.scanner, microscope.target)
    remember(microscope, sight, new)
    return new


def survey(microscope: Microscope, sight: Sight, dwell_s: float) -> Generator[Msg, Any, Sight]:
    """Note what is around at the beginning: what was there before is no emitter that jumped."""
    patch = replace(WIDE, dwell_s=dwell_s)
    counted, _, _ = yield from look_around(microscope, sight, patch)
    shared = (yield from read(microscope.filters.splitter)) == SHARED
    image = image_of((yield from readings(microscope.scanner)), both_routes=shared)
    around = image * (WIDE.dwell_s / dwell_s)
    x_um, y_um = centred(microscope, sight, patch)
    return replace(counted, around=around, around_um=(x_um, y_um))


def look_around(microscope: Microscope, sight: Sight, patch: Patch) -> Generator[Msg, Any, tuple[Sight, Place, float]]:
    """Scan one patch; the sight with its number counted, what is in the patch, and when that was."""
    scanner = microscope.scanner
    centre = centred(microscope, sight, patch)
    yield from bps.mv(scanner.x_centre, centre[0], scanner.y_centre, centre[1])
    yield from bps.mv(scanner.x_extent, patch.extent_um, scanner.y_extent, patch.extent_um)
    yield from bps.mv(scanner.dwell, patch.dwell_s)
    yield from bps.checkpoint()
    yield from shine(microscope)
    yield from take(scanner, sight.patches)
    yield from dark(microscope)
    seen = yield from readings(scanner)
    yield from bps.checkpoint()
    if seen.get("lit", 1.0) < 1:
        yield from went_dark(microscope, "a patch", seen["lit"])
    shared = (yield from read(microscope.filters.splitter)) == SHARED
    place = locate(
        image_of(seen, both_routes=shared),
        pixel_um=patch.pixel_um,
        dwell_s=patch.dwell_s,
        origin_um=(centre[0] - patch.reach_um, centre[1] - patch.reach_um),
        near_um=(sight.x_um, sight.y_um),
    )
    counted = replace(sight, patches=sight.patches + 1, attempts=sight.attempts + 1)
    return counted, place, float(seen.get("started", 0.0)) + float(seen.get("elapsed", 0.0))


def image_of(seen: dict[str, Any], *, both_routes: bool) -> np.ndarray:
    """Counts (N_PIXELS, N_PIXELS) of what sees quantum dots; zeros where there is no engine."""
    empty = np.zeros(N_PIXELS**2, int)
    routes = ("perovskite_counts", "qd_counts") if both_routes else ("qd_counts",)
    return np.sum([seen.get(key, empty) for key in routes], axis=0).reshape(N_PIXELS, N_PIXELS)


def centred(microscope: Microscope, sight: Sight, patch: Patch) -> list[float]:
    """The centre of a patch around the sight, moved inwards where it would leave the travel."""
    centre, reach = [], patch.extent_um / 2
    for place, axis in zip((sight.x_um, sight.y_um), (microscope.piezo.x, microscope.piezo.y), strict=True):
        low, high = axis.limits
        centre.append(min(max(place, low + reach), high - reach))
    return centre


def of_another(microscope: Microscope, sample: str, sight: Sight, place: Place) -> str:
    """The emitter that the registry expects where one was seen, "" if it is the one that is looked for, or unknown."""
    if microscope.emitters is None or not place.found:
        return ""
    there = microscope.emitters.near(sample, (place.x_um, place.y_um))
    return "" if there == sight.emitter else there


def followed(old: Sight, new: Sight, place: Place, at_s: float, other: str = "") -> Sight:
    """The sight after an emitter was seen: `found` if it may be the same one, with a new place if that differs.

    other : the emitter that should be there, if it is known
    """
    dx, dy = place.x_um - old.x_um, place.y_um - old.y_um
    known, jumped = not math.isnan(old.at_s), math.hypot(dx, dy) > JUMP_UM
    what = f"{old.emitter or 'the emitter'} was expected at ({old.x_um:.2f}, {old.y_um:.2f}) um; one was found"
    if jumped and other:
        log.warning("%s %.2f um away, where %s should be: it is not followed", what, math.hypot(dx, dy), other)
        return new
    if known and jumped:
        soon, alike = at_s - old.at_s < JUMP_S, 1 / ALIKE < place.rate_cps / old.rate_cps < ALIKE
        if (soon and not alike) or old.had_neighbour(place.x_um, place.y_um, place.rate_cps):
            log.warning("%s %.2f um away, which is another: it is not followed", what, math.hypot(dx, dy))
            return new
    if jumped:
        log.warning("%s %.2f um away: it is followed, and may be another", what, math.hypot(dx, dy))
    stays = known and math.hypot(dx / place.x_err_um, dy / place.y_err_um) < SIGNIFICANT
    seen = {key: getattr(place, key) for key in SEEN}
    where = (old.x_um, old.y_um) if stays else (place.x_um, place.y_um)
    return replace(new, x_um=where[0], y_um=where[1], found=True, at_s=at_s, jumps=old.jumps + jumped, **seen)


def remember(microscope: Microscope, old: Sight, new: Sight):
    """Tell the registry where the emitter was seen, unless it may be another.

    Not how bright it was: that depends on the light, and the registry compares emitters under that of the images.
    """
    if microscope.emitters is None or not (new.emitter and new.found) or new.jumps > old.jumps:
        return
    err_um = math.hypot(new.x_err_um, new.y_err_um) / math.sqrt(2)
    try:
        microscope.emitters.seen(new.emitter, new.x_um, new.y_um, err_um)
    except Exception as why:
        log.error("%s was seen, but the registry could not note it: %s", new.emitter, why)
