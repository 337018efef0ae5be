"""Earlier runs in a few numbers: rates, lifetimes, bands, periods. Pure: data in, numbers out."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lab.emitters.arrays import COLUMNS

Data = Mapping[str, Any]
BRIGHTEST = 99.9  # percentile that stands for the brightest pixel
NUMBERS = {
    "hbt": ("tau_ns", "tau_err_ns", "contrast", "rate_cps", "background_cps", "live_s", "single", "corrected_contrast"),
    "blinking": ("on_fraction", "rate_on_cps", "rate_off_cps", "rate_cps", "background_cps", "live_s", "survival_s"),
    "calibrate": (
        "excitation_offset_err_nm", "emission_offset_err_nm", "lamp_height", "scatter_height", "scatter_fwhm_nm",
    ),
}  # fmt: skip


def scalars(data: Data, names: Iterable[str]) -> dict[str, float]:
    return {name: float(data[name]) for name in names if name in data}


def of_raster(data: Data, start: Data) -> dict[str, Any]:
    """Rates of both routes in the median and the brightest pixel; lifetimes and shares of the median pixel."""
    seconds = np.maximum(data["coverage"], 1) * start["raster"]["dwell_ms"] / 1e3
    routes = [np.asarray(data[f"{route}_counts"]) / seconds for route in ("perovskite", "qd")]
    seen = np.asarray(data["converged"]).astype(bool) & (np.asarray(data["n_photons"]) > 0)
    middle = lambda key: np.median(np.asarray(data[key])[seen], axis=0)  # noqa: E731
    return {
        "rate_cps": tuple(float(np.median(rate)) for rate in routes),
        "peak_cps": tuple(float(np.percentile(rate, BRIGHTEST)) for rate in routes),
        "tau_ns": tuple(map(float, np.atleast_1d(middle("tau_ns")))),
        "fraction": tuple(map(float, np.atleast_1d(middle("fraction")))),
        "background_fraction": float(middle("background_fraction")),
        "fitted_share": float(np.median(np.asarray(data["n_photons"]) / np.maximum(data["perovskite_counts"], 1))),
    }


def of_image(data: Data, start: Data) -> dict[str, float]:
    """How many emitters there are, and how bright they are."""
    spots = dict(
        zip(COLUMNS["spots"], np.asarray(data["spots"], float).reshape(-1, len(COLUMNS["spots"])).T, strict=True)
    )
    alone = spots["isolated"] > 0
    picked = {key: column[alone] if alone.any() else column for key, column in spots.items()}
    middle = lambda column: float(np.median(column)) if column.size else float("nan")  # noqa: E731
    return {
        "n_found": float(alone.size),
        "n_isolated": float(alone.sum()),
        "per_um2": float(alone.sum()) / start["raster"]["extent_um"] ** 2,
        **{key: middle(picked[key]) for key in ("rate_cps", "background_cps", "fwhm_um")},
        "peak_cps": float(np.max(spots["rate_cps"] + spots["background_cps"], initial=0.0)),
    }


def of_blinking(data: Data, start: Data) -> dict[str, float]:
    """Levels, and the mean length of bright and dark periods."""
    facts = scalars(data, NUMBERS["blinking"])
    periods: NDArray[np.float64] = np.asarray(data["periods"], float).reshape(-1, 3)
    for name, bright in (("bright_s", 1.0), ("dark_s", 0.0)):
        of_kind = periods[periods[:, 1] == bright]
        if len(of_kind):  # whole time over periods that ended: those cut off count with their time
            facts[name] = float(of_kind[:, 0].sum() / max(of_kind[:, 2].sum(), 1.0))
    return facts


def of_luminescence(data: Data, start: Data) -> dict[str, Any]:
    """Bands, and counts in a second, with what turns counts into the units of the spectrum."""
    counts, value = np.asarray(data["counts"], float), np.asarray(data["value"], float)
    points = start["scan"]["dwell_s"] * start.get("repeats", 1) * len(start.get("regions", [1]))
    bright = counts > np.percentile(counts, 50)
    facts: dict[str, Any] = {
        "rate_cps": tuple(map(float, counts / points)),
        "wavelength_nm": tuple(map(float, data["wavelength_nm"])),
        "scale_s": float(np.median(value[bright] / np.maximum(counts[bright], 1))) * points,
        "peak_cps": float(counts.max() / points),
    }
    if "band_centre_nm" in data and np.size(data["band_centre_nm"]):
        for key in ("centre_nm", "fwhm_nm", "height"):
            facts[key] = tuple(map(float, np.atleast_1d(data[f"band_{key}"])))
        facts["background"] = float(data["band_background"])
    return facts


def of_transmission(data: Data, start: Data) -> dict[str, float]:
    """The error of a point, and the time it took."""
    key = "film_absorbance_err" if "film_absorbance_err" in data else "err"
    seconds = start["scan"]["dwell_s"] * start.get("repeats", 1)
    return {"err": float(np.nanmedian(np.asarray(data[key], float))), "dwell_s": float(seconds)}


def counted(documents: Iterable[tuple[str, Mapping[str, Any]]]) -> dict[str, Any]:
    """Counts of both SPADs per second, and pairs per second where the card counted them; empty without Events."""
    seconds, pairs, counts = 0.0, 0.0, np.zeros(2)
    streams: dict[str, str] = {}
    for name, doc in documents:
        if name == "descriptor":
            streams[doc["uid"]] = doc.get("name", "")
        if name == "event" and streams.get(doc["descriptor"]) in ("primary", "irf"):
            data = doc["data"]
            seconds += float(data.get("timeharp_elapsed", 0.0))
            counts += np.asarray(data.get("timeharp_counts", (0, 0)), float)
            pairs += float(data.get("timeharp_coincidences", 0.0))
    return {"rate_cps": tuple(map(float, counts / seconds)), "pairs_cps": pairs / seconds} if seconds else {}


REDUCED = {
    "flim_raster": of_raster,
    "find_emitters": of_image,
    "hbt": lambda data, start: scalars(data, NUMBERS["hbt"]),
    "blinking": of_blinking,
    "pl": of_luminescence,
    "ple": of_luminescence,
    "absorption": of_transmission,
    "blank": of_transmission,
    "calibrate": lambda data, start: scalars(data, NUMBERS["calibrate"]),
}
