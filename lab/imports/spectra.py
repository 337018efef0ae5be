"""Drafts of runs from text that Fluoracle exported: the same runs as those of the plan `import_scan`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from analysis.exported_scan import ExportedScan, exported_scan
from analysis.formats.photons import Spectrum as Curves
from lab.imports.decays import decay_drafts, from_text
from lab.imports.draft import Draft, Row
from lab.imports.told import Told
from plans.fluorometry import NOT_CALIBRATED, metadata
from plans.recorded import FILE, PLANS, compared, dwell_problem
from plans.spectrum import Spectrum

WHOLE = ("fs5_region", "fs5_repeat", "fs5_point")


@dataclass(frozen=True)
class Shelf:
    """What plans ask of a spectrofluorometer when nothing is measured: the records of samples, and earlier runs."""

    samples: Mapping[str, Any]
    find_run: Callable[..., str]
    name: str = "fs5"


def spectrum_drafts(curves: Curves, told: Told, shelf: Shelf) -> list[Draft]:
    """The run that a text makes: a spectrum, decays, or curves that are only kept."""
    if curves.x_unit == "ns":
        return decay_drafts(from_text(curves), told)
    try:
        found = exported_scan(curves, counts_are=told.counts_are, curves=told.curves or None)  # type: ignore[arg-type]
        scan = Spectrum(**found.settings, repeats=found.repeats)
        problem = dwell_problem(scan) or scan.order_problem()
    except ValueError as why:
        return [kept(curves, str(why))]
    return [kept(curves, problem)] if problem else [spectrum(found, scan, told, shelf)]


def spectrum(found: ExportedScan, scan: Spectrum, told: Told, shelf: Shelf) -> Draft:
    """A scan as if it were measured; `missing` says if the run it is to be compared with is not there."""
    name = plan_of(scan.kind, told, shelf.samples)
    given = [None if uid == "none" else uid for uid in (told.blank, told.reference, told.absorption_run)]
    links, problems = compared(shelf, name, told.sample, scan, *given)  # type: ignore[arg-type]
    wanted = {"absorption": ("blank_uid",), "ple": ("reference_uid", "absorption_uid", "pl_uid")}.get(name, ())
    links = {key: links.get(key, "") for key in wanted}
    missing = next((problem for problem in problems if problem), "")
    about = metadata(
        shelf,  # type: ignore[arg-type]
        name,
        told.sample,
        scan,
        backend=FILE,
        dead_time_ns=0.0,
        calibration=dict(NOT_CALIBRATED),
        warnings=[],
    )
    rows = tuple(Row({key: int(row[key]) if key in WHOLE else row[key] for key in row}) for row in found.rows)
    seconds = scan.dwell_s * scan.num_points
    return Draft(name, about | links, rows, shelf.name, seconds=seconds, missing=missing)


def plan_of(kind: str, told: Told, samples: Mapping[str, Any]) -> str:
    """The plan that measures such a scan; of a blank, "blank". ValueError if another was told."""
    if told.kind and told.kind not in PLANS[kind]:
        raise ValueError(f"kind={told.kind!r}: the file is an {kind} scan, these are {' or '.join(PLANS[kind])}")
    of_blank = kind == "transmission" and samples.get(told.sample, {}).get("role") == "blank"
    return told.kind or ("blank" if of_blank else PLANS[kind][0])


def kept(curves: Curves, why: str) -> Draft:
    """Curves that no analysis takes, whole."""
    values = {"x": np.asarray(curves.x, float), "counts": np.asarray(curves.counts, float)}
    row = Row({f"fs5_{key}": value for key, value in values.items()})
    about = {"x_unit": curves.x_unit, "detectors": ["fs5"], "num_points": 1, "backend": FILE}
    return Draft("import_spectra", about, (row,), "fs5", missing=why, analysed=False)
