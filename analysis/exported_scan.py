"""An exported Fluoracle file as a scan of the spectrofluorometer: its settings, and its points as rows of a run."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from analysis.formats.fluoracle import field
from analysis.formats.photons import Spectrum

KINDS = {"emission scan": "emission", "excitation scan": "excitation", "synchronous scan": "transmission"}
FLAGS = ("Scan Corr. by File", "Corr. by Ref. Det.", "Fixed/Offset Corr. by File")
COUNTS_ARE = ("per dwell", "per second")
NOT_TOLD = float("nan")
SAME = ("Type", "Fixed/Offset", "Yaxis", "Dwell Time", "Scan Slit", "Fixed/Offset Slit")


@dataclass(frozen=True, eq=False)
class ExportedScan:
    """Settings by the names of `plans.spectrum.Spectrum`; rows: one a point, keys as in the documents."""

    settings: dict[str, Any]
    repeats: int
    rows: tuple[dict[str, float], ...]


def exported_scan(spectrum: Spectrum, *, counts_are: str = "per dwell") -> ExportedScan:
    """Read the curves of a file as one scan: a raw and a corrected curve are one, others are repeats.

    Parameters
    ----------
    counts_are : what a number of the file is: counts "per dwell", or "per second"

    Notes
    -----
    What the file does not tell is NaN. ValueError if it holds no scan of wavelengths, or curves of different scans.
    """
    if counts_are not in COUNTS_ARE:
        raise ValueError(f"counts_are={counts_are!r}: must be one of {', '.join(COUNTS_ARE)}")
    settings = settings_of(spectrum)
    columns = transmitted(spectrum) if settings["kind"] == "transmission" else counted(spectrum, settings, counts_are)
    rows = [
        {"fs5_wavelength": float(at), **{key: float(value[i]) for key, value in curve.items()}, "fs5_region": 1,
         "fs5_repeat": repeat + 1, "fs5_point": i}
        for repeat, curve in enumerate(columns)
        for i, at in enumerate(spectrum.wavelength_nm)
    ]  # fmt: skip
    return ExportedScan(settings, len(columns), tuple(rows))


def settings_of(spectrum: Spectrum) -> dict[str, Any]:
    """The settings that the header tells."""
    if spectrum.x_unit != "nm":
        raise ValueError(f"the axis is in {spectrum.x_unit or 'no known unit'}: expected a scan of wavelengths")
    header = spectrum.curves[0]
    for key in SAME:
        told = {field(curve, key) for curve in spectrum.curves}
        if len(told) > 1:
            raise ValueError(f"the curves differ in {key} ({', '.join(sorted(told))}): export one scan a file")
    kind = KINDS.get(field(header, "Type").casefold())
    if kind is None:
        raise ValueError(f"Type is {field(header, 'Type') or 'not told'}: expected one of {', '.join(KINDS)}")
    excites, other = number(header, "Fixed/Offset Slit"), number(header, "Scan Slit")
    slits = (excites, other) if kind == "emission" else (other, excites)
    axis = spectrum.wavelength_nm
    return {
        "kind": kind,
        "start_nm": float(axis[0]),
        "stop_nm": float(axis[-1]),
        "step_nm": float(np.median(np.diff(axis))) if axis.size > 1 else number(header, "Step"),
        "fixed_nm": 0.0 if kind == "transmission" else number(header, "Fixed/Offset"),
        "excitation_slit_nm": slits[0],
        "emission_slit_nm": slits[1],
        "dwell_s": number(header, "Dwell Time"),
    }


def counted(spectrum: Spectrum, settings: dict[str, Any], counts_are: str) -> list[dict[str, np.ndarray]]:
    """Columns of emission and excitation scans, repeat by repeat."""
    per_count = settings["dwell_s"] if counts_are == "per second" else 1.0
    raw = [curve * per_count for curve, about in pairs(spectrum) if not is_corrected(about)]
    corrected = [curve * per_count / settings["dwell_s"] for curve, about in pairs(spectrum) if is_corrected(about)]
    unknown = np.full(spectrum.wavelength_nm.size, NOT_TOLD)
    if len(raw) == len(corrected) == 1:
        factor = np.divide(corrected[0] * settings["dwell_s"], raw[0], out=unknown.copy(), where=raw[0] > 0)
        return [columns(unknown, counts=raw[0], correction=factor, corrected=corrected[0])]
    if raw and corrected:
        raise ValueError(f"{len(raw)} raw and {len(corrected)} corrected curves: which belong together is not told")
    return [columns(unknown, counts=curve) for curve in raw] + [
        columns(unknown, corrected=curve) for curve in corrected
    ]


def transmitted(spectrum: Spectrum) -> list[dict[str, np.ndarray]]:
    """Columns of scans behind the sample: an absorbance is told as what is transmitted."""
    unknown, ones = (np.full(spectrum.wavelength_nm.size, value) for value in (NOT_TOLD, 1.0))
    absorbance = field(spectrum.curves[0], "Yaxis").casefold() == "absorbance"
    shares = [10.0**-curve if absorbance else curve for curve in spectrum.counts]
    return [columns(unknown, transmitted=share, reference=ones, corrected=share) for share in shares]


def columns(unknown: np.ndarray, **known: np.ndarray) -> dict[str, np.ndarray]:
    names = ("counts", "reference", "transmitted", "correction", "corrected", "elapsed")
    return {f"fs5_{name}": known.get(name, unknown) for name in names}


def pairs(spectrum: Spectrum) -> list[tuple[np.ndarray, dict[str, Any]]]:
    return list(zip(spectrum.counts, spectrum.curves, strict=True))


def is_corrected(header: dict[str, Any]) -> bool:
    """Whether a curve is not what the detector counted."""
    return any(field(header, flag).casefold() == "true" for flag in FLAGS)


def number(header: dict[str, Any], key: str) -> float:
    try:
        return float(field(header, key))
    except ValueError:
        raise ValueError(f"{key} is {field(header, key) or 'not told'}: expected a number") from None
