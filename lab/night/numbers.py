"""The few numbers of an analysis that a person wants to see first, from its stored arrays."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from analysis.lifetimes import distribution
from lab.wording import within


@dataclass(frozen=True)
class Number:
    """What was found, in words: "rise time", "6.48 +- 0.90 ns"."""

    quantity: str
    value: str


Stored = Mapping[str, Any]
# quantity, key of the value, unit; the error is beside it, under its own name
KEYS = {
    "hbt_analysis": (
        ("rise time", "tau_ns", "ns"),
        ("g2(0)", "g2_zero", ""),
        ("contrast, background removed", "corrected_contrast", ""),
        ("light", "rate_cps", "cps"),
        ("dose", "dose_kj_cm2", "kJ/cm2"),
    ),
    "blinking_analysis": (
        ("ON fraction", "on_fraction", ""),
        ("ON level", "rate_on_cps", "cps"),
        ("seen for", "survival_s", "s"),
        ("dose", "dose_kj_cm2", "kJ/cm2"),
    ),
    "emitters_analysis": (("emitters found", "n_found", ""), ("isolated", "n_isolated", "")),
    "lifetime_at_analysis": (("lifetime", "tau_ns", "ns"), ("deviance", "deviance", "")),
    "time_zero_analysis": (("time zero", "t0_ns", "ns"), ("width (sigma)", "sigma_ns", "ns")),
    "pl_analysis": (("maximum", "band_peak_nm", "nm"), ("FWHM", "band_peak_fwhm_nm", "nm")),
    "absorption_analysis": (
        ("absorption maximum", "film_peak_nm", "nm"),
        ("absorbance there", "film_peak_absorbance", ""),
    ),
    "ple_analysis": (("coupling maximum", "coupling_maximum", ""), ("at", "coupling_maximum_nm", "nm")),
    "power_series_analysis": (
        ("rise time without power", "zero_tau_ns", "ns"),
        ("saturation", "saturation_saturation_w_cm2", "W/cm2"),
    ),
    "cohort_analysis": (("rise time in films", "film_mean", "ns"), ("on glass", "glass_mean", "ns")),
    "pl_series": (("linearity, slope", "linearity_slope", ""),),
    "calibrate_analysis": (
        ("offset of the excitation", "excitation_offset_nm", "nm"),
        ("offset of the emission", "emission_offset_nm", "nm"),
    ),
}


def numbers_of(analysis: str, data: Stored) -> tuple[Number, ...]:
    """The numbers of one analysis; those that are unknown are left out."""
    if analysis == "flim_analysis":
        return tuple(lifetimes(data))
    found = [(quantity, data.get(key), error_of(key, data), unit) for quantity, key, unit in KEYS.get(analysis, ())]
    return tuple(
        Number(quantity, told(float(value), error, unit))
        for quantity, value, error, unit in found
        if value is not None and np.ndim(value) == 0 and math.isfinite(value)
    )


def told(value: float, error: float, unit: str) -> str:
    """A number with its error; large ones without an error in whole units."""
    if error > 0:
        return within(value, error, unit)
    return f"{value:,.0f} {unit}".strip() if abs(value) >= 1000 else f"{value:.4g} {unit}".strip()


def error_of(key: str, data: Stored) -> float:
    """The error beside a value: `tau_err_ns` of `tau_ns`, `g2_zero_err` of `g2_zero`; NaN if there is none."""
    stem, _, unit = key.rpartition("_")
    value = data.get(f"{key}_err", data.get(f"{stem}_err_{unit}"))
    return float(value) if value is not None and np.ndim(value) == 0 else math.nan


def lifetimes(data: Stored) -> list[Number]:
    """Medians over an image, weighted by intensity, of pixels whose fit converged; and how many those are."""
    tau_ns, photons = np.asarray(data["tau_ns"]), np.asarray(data["n_photons"], dtype=float)
    good = np.asarray(data["converged"], dtype=bool) & ~np.asarray(data["degenerate"], dtype=bool)
    good &= np.isfinite(tau_ns).all(axis=-1) & (photons > 0)
    if not good.any():
        return [Number("lifetimes", "no pixel could be fitted")]
    spreads = [distribution(tau_ns[good][:, k], photons[good]) for k in range(tau_ns.shape[-1])]
    medians = [
        Number(f"tau{k + 1}, median", within(spread.median_ns, spread.median_err_ns, "ns"))
        for k, spread in reversed(list(enumerate(spreads)))
    ]
    deviance = float(np.nanmedian(np.asarray(data["deviance"])))
    return [*medians, Number("pixels fitted", f"{good.mean():.1%}"), Number("deviance", f"{deviance:.3f}")]
