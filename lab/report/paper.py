"""What a reproduction of the paper found, and the paper's numbers computed from it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lab.emitters.groups import CohortResult, PowerResult
from lab.emitters.results import BlinkingResult, EmittersResult, HbtResult
from lab.flim.results import FlimResult
from lab.report.emitters import measure_emitters
from lab.report.flim import crosstalk_of, measure
from lab.report.rows import Row
from lab.report.spectra import measure_spectra
from lab.spectra.results import AbsorptionResult, PleResult, PlResult, PlSeriesResult

FILMS = {"film": "single", "film2": "film2", "film3": "film3"}  # roles of the films of single dots, their samples
GLASS = "halide_qds"
Records = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Spectra:
    """Results of the spectrofluorometer by role: undoped, A to D, bare; what could not be computed is left out."""

    absorption: dict[str, AbsorptionResult] = field(default_factory=dict)
    pl: dict[str, PlResult] = field(default_factory=dict)
    ple: dict[str, PleResult] = field(default_factory=dict)
    series: PlSeriesResult | None = None


@dataclass(frozen=True)
class SingleEmitters:
    """Results of single emitters; what could not be measured is None or left out.

    campaigns : uids of the runs of each, by role; traces : the blinking traces of all of them
    cohort : the film whose rise times are known best, against glass; films : all films against glass
    """

    field: EmittersResult | None
    campaigns: dict[str, tuple[str, ...]]
    traces: list[BlinkingResult]
    example: HbtResult | None
    power: PowerResult | None
    bright: BlinkingResult | None
    cohort: CohortResult | None
    films: CohortResult | None


NO_EMITTERS = SingleEmitters(None, {}, [], None, None, None, None, None)


@dataclass(frozen=True)
class Paper:
    """All that was measured.

    names : samples in the roles of A and B; images : by role, A, B, pixel1, pixel2 and undoped
    starts : start documents of the images of A and B; samples : records of "A" and "single"
    """

    names: tuple[str, str]
    spectra: Spectra
    images: dict[str, FlimResult]
    emitters: SingleEmitters
    starts: Mapping[str, Mapping[str, Any]]
    samples: Records

    def rows(self) -> list[Row]:
        """Every published number beside ours, with the runs it comes from."""
        from lab.report.backing import evidence_of
        from lab.report.evidence import evidenced

        rows = [*self.spectral_rows(), *self.image_rows(), *rows_of(self.emitters, self.samples)]
        return evidenced(rows, evidence_of(self))

    def spectral_rows(self) -> list[Row]:
        """Of sections 3.1 and 3.2."""
        found = self.spectra
        doped = {role: found.pl[role].start["sample"] for role in "ABCD" if role in found.pl}
        percent = {role: record.get("doping_percent", math.nan) for role, record in doped.items()}
        percent["single"] = self.samples.get("single", {}).get("doping_percent", math.nan)
        series = None if found.series is None else found.series.series
        spectra = {"absorption": found.absorption, "pl": found.pl, "ple": found.ple, "series": series}
        return measure_spectra(**spectra, doping_percent=percent)

    def image_rows(self) -> list[Row]:
        """Of section 3.3."""
        maps = {role: one.map for role, one in self.images.items()}
        starts = [self.starts.get(role, {}) for role in "AB"]
        doping_a, doping_b = (start.get("sample", {}).get("doping_percent", math.nan) for start in starts)
        light_a, light_b = (start.get("excitation", {}).get("intensity_w_cm2", math.nan) for start in starts)
        return measure(
            *(maps.get(role) for role in ("A", "B", "pixel1", "pixel2")),
            doping_percent=(doping_a, doping_b),
            intensity_w_cm2=(light_a, light_b),
            crosstalk=crosstalk_of(maps.get("undoped")),
        )


def rows_of(found: SingleEmitters, samples: Records) -> list[Row]:
    """The paper's numbers on single emitters beside ours; samples : the records of "A" and "single"."""
    rise = {} if found.cohort is None else found.cohort.rises()
    on = {} if found.films is None else found.films.on
    names = {**FILMS, "glass": GLASS}
    return measure_emitters(
        field=found.field,
        example=found.example,
        zero_power=None if found.power is None else found.power.zero,
        rise=rise,
        on={role: on[name] for role, name in names.items() if name in on},
        traces=found.traces,
        bright=found.bright,
        survival={} if found.films is None else found.films.survival,
        doping_percent={name: samples[name]["doping_percent"] for name in ("A", "single") if name in samples},
        thickness_nm=float(samples.get("single", {}).get("thickness_nm", math.nan)),
    )
