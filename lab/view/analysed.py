"""What an analysis found: its stored numbers with errors and units, and what to doubt."""

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from lab import journal
from lab.night.numbers import Number, error_of, numbers_of
from lab.stored.streams import arrays_of
from lab.view.entry import Entry
from lab.wording import within

SHORT = 6  # values of an array that are still told one by one
UNITS = {"ns": "ns", "nm": "nm", "um": "µm", "cps": "cps", "s": "s", "px": "px", "hz": "Hz", "percent": "%"}
WRITTEN = {"um": "µm", "1": "", "kJ/cm2": "kJ/cm²", "uA": "µA"}
YES_NO = ("bleached", "identified", "converged", "observed", "band_converged")
VERDICT = {1: "yes", 0: "no"}
GOOD_DEVIANCE = (0.8, 1.25)  # per degree of freedom
MOST_LOST = 0.05  # of the pixels
PILE_UP = 0.01  # photons per pulse from which lifetimes come out too short


ANALYSED = (
    *("flim_raster", "find_emitters", "hbt", "blinking", "lifetime_at", "time_zero"),
    *("absorption", "pl", "ple", "calibrate", "blank"),
)  # plans whose runs are analysed at once; those of other plans are what they are


@dataclass(frozen=True)
class Analysis:
    """The start document of a derived run, its values and their units."""

    start: Mapping[str, Any]
    data: Mapping[str, Any] = field(repr=False)
    units: Mapping[str, str] = field(repr=False)

    @property
    def name(self) -> str:
        return str(self.start.get("plan_name", ""))

    @property
    def columns(self) -> Mapping[str, list[str]]:
        """Names of the columns of its tables."""
        return (self.start.get("parameters") or {}).get("columns") or {}

    def column(self, table: str, name: str) -> np.ndarray | None:
        """One column of a table; None if there is no such thing."""
        values, names = np.asarray(self.data.get(table, ())), list(self.columns.get(table, ()))
        if name not in names or values.ndim != 2 or values.shape[1] != len(names):
            return None
        return values[:, names.index(name)].astype(float)

    def array(self, key: str, ndim: int = 1) -> np.ndarray | None:
        """An array of numbers; None if there is none of so many dimensions."""
        values = np.asarray(self.data.get(key, 0.0))
        return values.astype(float) if values.ndim == ndim and values.size and values.dtype.kind in "iufb" else None


def analysis(entry: Entry) -> Analysis:
    """What an analysis holds; read once, as long as the file stays the same."""
    return read_analysis(entry.path, entry.size)


@lru_cache(maxsize=64)
def read_analysis(path: Path, size: int) -> Analysis:
    """An analysis from its file; one that cannot be read holds nothing. size : tells one version from another"""
    try:
        documents = list(journal.read(path))
        start = next(doc for name, doc in documents if name == "start")
        arrays = arrays_of(documents)
    except (OSError, journal.JournalError, StopIteration, KeyError, TypeError, AttributeError):
        return Analysis({}, {}, {})
    return Analysis(
        start, {key: value for key, (value, _) in arrays.items()}, {key: u for key, (_, u) in arrays.items()}
    )


@lru_cache(maxsize=4096)
def kept_headline(path: Path, size: int) -> tuple[Number, ...]:
    found = read_analysis(path, size)
    try:
        return (*numbers_of(found.name, found.data), *quality(found))
    except (KeyError, TypeError, ValueError):
        return ()


def quality(found: Analysis) -> Iterator[Number]:
    """How well a fit describes the data, and how many photons there were; what is not stored is not told."""
    if "single" in found.data and "significance_sigma" in found.data:
        verdict = VERDICT.get(int(found.data["single"]), "not decided")
        yield Number("single emitter", f"{verdict}, {found.data['significance_sigma']:+.1f} σ")
    deviance, photons = found.data.get("deviance", found.data.get("band_deviance")), found.data.get("n_photons")
    if deviance is not None and np.ndim(deviance) == 0 and math.isfinite(deviance):
        yield Number("deviance per degree of freedom", f"{deviance:.3f}")
    if photons is not None and math.isfinite(total := float(np.nansum(photons))) and total > 0:
        yield Number("photons", f"{total:,.0f}")


def headline(entry: Entry | None) -> tuple[Number, ...]:
    """The few numbers of an analysis that one wants to see first; empty without one."""
    return () if entry is None else tuple(plain(each) for each in kept_headline(entry.path, entry.size))


def plain(number: Number) -> Number:
    """A number as a page writes it.

    >>> plain(Number("tau", "6.48 +- 0.90 ns")).value
    '6.48 ± 0.90 ns'
    """
    return Number(number.quantity, signs(number.value))


def signs(text: str) -> str:
    """Words with the signs of print, thousands apart.

    >>> signs("803990 +- 167 cps")
    '803,990 ± 167 cps'
    """
    apart = re.sub(r"(?<![\d.,])\d{5,}(?!\d)", lambda digits: f"{int(digits[0]):,}", text)
    return apart.replace("+-", "±").replace("kJ/cm2", "kJ/cm²").replace(" um", " µm")


def quantities(found: Analysis) -> Iterator[Number]:
    """Every number that is stored, with error and unit; short lists one by one."""
    for key in sorted(found.data):
        value = found.data[key]
        if is_error(key, found.data) or isinstance(value, str):
            continue
        if np.ndim(value) == 0:
            yield Number(said(key), valued(key, float(value), error_of(key, found.data), unit_of(key, found)))
        elif np.ndim(value) == 1 and np.size(value) <= SHORT:
            errors = beside(key, found.data)
            for i, one in enumerate(np.asarray(value, dtype=float)):
                error = float(errors[i]) if errors is not None else math.nan
                yield Number(f"{said(key)} [{i}]", valued(key, float(one), error, unit_of(key, found)))


def is_error(key: str, data: Mapping[str, Any]) -> bool:
    """Whether a key is the error of another one."""
    if key.endswith("_err"):
        return key.removesuffix("_err") in data
    stem, _, unit = key.rpartition("_err_")
    return bool(stem) and (f"{stem}_{unit}" in data or stem in data)


def beside(key: str, data: Mapping[str, Any]) -> np.ndarray | None:
    """The errors of a list."""
    stem, _, unit = key.rpartition("_")
    errors = data.get(f"{key}_err", data.get(f"{stem}_err_{unit}"))
    return np.asarray(errors, dtype=float) if errors is not None and np.size(errors) == np.size(data[key]) else None


def said(key: str) -> str:
    """A key in words, without its unit.

    >>> said("rate_on_cps"), said("film_peak_nm"), said("g2_zero")
    ('rate on', 'film peak', 'g2 zero')
    """
    stem, _, unit = key.rpartition("_")
    return (stem if unit in UNITS and stem else key).removesuffix("_kj_cm2").removesuffix("_w_cm2").replace("_", " ")


def unit_of(key: str, found: Analysis) -> str:
    """The unit of a value: what its descriptor says, else what its name ends with."""
    told = WRITTEN.get(found.units.get(key, ""), found.units.get(key, ""))
    return told or UNITS.get(key.rpartition("_")[2], "")


def valued(key: str, value: float, error: float, unit: str) -> str:
    """A value in words.

    >>> valued("single", 1, math.nan, ""), valued("tau_ns", 6.48, 0.9, "ns"), valued("n_photons", 78300, math.nan, "")
    ('yes', '6.48 ± 0.90 ns', '78,300')
    """
    if key == "single":
        return VERDICT.get(int(value), "not decided")
    if key in YES_NO:
        return "yes" if value else "no"
    if not math.isfinite(value):
        return "unknown"
    if not (error > 0) and value == int(value) and abs(value) < 1e15:
        return f"{value:,.0f} {unit}".strip()
    return signs(within(value, error, unit))


def doubts(found: Analysis, start: Mapping[str, Any]) -> Iterator[str]:
    """What a careful reader should know before believing the numbers."""
    data = found.data
    deviance = data.get("deviance", data.get("band_deviance"))
    middle = float(np.nanmedian(deviance)) if deviance is not None and np.isfinite(deviance).any() else 1.0
    if not GOOD_DEVIANCE[0] <= middle <= GOOD_DEVIANCE[1]:
        yield f"deviance {middle:.2f} per degree of freedom, 1 is expected: the model does not tell the whole story"
    for key in ("identified", "band_converged"):
        if np.ndim(data.get(key, 1)) == 0 and not data.get(key, 1):
            yield "the fit did not find what it looked for: its numbers say nothing"
    if data.get("bleached"):
        yield "the emitter bleached during the run"
    if (converged := found.array("converged", 2)) is not None:
        lost = 1 - float((converged * (1 - np.asarray(data.get("degenerate", 0.0), float))).mean())
        if lost > MOST_LOST:
            yield f"{lost:.1%} of the pixels could not be fitted without doubt; they are left out of the medians"
        yield from pile_up(found, start)


def pile_up(found: Analysis, start: Mapping[str, Any]) -> Iterator[str]:
    """Whether pixels are so bright that a second photon of a pulse is lost."""
    raster, excitation = start.get("raster") or {}, start.get("excitation") or {}
    counts, coverage = found.array("perovskite_counts", 2), found.array("coverage", 2)
    pulses = float(excitation.get("repetition_hz") or 0) * float(raster.get("dwell_ms") or 0) / 1e3
    if counts is None or coverage is None or not pulses:
        return
    share = counts / np.maximum(coverage, 1) / pulses
    if (n := int((share > PILE_UP).sum())) > 0:
        yield f"pile-up: {n} pixel{'s' * (n != 1)} above 1 % photons per pulse (brightest {share.max():.1%})"
