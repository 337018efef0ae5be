"""Whether a spectrofluorometer can do a scan, and where its monochromators are told to stand."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict

import numpy as np
from numpy.typing import NDArray

from devices.iocs.backends import SCAN_KINDS, Scan

Limits = Mapping[str, tuple[float, float]]
Floats = NDArray[np.float64]


def told_nm(scan: Scan) -> tuple[Floats, Floats]:
    """Excitation and emission wavelength of each point, (n,), or (1,) where a monochromator stands still.

    >>> told_nm(Scan("synchronous", 300, 302, 1, 20, 1, 1, 0.1))
    (array([300., 301., 302.]), array([320., 321., 322.]))
    """
    moving, fixed = scan.wavelength_nm.astype(float), np.array([float(scan.fixed_nm)])
    return {
        "emission": (fixed, moving),
        "excitation": (moving, fixed),
        "synchronous": (moving, moving + scan.fixed_nm),
        "transmission": (moving, moving),
    }[scan.kind]


def check(scan: Scan, limits: Limits, max_points: int) -> None:
    """ValueError with the first reason why this scan cannot be done."""
    for holds, given, allowed in _conditions(scan, limits, max_points):
        if not holds:
            raise ValueError(f"{given}: {allowed}")


def _conditions(scan: Scan, limits: Limits, max_points: int) -> Iterator[tuple[bool, str, str]]:
    """(holds, what was given, what is allowed), in an order in which each can rely on those before."""
    yield scan.kind in SCAN_KINDS, f"kind = {scan.kind!r}", f"it must be one of {', '.join(SCAN_KINDS)}"
    for key, value in asdict(scan).items():
        if key not in ("kind", "region"):
            yield math.isfinite(value), f"{key} = {value}", "it must be a finite number"
    yield scan.region >= 1, f"region = {scan.region}", "regions are numbered from 1"
    for key, rule in _RULES.items():
        low, high = limits[rule]
        value = getattr(scan, key)
        yield low <= value <= high, f"{key} = {value:g}", f"it must lie within {low:g}..{high:g}"
    ends = f"start_nm = {scan.start_nm:g}, stop_nm = {scan.stop_nm:g}"
    yield scan.stop_nm >= scan.start_nm, ends, "the scan runs upwards; exchange them"
    yield scan.n_points <= max_points, f"{scan.n_points} points", f"at most {max_points}; widen step_nm"
    sides = zip(("excitation_nm", "emission_nm"), told_nm(scan), strict=True)
    for side, nm in sides:
        if scan.kind == "transmission" and side == "emission_nm":
            continue
        low, high = limits[side]
        span = f"{nm[0]:g}" if len(nm) == 1 else f"{nm[0]:g}..{nm[-1]:g}"
        yield low <= nm[0] and nm[-1] <= high, f"{side} = {span}", f"the instrument reaches {low:g}..{high:g}"


_RULES = {
    "step_nm": "step_nm",
    "excitation_slit_nm": "slit_nm",
    "emission_slit_nm": "slit_nm",
    "dwell_s": "dwell_s",
}
