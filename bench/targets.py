"""What was aimed at, beside the rows that tell how far we came: met or missed by the worst of them."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from bench.measure import Measured, Row

Read = Callable[[Measured], list[float]]


@dataclass(frozen=True)
class Target:
    """A claim on all rows whose name matches `rows`: every number that `read` finds lies from `low` to `high`."""

    what: str
    rows: str
    read: Read
    low: float = -np.inf
    high: float = np.inf

    def margin(self, value: float) -> float:
        """How far inside the limits; negative outside."""
        return min(value - self.low, self.high - value)


@dataclass(frozen=True)
class Outcome:
    """The worst number for a target, the row it stands in, and whether it is good enough; None if never measured."""

    target: Target
    row: str = ""
    value: float = np.nan
    met: bool | None = None


def _ours(found: Measured) -> list[float]:
    return [found.ours]


def _ratio(found: Measured) -> list[float]:
    return [found.ratio] if np.isfinite(found.ratio) else []


def _said(label: str, found: Measured) -> list[float]:
    """Numbers that follow a label in what is said of ours, without sign.

    >>> _said("bias", Measured(1.0, accuracy_ours="τ1: bias -0.18 σ (-3.4 %), pulls 0.88; τ2: bias +0.03 σ"))
    [0.18, 0.03]
    """
    return [float(number) for number in re.findall(rf"{re.escape(label)} [+-]?([\d.]+)", found.accuracy_ours)]


def _identical(found: Measured) -> list[float]:
    return [float(found.accuracy_ours.startswith("identical"))]


def _about(label: str) -> Read:
    return partial(_said, label)


DECAY = r"decay-pixel\d-\d+-"
TARGETS = (
    Target("lifetimes: ≥ 50 000 pixels/s per core at 1000 photons", DECAY + "1000-.*", _ours, low=50e3),
    Target("lifetimes: ≥ 20 000 pixels/s per core at 200 photons", DECAY + "200-.*", _ours, low=20e3),
    Target("lifetimes: ≥ 300 times the fastest unbiased peer", DECAY + r"\d+-(iminuit|lmfit|tttrlib)", _ratio, low=300),
    Target("lifetimes: bias < 0.2 σ from 200 photons on", DECAY + r"\d+-iminuit", _about("bias"), high=0.2),
    Target("lifetimes: std ≤ 1.05 CRB from 1000 photons on", DECAY + r"1000+-iminuit", _about("std/CRB"), high=1.05),
    Target("lifetimes: pulls 0.9 to 1.1 from 1000 photons on", DECAY + r"1000+-iminuit", _about("pulls"), 0.9, 1.1),
    Target("lifetimes: 68 % covers 65 to 71 %, same", DECAY + r"1000+-iminuit", _about("covers"), 65, 71),
    Target("coincidences: ≥ 120 million photons/s per core", "g2-1e.*-(numpy|tttrlib)", _ours, low=120),
    Target("coincidences: ≥ 240 million photons/s on two cores", "g2-two-cores", _ours, low=240),
    Target("coincidences: ahead of trattoria, from the file", "g2-1e.*-trattoria", _ratio, low=1),
    Target("coincidences: ahead of tttrlib", "g2-1e.*-tttrlib", _ratio, low=1),
    Target("coincidences: ≥ 300 times pycorrelate", "g2-.*-pycorrelate", _ratio, low=300),
    Target("coincidences: all pairs counted (1)", "g2-(1e|unequal).*", _identical, low=1),
    Target("antibunching: pulls 0.9 to 1.1", "hbt-.*-iminuit", _about("pulls"), 0.9, 1.1),
    Target("change points: false alarms 0.04 to 0.06 of 0.05", "blink-null-.*", _ours, 0.04, 0.06),
    Target("change points: recall ≥ 0.99, 30k/3k cps", "blink-30k-3k-.*", _about("recall"), low=0.99),
    Target("change points: precision ≥ 0.98, 30k/3k cps", "blink-30k-3k-.*", _about("precision"), low=0.98),
    Target("change points: recall ≥ 0.9, 10k/2k cps", "blink-10k-2k-.*", _about("recall"), low=0.9),
    Target("change points: ≥ 25 million photons/s, short traces", "blink-(30k-3k|10k-2k)-.*", _ours, low=25),
    Target("change points: ≥ 120 million photons/s, 10 million photons", "blink-600k-60k-.*", _ours, low=120),
    Target("change points: ≥ 15 times the CPA toolbox", r"blink-\d.*-CPA", _ratio, low=15),
    Target("drift: error ≤ 1.3 CRB", "drift-(sampled|undersampled|dense)-.*", _ours, high=1.3),
    Target("files: T2 ≥ 400 million records/s", "file-t2-.*", _ours, low=400),
    Target("files: T3 to a cube ≥ 200 million records/s", "file-cube-(ptufile|tttrlib)", _ours, low=200),
    Target("files: T3 to a cube ≥ 10 times ptufile", "file-cube-ptufile", _ratio, low=10),
)


def outcomes(rows: Sequence[Row]) -> list[Outcome]:
    """Every target that some row is about, in the order of the list."""
    found = []
    for target in TARGETS:
        about = [row for row in rows if re.fullmatch(target.rows, row.id)]
        if about:
            found.append(_outcome(target, about))
    return found


def _outcome(target: Target, rows: Sequence[Row]) -> Outcome:
    numbers = [(value, row.id) for row in rows if row.measured for value in target.read(row.measured)]
    if not numbers:
        return Outcome(target)
    value, row = min(numbers, key=lambda number: target.margin(number[0]))
    return Outcome(target, row, value, target.margin(value) >= 0)
