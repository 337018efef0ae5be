"""Absorption coefficient of a perovskite film: an excitonic line and a continuum with Sommerfeld enhancement.

alpha(E) = a exp(-(E - E_x)^2 / 2 G^2) + b int S(e - E_g) sech((E - e) / W) / (pi W) de, with E_g = E_x + E_b and
S(v) = sqrt(v) (1 + p v) F(v), p `non_parabolic_per_ev`, F the Sommerfeld factor of three dimensions. a, b and E_x
follow from where the sum has its maximum, and from its values there and at 405 nm.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.interpolate import CubicSpline
from scipy.optimize import root_scalar
from scipy.signal import fftconvolve

from devices.iocs.twin.spectral_preset import AbsorptionPreset

Floats = NDArray[np.float64]
EV_NM = 1239.841984
ANCHOR_NM = 405.0
GRID_EV = 5e-4
LOWEST_EV, HIGHEST_EV = -1.6, 4.2  # energy above the gap
KERNEL_WIDTHS = 25
SEARCH_EV = (-0.08, 0.08)


class FilmAbsorption:
    """alpha(wavelength) of one film; ValueError if no line and continuum have the wanted maximum and values."""

    def __init__(self, preset: AbsorptionPreset) -> None:
        self.preset = preset
        self._continuum = _continuum(
            preset.binding_mev / 1000, preset.continuum_mev / 1000, preset.non_parabolic_per_ev
        )
        peak_ev = EV_NM / preset.peak_nm
        low, high = (peak_ev + one for one in SEARCH_EV)
        if self._slope(low) * self._slope(high) > 0:
            raise ValueError(self._impossible())
        self.exciton_ev = float(root_scalar(self._slope, bracket=(low, high), xtol=1e-9).root)
        self._amplitudes = self._solved(self.exciton_ev)
        if min(self._amplitudes) < 0:
            raise ValueError(self._impossible())

    def alpha_cm1(self, wavelength_nm: ArrayLike) -> Floats:
        """Absorption coefficient in 1/cm, shape of `wavelength_nm`."""
        return np.maximum(self._parts(EV_NM / np.asarray(wavelength_nm, float), self.exciton_ev) @ self._amplitudes, 0)

    def _parts(self, energy_ev: ArrayLike, exciton_ev: float) -> Floats:
        """Line and continuum, each of unit amplitude, (..., 2)."""
        above_ev = np.asarray(energy_ev, float) - exciton_ev
        line = np.exp(-(above_ev**2) / (2 * (self.preset.exciton_mev / 1000) ** 2))
        return np.stack([line, self._continuum(above_ev - self.preset.binding_mev / 1000)], axis=-1)

    def _solved(self, exciton_ev: float) -> Floats:
        """Amplitudes of line and continuum that give both values."""
        energies = [EV_NM / self.preset.peak_nm, EV_NM / ANCHOR_NM]
        wanted = [self.preset.alpha_peak_cm1, self.preset.alpha_405_cm1]
        return np.linalg.solve(self._parts(energies, exciton_ev), wanted).astype(float)

    def _slope(self, exciton_ev: float) -> float:
        """Slope of the sum at the wanted maximum, for a line at `exciton_ev`."""
        peak_ev = EV_NM / self.preset.peak_nm
        below, above = self._parts([peak_ev - GRID_EV, peak_ev + GRID_EV], exciton_ev)
        return float((above - below) @ self._solved(exciton_ev))

    def _impossible(self) -> str:
        given = self.preset
        return (
            f"sample.spectra.absorption: no exciton and continuum have their maximum at {given.peak_nm:g} nm with "
            f"{given.alpha_peak_cm1:g} /cm there and {given.alpha_405_cm1:g} /cm at 405 nm: "
            "raise alpha_peak_cm1 or lower alpha_405_cm1"
        )


def _continuum(binding_ev: float, width_ev: float, non_parabolic_per_ev: float) -> Callable[[Floats], Floats]:
    """Broadened continuum as a function of the energy above the gap."""
    energy_ev = np.arange(LOWEST_EV, HIGHEST_EV, GRID_EV)
    above = np.where(energy_ev > 0, energy_ev, 1.0)
    enhanced = 2 * np.pi * np.sqrt(binding_ev) / -np.expm1(-2 * np.pi * np.sqrt(binding_ev / above))
    half = round(min(KERNEL_WIDTHS * width_ev, HIGHEST_EV / 2) / GRID_EV)
    states = np.where(energy_ev > 0, enhanced * (1 + non_parabolic_per_ev * above), 0.0)
    reach_ev = GRID_EV * np.arange(-half, half + 1)
    kernel = GRID_EV / (np.pi * width_ev * np.cosh(reach_ev / width_ev))
    return CubicSpline(energy_ev, fftconvolve(states, kernel, mode="same"))
