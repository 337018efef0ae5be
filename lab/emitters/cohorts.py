"""Which emitters make a group, and what is known of them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypedDict

import numpy as np
import pandas as pd

from analysis.blinking import Survival, compare_survival, survival
from analysis.cohorts import Cohort, cohort, predicted, ratio
from lab.emitters.campaigns import DONE, REJECTED
from lab.emitters.groups import CohortResult
from lab.emitters.registry import EmitterRegistry
from lab.emitters.tables import COLUMNS

Chosen = str | Iterable[str]
FILM_INDEX, SUBSTRATE_INDEX, RADIUS_NM = 2.10, 1.515, 80.0  # ellipsometry at 650 nm; glass; how far a dot feels
LEAST = 3  # emitters, before a group has a spread


@dataclass(frozen=True, eq=False)
class Members:
    """The emitters of one group: their rows of the registry's table, and who was left out, with the reason."""

    rows: list[dict[str, Any]]
    left_out: dict[str, str]

    @property
    def table(self) -> pd.DataFrame:
        return table_of(self.rows)

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(row["id"] for row in self.rows)

    @property
    def uids(self) -> list[str]:
        return [uid for row in self.rows for uid in str(row["uids"]).split()]


def members(registry: EmitterRegistry, chosen: Chosen) -> Members:
    """The single emitters among those chosen; LookupError for a name that nobody knows.

    chosen : a sample, a campaign, the id of an emitter, or several of them

    Of a campaign all emitters count whose numbers are known, also those that bleached before the error that was asked:
    slow ones take longer, and without them the rest would look fast.
    """
    names = [chosen] if isinstance(chosen, str) else list(chosen)
    ids = list(dict.fromkeys(emitter for name in names for emitter in ids_of(registry, name)))
    return parted({emitter: registry[emitter].columns() for emitter in ids})


def parted(rows: Mapping[str, dict[str, Any]]) -> Members:
    """Those of a group that count, and the others; rows : id -> its row of the registry's table."""
    reasons = {emitter: reason for emitter, row in rows.items() if (reason := reason_against(row))}
    return Members([row for emitter, row in rows.items() if emitter not in reasons], reasons)


def table_of(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Rows of the registry's table."""
    return pd.DataFrame(rows, columns=pd.Index(COLUMNS))


def ids_of(registry: EmitterRegistry, name: str) -> list[str]:
    """The emitters that a name stands for."""
    if name in registry:
        return [name]
    if name in registry.names():
        return [dot.emitter for dot in registry.campaign(name).of_state(DONE, REJECTED)]
    table = registry.table(name)
    if len(table):
        return list(table["id"])
    raise LookupError(f"{name!r}: neither a sample with emitters, nor a campaign, nor an emitter; `emitters` shows all")


def reason_against(row: Mapping[str, Any]) -> str:
    """Why an emitter is no member, "" if it is one."""
    if row["single"] == 0:
        return "not single"
    measured = pd.notna(row["tau_ns"]) and pd.notna(row["tau_err_ns"]), pd.notna(row["on_fraction"])
    return "" if any(measured) else "not measured"


def column(table: pd.DataFrame, name: str) -> np.ndarray:
    """One column as numbers, NaN where nothing is known."""
    return np.asarray(table[name], dtype=float)


def rise_times(table: pd.DataFrame) -> Cohort | None:
    """Of those emitters that are proven single; None if there are not `LEAST` whose rise time is known."""
    tau_ns, err_ns = column(table, "tau_ns"), column(table, "tau_err_ns")
    good = (column(table, "single") == 1) & np.isfinite(tau_ns) & np.isfinite(err_ns)
    return cohort(tau_ns[good], err_ns[good]) if good.sum() >= LEAST else None


def on_fractions(table: pd.DataFrame) -> dict[str, Cohort]:
    """ON fractions by sample, of those with `LEAST` emitters."""
    names, value, err = np.asarray(table["sample"], str), column(table, "on_fraction"), column(table, "on_fraction_err")
    members_of = {str(name): (names == name) & np.isfinite(value) for name in dict.fromkeys(names)}
    return {name: cohort(value[good], err[good]) for name, good in members_of.items() if good.sum() >= LEAST}


def lives(table: pd.DataFrame) -> Survival | None:
    """How long emitters shone; None without any."""
    lived_s, observed = column(table, "survival_s"), column(table, "observed") == 1
    seen = lived_s > 0
    return survival(lived_s[seen], observed[seen]) if seen.any() else None


def compared(
    film: Members, glass: Members, *, samples: Mapping[str, Mapping[str, Any]], **settings: float
) -> CohortResult:
    """Both groups and what follows from them; either may be empty."""
    film_rise, glass_rise = rise_times(film.table), rise_times(glass.table)
    lived = {name: found for name, group in (("film", film), ("glass", glass)) if (found := lives(group.table))}
    medium = medium_of(film, samples, settings)
    return CohortResult(
        uids=tuple(dict.fromkeys([*film.uids, *glass.uids])),
        film=film_rise,
        glass=glass_rise,
        ratio=ratio(film_rise, glass_rise) if film_rise is not None and glass_rise is not None else None,
        prediction=predicted(glass_rise, **medium) if glass_rise is not None and medium["thickness_nm"] > 0 else None,
        on=on_fractions(table_of([*film.rows, *glass.rows])),
        survival=lived,
        comparison=compare_survival(lived["film"], lived["glass"]) if len(lived) == 2 else None,
        emitters={"film": film.ids, "glass": glass.ids},
        left_out=film.left_out | glass.left_out,
        parameters=dict(medium),
    )


class Medium(TypedDict):
    """What the effective medium is made of; a thickness of 0 is not known."""

    film_index: float
    substrate_index: float
    radius_nm: float
    thickness_nm: float


def medium_of(film: Members, samples: Mapping[str, Mapping[str, Any]], settings: Mapping[str, float]) -> Medium:
    """As given, else the mean thickness in the records of the samples; ValueError for what it does not have."""
    names = list(dict.fromkeys(row["sample"] for row in film.rows))
    known = [float(samples[name].get("thickness_nm", 0.0)) for name in names if name in samples]
    medium = Medium(
        film_index=FILM_INDEX,
        substrate_index=SUBSTRATE_INDEX,
        radius_nm=RADIUS_NM,
        thickness_nm=float(np.mean(known)) if known else 0.0,
    )
    if unknown := [name for name in settings if name not in medium]:
        raise ValueError(f"{unknown[0]}={settings[unknown[0]]!r}: there are {', '.join(medium)}")
    return Medium(**{**medium, **settings})  # pyright: ignore[reportArgumentType]
