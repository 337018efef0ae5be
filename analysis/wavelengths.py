"""Where both monochromators really stand: from the xenon line of the lamp and its elastic scattering."""

from dataclasses import dataclass
from math import hypot

from analysis.spectra import Curve, LinePosition, Offsets, line_position, monochromator_offsets
from analysis.spectrometry import SpectralRun

LAMP, SCATTER = "lamp", "scatter"
LEAST_WIDTH = 0.9  # of the root of the sum of the squares of both slits; two equal triangles make 0.96
SURE = 3.0 * 2.35  # standard deviations of the width, which has 2.35 times the error of the place


@dataclass(frozen=True, eq=False)
class Calibration:
    """The two lines of a `calibrate` run, and the offsets that follow: told w, a monochromator stands at w + offset."""

    lamp: LinePosition
    scatter: LinePosition
    offsets: Offsets
    lamp_curve: Curve
    scatter_curve: Curve


def calibration(run: SpectralRun, *, xe_line_nm: float, elastic_nm: float) -> Calibration:
    """Return the offsets that a `calibrate` run shows; ValueError if one of the lines is not there, or not whole.

    xe_line_nm : true wavelength of the lamp's line; elastic_nm : what the excitation was told for the scattered light
    """
    lamp_curve, scatter_curve = run.reference_curve(stream=LAMP), run.curve(stream=SCATTER)
    if not scatter_curve.lit.any():
        raise ValueError(f"no lamp light at {elastic_nm:g} nm, which was to be scattered: choose another elastic_nm")
    lamp, scatter = line_position(lamp_curve, xe_line_nm), line_position(scatter_curve, elastic_nm)
    whole_nm = LEAST_WIDTH * hypot(*run.facts.slits_nm)
    if scatter.fwhm_nm + SURE * scatter.err_nm < whole_nm:
        raise ValueError(
            f"the elastic line at {elastic_nm:g} nm is {scatter.fwhm_nm:.2f} nm wide, such slits make it more than "
            f"{whole_nm:.2f} nm: the lamp is dark on one side of it; choose another elastic_nm"
        )
    offsets = monochromator_offsets(lamp, scatter, xe_line_nm=xe_line_nm, excitation_nm=elastic_nm)
    return Calibration(lamp, scatter, offsets, lamp_curve, scatter_curve)
