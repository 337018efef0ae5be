"""The images of a run: intensity and lifetime, as channels of one OME-TIFF."""

from collections.abc import Iterator

import numpy as np

from analysis.formats.ome import Planes
from lab.export.about import facts
from lab.export.distributions import numbered
from lab.export.errors import ExportError
from lab.export.pixels import grid, pixel_um, trusted
from lab.export.stored import Stored

PLANS = ("flim_raster", "find_emitters")
Channel = tuple[str, np.ndarray]
PLAIN = {
    "background_fraction": "background fraction [1]",
    "deviance": "deviance per degree of freedom [1]",
    "coverage": "coverage [scans]",
}
COMPONENTS = {"tau_ns": "ns", "tau_err_ns": "ns", "fraction": "1", "fraction_err": "1"}
ORDER = "row 0 is the highest y, as in the figures"
NOTES = {
    "intensity": "dark counts not subtracted, dead time not corrected",
    "NaN": "no light, or a lifetime that cannot be trusted; .nxs and .csv have all numbers",
    "errors": "one standard deviation",
}


def planes_of(run: Stored) -> Planes:
    """The images of a raster or of a search for emitters, turned so that y grows upwards on the screen.

    ExportError for runs without images, and for those that are not analysed.
    """
    if run.plan not in PLANS:
        raise ExportError(
            f"{run.told} has no images: .ome.tif is for {' and '.join(PLANS)}; this one goes to .nxs, .csv"
        )
    channels = tuple(lifetime_channels(run) if run.plan == PLANS[0] else search_channels(run))
    x_um, y_um = grid(run)
    names, images = zip(*channels, strict=True)
    told = facts(run)
    more = {"rows": ORDER, **NOTES}
    return Planes(
        images=np.stack(images)[:, ::-1],
        names=names,
        pixel_um=pixel_um(run),
        left_um=float(x_um[0]),
        top_um=float(y_um[-1]),
        name=f"{run.start.get('sample_name', '')} {run.uid[:8]}".strip(),
        description="\n".join(f"{key}: {value}" for key, value in (told | more).items()),
        acquired=told.get("measured", ""),
        facts=told | more,
    )


def lifetime_channels(run: Stored) -> Iterator[Channel]:
    """Name and image (ny, nx) of what a lifetime image tells of its pixels; lifetimes are NaN where not trusted."""
    seconds = run.array("coverage") * float(run.start["raster"]["dwell_ms"]) / 1e3
    for route in ("qd", "perovskite"):
        yield intensity_name(run, route), rate(run.array(f"{route}_counts"), seconds)
    n_components, known = run.array("tau_ns").shape[-1], trusted(run)
    for k in range(n_components):
        for key, unit in COMPONENTS.items():
            name = numbered(key, k + 1).replace("_ns", "")
            yield f"{name} [{unit}]", np.where(known, run.array(key)[..., k], np.nan)
    for key, name in PLAIN.items():
        yield name, run.array(key).astype(float)
    yield "trusted [0 or 1]", trusted(run).astype(float)


def search_channels(run: Stored) -> Iterator[Channel]:
    """Name and intensity image of each route of a search."""
    seconds = run.array("exposure_s")[:, None]
    for route, counts in zip(run.start["routes"], run.array("images"), strict=True):
        yield intensity_name(run, str(route)), rate(counts, seconds)


def intensity_name(run: Stored, route: str) -> str:
    shown = {"qd": "QD"}.get(route, route)
    return f"{shown} intensity [counts/s]"


def rate(counts: np.ndarray, seconds: np.ndarray) -> np.ndarray:
    """Counts per second; NaN where there was no light."""
    shape = np.broadcast_shapes(counts.shape, seconds.shape)
    return np.divide(counts, seconds, out=np.full(shape, np.nan), where=np.broadcast_to(seconds > 0, shape))
