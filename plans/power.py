"""The rise time at several intensities: it is the lifetime where the light goes to zero."""

import uuid
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from bluesky.utils import MsgGenerator, plan

from devices.microscope import Microscope
from plans.antibunching import StopRule, hbt
from plans.single import cw_problem, planned_emitter
from plans.stubs import light_problem, plain, require, wiring_problem

INTENSITIES_W_CM2 = (1250.0, 2500.0, 5000.0, 10_000.0, 20_000.0)
ENDS = ("bleached", "lost")


@plan
def power_series(
    microscope: Microscope,
    *,
    at_um: tuple[float, float] | None = None,
    emitter: str | None = None,
    sample: str | None = None,
    intensities_w_cm2: Sequence[float] = INTENSITIES_W_CM2,
    target_err_ns: float | None = 1.0,
    target_contrast_err: float | None = None,
    max_time_s: float = 300.0,
    recentre_s: float = 30.0,
    md: dict | None = None,
) -> MsgGenerator:
    """One `hbt` run at each intensity, upwards, for the lifetime at zero power and the saturation.

    The runs share an id in their start documents, `power_series`. Ends early if the emitter bleaches or is lost.
    Returns the list of `HbtOutcome`.
    """
    name, sight, problems = yield from planned_emitter(microscope, sample, at_um, emitter, md)
    rule = StopRule(target_err_ns, target_contrast_err, False, max_time_s, recentre_s, 1.0)
    table = [(yield from wiring_problem(microscope, "hbt")), (yield from light_problem(microscope))]
    require([*problems, *intensity_problems(microscope, intensities_w_cm2), *rule.problems(), *table])
    steps = [float(plain(w_cm2)) for w_cm2 in intensities_w_cm2]
    about = {**(md or {}), "power_series": str(uuid.uuid4()), "intensities_w_cm2": steps}
    settings: dict[str, Any] = {"target_err_ns": target_err_ns, "target_contrast_err": target_contrast_err}
    place, outcomes = (sight.x_um, sight.y_um), []
    for w_cm2 in steps:
        found = yield from hbt(
            microscope,
            at_um=place,
            emitter=sight.emitter or None,
            sample=name,
            intensity_w_cm2=w_cm2,
            max_time_s=max_time_s,
            recentre_s=recentre_s,
            md=about,
            **settings,
        )
        outcomes.append(found)
        if found.stopped_by in ENDS:
            break
        place = (found.x_um, found.y_um)
    return outcomes


def intensity_problems(microscope: Microscope, intensities_w_cm2: Any) -> list[str | None]:
    """What is wrong with a series of intensities."""
    if not isinstance(intensities_w_cm2, Sequence) or isinstance(intensities_w_cm2, str):
        return [f"intensities_w_cm2={intensities_w_cm2!r}: must be a list of numbers"]
    if len(intensities_w_cm2) < 2:
        return [f"intensities_w_cm2={intensities_w_cm2!r}: two or more, or there is nothing to extrapolate"]
    problems = [cw_problem(microscope, w_cm2) for w_cm2 in intensities_w_cm2]
    if not any(problems) and any(b <= a for a, b in pairwise(intensities_w_cm2)):
        problems.append(f"intensities_w_cm2={intensities_w_cm2!r}: must rise; what bleaches comes last")
    return problems
