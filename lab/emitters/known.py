"""All that is known of every emitter in one table, for people and for other programs."""

import html
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd

from lab.emitters.arrays import unit_of
from lab.emitters.cohorts import ids_of
from lab.emitters.registry import EmitterRegistry
from lab.emitters.tables import COLUMNS, EmitterRecord, most_precise, number
from lab.shown import framed

MORE = {
    "hbt": ("g2_zero", "g2_zero_err", "signal_fraction", "signal_fraction_err", "significance_sigma", "stopped_by"),
    "blinking": ("rate_cps", "bleached_at_s"),
}
NAMED = {("blinking", "rate_cps"): "mean_rate_cps"}
PRECISE = {"hbt": "tau_err_ns", "blinking": "on_fraction_err", "lifetime_at": "lifetime_err_ns"}
UNITS = {"_s": "s", "_cps": "cps", "_um": "um", "_ns": "ns", "_kj_cm2": "kJ/cm2"}
NUMBERS = ("single", "bleached", "observed", "contrast", "on_fraction", "g2_zero", "significance_sigma")
SUFFIXES = (".csv", ".html")


def table_of_emitters(
    registry: EmitterRegistry,
    sample: str = "",
    campaign: str = "",
    *,
    to: str | Path | None = None,
    data: Path | None = None,
) -> pd.DataFrame:
    """One row for each emitter: places, light, rise time, contrast, ON fraction, survival, each with its error.

    sample, campaign : only those on a sample, or of a campaign; LookupError, with what there is, for an unknown one
    to : a .csv or .html file to be written as well; it begins with the data folder and the units

    Of several measurements of a kind the most precise counts, and `hbt_uid`, `blinking_uid`, `lifetime_uid` name it.
    What was not measured is missing (NaN). Units end the names: _um, _ns, _s, _cps, _kj_cm2.
    """
    check_suffix(to)
    records = [registry[emitter] for emitter in chosen(registry, sample, campaign)]
    table = pd.DataFrame([columns(record) for record in records])
    if not len(table):
        table = pd.DataFrame(columns=pd.Index(columns_of_all()))
    table = table.astype({name: float for name in table if unit(name) or name in NUMBERS})
    table.attrs = {"data_folder": str(data or ""), "units": {name: unit(name) for name in table if unit(name)}}
    if to is not None:
        write(table, Path(to))
    return table


def chosen(registry: EmitterRegistry, sample: str, campaign: str) -> Sequence[str]:
    """The ids that are meant."""
    if campaign and campaign not in registry.names():
        raise LookupError(f"campaign={campaign!r}: there is {', '.join(registry.names()) or 'none yet'}")
    ids = ids_of(registry, campaign) if campaign else list(registry)
    if not sample:
        return ids
    samples = sorted({registry[emitter].row["sample"] for emitter in registry})
    if sample not in samples:
        raise LookupError(f"sample={sample!r}: emitters are known on {', '.join(samples) or 'none yet'}")
    return [emitter for emitter in ids if registry[emitter].row["sample"] == sample]


def columns(record: EmitterRecord) -> dict[str, Any]:
    """A row: what the registry's own table has, and more of the measurement that counts."""
    row = record.columns()
    uids = row.pop("uids")
    for kind, keys in MORE.items():
        facts = most_precise(record.of_kind(kind), PRECISE[kind])
        row.update({named(kind, key): facts.get(key) for key in keys})
    row["campaigns"] = " ".join(dict.fromkeys(run["campaign"] for run in record.runs if run["campaign"]))
    for kind, error in PRECISE.items():
        row[f"{kind.removesuffix('_at')}_uid"] = uid_of(record.runs, kind, error)
    return {**row, "image_uids": " ".join(record.found_in), "uids": uids}


def named(kind: str, key: str) -> str:
    """The column of a fact."""
    return NAMED.get((kind, key)) or key


def columns_of_all() -> list[str]:
    """The names of the columns, for a table without rows."""
    row = {"isolated": 0, "id": "", "sample": ""}
    return list(columns(EmitterRecord({**dict.fromkeys(COLUMNS), **row}, [], [])))


def uid_of(runs: Sequence[Mapping[str, Any]], kind: str, error: str) -> str:
    """The run of a kind whose numbers stand in the table."""
    of_kind = [run for run in reversed(runs) if run["kind"] == kind]
    best = min(of_kind, key=lambda run: number(run["facts"].get(error), float("inf")), default=None)
    return "" if best is None else str(best["uid"])


def unit(name: str) -> str:
    """The unit of a column, "" if it has none.

    >>> unit("tau_err_ns"), unit("dose_kj_cm2"), unit("contrast"), unit("uids")
    ('ns', 'kJ/cm2', '', '')
    """
    return next((told for ending, told in UNITS.items() if name.endswith(ending)), unit_of(name))


def check_suffix(to: str | Path | None) -> None:
    if to is not None and Path(to).suffix.lower() not in SUFFIXES:
        raise ValueError(f"to={str(to)!r}: a table is written as {' or '.join(SUFFIXES)}")


def write(table: pd.DataFrame, path: Path) -> None:
    """The table as a file that says where it is from: CSV with lines of "#" before it, or a page of HTML."""
    lines = header(table)
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix.lower() == ".html":
        told = "".join(f"<p>{html.escape(line)}</p>" for line in lines)
        body = framed(lines[0], told, f'<div class="wide">{table.to_html(index=False, na_rep="", border=0)}</div>')
        path.write_text(f'<!doctype html><meta charset="utf-8"><title>emitters</title>{body}', encoding="utf-8")
        return
    text = "".join(f"# {line}\n" for line in lines) + table.to_csv(index=False, lineterminator="\n")
    path.write_text(text, encoding="utf-8", newline="\n")


def header(table: pd.DataFrame) -> list[str]:
    """Where the table is from, when it was made, and the units of its columns."""
    units = table.attrs.get("units", {})
    of = ", ".join(f"{name} {told}" for name, told in units.items())
    return [
        f"{len(table)} emitters, from the data folder {table.attrs.get('data_folder') or '(not told)'}",
        f"written {datetime.now():%Y-%m-%d %H:%M}; _err is one standard deviation; the other columns have no unit",
        f"units: {of}",
    ]


def copied_registry(data: Path) -> EmitterRegistry:
    """The registry of a data folder in memory: its file is only read; an empty one if there is no file."""
    registry, path = EmitterRegistry(None), data / "emitters.sqlite"
    if path.exists():
        registry.store.read_from(path)
    return registry
