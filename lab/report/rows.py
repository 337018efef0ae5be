"""One number of the paper: what is printed, what was measured, and whether they agree."""

import math
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FLIM = Path(__file__).parent / "published" / "flim.toml"
SPECTRA = FLIM.with_name("spectra.toml")
EMITTERS = FLIM.with_name("emitters.toml")
ROUNDING = 1e-9


@dataclass(frozen=True)
class Row:
    """One number of the paper: what was measured, what is printed, and whether they agree.

    verdict : "ok", "missed" (measured is None if what the paper saw is not there at all), "setting" (a choice that was
        followed; "missed" if it was not), "open" (outside, but with too few emitters to decide) or "not measured" (the
        data are not there); note : what else to know
    asked : the tolerance in words; low, high : the same as numbers, None where there is no such limit; value : what is
        printed, None where that is no number
    where : section or figure of the paper
    uids : of the runs that the number comes from; n_photons : counted in them, None if they do not tell
    quality : deviance or chi-squared per degree of freedom of the fits, that farthest from 1; None without a fit
    """

    id: str
    quantity: str
    measured: float | None
    error: float | None
    unit: str
    published: str
    verdict: str
    note: str = ""
    asked: str = ""
    low: float | None = None
    high: float | None = None
    value: float | None = None
    where: str = ""
    uids: tuple[str, ...] = ()
    n_photons: float | None = None
    quality: float | None = None


@dataclass(frozen=True)
class Measured:
    """A number with its error; NaN if the data are not there, infinite if the data show no such thing.

    `also` is the value of the second condition, or of each further one, if the published number has any.
    """

    value: float
    error: float = math.nan
    also: float | tuple[float, ...] = math.nan
    note: str = ""


def published(path: Path = FLIM) -> dict[str, dict[str, Any]]:
    """The published numbers by id, as a TOML file has them: of lifetime images, of `SPECTRA` or of `EMITTERS`."""
    return {entry["id"]: entry for entry in tomllib.loads(path.read_text(encoding="utf-8"))["number"]}


def row(entry: dict[str, Any], found: Measured | None) -> Row:
    """Compare one published number with what was measured, a setting with what was set."""
    setting = entry.get("setting", False)
    if found is None and setting:
        return printed(entry, "setting", measured=entry.get("value"), note=entry.get("note", ""))
    if found is None or math.isnan(found.value):
        return printed(entry, "not measured", note=found.note if found else "")
    told, further = conditions(entry, found)
    note = "; ".join(filter(None, [*told, found.note, entry.get("note", "")]))
    good = within(found.value, entry) and further
    verdict = ("setting" if setting else "ok") if good else "missed"
    return printed(entry, verdict, measured=finite(found.value), error=finite(found.error), note=note)


def printed(
    entry: dict[str, Any], verdict: str, *, measured: float | None = None, error: float | None = None, note: str = ""
) -> Row:
    """A row with the published side as the file has it."""
    about = (entry["id"], entry["quantity"], measured, error, entry["unit"], entry["published"], verdict, note)
    low, high, value = (entry.get(key) for key in ("low", "high", "value"))
    return Row(*about, asked(entry), low, high, value, entry.get("where", ""))


def conditions(entry: dict[str, Any], found: Measured) -> tuple[list[str], bool]:
    """The further conditions of a published number in words, and whether all of them are met."""
    asked = entry.get("also", [])
    asked = [asked] if isinstance(asked, dict) else asked
    values = found.also if isinstance(found.also, tuple) else (found.also,) * len(asked)
    pairs = list(zip(asked, values, strict=True))
    return [f"{one['name']} {value:.3g} ({limits(one)})" for one, value in pairs], all(
        within(value, one) for one, value in pairs
    )


def finite(value: float) -> float | None:
    """The number, or None where there is none."""
    return float(value) if math.isfinite(value) else None


def within(value: float, bounds: dict[str, Any]) -> bool:
    """Whether a value lies between `low` and `high`, both included, to rounding; what is not finite does not."""
    slack = ROUNDING * abs(value)
    low, high = bounds.get("low", -math.inf), bounds.get("high", math.inf)
    return math.isfinite(value) and low - slack <= value <= high + slack


def limits(bounds: dict[str, Any]) -> str:
    """What is asked of a number, in words."""
    low, high = bounds.get("low"), bounds.get("high")
    if low is None or high is None:
        return f"at most {high:g}" if low is None else f"at least {low:g}"
    return f"asked {low:g} to {high:g}"


def asked(entry: dict[str, Any]) -> str:
    """The tolerance of a published number and its further conditions, in words.

    >>> asked({"unit": "nm", "low": 519, "high": 521}), asked({"unit": "nm", "low": 5, "high": 5}), asked({"unit": ""})
    ('519 to 521 nm', 'exactly 5 nm', 'as in print')
    """
    further = entry.get("also", [])
    further = [further] if isinstance(further, dict) else further
    limited = "low" in entry or "high" in entry
    first = [f"{bounded(entry)} {entry['unit']}".strip()] if limited else []
    return "; ".join([*first, *(f"{one['name']}: {bounded(one)}" for one in further)]) or "as in print"


def bounded(bounds: dict[str, Any]) -> str:
    """Limits in words, without a unit."""
    low, high = bounds.get("low"), bounds.get("high")
    if low is None or high is None:
        return limits(bounds)
    return f"exactly {low:g}" if low == high else f"{low:g} to {high:g}"
