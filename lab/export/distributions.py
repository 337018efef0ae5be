"""Tables of a lifetime image: its pixels, one by one, and the distribution of its lifetimes."""

from collections.abc import Callable

import numpy as np

from analysis.lifetimes import distribution
from lab.export.pixels import grid, pixel_um, trusted
from lab.export.stored import Stored
from lab.export.table import Columns, Table, table


def flim_tables(run: Stored) -> dict[str, Callable[[], Table]]:
    """Tables of an analysed raster; none of other runs."""
    if run.derived is None or run.derived.start.get("plan_name") != "flim_analysis" or "raster" not in run.start:
        return {}
    return {"pixels": lambda: pixels(run), "distribution": lambda: lifetimes(run), "drift": lambda: drift(run)}


def pixels(run: Stored) -> Table:
    """A row for each pixel: where it is, its photons, its lifetimes with errors."""
    assert run.derived is not None
    x_um, y_um = grid(run)
    rows, columns = np.meshgrid(np.arange(y_um.size), np.arange(x_um.size), indexing="ij")
    found: Columns = {
        "row": (rows.ravel(), ""), "column": (columns.ravel(), ""), "x_um": (x_um[columns].ravel(), "um"),
        "y_um": (y_um[rows].ravel(), "um"),
    }  # fmt: skip
    for key, (image, unit) in run.derived.arrays.items():
        if image.ndim == 2 and image.shape == rows.shape:
            found[key] = (image.ravel(), unit)
        elif image.ndim == 3 and image.shape[:2] == rows.shape:
            found |= {numbered(key, k + 1): (image[..., k].ravel(), unit) for k in range(image.shape[2])}
    return table("pixels", found, components="tau1 is the shortest lifetime")


def numbered(key: str, number: int) -> str:
    """The name of one component of a quantity.

    >>> numbered("tau_err_ns", 2), numbered("fraction", 1)
    ('tau2_err_ns', 'fraction1')
    """
    first, rest = key.split("_", 1) if "_" in key else (key, "")
    return f"{first}{number}" + (f"_{rest}" if rest else "")


def lifetimes(run: Stored) -> Table:
    """The intensity-weighted distribution of each lifetime over the trusted pixels, one below the other."""
    tau_ns, photons = run.array("tau_ns"), np.where(trusted(run), run.array("perovskite_counts"), 0)
    spreads = [distribution(tau_ns[..., k], photons, n_boot=0) for k in range(tau_ns.shape[-1])]
    number = np.repeat(np.arange(1, len(spreads) + 1), [spread.grid_ns.size for spread in spreads])
    found: Columns = {
        "component": (number, ""),
        "tau_ns": (np.concatenate([spread.grid_ns for spread in spreads]), "ns"),
        "density_per_ns": (np.concatenate([spread.density for spread in spreads]), "1/ns"),
    }
    return table("distribution", found, weights="perovskite photons of each trusted pixel")


def drift(run: Stored) -> Table:
    """Where the sample had moved to in each scan."""
    shift, err = run.array("drift_px"), run.array("drift_err_px")
    found: Columns = {"scan": (np.arange(len(shift)), "")}
    for index, axis in enumerate(("y", "x")):
        found[f"{axis}_um"] = (shift[:, index] * pixel_um(run), "um")
        found[f"{axis}_err_um"] = (err[:, index] * pixel_um(run), "um")
    return table("drift", found | {"reliable": (run.array("drift_reliable"), "")})
