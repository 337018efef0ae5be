"""What a preset says of ensemble spectroscopy: the spectra of a sample, and the spectrofluorometer.

Wavelengths in nm, rates in counts per second with 1 nm slits, at the lamp's level at 405 nm. What a preset leaves
out stands in `presets/spectra.toml`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated

from devices.iocs.twin.schema import Within

Relation = tuple[bool, str, object, str]
NM = Within(200, 1100)


@dataclass(frozen=True)
class AbsorptionPreset:
    """Exciton and continuum of the perovskite film, and what its surfaces reflect and scatter.

    peak_nm : where the sum of both has its maximum; the exciton itself lies a little to the red of it
    alpha_peak_cm1, alpha_405_cm1 : absorption coefficient there and at 405 nm
    exciton_mev : standard deviation of the exciton line; continuum_mev : width of the sech that broadens the continuum
    non_parabolic_per_ev : how much faster than the root of the energy above the gap the density of states grows
    offset_od, scatter_od : apparent absorbance of the film, offset_od + scatter_od (600 nm / wavelength)^4
    """

    peak_nm: Annotated[float, Within(450, 600)]
    alpha_peak_cm1: Annotated[float, Within(1, 1e7)]
    alpha_405_cm1: Annotated[float, Within(1, 1e7)]
    binding_mev: Annotated[float, Within(1, 200)]
    exciton_mev: Annotated[float, Within(1, 200)]
    continuum_mev: Annotated[float, Within(1, 200)]
    non_parabolic_per_ev: Annotated[float, Within(0, 10)]
    offset_od: Annotated[float, Within(-1, 1)]
    scatter_od: Annotated[float, Within(0, 1)]


@dataclass(frozen=True)
class PerovskiteBandsPreset:
    """Luminescence of the film: two Gaussian bands and a tail. Thickness 0 has none.

    peak_cps : highest point of the bands, excited at 405 nm
    ratio : height of the first band over that of the second, in the middle of what regions have;
        ratio_ln_sd : how much regions differ, lognormal; the area in 500-580 nm is the same in all
    width_factor : multiplies both widths
    tail : of the highest point, at every wavelength: what leaks into the band of the dots
    """

    peak_cps: Annotated[float, Within(0, 1e7)]
    centre_nm: Annotated[tuple[float, float], NM]
    fwhm_nm: Annotated[tuple[float, float], Within(1, 200)]
    ratio: Annotated[float, Within(0, 100)]
    ratio_ln_sd: Annotated[float, Within(0, 2)]
    width_factor: Annotated[float, Within(0.1, 10)]
    tail: Annotated[float, Within(0, 0.1)]


@dataclass(frozen=True)
class DotBandPreset:
    """Luminescence and absorption of the dots.

    peak_cps : highest point of the band, excited at 405 nm; 0: from height_per_percent and the doping
    height_per_percent : height of the band per percent of doping, after the area of the perovskite in 500-580 nm
        has been made unit_area_nm (so that the highest point of sample B is 1)
    absorption_steps : (height, nm, nm): height / (1 + exp((wavelength - second) / third))
    absorption_bands : (height, centre, full width): Gaussians
    """

    peak_cps: Annotated[float, Within(0, 1e7)]
    height_per_percent: Annotated[float, Within(0, 1e4)]
    unit_area_nm: Annotated[float, Within(1, 1000)]
    centre_nm: Annotated[float, NM]
    fwhm_nm: Annotated[float, Within(1, 200)]
    absorption_steps: Annotated[tuple[tuple[float, float, float], ...], Within(0, 2000)]
    absorption_bands: Annotated[tuple[tuple[float, float, float], ...], Within(0, 2000)]


@dataclass(frozen=True)
class CouplingPreset:
    """Relative difference delta S between dots in the film and bare ones: strength x delta_s through the knots."""

    strength: Annotated[float, Within(-10, 10)]
    knots_nm: Annotated[tuple[float, ...], NM]
    delta_s: Annotated[tuple[float, ...], Within(-1, 100)]


@dataclass(frozen=True)
class SpectraPreset:
    """What a spectrofluorometer sees of a sample; scatter_cps: elastic line through wide open slits of 1 nm."""

    absorption: AbsorptionPreset
    perovskite: PerovskiteBandsPreset
    qd: DotBandPreset
    coupling: CouplingPreset
    scatter_cps: Annotated[float, Within(0, 1e7)]


@dataclass(frozen=True)
class LampPreset:
    """Xenon lamp: a broad band, one line, dead sectors, noise, drift, and the minutes after it is lit.

    line_height : over the broad band below it, before the slit
    dead_nm : sectors (from, to) without light, but for the share dead_level of what there would be
    flicker : relative, of each point; drift_per_h : steepest slope of a slow wave of drift_period_h
    lit_before_s : how long the lamp has been on at time zero; warm_up_s : when it counts as ready;
        warm_up_depth exp(-t / warm_up_time_s) is what it lacks after t
    """

    centre_nm: Annotated[float, NM]
    sigma_nm: Annotated[float, Within(1, 1e4)]
    line_nm: Annotated[float, NM]
    line_fwhm_nm: Annotated[float, Within(0.01, 50)]
    line_height: Annotated[float, Within(0, 1000)]
    dead_nm: Annotated[tuple[tuple[float, float], ...], Within(0, 2000)]
    dead_level: Annotated[float, Within(0, 1)]
    flicker: Annotated[float, Within(0, 1)]
    drift_per_h: Annotated[float, Within(0, 1)]
    drift_period_h: Annotated[float, Within(0.01, 1e4)]
    lit_before_s: Annotated[float, Within(0, 1e9)]
    warm_up_s: Annotated[float, Within(0, 1e5)]
    warm_up_depth: Annotated[float, Within(0, 1)]
    warm_up_time_s: Annotated[float, Within(0.1, 1e5)]


@dataclass(frozen=True)
class ReferenceDiodePreset:
    """Detector of the lamp: its sensitivity (uA at the lamp's level at 405 nm), as in its calibration file."""

    noise: Annotated[float, Within(0, 1)]
    floor_ua: Annotated[float, Within(0, 1)]
    knots_nm: Annotated[tuple[float, ...], Within(100, 2000)]
    sensitivity_ua: Annotated[tuple[float, ...], Within(1e-3, 1e3)]


@dataclass(frozen=True)
class PhotomultiplierPreset:
    """Detector of the luminescence: spectral response as in its calibration file; stray light, dark counts, dead time.

    stray : share of the elastic line at every other wavelength; second_order : share at twice its wavelength
    """

    dark_cps: Annotated[float, Within(0, 1e6)]
    dead_time_ns: Annotated[float, Within(0, 1e4)]
    stray: Annotated[float, Within(0, 1)]
    second_order: Annotated[float, Within(0, 1)]
    knots_nm: Annotated[tuple[float, ...], Within(100, 2000)]
    response: Annotated[tuple[float, ...], Within(1e-3, 1e3)]


@dataclass(frozen=True)
class TransmissionPreset:
    """Detector behind the sample: noise of the absorbance at noise_dwell_s (as 1 / sqrt(dwell)), stray share."""

    noise_od: Annotated[float, Within(0, 1)]
    noise_dwell_s: Annotated[float, Within(1e-3, 1e3)]
    stray: Annotated[float, Within(0, 0.1)]
    glass: Annotated[float, Within(0.01, 1)]


@dataclass(frozen=True)
class LimitsPreset:
    """What can be set."""

    excitation_nm: Annotated[tuple[float, float], NM]
    emission_nm: Annotated[tuple[float, float], NM]
    slit_nm: Annotated[tuple[float, float], Within(0.01, 100)]
    step_nm: Annotated[tuple[float, float], Within(1e-3, 1000)]
    dwell_s: Annotated[tuple[float, float], Within(1e-4, 1e4)]
    max_points: Annotated[int, Within(2, 1_000_000)]


@dataclass(frozen=True)
class SpectrofluorometerPreset:
    """The instrument; told w, a monochromator stands at w + offset."""

    excitation_offset_nm: Annotated[float, Within(-20, 20)]
    emission_offset_nm: Annotated[float, Within(-20, 20)]
    move_nm_s: Annotated[float, Within(0.1, 1e6)]
    lamp: LampPreset
    reference: ReferenceDiodePreset
    photomultiplier: PhotomultiplierPreset
    transmission: TransmissionPreset
    limits: LimitsPreset


def relations(spectra: SpectraPreset, fs5: SpectrofluorometerPreset) -> Iterator[Relation]:
    """What no single value can say: (holds, key, value, what is allowed)."""
    curves = (
        ("sample.spectra.coupling.delta_s", spectra.coupling.knots_nm, spectra.coupling.delta_s),
        ("instrument.fs5.reference.sensitivity_ua", fs5.reference.knots_nm, fs5.reference.sensitivity_ua),
        ("instrument.fs5.photomultiplier.response", fs5.photomultiplier.knots_nm, fs5.photomultiplier.response),
    )
    for key, knots_nm, values in curves:
        ascending = all(low < high for low, high in pairwise(knots_nm))
        knots = key.rpartition(".")[0] + ".knots_nm"
        yield len(knots_nm) >= 2 and ascending, knots, knots_nm, "two or more wavelengths, ascending"
        yield len(values) == len(knots_nm), key, values, f"one value for each of the {len(knots_nm)} {knots}"
    coupling = spectra.coupling
    quenched = min((coupling.strength * one for one in coupling.delta_s), default=0.0)
    yield quenched > -1, "sample.spectra.coupling.delta_s", coupling.delta_s, "times strength, more than -1"
    for nm in fs5.lamp.dead_nm:
        yield nm[0] < nm[1], "instrument.fs5.lamp.dead_nm", nm, "sectors [from, to] with from < to"
    widths = [one[2] for one in (*spectra.qd.absorption_steps, *spectra.qd.absorption_bands)]
    yield len(widths) > 0 and min(widths) > 0, "sample.spectra.qd.absorption_steps, _bands", widths, "widths > 0"
    for key in ("excitation_nm", "emission_nm", "slit_nm", "step_nm", "dwell_s"):
        low, high = getattr(fs5.limits, key)
        yield low < high, f"instrument.fs5.limits.{key}", (low, high), "a lower and a higher limit"
