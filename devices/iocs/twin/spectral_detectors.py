"""What the detectors of the spectrofluorometer make of the light: noise, dark counts, dead time, correction."""

from __future__ import annotations

import math

import numpy as np

from devices.iocs.backends import Point
from devices.iocs.twin.scan_program import ScanProgram
from devices.iocs.twin.spectral_preset import PhotomultiplierPreset, SpectrofluorometerPreset

NAN = math.nan


def photomultiplier_counts(
    rate_cps: float, seconds: float, tube: PhotomultiplierPreset, rng: np.random.Generator
) -> float:
    """Counts of light and dark; each blinds the detector for its dead time, what comes in it does not prolong it."""
    arrived = float(rng.poisson((rate_cps + tube.dark_cps) * seconds))
    return float(np.rint(arrived / (1 + arrived * tube.dead_time_ns * 1e-9 / seconds)))


def read_point(
    program: ScanProgram,
    index: int,
    *,
    level: float,
    time_s: float,
    preset: SpectrofluorometerPreset,
    rng: np.random.Generator,
) -> Point:
    """One point as the instrument tells it, with the lamp at `level`."""
    flicker, relative, floor, absorbance = rng.normal(size=4).tolist()
    level *= 1 + preset.lamp.flicker * flicker
    diode = preset.reference
    reference = program.reference_ua[index] * level * (1 + diode.noise * relative) + diode.floor_ua * floor
    nm = program.wavelength_nm[index]
    if program.scan.kind == "transmission":
        noise_od = _noise_od(preset, program.scan.dwell_s)
        transmitted = program.transmitted_ua[index] * level * 10 ** (noise_od * absorbance)
        return Point(nm, NAN, reference, transmitted, NAN, _over(transmitted, reference), time_s)
    rate_cps = (program.luminescence_cps[index] + program.scatter_cps[index]) * level
    tube, dwell_s = preset.photomultiplier, program.scan.dwell_s
    counts = photomultiplier_counts(rate_cps, dwell_s, tube, rng)
    correction = _over(program.sensitivity_ua[index] / program.response[index], reference)
    net_cps = counts / (dwell_s - counts * tube.dead_time_ns * 1e-9) - tube.dark_cps
    return Point(nm, counts, reference, NAN, correction, net_cps * correction, time_s)


def _noise_od(preset: SpectrofluorometerPreset, dwell_s: float) -> float:
    """Noise of the absorbance in one dwell."""
    given = preset.transmission
    return given.noise_od * math.sqrt(given.noise_dwell_s / dwell_s)


def _over(value: float, reference: float) -> float:
    """Value over reference; NaN where noise leaves no reference."""
    return value / reference if reference > 0 else NAN
