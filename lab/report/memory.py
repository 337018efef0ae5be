"""A reproduction as it is remembered: which run played which part; and its results again, from the stored runs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lab.figures.paper import chosen
from lab.figures.sources import Sources
from lab.report.paper import Paper, SingleEmitters, Spectra
from lab.version import code_version

if TYPE_CHECKING:
    from lab.emitters.groups import CohortResult

FILE = "demo.json"
RECORDED = ("doping_percent", "thickness_nm")
SINGLE = {"search image": "field", "example": "example", "bright": "bright"}


@dataclass(frozen=True)
class Memory:
    """What is remembered of a reproduction.

    names : samples in the roles of A and B; runs : uid, or uids, by role; cohorts : emitters and parameters of each
    campaigns : uids by role; samples : what the records said; missing : what was not measured, and why, by step
    code_version : of the code that measured
    """

    names: tuple[str, str]
    runs: Mapping[str, Any]
    cohorts: Mapping[str, Mapping[str, Any]]
    campaigns: Mapping[str, tuple[str, ...]]
    samples: Mapping[str, Mapping[str, Any]]
    missing: Mapping[str, str]
    code_version: str

    @property
    def uids(self) -> tuple[str, ...]:
        """Of all runs that are named, each once."""
        named = [[uids] if isinstance(uids, str) else uids for uids in self.runs.values()]
        groups = [*self.campaigns.values(), *(told["uids"] for told in self.cohorts.values())]
        return tuple(dict.fromkeys(uid for group in (*named, *groups) for uid in group))

    def told(self) -> str:
        """As JSON."""
        return json.dumps(vars(self), indent=2)

    @classmethod
    def read(cls, path: Path) -> Memory:
        """Of a demo folder; LookupError without it, ValueError if it is none."""
        if not path.is_file():
            raise LookupError(f"{path} is not there: the report is made of a folder of `make demo`, which writes it")
        try:
            told = json.loads(path.read_text(encoding="utf-8"))
            first, second = told["names"]
            return cls(**{**told, "names": (first, second)})
        except (KeyError, TypeError, ValueError) as why:
            raise ValueError(f"{path} does not tell which run played which part: {why}") from why


def remembered(paper: Paper, missing: Mapping[str, str]) -> Memory:
    """Which run played which part; missing : why what is not there was not measured."""
    spectra, emitters = paper.spectra, paper.emitters
    kinds = {"absorption": spectra.absorption, "pl": spectra.pl, "ple": spectra.ple, "image": paper.images}
    runs: dict[str, Any] = {f"{kind} {role}": one.uid for kind, found in kinds.items() for role, one in found.items()}
    runs |= {role: one.uid for role, key in SINGLE.items() if (one := getattr(emitters, key)) is not None}
    runs["traces"] = [one.uid for one in emitters.traces]
    runs |= {"series": list(spectra.series.uids)} if spectra.series is not None else {}
    runs |= {"power": list(emitters.power.uids)} if emitters.power is not None else {}
    groups = {"rise times": emitters.cohort, "all films": emitters.films}
    return Memory(
        names=paper.names,
        runs=runs,
        cohorts={name: {"uids": list(one.uids), **chosen(one)} for name, one in groups.items() if one is not None},
        campaigns=emitters.campaigns,
        samples={
            name: {key: record[key] for key in RECORDED if key in record} for name, record in paper.samples.items()
        },
        missing=missing,
        code_version=code_version(),
    )


def again(memory: Memory, sources: Sources) -> Paper:
    """All results, computed again from the stored runs; LookupError for a run that is not there."""
    images = of_kind("image", memory, sources)
    return Paper(
        names=memory.names,
        spectra=spectra_again(memory, sources),
        images=images,
        emitters=emitters_again(memory, sources),
        starts={role: sources.ends(one.uid)[0] for role, one in images.items() if role in "AB"},
        samples=memory.samples,
    )


def of_kind(kind: str, memory: Memory, sources: Sources) -> dict[str, Any]:
    """Results of one kind by role."""
    named = {role.removeprefix(f"{kind} "): uid for role, uid in memory.runs.items() if role.startswith(f"{kind} ")}
    return {role: sources.of(uid) for role, uid in named.items()}


def spectra_again(memory: Memory, sources: Sources) -> Spectra:
    found = {kind: of_kind(kind, memory, sources) for kind in ("absorption", "pl", "ple")}
    series = sources.together("pl_series", tuple(memory.runs["series"]), {}) if "series" in memory.runs else None
    return Spectra(**found, series=series)


def emitters_again(memory: Memory, sources: Sources) -> SingleEmitters:
    found = {key: sources.of(memory.runs[role]) for role, key in SINGLE.items() if role in memory.runs}
    power = tuple(memory.runs.get("power", ()))
    return SingleEmitters(
        **{key: found.get(key) for key in SINGLE.values()},
        campaigns={role: tuple(uids) for role, uids in memory.campaigns.items()},
        traces=[sources.of(uid) for uid in memory.runs.get("traces", ())],
        power=sources.together("power_series", power, {}) if power else None,
        cohort=cohort_again("rise times", memory, sources),
        films=cohort_again("all films", memory, sources),
    )


def cohort_again(name: str, memory: Memory, sources: Sources) -> CohortResult | None:
    if name not in memory.cohorts:
        return None
    told = memory.cohorts[name]
    return sources.together("cohort", tuple(told["uids"]), told)
