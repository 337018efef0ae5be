"""What people plot of a run, as NXdata: signal, axes, errors."""

import numpy as np

from analysis.formats.nexus import Field, Group, Link, Member
from lab.export.pixels import grid
from lab.export.stored import Stored
from lab.export.table import Table
from lab.export.tables import chosen, tables, wanted

SIGNALS = {  # table: signal, its errors, axis
    "spectrum": ("value", "err", "wavelength_nm"),
    "film": ("film_absorbance", "film_absorbance_err", "film_wavelength_nm"),
    "g2": ("g2", "g2_err", "delay_ns"),
    "trace": ("counts", "", "time_s"),
    "response": ("counts", "", "delay_ns"),
    "powers": ("tau_ns", "tau_err_ns", "intensity_w_cm2"),
    "series": ("perovskite_fwhm_nm", "perovskite_fwhm_err_nm", "doping_percent"),
}
IMAGES = ("tau_ns", "fraction")
COUNTS = ("perovskite_counts", "qd_counts", "deviance")
RESULTS = "/entry/analysis/results"


def views(run: Stored) -> dict[str, Member]:
    """Groups of class NXdata by name; the first is the one to show."""
    found: dict[str, Member] = dict(images(run))
    known = tables(run)
    for name in ([wanted(run)] if wanted(run) in known else []) + list(known):
        if name not in found and name in SIGNALS:
            found[name] = curve(chosen(run, name), *SIGNALS[name])
    if "decay" in known and "decay" not in found:
        table = chosen(run, "decay")
        axis, signal, *_ = table.columns
        if axis == "time_ns":
            found["decay"] = curve(table, signal, "", axis)
    return found


def images(run: Stored) -> dict[str, Member]:
    """Each image of an analysed raster with the coordinates of its pixels; components along the last axis."""
    if run.derived is None or "raster" not in run.start:
        return {}
    x_um, y_um = grid(run)
    arrays = run.derived.arrays
    places: dict[str, Member] = {"y": Field(y_um, "um"), "x": Field(x_um, "um")}
    found: dict[str, Member] = {}
    for key in (*IMAGES, *COUNTS):
        if key in arrays and arrays[key][0].ndim >= 2:
            found[key] = image(key, f"{key.removesuffix('_ns')}_err{'_ns' * key.endswith('_ns')}", run, places)
    if "images" in arrays:
        routes = Field(np.array([str(route) for route in run.start["routes"]]))
        members = {"images": Link(f"{RESULTS}/images"), "route": routes, **places}
        found["images"] = Group("NXdata", members, {"signal": "images", "axes": ["route", "y", "x"]})
    return found


def image(key: str, err: str, run: Stored, places: dict[str, Member]) -> Group:
    assert run.derived is not None
    values = run.derived.arrays[key][0]
    members: dict[str, Member] = {key: Link(f"{RESULTS}/{key}"), **places}
    axes = ["y", "x"]
    if values.ndim == 3:
        members["component"] = Field(np.arange(1, values.shape[2] + 1))
        axes.append("component")
    if err in run.derived.arrays:
        members[f"{key}_errors"] = Link(f"{RESULTS}/{err}")
    return Group("NXdata", members, {"signal": key, "axes": axes})


def curve(table: Table, signal: str, err: str, axis: str) -> Group:
    """One column over another; the rest of the table is there too."""
    members: dict[str, Member] = {
        f"{signal}_errors" if name == err else name: Field(values, unit)
        for name, (values, unit) in table.columns.items()
    }
    others = [name for name in members if name not in (signal, axis, f"{signal}_errors")]
    attributes = {"signal": signal, "axes": [axis], f"{axis}_indices": 0}
    return Group("NXdata", members, attributes | ({"auxiliary_signals": others} if others else {}))
