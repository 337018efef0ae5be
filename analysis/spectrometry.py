"""From documents of the spectrofluorometer to spectra with errors (paper, section 2.5).

The same object serves a scan that is being measured and one from storage: it is fed points, in any order, and gives
the same arrays bit for bit.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from analysis.spectra._noise import counting_err, relative_noise
from analysis.spectra.curve import Curve

PRIMARY = "primary"
REFERENCE_NOISE = 1e-3  # of one reading of the lamp's reference diode, relative
DARK_LAMP = 0.01  # share of a bright lamp reading below which there was no light
NOISE_ONLY = 0.2  # scatter of neighbouring readings, over the bright ones, that no lamp has: the diode's own
ABOVE_NOISE = 10.0  # standard deviations of such noise that are light
PREFIX = "fs5_"
NUMBERS = ("wavelength", "counts", "reference", "transmitted", "correction", "corrected", "elapsed")
NOT_CALIBRATED = "wavelengths as the instrument was told them: it was never calibrated"
NO_DARK = "no dark count was taken: dark counts are in the spectrum"
NOT_COUNTED = "the instrument gave no raw counts: errors come from the scatter of neighbouring points"
NOT_CORRECTED = "the instrument gave no spectral correction: the spectrum is as its detector saw it"
Array = np.ndarray


@dataclass(frozen=True)
class ScanFacts:
    """What must be known of a spectral run to analyse it; built from a start document by `scan_facts`.

    slits_nm : of excitation and emission; NaN if not told
    offset_nm, offset_err_nm : what the scanned monochromator stands beyond what it is told; NaN error if not calibrated
    """

    uid: str
    plan_name: str
    sample: str
    kind: str
    start_nm: float
    stop_nm: float
    step_nm: float
    fixed_nm: float
    slits_nm: tuple[float, float]
    dwell_s: float
    regions: tuple[int, ...]
    repeats: int
    n_points: int
    dead_time_ns: float
    offset_nm: float
    offset_err_nm: float
    warnings: tuple[str, ...]


def scan_facts(start: Mapping) -> ScanFacts:
    """Read a start document of a spectral plan; KeyError or ValueError if it is not one.

    A run that calibrates the wavelengths is read on the axis the instrument was told.
    """
    scan = start["scan"]
    moved = "emission" if scan["kind"] == "emission" else "excitation"
    calibration = {} if start["plan_name"] == "calibrate" else start.get("calibration", {})
    known = bool(calibration.get("uid"))
    return ScanFacts(
        uid=start["uid"],
        plan_name=start["plan_name"],
        sample=start["sample_name"],
        kind=scan["kind"],
        **{f"{name}_nm": float(scan[f"{name}_nm"]) for name in ("start", "stop", "step", "fixed")},
        slits_nm=(float(scan.get("excitation_slit_nm", "nan")), float(scan.get("emission_slit_nm", "nan"))),
        dwell_s=float(scan["dwell_s"]),
        regions=tuple(int(region) for region in start.get("regions", [1])),
        repeats=int(start.get("repeats", 1)),
        n_points=int(start["num_points"]),
        dead_time_ns=float(start.get("dead_time_ns", 0.0)),
        offset_nm=float(calibration[f"{moved}_offset_nm"]) if known else 0.0,
        offset_err_nm=float(calibration[f"{moved}_offset_err_nm"]) if known else float("nan"),
        warnings=tuple(start.get("warnings", ())),
    )


class SpectralRun:
    """Points in, spectra out. A point that comes twice counts once; one that never came is left out."""

    def __init__(self, start: Mapping):
        self.facts = scan_facts(start)
        self.points: dict[str, dict[tuple[int, int, int], tuple[float, ...]]] = {}
        self.dark_counts, self.dark_s = 0.0, 0.0

    def add_point(self, stream: str, data: Mapping):
        """Take one point of a flight as the documents carry it."""
        region, repeat, index = (int(data[f"{PREFIX}{name}"]) for name in ("region", "repeat", "point"))
        numbers = (data[f"{PREFIX}{name}"] for name in NUMBERS)
        values = tuple(float("nan") if number is None else float(number) for number in numbers)
        self.points.setdefault(stream, {})[region, repeat, index] = values

    def add_dark(self, counts: float, seconds: float):
        """Note a dark count; one that the instrument could not take (NaN, or 0 s) is none."""
        if np.isfinite(counts) and seconds > 0:
            self.dark_counts += counts
            self.dark_s += seconds

    @property
    def n_points(self) -> int:
        return sum(len(points) for points in self.points.values())

    def curve(self, region: int | None = None, *, stream: str = PRIMARY) -> Curve:
        """The spectrum so far: all repeats of one region, or of all regions; empty before the first point.

        Counted scans: corrected counts per second, with the errors of counting, and the reference diode's 0.1 %.
        Transmission: transmitted over reference, with the same relative error at all points, from their scatter.
        An instrument that only gives corrected values: errors from the scatter of the points as well.
        """
        table = self._table(region, stream)
        lit = lamp_light(table.mean("reference"))
        doubts = dark_sectors(lit, table.wavelength_nm + self.facts.offset_nm, self.facts)
        if self.facts.kind == "transmission":
            parts, more = transmission(table), ()
        elif np.isfinite(table["counts"]).any():
            parts, more = counted(table, self.facts, dark_counts=self.dark_counts, dark_s=self.dark_s)
        else:
            parts, more = recorded(table), (NOT_COUNTED,)
        dark = np.where(lit, 1.0, np.nan)
        parts["value"], parts["err"] = parts["value"] * dark, parts["err"] * dark
        return self._on_axis(table.wavelength_nm, parts, (*self.facts.warnings, *more, *doubts))

    def reference_curve(self, region: int | None = None, *, stream: str = PRIMARY) -> Curve:
        """What the lamp's reference diode saw, uA."""
        table = self._table(region, stream)
        value = table.mean("reference")
        err = np.abs(value) * REFERENCE_NOISE / np.sqrt(np.maximum(table.visits, 1))
        return self._on_axis(table.wavelength_nm, {"value": value, "err": err, "unit": "uA"}, ())

    def _on_axis(self, told_nm: Array, parts: dict, warnings: tuple[str, ...]) -> Curve:
        calibrated = np.isfinite(self.facts.offset_err_nm)
        return Curve(
            wavelength_nm=told_nm + self.facts.offset_nm,
            wavelength_err_nm=self.facts.offset_err_nm if calibrated else 0.0,
            uids=(self.facts.uid,),
            warnings=tuple(dict.fromkeys(warnings if calibrated else (*warnings, NOT_CALIBRATED))),
            **parts,
        )

    def _table(self, region: int | None, stream: str) -> "PointTable":
        points = self.points.get(stream, {})
        keys = sorted(key for key in points if region in (None, key[0]))
        index = np.array([key[2] for key in keys], int)
        numbers = np.array([points[key] for key in keys], float).reshape(-1, len(NUMBERS))
        return PointTable(index, dict(zip(NUMBERS, numbers.T, strict=True)))


class PointTable:
    """Columns of numbers, point by point, and their sums over all visits to a wavelength."""

    def __init__(self, index: Array, columns: dict[str, Array]):
        self.columns = columns
        self.places, self.inverse = np.unique(index, return_inverse=True)
        self.wavelength_nm = self.mean("wavelength")

    def __getitem__(self, name: str) -> Array:
        return self.columns[name]

    @property
    def visits(self) -> Array:
        return np.bincount(self.inverse, minlength=len(self.places))

    @property
    def typical_visits(self) -> float:
        return float(np.median(self.visits)) if len(self.places) else 1.0

    def sum(self, values: Array) -> Array:
        """Sum per wavelength of what is not NaN; NaN where all is."""
        known = np.isfinite(values)
        total, number = (
            np.bincount(self.inverse, weights, len(self.places)) for weights in (np.where(known, values, 0.0), known)
        )
        return np.where(number > 0, total, np.nan)

    def mean_of(self, values: Array) -> Array:
        """Mean per wavelength of what is not NaN; NaN where all is."""
        return self.sum(values) / np.maximum(np.bincount(self.inverse, np.isfinite(values), len(self.places)), 1)

    def mean(self, name: str) -> Array:
        return self.mean_of(self.columns[name])


def counted(table: PointTable, facts: ScanFacts, *, dark_counts: float, dark_s: float) -> tuple[dict, tuple[str, ...]]:
    """Counts of all visits to a wavelength, dead time put right, what one of them stands for, and what to know of it.

    A detector that is blind for a share x of the time counts 1 - x of the photons, and their variance is 1 / (1 - x)
    that of Poisson.
    """
    dwell_s = facts.dwell_s
    blind = np.clip(table["counts"] * facts.dead_time_ns * 1e-9 / dwell_s, 0, 0.99)
    corrected = bool(np.isfinite(table["correction"]).any())
    correction = table["correction"] if corrected else np.ones(len(blind))
    use = np.isfinite(table["counts"]) & (correction > 0)
    counts = table.sum(np.where(use, table["counts"] / (1 - blind), np.nan))
    variance = np.maximum(table.sum(np.where(use, table["counts"] / (1 - blind) ** 2, np.nan)), 1)
    seconds = table.sum(np.where(use, dwell_s, np.nan))
    scale = 1 / table.sum(np.where(use, dwell_s / np.where(use, correction, 1), np.nan))
    background = (dark_counts / dark_s if dark_s else 0.0) * seconds
    flicker = REFERENCE_NOISE / np.sqrt(table.typical_visits) if corrected else 0.0
    value = (counts - background) * scale
    parts = {
        "value": value,
        "err": np.hypot(np.sqrt(variance) * scale, flicker * value),
        "counts": counts,
        "scale": scale,
        "background": background,
        "background_err": 1 / np.sqrt(max(dark_counts, 1.0)) if dark_s else 0.0,
        "flicker": float(flicker),
        "unit": "corrected cps" if corrected else "cps",
    }
    return parts, (*(() if dark_s else (NO_DARK,)), *(() if corrected else (NOT_CORRECTED,)))


def transmission(table: PointTable) -> dict:
    """Transmitted over reference, mean of the visits, with a relative error that is the same for each visit."""
    lit = table["reference"] > 0
    value = table.mean_of(np.where(lit, table["transmitted"] / np.where(lit, table["reference"], 1), np.nan))
    return {"value": value, "err": np.abs(value) * relative_noise(value) * np.sqrt(table.typical_visits / table.visits)}


def recorded(table: PointTable) -> dict:
    """Values that the instrument has corrected itself, with errors from their scatter."""
    value = table.mean("corrected")
    return {"value": value, "err": counting_err(value), "unit": "corrected cps"}


def lamp_light(reference: Array) -> Array:
    """Return where the lamp gave light (n,), by its reference diode.

    Light is a reading above 1 % of what a bright tenth of the points reads; where neighbours scatter as no lamp does,
    also above the noise. An instrument that tells no readings is believed to have light.
    """
    told = np.isfinite(reference)
    if not told.any():
        return np.ones(len(reference), bool)
    bright = float(np.quantile(reference[told], 0.9))
    steps = np.abs(np.diff(reference[told]))
    noise = 1.4826 / np.sqrt(2) * float(np.median(steps)) if len(steps) else 0.0
    least = ABOVE_NOISE * noise if noise > NOISE_ONLY * bright else 0.0
    return ~told | (reference > max(DARK_LAMP * bright, least, 0.0))


def dark_sectors(lit: Array, wavelength_nm: Array, facts: ScanFacts) -> tuple[str, ...]:
    """Return a sentence for each sector without lamp light; where the excitation stood still, one for all of them."""
    dark = len(lit) - int(lit.sum())
    if facts.kind == "emission" and dark:
        when = "" if dark == len(lit) else f", at {dark} of {len(lit)} points"
        return (f"no lamp light at {facts.fixed_nm:.4g} nm, the excitation{when}",)
    edges = np.flatnonzero(np.diff(np.r_[True, lit, True].astype(int)))
    sectors = zip(wavelength_nm[edges[::2]], wavelength_nm[edges[1::2] - 1], strict=True)
    return tuple(f"no lamp light between {low:.4g} and {high:.4g} nm" for low, high in sectors)
