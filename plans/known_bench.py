"""The instruments as a forecast must know them: asked with messages that change nothing."""

import math
from collections.abc import Generator
from typing import Any

import numpy as np
from bluesky.utils import Msg

from plans.forecast import Bench, nothing_earlier
from plans.outlook import Outlook, seen

BY_HAND_S = 5.0  # mounting and filters, where somebody or something moves them
WARM_UP_S = 1800.0
STANDING = {
    "splitter": "filters__splitter",
    "perovskite": "filters__perovskite",
    "qd": "filters__qd",
    "x": "piezo__x",
    "y": "piezo__y",
}


def bench_of(outlook: Outlook, now_s: float = math.nan) -> Generator[Msg, Any, Bench]:
    """What forecasts must know, as it will be when their turn comes at `now_s`."""
    microscope, fs5 = outlook.devices["microscope"], outlook.devices["fs5"]
    simulated = yield from asked(outlook, microscope, "timeharp__serial", "")
    earlier = getattr(microscope, "earlier", None)
    standing = {}
    for name, path in STANDING.items():
        standing[name] = yield from asked(outlook, microscope, path, "")
    colours = {}
    for laser, otherwise in (("pulsed", 445.0), ("cw", 561.0)):
        colours[laser] = float((yield from asked(outlook, microscope, f"{laser}__wavelength", otherwise)))
    warm_s = float((yield from seen(outlook, fs5.warm_up)))
    dead_ns = yield from asked(outlook, microscope, "counters__dead_time", 45.0)
    return Bench(
        {"microscope": microscope, "fs5": outlook.stand("fs5")},
        mounted=(yield from seen(outlook, microscope.sample.mounted)),
        chamber=(yield from seen(outlook, fs5.mounted)),
        warm_up_s=warm_s if math.isfinite(warm_s) else WARM_UP_S,
        repetition_hz=float((yield from seen(outlook, microscope.pulsed.repetition))),
        changes_s=0.0 if str(simulated).startswith("twin") else BY_HAND_S,
        standing=standing,
        wavelength_nm=colours,
        dead_time_ns=float(np.max(dead_ns)),
        trip_cps=float((yield from asked(outlook, microscope, "spads__trip_cps", 5e6))),
        irf_uid=(yield from valid(outlook, microscope, "irf")),
        time_zero_uid=(yield from valid(outlook, microscope, "time_zero")),
        calibration_uid=(yield from held(outlook, fs5, "calibration", fs5)),
        sigma_ns=float((yield from asked(outlook, microscope, "pair_sigma_ns", math.nan))),
        base_ps=float((yield from asked(outlook, microscope, "timeharp__base_resolution", 36.0))),
        wiring=str((yield from asked(outlook, microscope, "timeharp__wiring", ""))),
        backend=str((yield from asked(outlook, fs5, "backend", ""))),
        earlier=nothing_earlier if earlier is None else earlier,
        began=unknown if earlier is None else earlier.began,
        now_s=now_s,
    )


def unknown(uid: str) -> float:
    """When a run began, where there is no journal."""
    return math.nan


def asked(outlook: Outlook, device: Any, path: str, otherwise: Any) -> Generator[Msg, Any, Any]:
    """The value that a signal will have; `otherwise` where the device has no such signal."""
    signal = device
    for part in path.split("__"):
        signal = getattr(signal, part, None)
    return otherwise if signal is None else (yield from seen(outlook, signal))


def held(outlook: Outlook, device: Any, name: str, instrument: Any) -> Generator[Msg, Any, str]:
    """The uid of a calibration, "" if the instrument was restarted since."""
    uid = yield from asked(outlook, device, f"{name}_uid", "")
    booted = yield from asked(outlook, device, f"{name}_boot_id", "")
    return str(uid) if uid and booted == (yield from asked(outlook, instrument, "boot_id", None)) else ""


def valid(outlook: Outlook, microscope: Any, name: str) -> Generator[Msg, Any, str]:
    """The uid of a calibration of the card, "" if it holds no longer."""
    return (yield from held(outlook, microscope, name, microscope.timeharp))
