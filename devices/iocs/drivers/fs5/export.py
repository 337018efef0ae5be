"""Whether an exported file answers a scan, and the points it brings."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from analysis.formats.fluoracle import field
from analysis.formats.fluoracle_curves import (
    REFERENCE,
    CountsAre,
    axis_problem,
    counted,
    is_corrected,
    is_on,
    number,
    share,
)
from analysis.formats.photons import Spectrum
from devices.iocs.backends import Point, Scan
from devices.iocs.drivers.fs5.ticket import sheet

WAVELENGTH_NM, SLIT_NM, RELATIVE = 0.02, 0.02, 0.02


def misfits(spectrum: Spectrum, scan: Scan) -> list[str]:
    """Everything in which the curves of a file are not the scan that was asked for; empty if nothing."""
    found = [wrong for curve in spectrum.curves for wrong in _misfits_of(curve, scan)]
    found += [*_axis_misfits(spectrum, scan), *_curve_misfits(spectrum, scan)]
    return list(dict.fromkeys(found))


def points(spectrum: Spectrum, scan: Scan, counts_are: CountsAre) -> list[Point]:
    """The points of a file that fits; NaN is what it does not tell."""
    return _of_transmission(spectrum, scan) if scan.kind == "transmission" else _of_counts(spectrum, scan, counts_are)


def _of_transmission(spectrum: Spectrum, scan: Scan) -> list[Point]:
    shares, nan = share(spectrum.counts[0], spectrum.curves[0]), math.nan
    return [Point(w, nan, 1.0, one, nan, one, nan) for w, one in _plain(scan.wavelength_nm, shares)]


def _of_counts(spectrum: Spectrum, scan: Scan, counts_are: CountsAre) -> list[Point]:
    curves = dict(zip(map(is_corrected, spectrum.curves), spectrum.counts, strict=True))
    columns = _plain(scan.wavelength_nm, *counted(curves.get(False), curves.get(True), scan.dwell_s, counts_are))
    return [Point(w, n, math.nan, math.nan, f, c, math.nan) for w, n, f, c in columns]


def _misfits_of(curve: Mapping[str, Any], scan: Scan) -> Iterator[str]:
    asked = sheet(scan)
    if field(curve, "Type").casefold() != asked.kind.casefold():
        yield f"Type is {field(curve, 'Type') or 'not told'}, expected {asked.kind}"
    if problem := axis_problem(curve, transmission=scan.kind == "transmission"):
        yield problem
    for key, (wanted, tolerance, unit) in _wanted(scan).items():
        found = number(curve, key)
        if not abs(found - wanted) <= tolerance:
            told = "not told" if math.isnan(found) else f"{found:g}{unit}"
            yield f"{key} is {told}, expected {wanted:g}{unit}"


def _wanted(scan: Scan) -> dict[str, tuple[float, float, str]]:
    """Value, tolerance and unit of what a header must say."""
    asked, nm = sheet(scan), " nm"
    fixed_nm = 0.0 if scan.kind == "transmission" else scan.fixed_nm
    slits = {"Scan Slit": asked.scan_slit_nm, "Fixed/Offset Slit": asked.fixed_slit_nm}
    if scan.kind == "transmission":
        del slits["Fixed/Offset Slit"]
    return {
        "Start": (scan.start_nm, WAVELENGTH_NM, nm),
        "Step": (scan.step_nm, RELATIVE * scan.step_nm, nm),
        "Fixed/Offset": (fixed_nm, WAVELENGTH_NM, nm),
        "Dwell Time": (scan.dwell_s, RELATIVE * scan.dwell_s, " s"),
        "Repeats": (1.0, 0.0, ""),
    } | {key: (slit, max(SLIT_NM, RELATIVE * slit), nm) for key, slit in slits.items()}


def _axis_misfits(spectrum: Spectrum, scan: Scan) -> Iterator[str]:
    told = scan.wavelength_nm
    if spectrum.x_unit != "nm":
        yield f"the axis is in {spectrum.x_unit or 'no known unit'}, expected a wavelength"
    elif spectrum.x.size != told.size or abs(spectrum.x - told).max() > WAVELENGTH_NM:
        found = f"{spectrum.x.size} points from {spectrum.x[0]:g} to {spectrum.x[-1]:g} nm"
        yield f"{found}, expected {told.size} from {told[0]:g} to {told[-1]:g} nm"
    elif not np.isfinite(spectrum.counts).all() and scan.kind != "transmission":
        yield f"no number at {spectrum.x[~np.isfinite(spectrum.counts).all(axis=0)][0]:g} nm, expected one everywhere"


def _curve_misfits(spectrum: Spectrum, scan: Scan) -> Iterator[str]:
    corrected = [curve for curve in spectrum.curves if is_corrected(curve)]
    n_curves, n_raw = len(spectrum.curves), len(spectrum.curves) - len(corrected)
    if scan.kind == "transmission":
        if n_curves > 1:
            yield f"{n_curves} curves, expected one"
        return
    if n_raw > 1 or len(corrected) > 1:
        yield f"{n_raw} raw curves and {len(corrected)} corrected ones, expected at most one of each"
    if scan.kind == "excitation" and not any(is_on(curve, REFERENCE) for curve in corrected):
        yield f"{REFERENCE} is nowhere True, expected a curve corrected by the reference detector"


def _plain(*columns: np.ndarray) -> Iterator[tuple[float, ...]]:
    return zip(*(column.tolist() for column in columns), strict=True)
