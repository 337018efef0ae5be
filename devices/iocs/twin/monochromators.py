"""The optical train of the spectrofluorometer: two slits, and what passes them to each detector.

A slit is a triangular band pass of its full width at half maximum. Light on the sample goes as the excitation slit,
light on the detector also as the emission slit (1 nm: 1). Wavelengths here are true ones, offsets included.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

from devices.iocs.twin.lamp import Lamp
from devices.iocs.twin.spectra import SampleSpectra
from devices.iocs.twin.spectral_preset import SpectrofluorometerPreset

Floats = NDArray[np.float64]
FINEST_NM = 0.1  # of the sum over a band pass: the lamp's line is narrow


@dataclass(frozen=True, eq=False)
class Expected:
    """What the detectors see at lamp level 1, without noise; (n,) each.

    luminescence_cps, scatter_cps : on the photomultiplier, dark counts aside; reference_ua, transmitted_ua : on diodes
    """

    luminescence_cps: Floats
    scatter_cps: Floats
    reference_ua: Floats
    transmitted_ua: Floats


class OpticalPath:
    """Lamp, monochromators, detectors of one instrument, and the calibration files of the latter."""

    def __init__(self, preset: SpectrofluorometerPreset, lamp: Lamp) -> None:
        self._preset, self._lamp = preset, lamp
        self.sensitivity_ua = _curve(preset.reference.knots_nm, preset.reference.sensitivity_ua)
        self.response = _curve(preset.photomultiplier.knots_nm, preset.photomultiplier.response)

    def expected(
        self,
        sample: SampleSpectra,
        region: int,
        excitation_nm: Floats,
        emission_nm: Floats,
        slits_nm: tuple[float, float],
    ) -> Expected:
        """Both wavelengths (n,), or (1,) where a monochromator stands still."""
        shift_nm, weight = band_pass(slits_nm[0])
        lit_nm = excitation_nm[:, None] + shift_nm
        light = weight * self._lamp.spectrum(lit_nm) * slits_nm[0]
        current = light * self.sensitivity_ua(lit_nm)
        glass, stray = self._preset.transmission.glass, self._preset.transmission.stray
        transmitted = (current * (sample.transmission(lit_nm) * glass + stray)).sum(axis=1)
        parts = (
            self._luminescence(sample, region, lit_nm, light, emission_nm, slits_nm[1]),
            self._scattered(sample, lit_nm, light, emission_nm, slits_nm[1]),
            current.sum(axis=1),
            transmitted,
        )
        return Expected(*np.broadcast_arrays(*parts))

    def _luminescence(
        self, sample: SampleSpectra, region: int, lit_nm: Floats, light: Floats, emission_nm: Floats, slit_nm: float
    ) -> Floats:
        shift_nm, weight = band_pass(slit_nm)
        seen_nm = emission_nm[:, None] + shift_nm
        detected = slit_nm * weight * self.response(seen_nm)
        perovskite = (light * sample.perovskite_excitation(lit_nm)).sum(axis=1)
        dots = (light * sample.qd_excitation(lit_nm)).sum(axis=1)
        bands = (detected * sample.perovskite_cps(seen_nm, region)).sum(axis=1)
        return perovskite * bands + dots * (detected * sample.qd_cps(seen_nm)).sum(axis=1)

    def _scattered(
        self, sample: SampleSpectra, lit_nm: Floats, light: Floats, emission_nm: Floats, slit_nm: float
    ) -> Floats:
        """Elastic line, its second order, and stray light."""
        tube, at_nm = self._preset.photomultiplier, emission_nm[:, None]
        line = _triangle(lit_nm - at_nm, slit_nm) + tube.second_order * _triangle(2 * lit_nm - at_nm, slit_nm)
        passed = (light * (line + tube.stray * slit_nm)).sum(axis=1)
        return sample.preset.spectra.scatter_cps * passed * self.response(emission_nm)


def band_pass(slit_nm: float) -> tuple[Floats, Floats]:
    """Distances from the middle of a slit, and their weights, which sum to 1."""
    half = int(np.ceil(slit_nm / min(FINEST_NM, slit_nm / 10)))
    shift_nm = np.linspace(-slit_nm, slit_nm, 2 * half + 1)
    weight = _triangle(shift_nm, slit_nm)
    return shift_nm, weight / weight.sum()


def _triangle(distance_nm: Floats, slit_nm: float) -> Floats:
    """Transmission of a slit of that full width at half maximum, 1 in its middle."""
    return np.maximum(1 - np.abs(distance_nm) / slit_nm, 0)


def _curve(knots_nm: tuple[float, ...], values: tuple[float, ...]):
    """Smooth curve through the knots, constant beyond them."""
    inner = PchipInterpolator(knots_nm, values)
    return lambda nm: inner(np.clip(nm, knots_nm[0], knots_nm[-1]))
