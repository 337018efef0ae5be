"""The plans of the lab by name, which device each of them takes, and which arguments."""

import inspect
from collections.abc import Callable, Iterable
from typing import Any

from plans.antibunching import hbt
from plans.calibration import calibrate
from plans.campaign import qd_campaign
from plans.finding import find_emitters, recentre
from plans.imaging import flim_raster, irf
from plans.intermittency import blinking
from plans.parking import park
from plans.power import power_series
from plans.recorded import import_scan
from plans.single_lifetime import lifetime_at
from plans.spectroscopy import absorption, blank, pl, ple, warm_up
from plans.stubs import unknown
from plans.time_zero import time_zero

_ALL = (absorption, blank, blinking, calibrate, find_emitters, flim_raster, hbt, import_scan, irf, lifetime_at, park)
_ALL += (pl, ple, power_series, qd_campaign, recentre, time_zero, warm_up)
PLANS: dict[str, Callable[..., Any]] = {each.__name__: each for each in _ALL}


def device_of(name: str) -> str:
    """The name of the device that a plan takes.

    >>> device_of("flim_raster"), device_of("ple")
    ('microscope', 'fs5')
    """
    return next(iter(inspect.signature(PLANS[name]).parameters))


def defaults(name: str) -> dict[str, Any]:
    """The arguments of a plan without its device, with their defaults; those that must be given are `...`."""
    parameters = list(inspect.signature(PLANS[name]).parameters.values())[1:]
    return {each.name: ... if each.default is inspect.Parameter.empty else each.default for each in parameters}


def plan_problem(name: Any) -> str | None:
    """The problem with the name of a plan, with the nearest one, or None.

    >>> plan_problem("flim_rastr").endswith("Did you mean 'flim_raster'?")
    True
    """
    return unknown("plan", name, sorted(PLANS))


def argument_problems(name: str, given: Iterable[str]) -> list[str | None]:
    """What is wrong with the names of the arguments of a plan.

    >>> argument_problems("irf", ["min_count"])
    ['min_count: irf has no such argument; it has min_counts, intensity_w_cm2, integration_s, range_code, md']
    >>> argument_problems("import_scan", ["path"])
    ['sample: import_scan needs it']
    """
    known, given = defaults(name), list(given)
    found: list[str | None] = []
    for key in given:
        if key == device_of(name):
            found.append(f"{key}: the devices are those of the lab; leave it out")
        elif key not in known:
            has = f"it has {', '.join(known)}" if known else "it has none"
            found.append(f"{key}: {name} has no such argument; {has}")
    return found + [f"{key}: {name} needs it" for key, value in known.items() if value is ... and key not in given]
