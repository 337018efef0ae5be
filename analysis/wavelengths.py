"""Where both monochromators really stand: from the xenon line of the lamp and its elastic scattering."""

from dataclasses import dataclass

from analysis.spectra import Curve, LinePosition, Offsets, line_position, monochromator_offsets
from analysis.spectrometry import SpectralRun

LAMP, SCATTER = "lamp", "scatter"


@dataclass(frozen=True, eq=False)
class Calibration:
    """The two lines of a `calibrate` run, and the offsets that follow: told w, a monochromator stands at w + offset."""

    lamp: LinePosition
    scatter: LinePosition
    offsets: Offsets
    lamp_curve: Curve
    scatter_curve: Curve


def calibration(run: SpectralRun, *, xe_line_nm: float, elastic_nm: float) -> Calibration:
    """Return the offsets that a `calibrate` run shows; ValueError if one of the lines is not there.

    xe_line_nm : true wavelength of the lamp's line; elastic_nm : what the excitation was told for the scattered light
    """
    lamp_curve, scatter_curve = run.reference_curve(stream=LAMP), run.curve(stream=SCATTER)
    lamp, scatter = line_position(lamp_curve, xe_line_nm), line_position(scatter_curve, elastic_nm)
    offsets = monochromator_offsets(lamp, scatter, xe_line_nm=xe_line_nm, excitation_nm=elastic_nm)
    return Calibration(lamp, scatter, offsets, lamp_curve, scatter_curve)
