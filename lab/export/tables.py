"""The tables that a run holds: curves, traces, decays, distributions, lists of emitters; columns with units."""

from collections.abc import Callable

import numpy as np

from lab.export.decays import decay_tables
from lab.export.distributions import flim_tables
from lab.export.errors import ExportError
from lab.export.stored import PRIMARY, Stored
from lab.export.table import Columns, Table, table, unit_of

WANTED = {
    "flim_raster": "pixels", "irf": "decay", "lifetime_at": "decay",
    "lifetime_at_analysis": "decay", "hbt": "g2", "hbt_analysis": "g2", "blinking": "trace",
    "blinking_analysis": "trace", "time_zero": "response", "time_zero_analysis": "response",
    "find_emitters": "emitters", "emitters_analysis": "emitters", "power_series_analysis": "powers",
}  # fmt: skip
SPECTRA = ("absorption", "blank", "pl", "ple", "calibrate")
RENAMED = {"curve": "g2", "spots": "emitters"}
COHORT = {
    "_rise_ns": ("value_ns", "err_ns"), "_survival": ("duration_s", "observed"), "on_": ("on_fraction", "err"),
}  # fmt: skip
POWERS = ("intensity_w_cm2", "tau_ns", "tau_err_ns", "rate_cps", "rate_err_cps")
SPECTRUM = ("wavelength_nm", "value", "err", "counts", "band_model")
GROUPS = {  # table: where its names begin, and its axis
    "film": ("film_", "film_wavelength_nm"),
    "coupling": ("coupling_", "coupling_wavelength_nm"),
    "bands": ("band_", "band_centre_nm"),
    "regions": ("region_", "region_low_nm"),
    "region_peaks": ("region_", "region_peak_nm"),
    "crossings": ("crossing_", "crossing_nm"),
    "series": ("", "doping_percent"),
}


def tables(run: Stored) -> dict[str, Callable[[], Table]]:
    """Each table of a run by name, made when it is called; the one that is wanted most comes first."""
    found: dict[str, Callable[[], Table]] = {}
    if run.derived is not None:
        found |= analysed(run) | flim_tables(run)
    found = decay_tables(run) | found
    for name, stream in run.streams.items():
        if not run.is_analysis and stream.time_s.size:
            found[name] = lambda name=name: events(run, name)
    first = wanted(run)
    return {name: found[name] for name in sorted(found, key=lambda name: name != first)}


def wanted(run: Stored) -> str:
    """The table that a run is exported as if no other is named."""
    spectrum = "spectrum" if run.plan.removesuffix("_analysis") in SPECTRA else ""
    kept = "numbers" if run.is_analysis else PRIMARY
    return WANTED.get(run.plan) or spectrum or ("series" if run.plan == "pl_series" else kept)


def chosen(run: Stored, name: str | None = None) -> Table:
    """One table of a run; ExportError if it has none of that name."""
    known = tables(run)
    name = name or wanted(run)
    if name in known:
        return known[name]()
    if name == wanted(run) and run.derived is None:
        others = ", ".join(f"table={other!r}" for other in known) or "none"
        raise ExportError(f"{run.not_analysed(name)}; tables without analysis: {others}")
    raise ExportError(f"{run.told} has no table {name!r}; it has {', '.join(known) or 'none'}")


def analysed(run: Stored) -> dict[str, Callable[[], Table]]:
    """Tables of the stored analysis."""
    assert run.derived is not None
    arrays = {key: (value, unit) for key, (value, unit) in run.derived.arrays.items() if value.ndim}
    names: dict[str, list[str]] = run.derived.parameters.get("columns", {})
    found: dict[str, Columns] = {}
    for key, columns in names.items():
        if key in arrays and arrays[key][0].ndim == 2:
            found[RENAMED.get(key, key)] = split(arrays[key][0], tuple(columns))
    if "powers" in arrays:
        found["powers"] = split(arrays["powers"][0], POWERS)
    if "components" in arrays:
        found["components"] = split(arrays["components"][0], ("tau_ns", "tau_err_ns", "fraction", "fraction_err"))
    if run.derived.start.get("plan_name") == "cohort_analysis":
        found |= {key: split(arrays[key][0], cohort_columns(key)) for key in arrays if cohort_columns(key)}
    if "wavelength_nm" in arrays:
        found["spectrum"] = alike(arrays, SPECTRUM)
    for name, (prefix, axis) in GROUPS.items():
        if axis in arrays:
            found[name] = alike(arrays, (axis, *(key for key in arrays if key.startswith(prefix) and key != axis)))
    found["numbers"] = numbers(run)
    return {name: lambda name=name, columns=columns: table(name, columns) for name, columns in found.items()}


def split(packed: np.ndarray, names: tuple[str, ...]) -> Columns:
    """Columns of one array by their names."""
    return {name: (packed[:, index], unit_of(name)) for index, name in enumerate(names)}


def alike(arrays: Columns, names: tuple[str, ...]) -> Columns:
    """Those arrays that are as long as the first."""
    shape = arrays[names[0]][0].shape
    return {name: arrays[name] for name in names if name in arrays and arrays[name][0].shape == shape}


def cohort_columns(key: str) -> tuple[str, ...]:
    """The columns of an array of a cohort; none if it is another."""
    return next((names for part, names in COHORT.items() if key.endswith(part) or key.startswith(part)), ())


def numbers(run: Stored) -> Columns:
    """Every single number of an analysis: name, value, unit."""
    assert run.derived is not None
    single = {key: (value, unit) for key, (value, unit) in run.derived.arrays.items() if not value.ndim}
    single = {key: found for key, found in single.items() if found[0].dtype.kind in "iufb"}
    units = [unit or unit_of(key) or "1" for key, (_, unit) in single.items()]
    values = np.array([float(value) for value, _ in single.values()])
    return {"name": (np.array(list(single)), ""), "value": (values, ""), "unit": (np.array(units), "")}


def events(run: Stored, name: str) -> Table:
    """One stream as it was recorded: a row for each Event; arrays stay in .nxs."""
    stream = run.streams[name]
    columns: Columns = {"time": (stream.time_s, "s since 1970-01-01 UTC")}
    columns |= {key: found for key, found in stream.columns.items() if found[0].ndim == 1}
    return table(name, columns)
