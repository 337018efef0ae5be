"""Lines of known wavelength: where a scan sees them, with honest errors, or that they are not there."""

import numpy as np
import pytest

from analysis.spectra import Curve, line_position, monochromator_offsets
from analysis.spectrometry import SpectralRun
from analysis.wavelengths import calibration
from tests.analysis.simulated_spectra import documents_start, point

XE_NM = 467.12
TOLD_NM = np.arange(460, 475, 0.2)


def scan(rng, *, place_nm=XE_NM, height=0.5, noise=2e-3, fwhm_nm=1.8, told=True):
    """A line on a sloping lamp, with Gaussian noise; `told`: its errors are known."""
    sigma = fwhm_nm / np.sqrt(8 * np.log(2))
    value = 1 + 0.01 * (TOLD_NM - XE_NM) + height * np.exp(-0.5 * ((TOLD_NM - place_nm) / sigma) ** 2)
    value += noise * rng.standard_normal(len(value))
    return Curve(TOLD_NM, value, np.full(len(value), noise if told else 0.0))


@pytest.mark.parametrize("told", [True, False])
@pytest.mark.parametrize("offset_nm", [-0.7, 0.0, 0.43])
def test_the_place_of_a_line_has_an_honest_error(offset_nm, told):
    lines = [
        line_position(scan(np.random.default_rng(seed), place_nm=XE_NM + offset_nm, told=told), XE_NM)
        for seed in range(300)
    ]
    pulls = np.array([(line.wavelength_nm - XE_NM - offset_nm) / line.err_nm for line in lines])
    assert abs(pulls.mean()) < 0.35
    assert 0.8 < pulls.std() < 1.2
    assert lines[0].fwhm_nm == pytest.approx(1.8, abs=0.05)
    assert lines[0].height == pytest.approx(0.5, abs=0.01)


def test_a_line_through_a_triangular_slit_is_where_its_middle_is():
    rng = np.random.default_rng(0)
    value = np.maximum(1 - np.abs(TOLD_NM - 467.37) / 1.0, 0) * 1e4
    counts = rng.poisson(value + 5)
    line = line_position(Curve(TOLD_NM, counts, np.sqrt(np.maximum(counts, 1))), 467)
    assert line.wavelength_nm == pytest.approx(467.37, abs=4 * line.err_nm)
    assert line.err_nm < 0.03


@pytest.mark.parametrize("seed", range(20))
def test_noise_is_no_line(seed):
    with pytest.raises(ValueError, match=r"no line within 8 nm of 467.12 nm.*check the lamp"):
        line_position(scan(np.random.default_rng(seed), height=0.0), XE_NM)


def test_a_line_outside_the_window_is_no_line():
    with pytest.raises(ValueError, match="no line"):
        line_position(scan(np.random.default_rng(1), place_nm=474.5), 464, window_nm=4)


def test_zero_counts_are_no_line():
    with pytest.raises(ValueError, match="no line"):
        line_position(Curve(TOLD_NM, np.zeros(len(TOLD_NM)), np.ones(len(TOLD_NM))), XE_NM)


def test_a_scan_elsewhere_is_refused():
    with pytest.raises(ValueError, match=r"0 points with light within 8 nm of 600 nm: a line needs 7"):
        line_position(scan(np.random.default_rng(2)), 600)


def test_offsets_by_hand():
    """Told 466.9 where the line is at 467.12; told 467.3 where light of 467.12 + 0.22 comes out."""
    lamp, scatter = (line_position(scan(np.random.default_rng(3), place_nm=at), XE_NM) for at in (466.9, 467.5))
    offsets = monochromator_offsets(lamp, scatter, xe_line_nm=XE_NM, excitation_nm=XE_NM)
    assert offsets.excitation_offset_nm == pytest.approx(0.22, abs=0.02)
    assert offsets.emission_offset_nm == pytest.approx(XE_NM + 0.22 - 467.5, abs=0.03)
    assert offsets.emission_offset_err_nm > offsets.excitation_offset_err_nm > 0


def calibrated(lamp_from_nm, seed=0, peak=3e4, slit_nm=1.0):
    """A calibrate run: the lamp's line, then the scatter of light at 560 nm; below `lamp_from_nm` the lamp is dark."""
    rng, fine_nm = np.random.default_rng(seed), np.arange(558, 562, 0.01)
    start = documents_start("calibrate", "excitation", TOLD_NM, dwell_s=0.2, uid="run", fixed_nm=560.0)
    start["scan"] |= {"excitation_slit_nm": slit_nm, "emission_slit_nm": slit_nm}
    run = SpectralRun(start)
    run.add_dark(0.0, 10.0)
    for i, (nm, value) in enumerate(zip(TOLD_NM, scan(rng).value, strict=True)):
        run.add_point("lamp", point(i, nm, reference=value))
    light = np.where(fine_nm > lamp_from_nm, np.maximum(1 - np.abs(fine_nm - 560) / slit_nm, 0), 0)
    for i, nm in enumerate(np.arange(550, 570, 0.25)):
        passed = np.maximum(1 - np.abs(fine_nm - nm) / slit_nm, 0) @ light * 0.01 / slit_nm
        reading = light.mean() + 1e-4 * rng.standard_normal()
        run.add_point("scatter", point(i, nm, counts=rng.poisson(peak * passed), correction=1.0, reference=reading))
    return calibration(run, xe_line_nm=XE_NM, elastic_nm=560.0)


@pytest.mark.parametrize("slit_nm", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("peak", [100, 3e4])
def test_the_elastic_line_tells_the_offset_of_the_emission(peak, slit_nm):
    for seed in range(20):
        found = calibrated(0.0, seed, peak, slit_nm).offsets
        assert abs(found.emission_offset_nm) < 5 * found.emission_offset_err_nm < 1


@pytest.mark.parametrize("lamp_from_nm", [559.6, 560.0, 560.6])
def test_an_elastic_line_with_one_side_in_the_dark_is_refused(lamp_from_nm):
    """It would stand as much as 0.8 nm beside its place."""
    with pytest.raises(ValueError, match=r"the elastic line at 560 nm is .* wide.*choose another elastic_nm"):
        calibrated(lamp_from_nm)


def test_an_elastic_line_in_the_dark_is_told():
    with pytest.raises(ValueError, match=r"no lamp light at 560 nm, which was to be scattered: choose another"):
        calibrated(np.inf)
