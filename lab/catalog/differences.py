"""What differs between the settings, the instruments, the numbers and the arrays of two runs."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from analysis.lifetimes import distribution
from lab.catalog import reading
from lab.night.numbers import error_of
from lab.stored.streams import Arrays, streams_of
from lab.wording import within

if TYPE_CHECKING:
    from lab.catalog.run import Run

OF_ITS_OWN = (
    "uid",
    "time",
    "scan_id",
    "versions",
    "plan_type",
    "code_version",
    "analysis_of",
    "hints",
    "num_intervals",
)
PASSING = ("elapsed", "started", "boot_id", "heartbeat", "beat", "owner", "uptime")  # of a baseline: never the same
Pair = tuple[str, str, str]  # what, one, other


@dataclass(frozen=True)
class NumberPair:
    """A number of both runs with its errors; sigma : their difference in standard deviations, NaN without errors."""

    name: str
    unit: str
    one: float
    one_err: float
    other: float
    other_err: float

    @property
    def sigma(self) -> float:
        if self.one == self.other:
            return 0.0
        err = math.hypot(*(error if error > 0 else 0.0 for error in (self.one_err, self.other_err)))
        return (self.other - self.one) / err if err > 0 else math.nan

    @property
    def told(self) -> Pair:
        unit = "" if self.unit == "1" else self.unit
        return self.name, within(self.one, self.one_err, unit), within(self.other, self.other_err, unit)

    @property
    def verdict(self) -> str:
        if self.one == self.other or (math.isnan(self.one) and math.isnan(self.other)):
            return "identical"
        return "" if math.isnan(self.sigma) else f"{self.sigma:+.1f} sigma"


@dataclass(frozen=True)
class ArrayPair:
    """An array of both: the same bit for bit, of another shape, or the largest difference."""

    name: str
    unit: str
    identical: bool
    largest: float
    shapes: tuple[tuple[int, ...], tuple[int, ...]]

    @property
    def told(self) -> str:
        if self.identical:
            return f"{self.name}: identical"
        if self.shapes[0] != self.shapes[1]:
            return f"{self.name}: {shape(self.shapes[0])} and {shape(self.shapes[1])}"
        unit = "" if self.unit == "1" else f" {self.unit}"
        return f"{self.name}: differs by up to {self.largest:.3g}{unit}"


def arrays_of(run: Run) -> Arrays:
    """What was found in a run; nothing if it has no analysis."""
    try:
        return reading.analysed(run)[0]
    except (LookupError, KeyError):
        return {}


def before(run: Run) -> dict[str, Any]:
    """The instruments before the run, as its baseline has them."""
    stream = streams_of(reading.measured(run).documents()).get("baseline")
    data = stream.data[min(stream.data)] if stream is not None and stream.data else {}
    return {key: value for key, value in data.items() if not any(word in key for word in PASSING)}


def versions(run: Run) -> dict[str, str]:
    """Code of the measurement, and of the analysis."""
    analysis = run if run.purpose == "analysis" else run.db.analysis_of(run)
    told = {"code": str(reading.measured(run).start.get("code_version", ""))}
    return told | ({"code of the analysis": str(analysis.start.get("code_version", ""))} if analysis else {})


def flat(told: Mapping[str, Any], without: Iterable[str] = (), prefix: str = "") -> dict[str, str]:
    """Nested settings under dotted names, as text.

    >>> flat({"raster": {"dwell_ms": 10.0}, "uid": "9f2c"}, without=["uid"])
    {'raster.dwell_ms': '10'}
    """
    found: dict[str, str] = {}
    for key, value in told.items():
        if key in without:
            continue
        name = f"{prefix}{key}"
        found |= flat(value, prefix=f"{name}.") if isinstance(value, Mapping) else {name: as_text(value)}
    return found


def as_text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, (list, tuple, np.ndarray)):
        cells = [as_text(one) for one in np.ravel(np.asarray(value, dtype=object))[:6]]
        return f"[{', '.join(cells)}{', …' if np.size(value) > len(cells) else ''}]"
    return str(value)


def different(one: Mapping[str, str], other: Mapping[str, str]) -> list[Pair]:
    """What is not the same in both."""
    names = dict.fromkeys([*one, *other])
    return [(name, one.get(name, "–"), other.get(name, "–")) for name in names if one.get(name) != other.get(name)]


def number_pairs(one: Arrays, other: Arrays) -> list[NumberPair]:
    """Every single number that both have; its error stands beside it, and is none itself."""
    values, others = numbers(one), numbers(other)
    names = [name for name in values if name in others and "_err" not in name]
    units = {name: unit for name, (_, unit) in one.items()}
    return [
        NumberPair(
            name, units.get(name, "ns"), values[name], error_of(name, values), others[name], error_of(name, others)
        )
        for name in names
    ]


def numbers(arrays: Arrays) -> dict[str, float]:
    """The single numbers of an analysis; of lifetime images the medians with their errors."""
    found = {name: float(value) for name, (value, _) in arrays.items() if np.ndim(value) == 0 and is_real(value)}
    if "tau_ns" not in arrays or np.ndim(arrays["tau_ns"][0]) < 2:
        return found
    of = {name: np.asarray(value) for name, (value, _) in arrays.items()}
    weights = np.where((of["converged"] != 0) & (of["degenerate"] == 0), of["perovskite_counts"], 0.0)
    for k in range(of["tau_ns"].shape[-1]):
        spread = distribution(of["tau_ns"][..., k].ravel(), weights.ravel())
        found |= {f"tau{k + 1}_median_ns": spread.median_ns, f"tau{k + 1}_median_err_ns": spread.median_err_ns}
    return found


def is_real(value: Any) -> bool:
    return isinstance(value, (bool, int, float, np.number, np.ndarray)) and np.asarray(value).dtype.kind in "biuf"


def array_pair(name: str, one: Arrays, other: Arrays) -> ArrayPair:
    (first, unit), (second, _) = one[name], other[name]
    first, second = np.asarray(first), np.asarray(second)
    shapes = first.shape, second.shape
    if shapes[0] != shapes[1]:
        return ArrayPair(name, unit, False, math.nan, shapes)
    same = bool(np.array_equal(first, second, equal_nan=first.dtype.kind == "f"))
    apart = np.abs(first.astype(float) - second.astype(float))
    known = apart[np.isfinite(apart)]
    return ArrayPair(name, unit, same, float(known.max()) if known.size else math.nan, shapes)


def shape(given: tuple[int, ...]) -> str:
    return " x ".join(map(str, given))
