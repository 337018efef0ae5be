"""The sample on the bench: emitters, crystallinity, and what each position emits.

All detectors look at the same sample, so images, spectra and single dots agree. Positions are those of the
sample itself, after drift and stage errors. Rates are detected counts per second without background.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import KDTree

from devices.iocs.twin.dots import Dots
from devices.iocs.twin.emitters import clusters_of, emitters
from devices.iocs.twin.fields import Field, Nuclei, Rectangle, crystallinity, scatter_dots
from devices.iocs.twin.preset import SamplePreset

Floats = NDArray[np.float64]
FWHM_PER_SIGMA = 2 * np.sqrt(2 * np.log(2))
MARGIN_UM = 8.0  # drift and edges stay inside
GRID_UM = 0.1
FRAME_UM = 50.0  # rates are quoted for the mean over this central square
PSF_REACH = 4.0  # sigmas


@dataclass(frozen=True)
class Emission:
    """What positions emit: detected rates, lifetimes, signal share of the short one; all of one shape."""

    perovskite_cps: Floats
    tau1_ns: Floats
    tau2_ns: Floats
    share1: Floats
    qd_cps: Floats
    qd_tau_ns: Floats


class Sample:
    """One sample, fixed by its preset, its name and the seed.

    Parameters
    ----------
    travel_um : where the stage can go; the sample is a little larger
    psf_fwhm_um : optical resolution under pulsed light
    cw_profile_um : widths (FWHM) of excitation and of detected light under the continuous laser
    memory : file that keeps what continuous light did to the dots; None forgets
    """

    def __init__(
        self,
        preset: SamplePreset,
        seed: int,
        *,
        name: str = "",
        travel_um: tuple[float, float] = (100.0, 100.0),
        psf_fwhm_um: float = 0.20,
        cw_profile_um: tuple[float, float] = (0.212, 0.24),
        memory: Path | None = None,
    ) -> None:
        self.preset = preset
        dots, grains, elsewhere, life = _generators(seed, name)
        self._psf_sigma_um = psf_fwhm_um / FWHM_PER_SIGMA
        area = (-MARGIN_UM, travel_um[0] + MARGIN_UM, -MARGIN_UM, travel_um[1] + MARGIN_UM)
        frame = _central(travel_um)
        xy_um, nuclei = scatter_dots(preset.qd, area, dots)
        cluster = clusters_of(nuclei)
        if preset.qd.influence == 0:
            _, nuclei = scatter_dots(preset.qd, area, elsewhere)
        self.emitters = emitters(preset, xy_um, cluster, dots, life)
        self.emitters["brightness"] *= self._qd_gain(frame)
        self.crystallinity: Field = crystallinity(
            preset.crystallinity, nuclei, preset.qd.influence, area, GRID_UM, grains
        )
        self.nuclei: Nuclei = nuclei
        places_um = np.column_stack([self.emitters["x_um"], self.emitters["y_um"]])
        self._tree = KDTree(places_um) if len(places_um) else None
        self._gain = 1.0
        self._gain = self._perovskite_gain(frame)
        self.dots = Dots(
            self.emitters,
            preset.blinking,
            lambda dot: _generator(seed, name, dot),
            reference_w_cm2=preset.cw.reference_w_cm2,
            profile_um=cw_profile_um,
            memory=memory,
        )

    def emission(self, x_um: ArrayLike, y_um: ArrayLike, w_cm2: ArrayLike) -> Emission:
        """What the positions emit under pulsed light of `w_cm2`, all broadcast to one shape."""
        x, y, w = np.broadcast_arrays(*(np.asarray(one, dtype=float) for one in (x_um, y_um, w_cm2)))
        perovskite, c = self.preset.perovskite, self.crystallinity(x, y)
        relative = w / perovskite.reference_w_cm2
        quenched = np.where(relative > 0, relative, 1.0) ** -perovskite.tau_intensity_exponent
        qd_cps, qd_tau_ns = self._dots(x, y)
        return Emission(
            self._gain * relative**perovskite.intensity_exponent * self._rate_cps(c),
            _geometric(perovskite.tau1_ns, c) * quenched,
            _geometric(perovskite.tau2_ns, c),
            perovskite.share1[0] + (perovskite.share1[1] - perovskite.share1[0]) * c,
            qd_cps * w / self.preset.qd.reference_w_cm2,
            qd_tau_ns,
        )

    def _dots(self, x_um: Floats, y_um: Floats) -> tuple[Floats, Floats]:
        """Rate at the reference intensity and mean lifetime of the dots in the focus."""
        if self._tree is None:
            return np.zeros(x_um.shape), np.full(x_um.shape, self.preset.qd.tau_ref_mean_ns)
        here = KDTree(np.column_stack([x_um.ravel(), y_um.ravel()]))
        pairs = here.sparse_distance_matrix(self._tree, PSF_REACH * self._psf_sigma_um, output_type="ndarray")
        pairs = pairs[np.lexsort((pairs["j"], pairs["i"]))]
        near = self.emitters[pairs["j"]]
        weight = (
            near["brightness"]
            * ~self.dots.bleached(pairs["j"])
            * np.exp(-(pairs["v"] ** 2) / (2 * self._psf_sigma_um**2))
        )
        total: Floats = np.bincount(pairs["i"], weight, minlength=x_um.size).astype(float)
        lived = np.bincount(pairs["i"], weight * near["tau_ns"], minlength=x_um.size)
        mean_ns = np.divide(lived, total, out=np.full(x_um.size, self.emitters["tau_ns"].mean()), where=total > 0)
        return total.reshape(x_um.shape), mean_ns.reshape(x_um.shape)

    def _rate_cps(self, c: Floats) -> Floats:
        perovskite = self.preset.perovskite
        if self.preset.thickness_nm == 0 or perovskite.rate_cps[0] == 0:
            return np.zeros(np.shape(c))
        return _geometric(perovskite.rate_cps, c)

    def _perovskite_gain(self, frame: Rectangle) -> float:
        """What brings the mean rate of the central frame to the preset's."""
        wanted_cps = self.preset.perovskite.mean_cps
        x_um, y_um = np.meshgrid(np.arange(frame[0], frame[1], 2 * GRID_UM), np.arange(frame[2], frame[3], 2 * GRID_UM))
        mean_cps = self._rate_cps(self.crystallinity(x_um, y_um)).mean()
        return wanted_cps / mean_cps if wanted_cps and mean_cps else 1.0

    def _qd_gain(self, frame: Rectangle) -> float:
        """What turns relative brightness into the rate of a dot in focus."""
        wanted_cps, dots = self.preset.qd.mean_cps, self.emitters
        inside = (
            (frame[0] <= dots["x_um"])
            & (dots["x_um"] < frame[1])
            & (frame[2] <= dots["y_um"])
            & (dots["y_um"] < frame[3])
        )
        spot_um2 = 2 * np.pi * self._psf_sigma_um**2
        frame_um2 = (frame[1] - frame[0]) * (frame[3] - frame[2])
        mean_cps = dots["brightness"][inside].sum() * spot_um2 / frame_um2
        return wanted_cps / mean_cps if wanted_cps and mean_cps else 1.0


def _generators(seed: int, name: str) -> tuple[np.random.Generator, ...]:
    """Independent generators for dots, grains, nuclei that are not dots, and the dots' life under continuous light."""
    key = (crc32(b"sample"), crc32(name.encode()))
    return tuple(map(np.random.default_rng, np.random.SeedSequence(seed, spawn_key=key).spawn(4)))


def _generator(seed: int, name: str, dot: int) -> np.random.Generator:
    """The generator of one dot's blinking."""
    key = (crc32(b"blinking"), crc32(name.encode()), dot)
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))


def _central(travel_um: tuple[float, float]) -> Rectangle:
    half_x, half_y = (min(FRAME_UM, travel) / 2 for travel in travel_um)
    middle_x, middle_y = travel_um[0] / 2, travel_um[1] / 2
    return (middle_x - half_x, middle_x + half_x, middle_y - half_y, middle_y + half_y)


def _geometric(ends: tuple[float, float], c: Floats) -> Floats:
    """Between two ends in equal ratios."""
    return ends[0] * (ends[1] / ends[0]) ** c
