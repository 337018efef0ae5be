"""Every number of the paper on ensemble spectra, computed from what the runs returned."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from analysis.spectra import PlSeries
from analysis.spectra.band_fit import SPLIT_NM
from analysis.spectra.series import WINDOW_NM
from lab.report.absorption import absorptions
from lab.report.coupling import couplings
from lab.report.luminescence import doped_films, undoped_film
from lab.report.rows import SPECTRA, Measured, Row, published, row
from lab.spectra.results import AbsorptionResult, PleResult, PlResult

UNKNOWN = Measured(math.nan)
EQUATIONS = ("PLE-06", "PLE-07")  # choices without a number


def measure_spectra(
    *,
    absorption: Mapping[str, AbsorptionResult],
    pl: Mapping[str, PlResult],
    ple: Mapping[str, PleResult],
    series: PlSeries | None,
    doping_percent: Mapping[str, float],
) -> list[Row]:
    """Compute every published number on ensemble spectra that the given results allow.

    Parameters
    ----------
    absorption, pl, ple : results by role: "undoped", "A" to "D", "bare"; what was not measured is left out
    series : luminescence of the roles "A" to "D", normalised together
    doping_percent : of "A" to "D" and "single", from the sample records
    """
    found: dict[str, Measured] = settings(pl, ple) | dopings(doping_percent)
    found["PL-10"] = Measured(SPLIT_NM, note="bands centred from there on are those of the dots")
    found |= absorptions({role: one.absorption for role, one in absorption.items() if one.absorption is not None})
    if "undoped" in pl:
        found |= undoped_film(pl["undoped"].fit, [region.fit for region in pl["undoped"].regions])
    if series is not None:
        names = {role: pl[role].start["sample_name"] for role in "ABCD" if role in pl}
        found |= doped_films(series, names, pl["bare"].fit if "bare" in pl else None)
        found["PL-09"] = Measured(WINDOW_NM[0], also=WINDOW_NM[1])
    found |= couplings({role: one.coupling for role, one in ple.items() if one.coupling is not None})
    nothing: dict[str, Measured | None] = dict.fromkeys(EQUATIONS)
    return [row(entry, found.get(name, nothing.get(name, UNKNOWN))) for name, entry in published(SPECTRA).items()]


def settings(pl: Mapping[str, PlResult], ple: Mapping[str, PleResult]) -> dict[str, Measured]:
    """What the runs were made with, from their start documents."""
    emission = [one.start["scan"] for one in pl.values()]
    excitation = [one.start["scan"] for one in ple.values()]
    return {
        "PL-06": same(emission, "fixed_nm"),
        "PL-07": same(emission, "dwell_s", 1e3),
        "PL-08": same(emission, "step_nm", also="emission_slit_nm"),
        "PLE-01": same(excitation, "fixed_nm"),
        "PLE-02": same(excitation, "fixed_nm"),
        "PLE-03": same(excitation, "dwell_s"),
        "PLE-04": same(excitation, "step_nm", also="excitation_slit_nm"),
    }


def same(scans: Sequence[Mapping[str, Any]], key: str, factor: float = 1.0, *, also: str = "") -> Measured:
    """A setting of all scans, and a second one; infinite if they were not made alike.

    >>> same([{"dwell_s": 0.3}, {"dwell_s": 0.3}], "dwell_s", 1000).value, same([], "dwell_s").value
    (300.0, nan)
    """
    values = sorted({factor * float(scan[key]) for scan in scans})
    if len(values) > 1:
        return Measured(math.inf, note="differs from run to run: " + ", ".join(f"{value:g}" for value in values))
    second = same(scans, also).value if also else math.nan
    return Measured(values[0] if values else math.nan, also=second)


def dopings(percent: Mapping[str, float]) -> dict[str, Measured]:
    """Nominal doping of each sample, from its record, and their range."""
    rows = {f"DOP-{role}": Measured(float(percent[role])) for role in "ABCD" if role in percent}
    if {"A", "single"} <= set(percent) and percent["single"]:
        rows["DOP-S"] = Measured(float(percent["single"]), also=float(percent["A"] / percent["single"]))
    four = [percent[role] for role in "ABCD" if role in percent]
    if len(four) == len("ABCD") and min(four) > 0:
        rows["DOP-R"] = Measured(max(four) / min(four), 0.0)
    return rows
