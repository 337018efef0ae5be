"""What every exported file says of its run: who, what, of what, when, by which code."""

from datetime import UTC, datetime
from typing import Any

from lab.export.stored import Stored
from lab.version import code_version


def facts(run: Stored) -> dict[str, str]:
    """The facts of a run as text, by name; those that nobody told are left out."""
    start, derived = run.start, run.derived
    found = {
        "uid": run.uid,
        "plan": run.plan,
        "sample": str(start.get("sample_name", "")),
        "emitter": str(start.get("emitter", "")),
        "measured": when(start.get("time")),
        "ended": when(run.stop.get("time")),
        "exit status": ended(run),
        "simulated": simulated(start.get("twin")),
        "operator": str(start.get("operator", "")),
        "excitation": excitation(start.get("excitation", {})),
        "detection": detection(start),
        "code of the measurement": str(start.get("code_version", "")),
    }
    if derived is not None and derived.start["uid"] != run.uid:
        found |= {"analysis": derived.start["uid"], "code of the analysis": str(derived.start.get("code_version", ""))}
    if start.get("analysis_of"):
        found["analysis of"] = " ".join(start["analysis_of"])
    found["code of the export"] = f"Luminescope {code_version()}"
    return {name: one_line(text) for name, text in found.items() if text}


def when(time_s: float | None) -> str:
    """A moment in ISO 8601, universal time.

    >>> when(0)
    '1970-01-01T00:00:00.000000+00:00'
    """
    return "" if time_s is None else datetime.fromtimestamp(time_s, UTC).isoformat(timespec="microseconds")


def ended(run: Stored) -> str:
    """How the run ended."""
    if not run.stop:
        return "open: the run has no end yet"
    return "interrupted" if run.stop.get("interrupted") else str(run.stop.get("exit_status", ""))


def simulated(twin: Any) -> str:
    """Whether photons were simulated, and how.

    >>> simulated({"preset": "A", "seed": 1}), simulated(False)
    ('yes: digital twin, preset A, seed 1', 'no')
    """
    if not isinstance(twin, dict):
        return "" if twin is None else "yes: digital twin" if twin else "no"
    return ", ".join(["yes: digital twin", *(f"{key} {value}" for key, value in twin.items())])


def excitation(told: dict[str, Any]) -> str:
    """The light on the sample.

    >>> excitation({"laser": "CW 561", "wavelength_nm": 561.0, "intensity_w_cm2": 2500.0})
    'CW 561, 561 nm, 2500 W/cm2'
    """
    parts = [str(told.get("laser") or told.get("lamp") or "")]
    for key, unit in {"wavelength_nm": "nm", "intensity_w_cm2": "W/cm2", "repetition_hz": "Hz"}.items():
        value = told.get(key)
        parts += [f"{shown(value)} {unit}"] if value is not None else []
    return ", ".join(part for part in parts if part)


def shown(value: Any) -> str:
    """A number, or a range."""
    return " to ".join(f"{one:g}" for one in value) if isinstance(value, list | tuple) else f"{float(value):g}"


def detection(start: dict[str, Any]) -> str:
    """The filter of each route, or the detector."""
    told = start.get("detection", {})
    routes = [f"{route} {about['filter']}" for route, about in told.items() if isinstance(about, dict)]
    parts = [*routes, str(told.get("detector", "")), str(start.get("splitter", ""))]
    return ", ".join(part for part in parts if part)


def one_line(text: str) -> str:
    """Text without line ends, fit for a header."""
    return " ".join(text.split())
