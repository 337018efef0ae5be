"""An exported Fluoracle file as a scan of the spectrofluorometer: its settings, and its points as rows of a run."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np

from analysis.formats.fluoracle import field
from analysis.formats.fluoracle_curves import CountsAre, axis_problem, counted, is_corrected, number, share
from analysis.formats.photons import Spectrum

KINDS = {"emission scan": "emission", "excitation scan": "excitation", "synchronous scan": "transmission"}
SAME = ("Type", "Fixed/Offset", "Yaxis", "Dwell Time", "Scan Slit", "Fixed/Offset Slit")
COLUMNS = ("counts", "reference", "transmitted", "correction", "corrected", "elapsed")
OFFSET_NM = 0.02  # between both monochromators, at which light still goes straight through the sample
ON_GRID = 0.1  # of a step
Columns = dict[str, np.ndarray]


@dataclass(frozen=True, eq=False)
class ExportedScan:
    """Settings by the names of `plans.spectrum.Spectrum`; rows: one a point, keys as in the documents."""

    settings: dict[str, Any]
    repeats: int
    rows: tuple[dict[str, float], ...]


def exported_scan(
    spectrum: Spectrum, *, counts_are: CountsAre = "per dwell", curves: int | Sequence[int] | None = None
) -> ExportedScan:
    """Read the curves of a file as one scan: a raw and a corrected curve are one, others are repeats.

    Parameters
    ----------
    counts_are : what a number of the file is: counts "per dwell", or "per second"
    curves : number of the curve to read, from 1, or of several; None reads all, and repeats must then have one label

    Notes
    -----
    What the file does not tell is NaN. ValueError if it holds no scan of wavelengths, or curves of different scans.
    """
    if counts_are not in get_args(CountsAre):
        raise ValueError(f"counts_are={counts_are!r}: must be one of {', '.join(get_args(CountsAre))}")
    chosen = selected(spectrum, curves)
    settings = settings_of(chosen)
    told = transmitted(chosen) if settings["kind"] == "transmission" else luminescence(chosen, settings, counts_are)
    if curves is None and len(told) > 1 and len(set(chosen.labels)) > 1:
        raise ValueError(f"curves of {listed(chosen)}: choose one, curves=1, or repeats of one sample, curves=(1, 2)")
    rows = [
        {"fs5_wavelength": float(at), **{key: float(value[i]) for key, value in columns.items()}, "fs5_region": 1,
         "fs5_repeat": repeat + 1, "fs5_point": i}
        for repeat, columns in enumerate(told)
        for i, at in enumerate(chosen.wavelength_nm)
    ]  # fmt: skip
    return ExportedScan(settings, len(told), tuple(rows))


def selected(spectrum: Spectrum, curves: int | Sequence[int] | None) -> Spectrum:
    """The chosen curves, where they have points."""
    if curves is None:
        return spectrum
    numbers = tuple(curves) if isinstance(curves, Sequence) else (curves,)
    if not numbers or len(set(numbers)) < len(numbers) or not set(numbers) <= set(range(1, len(spectrum) + 1)):
        raise ValueError(f"curves={curves!r}: give different numbers of {listed(spectrum)}")
    rows = [number - 1 for number in numbers]
    headers = tuple(spectrum.curves[row] for row in rows)
    labels = {"Labels": tuple(spectrum.labels[row] for row in rows)}
    at = own_points(spectrum.x, spectrum.counts[rows], headers[0])
    return Spectrum(spectrum.x[at], spectrum.counts[rows][:, at], labels, spectrum.x_unit, headers)


def own_points(x: np.ndarray, counts: np.ndarray, header: dict[str, Any]) -> np.ndarray:
    """Which places of a common axis are those of some of its curves: from the first to the last, by their own step."""
    known = np.flatnonzero(~np.isnan(counts).all(axis=0))
    if not known.size:
        raise ValueError("the chosen curves hold no number: choose others")
    at, step = np.arange(known[0], known[-1] + 1), number(header, "Step")
    steps = (x[at] - x[at[0]]) / step if step > 0 else np.zeros(at.size)
    return at[abs(steps - np.rint(steps)) < ON_GRID]


def listed(spectrum: Spectrum) -> str:
    """The curves of a file with their numbers.

    >>> listed(Spectrum(np.array([500.0]), np.zeros((2, 1)), {"Labels": ("A", "B")}))
    '1 (A), 2 (B)'
    """
    return ", ".join(f"{number} ({label or 'no label'})" for number, label in enumerate(spectrum.labels, 1))


def settings_of(spectrum: Spectrum) -> dict[str, Any]:
    """The settings that the header tells."""
    if spectrum.x_unit != "nm" or spectrum.x.size == 0:
        raise ValueError(f"the axis is in {spectrum.x_unit or 'no known unit'}: expected a scan of wavelengths")
    header = spectrum.curves[0]
    for key in SAME:
        told = {field(curve, key) for curve in spectrum.curves}
        if len(told) > 1:
            raise ValueError(f"the curves differ in {key} ({', '.join(sorted(told))}): export one scan a file")
    kind = kind_of(header)
    excites, other = required(header, "Fixed/Offset Slit"), required(header, "Scan Slit")
    slits = (excites, other) if kind == "emission" else (other, excites)
    axis = spectrum.wavelength_nm
    return {
        "kind": kind,
        "start_nm": float(axis[0]),
        "stop_nm": float(axis[-1]),
        "step_nm": float(np.median(np.diff(axis))) if axis.size > 1 else required(header, "Step"),
        "fixed_nm": 0.0 if kind == "transmission" else required(header, "Fixed/Offset"),
        "excitation_slit_nm": slits[0],
        "emission_slit_nm": slits[1],
        "dwell_s": required(header, "Dwell Time"),
    }


def kind_of(header: dict[str, Any]) -> str:
    """What was scanned; a synchronous scan without an offset is light that goes through the sample."""
    kind = KINDS.get(field(header, "Type").casefold())
    if kind is None:
        raise ValueError(f"Type is {field(header, 'Type') or 'not told'}: expected one of {', '.join(KINDS)}")
    if kind == "transmission" and not abs(required(header, "Fixed/Offset")) <= OFFSET_NM:
        raise ValueError(
            f"Fixed/Offset is {field(header, 'Fixed/Offset')} nm: a synchronous scan tells what a film absorbs only "
            "with both monochromators at one wavelength, 0 nm apart"
        )
    if problem := axis_problem(header, transmission=kind == "transmission"):
        raise ValueError(problem)
    return kind


def luminescence(spectrum: Spectrum, settings: dict[str, Any], counts_are: CountsAre) -> list[Columns]:
    """Columns of emission and excitation scans, repeat by repeat."""
    pairs = list(zip(spectrum.counts, map(is_corrected, spectrum.curves), strict=True))
    raw, corrected = ([curve for curve, is_so in pairs if is_so is wanted] for wanted in (False, True))
    if raw and corrected and len(pairs) > 2:
        found = f"{len(raw)} raw and {len(corrected)} corrected curves"
        raise ValueError(f"{found}: which belong together is not told; choose a pair, curves=(1, 2)")
    scans = list(zip(raw, corrected, strict=True)) if raw and corrected else []
    scans = scans or [*((curve, None) for curve in raw), *((None, curve) for curve in corrected)]
    told = [counted(one, other, settings["dwell_s"], counts_are) for one, other in scans]
    return [columns(spectrum, **one._asdict()) for one in told]


def transmitted(spectrum: Spectrum) -> list[Columns]:
    """Columns of scans behind the sample: an absorbance is told as what is transmitted."""
    shares = [share(curve, header) for curve, header in zip(spectrum.counts, spectrum.curves, strict=True)]
    ones = np.ones(spectrum.x.size)
    return [columns(spectrum, transmitted=one, reference=ones, corrected=one) for one in shares]


def columns(spectrum: Spectrum, **known: np.ndarray) -> Columns:
    """All columns of a run, NaN where nothing is known."""
    unknown = np.full(spectrum.x.size, np.nan)
    return {f"fs5_{name}": known.get(name, unknown) for name in COLUMNS}


def required(header: dict[str, Any], key: str) -> float:
    """The number under a key; ValueError if there is none."""
    value = number(header, key)
    if np.isnan(value):
        raise ValueError(f"{key} is {field(header, key) or 'not told'}: expected a number")
    return value
