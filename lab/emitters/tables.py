"""All that is known of emitters, as rows of a table."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pandas as pd

from lab.wording import count

COLUMNS = (
    "id",
    "sample",
    "x_um",
    "y_um",
    "err_um",
    "first_seen_s",
    "last_seen_s",
    "n_runs",
    "rate_cps",
    "background_cps",
    "fwhm_um",
    "isolated",
    "single",
    "contrast",
    "contrast_err",
    "corrected_contrast",
    "corrected_contrast_err",
    "tau_ns",
    "tau_err_ns",
    "n_coincidences",
    "lifetime_ns",
    "lifetime_err_ns",
    "on_fraction",
    "on_fraction_err",
    "rate_on_cps",
    "bleached",
    "survival_s",
    "observed",
    "live_s",
    "dose_kj_cm2",
    "uids",
)
OF_HBT = (
    "single",
    "contrast",
    "contrast_err",
    "corrected_contrast",
    "corrected_contrast_err",
    "tau_ns",
    "tau_err_ns",
    "n_coincidences",
)
OF_BLINKING = ("on_fraction", "on_fraction_err", "rate_on_cps")
SHOWN = {
    "id": "{}",
    "x_um": "{:.2f}",
    "y_um": "{:.2f}",
    "rate_cps": "{:.0f}",
    "contrast": "{:.2f}",
    "tau_ns": "{:.1f}",
    "tau_err_ns": "{:.1f}",
    "on_fraction": "{:.3f}",
    "live_s": "{:.0f}",
    "n_runs": "{}",
}


SHOWN_ROWS = 30


@dataclass(frozen=True)
class EmitterHere:
    """An emitter found in an image, in the stage coordinates of now."""

    id: str
    x_um: float
    y_um: float
    err_um: float
    rate_cps: float
    background_cps: float
    fwhm_um: float
    isolated: bool


@dataclass(frozen=True)
class EmitterRecord:
    """All about one emitter: where it was found, and what each run says of it.

    row : what the registry keeps of it; found_in : uids of the images; runs : uid, kind, campaign, time_s and facts
    of every measurement, oldest first
    """

    row: dict[str, Any]
    found_in: list[str]
    runs: list[dict[str, Any]]

    def of_kind(self, kind: str) -> list[dict[str, Any]]:
        """The facts of all runs of one plan."""
        return [run["facts"] for run in self.runs if run["kind"] == kind]

    def columns(self) -> dict[str, Any]:
        """Its row of the table."""
        known = {key: self.row.get(key) for key in COLUMNS}
        hbt, blinking, lifetime = map(self.of_kind, ("hbt", "blinking", "lifetime_at"))
        known |= taken(OF_HBT, most_precise(hbt, "tau_err_ns"))
        known |= taken(OF_BLINKING, most_precise(blinking, "on_fraction_err"))
        known |= taken(("lifetime_ns", "lifetime_err_ns"), most_precise(lifetime, "lifetime_err_ns"))
        known |= {"isolated": bool(self.row["isolated"]), "n_runs": len(self.runs), **endurance(hbt + blinking)}
        known["uids"] = " ".join([*self.found_in, *(run["uid"] for run in self.runs)])
        return {key: known.get(key) for key in COLUMNS}

    def __repr__(self) -> str:
        known = {key: value for key, value in self.columns().items() if is_told(value) and key != "uids"}
        lines = [
            f"emitter {known.pop('id')}",
            *(f"  {said(key):22} {told(key, value)}" for key, value in known.items()),
        ]
        seen = [f"  found in               {uid[:8]}" for uid in self.found_in]
        return "\n".join([*lines, *seen, *(run_line(run) for run in self.runs)])


def run_line(run: Mapping[str, Any]) -> str:
    """One measurement in a line."""
    campaign = f", campaign {run['campaign']}" if run["campaign"] else ""
    return f"  {run['kind']:22} {run['uid'][:8]}{campaign}"


def most_precise(runs: Sequence[Mapping[str, Any]], error: str) -> Mapping[str, Any]:
    """The facts of the run with the smallest error; of the last one, if none has any."""
    if not runs:
        return {}
    return min(reversed(runs), key=lambda facts: number(facts.get(error), math.inf))


def taken(keys: Iterable[str], facts: Mapping[str, Any]) -> dict[str, Any]:
    return {key: facts.get(key) for key in keys}


def endurance(runs: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Light that it has seen in all measurements, and how long it has survived it.

    survival_s : illuminated time until it bleached; observed : whether it did. If not, it has survived that long
    """
    told = [facts for facts in runs if "live_s" in facts or "dose_kj_cm2" in facts]
    if not told:
        return {}
    survival_s, observed = 0.0, False
    for facts in told:
        if observed:
            break
        observed = bool(facts.get("bleached"))
        until_s = number(facts.get("bleached_at_s"), math.inf) if observed else math.inf
        survival_s += min(until_s, number(facts.get("live_s")))
    return {
        "bleached": observed,
        "survival_s": survival_s,
        "observed": observed,
        "live_s": sum(number(facts.get("live_s")) for facts in told),
        "dose_kj_cm2": sum(number(facts.get("dose_kj_cm2")) for facts in told),
    }


def number(value: Any, default: float = 0.0) -> float:
    """A finite number, or what stands for it."""
    return float(value) if isinstance(value, (int, float)) and math.isfinite(value) else default


def is_told(value: Any) -> bool:
    return value is not None and not (isinstance(value, float) and math.isnan(value))


def told(key: str, value: Any) -> str:
    """A number as one reads it, a time as a date.

    >>> told("rate_cps", 81833.2), told("tau_ns", 9.8752), told("n_runs", 2), told("single", -1)
    ('81,833', '9.875', '2', 'not decided')
    """
    if key == "single":
        return {1: "yes", 0: "no"}.get(value, "not decided")
    if key.endswith("_seen_s"):
        return f"{datetime.fromtimestamp(value):%Y-%m-%d %H:%M:%S}"
    if not isinstance(value, float):
        return str(value)
    return f"{value:,.0f}" if abs(value) >= 1e4 else f"{value:.4g}"


def emitter_table(records: Iterable[EmitterRecord]) -> pd.DataFrame:
    """One row for each emitter; what was not measured is missing (NaN)."""
    table = pd.DataFrame([record.columns() for record in records], columns=pd.Index(COLUMNS))
    words = ("id", "sample", "isolated", "uids")
    return table.astype({key: "float64" for key in COLUMNS if key not in words})


def summary(table: pd.DataFrame) -> str:
    """The table for reading at the prompt: the last rows of a long one."""
    if not len(table):
        return "no emitters yet: RE(find_emitters(microscope, sample=...))"
    rows = [(*SHOWN, "isolated", "single")]
    for row in table.tail(SHOWN_ROWS).to_dict("records"):
        cells = ["" if not is_told(row[key]) else pattern.format(plain(row[key])) for key, pattern in SHOWN.items()]
        rows.append((*cells, "yes" if row["isolated"] else "no", {1.0: "yes", 0.0: "no"}.get(row["single"], "")))
    widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
    lines = ["  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
    where = f"on {count(len(set(table['sample'])), 'sample')}; isolated: {int(table['isolated'].sum())}"
    hidden = len(table) - SHOWN_ROWS
    more = [f"and {hidden} before: emitters.table(), table_of_emitters(sample=...)"] if hidden > 0 else []
    return "\n".join([f"{count(len(table), 'emitter')} {where}", *lines, *more])


def said(key: str) -> str:
    """The name of a column where its value is told as a date.

    >>> said("first_seen_s"), said("tau_ns")
    ('first seen', 'tau_ns')
    """
    return key.removesuffix("_s").replace("_", " ") if key.endswith("_seen_s") else key


def plain(value: Any) -> Any:
    """A whole number without its point."""
    return int(value) if isinstance(value, float) and value.is_integer() else value
