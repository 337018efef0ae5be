"""Ensemble spectra of a sample: what it absorbs, and what it emits at which excitation.

Two emitters: the perovskite, in proportion to the light that the film absorbs, and the dots, as
S(excitation) = S_ref (1 - exp(-alpha d)) / (alpha d) (1 + delta S). Both are quoted for excitation at 405 nm, so one
model holds for emission, excitation and synchronous scans.
"""

from __future__ import annotations

from functools import cached_property
from zlib import crc32

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.interpolate import PchipInterpolator
from scipy.special import expit

from devices.iocs.twin.absorption import ANCHOR_NM, FilmAbsorption
from devices.iocs.twin.preset import SamplePreset

Floats = NDArray[np.float64]
NM_PER_CM = 1e7
BAND_NM = np.arange(500.0, 580.0 + 1e-9, 0.05)  # where the emission of the perovskite is normalised
FINE_NM = np.arange(300.0, 900.0, 0.05)
SCATTER_NM = 600.0


class SampleSpectra:
    """The spectra of one sample; regions differ in the ratio of the two bands of the perovskite.

    Emission is in counts per second per 1 nm slit, at a detector of response 1, excited at 405 nm at lamp level 1.
    """

    def __init__(self, preset: SamplePreset, seed: int, *, name: str) -> None:
        self.preset, self._seed, self._name = preset, seed, name
        self._film = FilmAbsorption(preset.spectra.absorption)
        coupling = preset.spectra.coupling
        self._delta_s = PchipInterpolator(coupling.knots_nm, np.array(coupling.delta_s) * coupling.strength)

    def alpha_d(self, wavelength_nm: ArrayLike) -> Floats:
        """Absorption coefficient times thickness (natural logarithm)."""
        return self._film.alpha_cm1(wavelength_nm) * self.preset.thickness_nm / NM_PER_CM

    def transmission(self, wavelength_nm: ArrayLike) -> Floats:
        """What the film lets pass, surfaces of the substrate aside; 1 without a film."""
        nm = np.asarray(wavelength_nm, float)
        if self.preset.thickness_nm == 0:
            return np.ones(nm.shape)
        absorption = self.preset.spectra.absorption
        baseline_od = absorption.offset_od + absorption.scatter_od * (SCATTER_NM / nm) ** 4
        return np.exp(-self.alpha_d(nm)) * 10**-baseline_od

    def delta_s(self, wavelength_nm: ArrayLike) -> Floats:
        """Relative difference between dots in the film and bare dots behind it; constant beyond the knots."""
        knots_nm = self.preset.spectra.coupling.knots_nm
        return self._delta_s(np.clip(np.asarray(wavelength_nm, float), knots_nm[0], knots_nm[-1]))

    def reference(self, wavelength_nm: ArrayLike) -> Floats:
        """Absorption of bare dots, arbitrary units: S_ref."""
        nm, qd = np.asarray(wavelength_nm, float), self.preset.spectra.qd
        steps = [height * expit((edge - nm) / width) for height, edge, width in qd.absorption_steps]
        return np.sum([*steps, *(height * _band(nm, *band) for height, *band in qd.absorption_bands)], axis=0)

    def perovskite_excitation(self, wavelength_nm: ArrayLike) -> Floats:
        """Share of the light that the film absorbs, relative to 405 nm; 0 without a film."""
        if self.preset.thickness_nm == 0:
            return np.zeros(np.shape(wavelength_nm))
        return np.expm1(-self.alpha_d(wavelength_nm)) / np.expm1(-self.alpha_d(ANCHOR_NM))

    def qd_excitation(self, wavelength_nm: ArrayLike) -> Floats:
        """S, relative to 405 nm."""
        return self._excitation(wavelength_nm) / self._excitation(ANCHOR_NM)

    def perovskite_bands(self, wavelength_nm: ArrayLike, region: int) -> Floats:
        """The two bands and the tail of the perovskite, (3, ...)."""
        nm, given = np.asarray(wavelength_nm, float), self.preset.spectra.perovskite
        if self.preset.thickness_nm == 0:
            return np.zeros((3, *nm.shape))
        centres, widths = given.centre_nm, [given.width_factor * one for one in given.fwhm_nm]
        heights = self._heights(region)
        bands = [height * _band(nm, *band) for height, *band in zip(heights, centres, widths, strict=True)]
        return np.stack([*bands, np.full(nm.shape, given.tail * given.peak_cps)])

    def perovskite_cps(self, wavelength_nm: ArrayLike, region: int) -> Floats:
        """Emission of the perovskite."""
        return self.perovskite_bands(wavelength_nm, region).sum(axis=0)

    def qd_cps(self, wavelength_nm: ArrayLike) -> Floats:
        """Emission of the dots."""
        qd = self.preset.spectra.qd
        return self.qd_peak_cps * _band(np.asarray(wavelength_nm, float), qd.centre_nm, qd.fwhm_nm)

    @cached_property
    def qd_peak_cps(self) -> float:
        """Highest point of the dots' band: as given, or from its height over the area of the perovskite."""
        qd = self.preset.spectra.qd
        if qd.peak_cps:
            return qd.peak_cps
        height = qd.height_per_percent * self.preset.doping_percent / qd.unit_area_nm
        own_nm = _area(_band(BAND_NM, qd.centre_nm, qd.fwhm_nm))
        if height * own_nm >= 1:
            raise ValueError(
                f"sample.spectra.qd.height_per_percent = {qd.height_per_percent}: so high a band fills 500-580 nm "
                "by itself; lower it or give peak_cps"
            )
        return float(height * _area(self._nominal(BAND_NM)) / (1 - height * own_nm))

    def ratio(self, region: int) -> float:
        """Height of the first band of the perovskite over that of the second, in one region."""
        given = self.preset.spectra.perovskite
        key = (crc32(b"regions"), crc32(self._name.encode()), region)
        rng = np.random.default_rng(np.random.SeedSequence(self._seed, spawn_key=key))
        return given.ratio * float(np.exp(given.ratio_ln_sd * rng.normal()))

    def _excitation(self, wavelength_nm: ArrayLike) -> Floats:
        """S in the units of S_ref."""
        dose = self.alpha_d(wavelength_nm)
        factor = np.where(dose > 0, -np.expm1(-dose) / np.where(dose > 0, dose, 1), 1.0)
        coupled = 1 + self.delta_s(wavelength_nm) if self.preset.thickness_nm else 1.0
        return self.reference(wavelength_nm) * factor * coupled

    def _heights(self, region: int) -> tuple[float, float]:
        """Heights of both bands in a region: the area in 500-580 nm is the same everywhere."""
        ratio = self.ratio(region)
        first, second = (_area(one) for one in self._shapes(BAND_NM))
        second_cps = _area(self._nominal(BAND_NM)) / (ratio * first + second)
        return ratio * second_cps, second_cps

    def _nominal(self, wavelength_nm: Floats) -> Floats:
        """Both bands with the preset's ratio and highest point."""
        given = self.preset.spectra.perovskite
        if self.preset.thickness_nm == 0:
            return np.zeros(wavelength_nm.shape)
        weights = np.array([given.ratio, 1.0])
        return given.peak_cps * (weights @ self._shapes(wavelength_nm)) / (weights @ self._shapes(FINE_NM)).max()

    def _shapes(self, wavelength_nm: Floats) -> Floats:
        """Both bands of the perovskite, of height 1, (2, n)."""
        given = self.preset.spectra.perovskite
        pairs = zip(given.centre_nm, given.fwhm_nm, strict=True)
        return np.stack([_band(wavelength_nm, centre, given.width_factor * width) for centre, width in pairs])


def _band(wavelength_nm: Floats, centre_nm: float, fwhm_nm: float) -> Floats:
    """Gaussian of height 1."""
    return np.exp(-4 * np.log(2) * ((wavelength_nm - centre_nm) / fwhm_nm) ** 2)


def _area(values: Floats) -> float:
    """Integral over BAND_NM."""
    return float(np.trapezoid(values, BAND_NM))
