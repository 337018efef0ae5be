"""Images of a raster or of a search, with their errors, from the arrays of the analysis."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lab.catalog.reading import about, analysed, measured, need, plan_of
from lab.catalog.views import Image
from lab.stored.streams import Arrays

if TYPE_CHECKING:
    from lab.catalog.run import Run

LIFETIMES = {"tau": ("tau_ns", "tau_err_ns", "ns"), "fraction": ("fraction", "fraction_err", "1")}
PLAIN = {"deviance": ("deviance", "1"), "photons": ("n_photons", "photons"), "coverage": ("coverage", "scans")}
INTENSITIES = ("qd", "perovskite")


def image(run: Run, name: str) -> Image:
    """An image of a raster or of a search; LookupError with the names there are."""
    need(run, "image", "flim_raster", "find_emitters")
    arrays, derived_uid = analysed(run)
    source = measured(run)
    is_flim = plan_of(run.start) == "flim_raster"
    known = flim_images(arrays) if is_flim else INTENSITIES
    wanted = {"fraction": "fraction2"}.get(str(name).removesuffix("_ns"), str(name).removesuffix("_ns"))
    if wanted not in known:
        raise LookupError(f"image({name!r}): run {run.uid[:8]} has {', '.join(known)}")
    values, err, unit = flim_image(arrays, source, wanted) if is_flim else field_image(arrays, wanted)
    raster = source.start["raster"]
    n = int(raster["n_pixels"])
    pixel_um = float(raster["extent_um"]) / n
    x_um, y_um = (float(centre) - (n - 1) / 2 * pixel_um for centre in raster["centre_um"])
    return Image(
        uid=source.uid, derived_uid=derived_uid, about=about(source), name=wanted, values=values, err=err, unit=unit,
        pixel_um=pixel_um, origin_um=(x_um, y_um),
    )  # fmt: skip


def flim_images(arrays: Arrays) -> tuple[str, ...]:
    n = np.asarray(arrays["tau_ns"][0]).shape[-1]
    lifetimes = [f"{name}{k + 1}" for name in LIFETIMES for k in range(n)]
    return (*INTENSITIES, *lifetimes, "background", *PLAIN)


def flim_image(arrays: Arrays, run: Run, name: str) -> tuple[np.ndarray, np.ndarray | None, str]:
    """Values, errors and unit; lifetimes are NaN where the fit cannot be trusted."""
    of = {key: np.asarray(value) for key, (value, _) in arrays.items()}
    if name in INTENSITIES:
        seconds = of["coverage"] * (float(run.start["raster"]["dwell_ms"]) / 1e3)
        return rate(of[f"{name}_counts"], seconds)
    if name in PLAIN:
        key, unit = PLAIN[name]
        return of[key].astype(float), None, "" if unit == "1" else unit
    trusted = (of["converged"] != 0) & (of["degenerate"] == 0)
    if name == "background":
        values, err, unit = of["background_fraction"], of["background_fraction_err"], ""
    else:
        key, err_key, unit = LIFETIMES[name[:-1]]
        k = int(name[-1]) - 1
        values, err, unit = of[key][..., k], of[err_key][..., k], "" if unit == "1" else unit
    return np.where(trusted, values, np.nan), np.where(trusted, err, np.nan), unit


def field_image(arrays: Arrays, name: str) -> tuple[np.ndarray, np.ndarray | None, str]:
    counts = np.asarray(arrays["images"][0])[1 if name == "qd" else 0]
    seconds = np.broadcast_to(np.asarray(arrays["exposure_s"][0])[:, None], counts.shape)
    return rate(counts, seconds)


def rate(counts: np.ndarray, seconds: np.ndarray) -> tuple[np.ndarray, np.ndarray, str]:
    """Counts per second with Poisson errors, NaN where nothing was measured."""
    per = np.divide(1.0, seconds, out=np.full(counts.shape, np.nan), where=seconds > 0)
    return counts * per, np.sqrt(np.maximum(counts, 1)) * per, "counts/s"
