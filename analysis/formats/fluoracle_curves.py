"""What the curves of an exported Fluoracle scan stand for: raw or corrected, per dwell or per second, absorbance."""

import math
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

import numpy as np

from analysis.formats.fluoracle import field

CountsAre = Literal["per dwell", "per second"]
REFERENCE = "Corr. by Ref. Det."
CORRECTIONS = ("Scan Corr. by File", REFERENCE, "Fixed/Offset Corr. by File")
ABSORBANCE = "Absorbance"


class Counted(NamedTuple):
    """(n,) each, NaN where the file does not tell.

    counts : in the dwell, as the detector counted; corrected : per second; correction : what one raw count stands for
    """

    counts: np.ndarray
    correction: np.ndarray
    corrected: np.ndarray


def counted(raw: np.ndarray | None, corrected: np.ndarray | None, dwell_s: float, counts_are: CountsAre) -> Counted:
    """A raw and a corrected curve of one scan; None for one that was not exported, not for both."""
    known = next(curve for curve in (raw, corrected) if curve is not None)
    counts, numbers = (np.full(known.shape, np.nan) if curve is None else curve for curve in (raw, corrected))
    correction = np.divide(numbers, counts, out=np.full(known.shape, np.nan), where=counts > 0)
    per_dwell = counts_are == "per dwell"
    return Counted(counts if per_dwell else counts * dwell_s, correction, numbers / dwell_s if per_dwell else numbers)


def share(curve: np.ndarray, header: Mapping[str, Any]) -> np.ndarray:
    """What the sample lets pass, (n,): of an absorbance its power of ten, else the numbers as they are."""
    if field(header, "Yaxis").casefold() != ABSORBANCE.casefold():
        return curve
    with np.errstate(over="ignore"):
        return 10.0**-curve


def axis_problem(header: Mapping[str, Any], *, transmission: bool) -> str | None:
    """What is wrong with the numbers of a curve, by its header, or None."""
    axes = ("Counts", ABSORBANCE) if transmission else ("Counts",)
    if field(header, "Yaxis").casefold() not in (axis.casefold() for axis in axes):
        return f"Yaxis is {field(header, 'Yaxis') or 'not told'}, expected {' or '.join(axes)}"
    if transmission and "absorptance" in field(header, "Labels").casefold():
        return "the curve is an absorptance by its label: export the counts or the absorbance"
    return None


def is_corrected(header: Mapping[str, Any]) -> bool:
    """Whether a curve is not what the detector counted."""
    return any(is_on(header, correction) for correction in CORRECTIONS)


def is_on(header: Mapping[str, Any], correction: str) -> bool:
    """Whether a correction was made."""
    return field(header, correction).casefold() == "true"


def number(header: Mapping[str, Any], key: str) -> float:
    """The number under a key; NaN if there is none."""
    try:
        return float(field(header, key))
    except ValueError:
        return math.nan
