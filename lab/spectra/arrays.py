"""The arrays and parameters that the derived runs of spectra hold."""

from dataclasses import fields
from typing import Any

import numpy as np

from analysis.spectra import Absorption, BandFit, Coupling, Curve, PlSeries
from lab.spectra.results import (
    AbsorptionResult,
    CalibrationResult,
    PleResult,
    PlResult,
    PlSeriesResult,
    SpectralResult,
)

Arrays = dict[str, tuple[np.ndarray, str]]


def arrays_of(result: SpectralResult) -> Arrays:
    """Everything a result found, each with its unit."""
    found = curve_arrays(result.curve)
    if isinstance(result, PlResult):
        found |= band_arrays(result.fit, result.curve)
        found |= region_arrays(result)
    elif isinstance(result, AbsorptionResult) and result.absorption is not None:
        found |= absorption_arrays(result.absorption)
    elif isinstance(result, PleResult) and result.coupling is not None:
        found |= coupling_arrays(result.coupling)
    elif isinstance(result, CalibrationResult):
        found |= numbers_of(result.calibration.offsets, "")
        found |= numbers_of(result.calibration.lamp, "lamp_") | numbers_of(result.calibration.scatter, "scatter_")
    return found


def parameters_of(result: SpectralResult) -> dict[str, Any]:
    """What decided the result besides the data."""
    start = result.start
    links = {key: start[key] for key in ("blank_uid", "reference_uid", "absorption_uid", "pl_uid") if key in start}
    return {"calibration": start["calibration"], "dead_time_ns": start["dead_time_ns"], **links}


def curve_arrays(curve: Curve) -> Arrays:
    arrays = {
        "wavelength_nm": (curve.wavelength_nm, "nm"),
        "value": (curve.value, curve.unit or "1"),
        "err": (curve.err, curve.unit or "1"),
    }
    if curve.counts is not None:
        arrays["counts"] = (curve.counts, "counts")
    return arrays | {"n_photons": (np.asarray(curve.n_photons), "photons")}


def band_arrays(fit: BandFit, curve: Curve) -> Arrays:
    """The bands, and their sum on the axis of the spectrum."""
    return numbers_of(fit, "band_") | {"band_model": (fit.model(curve.wavelength_nm), curve.unit or "1")}


def region_arrays(result: PlResult) -> Arrays:
    """Spectrum and maximum of each region, one row each; nothing if there is one region only."""
    if not result.regions:
        return {}
    axis = result.curve.wavelength_nm
    rows = [
        np.interp(axis, region.curve.wavelength_nm, region.curve.value, np.nan, np.nan) for region in result.regions
    ]
    peaks = np.array([[region.fit.peak_nm, region.fit.peak_err_nm] for region in result.regions])
    return {
        "region_numbers": (np.array([region.number for region in result.regions], np.int64), "1"),
        "region_value": (np.array(rows), result.curve.unit or "1"),
        "region_peak_nm": (peaks[:, 0], "nm"),
        "region_peak_err_nm": (peaks[:, 1], "nm"),
    }


def absorption_arrays(film: Absorption) -> Arrays:
    return numbers_of(film, "film_")


def coupling_arrays(found: Coupling) -> Arrays:
    """The spectra of eqns (1) and (2), regions and crossings."""
    regions = {
        f"region_{key}": (np.array([getattr(region, key) for region in found.regions]), unit)
        for key, unit in {"low_nm": "nm", "high_nm": "nm", "mean": "1", "mean_err": "1", "sign": "1"}.items()
    }
    crossings = {
        "crossing_nm": (np.array([crossing.wavelength_nm for crossing in found.crossings], float), "nm"),
        "crossing_err_nm": (np.array([crossing.err_nm for crossing in found.crossings], float), "nm"),
        "crossing_rising": (np.array([crossing.rising for crossing in found.crossings], np.uint8), "1"),
    }
    return numbers_of(found, "coupling_") | regions | {k: v for k, v in crossings.items() if v[0].size}


def series_arrays(result: PlSeriesResult) -> Arrays:
    series: PlSeries = result.series
    return numbers_of(series, "") | numbers_of(series.linearity, "linearity_")


def numbers_of(found: Any, prefix: str) -> Arrays:
    """Every number and array of numbers of a result, by its own name; text and what is nested is left out."""
    arrays = {}
    for field in fields(found):
        value = np.asarray(getattr(found, field.name)) if is_numeric(getattr(found, field.name)) else None
        if value is not None and (value.size or not value.ndim):
            kept = value.astype(np.uint8) if value.dtype == bool else value
            arrays[f"{prefix}{field.name}"] = (kept, unit_of(field.name))
    return arrays


def is_numeric(value: Any) -> bool:
    return isinstance(value, (bool, int, float, np.generic, np.ndarray))


def unit_of(name: str) -> str:
    """The unit that a name ends with.

    >>> unit_of("peak_err_nm"), unit_of("absorbance_err"), unit_of("doping_percent")
    ('nm', '1', '%')
    """
    return {"nm": "nm", "percent": "%", "photons": "photons"}.get(name.rsplit("_", 1)[-1], "1")
