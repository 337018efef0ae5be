"""What a look at a continuous-wave laser finds."""

import math
from typing import Protocol

from devices.iocs.drivers.finding import Finding
from devices.iocs.drivers.wires.wire import WireError


class Checked(Protocol):
    """What is asked of a laser that is looked at."""

    max_mw: float
    w_cm2_per_mw: float

    def identity(self) -> str: ...
    def limits_mw(self) -> tuple[float, float]: ...
    def fault(self) -> str: ...
    def is_on(self) -> bool: ...
    def ordered_mw(self) -> float: ...
    def findings(self) -> list[Finding]: ...


def check(laser: Checked) -> list[Finding]:
    """Identity, limits, state, and whatever else this laser tells; nothing of its light changes."""
    try:
        found = [Finding("identity", "ok", laser.identity()), limits(laser), state(laser), *laser.findings()]
    except (WireError, RuntimeError) as why:
        return [Finding("laser", "failed", f"{why}", "correct port or cable, then check again")]
    to_do = "measure the power behind the objective and the focus; intensity = 2 P / (pi w2)"
    return [*found, Finding("intensity", "unverified", f"{laser.w_cm2_per_mw:g} W/cm2 for each mW", to_do)]


def limits(laser: Checked) -> Finding:
    """What it can do against what lab.toml allows."""
    least_mw, most_mw = laser.limits_mw()
    if math.isinf(most_mw):
        told = f"0..{laser.max_mw:g} mW as declared; the laser does not tell its own"
        return Finding("power limits", "unverified", told, "compare max_mw with the laser's label")
    found = f"{least_mw:g}..{most_mw:g} mW, max_mw = {laser.max_mw:g}"
    wide = laser.max_mw > most_mw
    return Finding("power limits", "failed" if wide else "ok", found, "lower max_mw in lab.toml" if wide else "")


def interlock(closed: bool | None, to_do: str) -> Finding:
    """What the laser tells of it; to_do : if it is open."""
    if closed is None:
        wired = 'wire it in hardware, see that it ends emission, and write interlock = "hardware" for the shutter'
        return Finding("interlock", "unverified", "this laser does not tell it", wired)
    return Finding("interlock", "ok" if closed else "failed", "closed" if closed else "open", "" if closed else to_do)


def state(laser: Checked) -> Finding:
    """Emission, fault, set power."""
    fault, on = laser.fault(), laser.is_on()
    found = f"emission {'on' if on else 'off'}, {fault or 'no fault'}, set to {laser.ordered_mw():g} mW"
    if fault:
        return Finding("state", "failed", found, "remove the cause, then clear the fault at the laser")
    return Finding("state", "ok", found, "emission is on: nobody should be in the beam" if on else "")
