"""One scan worked out before it starts: where the monochromators go, and what is to be expected there."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
from numpy.typing import NDArray

from devices.iocs.backends import Scan
from devices.iocs.scan_check import told_nm
from devices.iocs.twin.monochromators import OpticalPath
from devices.iocs.twin.spectra import SampleSpectra
from devices.iocs.twin.spectral_preset import SpectrofluorometerPreset


class ScanProgram:
    """Columns over the points of a scan, at lamp level 1 and without noise; see `Expected` for those of light.

    excitation_nm, emission_nm : as told; sensitivity_ua, response : of the calibration files, at the told wavelength
    about : what the truth says of the whole scan
    """

    def __init__(
        self, scan: Scan, path: OpticalPath, sample: SampleSpectra, preset: SpectrofluorometerPreset, name: str
    ) -> None:
        self.scan = scan
        told = told_nm(scan)
        self.offsets_nm = (preset.excitation_offset_nm, preset.emission_offset_nm)
        excitation_nm, emission_nm = (nm + offset for nm, offset in zip(told, self.offsets_nm, strict=True))
        slits_nm = (scan.excitation_slit_nm, scan.emission_slit_nm)
        light = path.expected(sample, scan.region, excitation_nm, emission_nm, slits_nm)
        self.wavelength_nm = _column(scan.wavelength_nm, scan.n_points)
        self.excitation_nm, self.emission_nm = (_column(one, scan.n_points) for one in told)
        self.luminescence_cps = _column(light.luminescence_cps, scan.n_points)
        self.scatter_cps = _column(light.scatter_cps, scan.n_points)
        self.reference_ua = _column(light.reference_ua, scan.n_points)
        self.transmitted_ua = _column(light.transmitted_ua, scan.n_points)
        self.sensitivity_ua = _column(path.sensitivity_ua(told[0]), scan.n_points)
        self.response = _column(path.response(told[1]), scan.n_points)
        self.about = self._about(sample, preset, name)

    def told_nm(self, index: int) -> tuple[float, float]:
        """Where both monochromators are told to stand."""
        return self.excitation_nm[index], self.emission_nm[index]

    def true(self, index: int, time_s: float, level: float) -> dict[str, float]:
        """The truth about one point."""
        return {
            "t_s": time_s,
            "lamp_level": level,
            "excitation_nm": self.excitation_nm[index] + self.offsets_nm[0],
            "emission_nm": self.emission_nm[index] + self.offsets_nm[1],
            "luminescence_cps": self.luminescence_cps[index] * level,
            "scatter_cps": self.scatter_cps[index] * level,
            "reference_ua": self.reference_ua[index] * level,
            "transmitted_ua": self.transmitted_ua[index] * level,
        }

    def _about(self, sample: SampleSpectra, preset: SpectrofluorometerPreset, name: str) -> dict:
        facts = asdict(self.scan)
        return {
            **facts,
            "sample": name,
            "ratio": sample.ratio(self.scan.region),
            "excitation_offset_nm": self.offsets_nm[0],
            "emission_offset_nm": self.offsets_nm[1],
            "dark_cps": preset.photomultiplier.dark_cps,
            "dead_time_ns": preset.photomultiplier.dead_time_ns,
        }


def _column(values: NDArray[np.float64], n_points: int) -> list[float]:
    """Plain numbers, one for each point."""
    return np.broadcast_to(values, (n_points,)).tolist()
