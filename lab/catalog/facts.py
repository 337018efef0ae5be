"""What a start document says of a run, in the words of a card."""

import math
from collections.abc import Mapping
from datetime import datetime
from typing import Any

Start = Mapping[str, Any]


def title(start: Start, exit_status: str) -> str:
    """What was measured, of what, when, how it ended."""
    about = start.get("emitter") or ""
    sample = start.get("sample_name", "")
    whom = f" of {about} ({sample})" if about else f" of {sample}" if sample else ""
    when = f"{datetime.fromtimestamp(start['time']):%Y-%m-%d %H:%M}"
    return f"{start['uid'][:8]} {start.get('plan_name', start.get('purpose', 'run'))}{whom}, {when}, {exit_status}"


def light(start: Start) -> str:
    """Lamp or laser, its wavelength, its intensity."""
    told = start.get("excitation")
    if not isinstance(told, Mapping):
        return ""
    source = str(told.get("laser") or told.get("lamp") or "")
    rate: Any = told.get("repetition_hz")
    parts = [
        source,
        wavelength(told.get("wavelength_nm")),
        f"{told['intensity_w_cm2']:g} W/cm2" if is_number(told.get("intensity_w_cm2")) else "",
        f"{float(rate) / 1e6:g} MHz" if is_number(rate) else "",
    ]
    return ", ".join(part for part in parts if part)


def wavelength(told: Any) -> str:
    if isinstance(told, (list, tuple)) and len(told) == 2:
        return f"{told[0]:g} to {told[1]:g} nm"
    return f"{told:g} nm" if is_number(told) else ""


def settings(start: Start) -> str:
    """What of the settings one asks for first."""
    if (raster := start.get("raster")) is not None:
        n = raster["n_pixels"]
        scans = f", {raster['n_scans']} scans" if raster.get("n_scans", 1) > 1 else ""
        return f"{raster['extent_um']:g} um, {n} x {n} pixels, {raster['dwell_ms']:g} ms each{scans}"
    if (scan := start.get("scan")) is not None:
        span = f"{scan['start_nm']:g} to {scan['stop_nm']:g} nm"
        return f"{span} in steps of {scan['step_nm']:g} nm, {scan['dwell_s']:g} s"
    if (record := start.get("record")) is not None:
        return f"{record['kind']}, {start.get('duration_s', float('nan')):g} s, bins of {record['bin_s'] * 1e3:g} ms"
    if (rule := start.get("stop_rule")) is not None:
        wanted = [f"error of {rule['target_err_ns']:g} ns"] if is_number(rule.get("target_err_ns")) else []
        wanted += ["decided"] if rule.get("decide") else []
        return f"until {' or '.join([*wanted, 'the time is over'])}, at most {rule['max_time_s']:g} s"
    return ""


def origin(start: Start) -> str:
    """Where the numbers come from: bench or simulation, code."""
    twin = start.get("twin")
    bench = f"digital twin, preset {twin['preset']}, seed {twin['seed']}" if isinstance(twin, Mapping) else ""
    source = start.get("source")
    bench = f"imported from {source['file']}" if isinstance(source, Mapping) and "file" in source else bench
    bench = bench or ("real instruments" if twin is False else "")
    version = start.get("code_version")
    return ", ".join(part for part in (bench, f"code {version}" if version else "") if part)


def is_number(value: Any) -> bool:
    """Whether it is a number that is known."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and not math.isnan(value)
