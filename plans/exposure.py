"""How much light a plan puts on one place of the sample, against the budget of the lab."""

import math
from collections.abc import Generator
from typing import Any

from bluesky.utils import Msg

from devices.microscope import Microscope
from plans.raster import FLY_BACK_S, Raster
from plans.stubs import read

PLACE_UM = 0.5  # what falls into a square of this size counts as if it fell on one point


def exposure_problem(microscope: Microscope, dose_kj_cm2: float) -> Generator[Msg, Any, str | None]:
    """The problem with putting up to this much light on one place, or None; the IOC counts what fell there before."""
    budget = yield from read(microscope.exposure.budget)
    if not budget or dose_kj_cm2 <= budget:
        return None
    return (
        f"exposure: it would put up to {dose_kj_cm2:.4g} kJ/cm2 on one place of the sample, the budget is {budget:g}: "
        f"less light, less time, or RE(bps.mv(microscope.exposure.budget, ...)), where 0 is no budget"
    )


def standing_dose(seconds: float, w_cm2: float) -> float:
    """kJ/cm2 of light that stands on one place.

    >>> standing_dose(600, 2500)
    1500.0
    """
    return seconds * w_cm2 / 1e3


def raster_dose(raster: Raster, w_cm2: float) -> float:
    """kJ/cm2 on the most exposed place of a raster: pixels that share a place add up, and so does the fly-back.

    >>> paper = Raster((50, 50), 50, 100, 100, 10, 10, False)
    >>> round(raster_dose(paper, 50), 3)
    0.08
    """
    abreast = min(math.ceil(PLACE_UM * raster.n_pixels / raster.extent_um - 1e-9), raster.n_pixels)
    pixel_s = (raster.dwell_ms + raster.settle_ms) / 1e3
    return standing_dose(raster.n_scans * (abreast**2 * pixel_s + abreast * FLY_BACK_S), w_cm2)
