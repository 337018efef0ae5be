"""Absorption, luminescence and excitation spectra of the built-in samples, against the numbers they were made from."""

import numpy as np
import pytest

from devices.iocs.twin import preset as presets
from devices.iocs.twin.absorption import EV_NM, FilmAbsorption
from devices.iocs.twin.sample import Sample
from devices.iocs.twin.schema import PresetError
from devices.iocs.twin.spectra import SampleSpectra

FINE_NM = np.arange(450.0, 750.0, 0.01)
MATRIX = (FINE_NM >= 500) & (FINE_NM <= 580)
SAME_REGIONS = "\n[sample.spectra.perovskite]\nratio_ln_sd = 0\n"


def spectra(name, seed=1):
    preset = presets.load(name) if isinstance(name, str) else name
    return SampleSpectra(preset.sample, seed, name=preset.name)


@pytest.fixture(scope="module")
def uniform(preset_file):
    """A sample whose regions are all alike."""
    return lambda name: spectra(preset_file(f'base = "{name}"\n{SAME_REGIONS}', name=f"uniform_{name}"))


def fwhm_nm(values):
    above = FINE_NM[values > values.max() / 2]
    return above[-1] - above[0]


def test_absorption_coefficients_are_those_of_the_model():
    film = FilmAbsorption(presets.load("undoped").sample.spectra.absorption)
    assert film.alpha_cm1([520, 405]) == pytest.approx([7.0e4, 1.05e5])
    assert film.alpha_cm1([445, 490, 530]) == pytest.approx([8.8e4, 7.1e4, 2.6e4], rel=0.02)
    assert film.alpha_cm1([540, 561]) == pytest.approx([0.26e4, 0.02e4], rel=0.08)
    assert EV_NM / film.exciton_ev == pytest.approx(521.2, abs=0.05)
    near_nm = np.arange(515, 525, 0.01)
    assert near_nm[film.alpha_cm1(near_nm).argmax()] == pytest.approx(520, abs=0.02)
    valley_nm = np.arange(500, 515, 0.01)
    assert valley_nm[film.alpha_cm1(valley_nm).argmin()] == pytest.approx(509, abs=1)
    assert film.alpha_cm1(valley_nm).min() == pytest.approx(5.0e4, rel=0.03)


def test_the_continuum_grows_as_the_preset_says(preset_file):
    parabolic = preset_file('base = "A"\n[sample.spectra.absorption]\nnon_parabolic_per_ev = 0\n')
    usual = presets.load("A").sample.spectra.absorption
    bent, straight = (FilmAbsorption(one).alpha_cm1([405, 450]) for one in (usual, parabolic.sample.spectra.absorption))
    assert bent[0] == pytest.approx(straight[0]) and bent[1] < 0.99 * straight[1]  # both end at the same 405 nm


@pytest.mark.parametrize("peak_nm", [514.0, 517.0, 526.0])
def test_the_maximum_is_where_the_preset_puts_it(preset_file, peak_nm):
    weaker = "alpha_peak_cm1 = 4.9e4\nalpha_405_cm1 = 7.35e4"
    moved = preset_file(f'base = "A"\n[sample.spectra.absorption]\npeak_nm = {peak_nm}\n{weaker}')
    film = FilmAbsorption(moved.sample.spectra.absorption)
    near_nm = np.arange(peak_nm - 5, peak_nm + 5, 0.01)
    assert near_nm[film.alpha_cm1(near_nm).argmax()] == pytest.approx(peak_nm, abs=0.02)
    assert film.alpha_cm1([peak_nm, 405]) == pytest.approx([4.9e4, 7.35e4])


def test_absorbance_and_depth_average_of_both_thicknesses():
    undoped, a = spectra("undoped"), spectra("A")
    assert undoped.alpha_d(520) / np.log(10) == pytest.approx(0.456, abs=0.001)
    dose = a.alpha_d(np.array([405, 445, 490, 520]))
    assert dose[3] / np.log(10) == pytest.approx(0.268, abs=0.001)
    assert -np.expm1(-dose) / dose == pytest.approx([0.653, 0.696, 0.744, 0.747], abs=1e-3)
    assert a.alpha_d(np.arange(550, 601)).mean() < 0.01
    baseline_od = -np.log10(a.transmission(np.array([600.0, 700.0])))
    assert baseline_od == pytest.approx([0.025, 0.02 + 0.005 * (6 / 7) ** 4], abs=1e-4)


def test_luminescence_has_the_published_maximum_and_width(uniform):
    band = uniform("undoped").perovskite_bands(FINE_NM, 1)[:2].sum(axis=0)
    assert FINE_NM[band.argmax()] == pytest.approx(540.3, abs=0.05)
    assert fwhm_nm(band) == pytest.approx(35.0, abs=0.1)
    assert band.max() == pytest.approx(2e5, rel=1e-4)
    tail = uniform("undoped").perovskite_cps(np.array([650.0]), 1)
    assert tail == pytest.approx(2e-4 * 2e5)


def test_normalised_heights_of_the_dots(uniform):
    samples = {name: uniform(name) for name in "ABCD"}
    matrix = {name: one.perovskite_bands(FINE_NM, 1)[:2].sum(axis=0) for name, one in samples.items()}
    dots = {name: one.qd_cps(FINE_NM) for name, one in samples.items()}
    area = {name: (matrix[name] + dots[name])[MATRIX].sum() for name in samples}
    unit = matrix["B"].max() / area["B"]
    heights = [dots[name].max() / area[name] / unit for name in samples]
    assert heights == pytest.approx([0.0383, 0.16, 0.68, 1.28], rel=5e-3)
    assert min(samples, key=lambda name: fwhm_nm(matrix[name])) == "B"
    assert dots["A"].max() == pytest.approx(8e3, rel=0.05)
    for values in dots.values():
        assert FINE_NM[values.argmax()] == pytest.approx(638, abs=0.01)
        assert fwhm_nm(values) == pytest.approx(43, abs=0.03)


def test_bare_dots_shine_under_the_microscope_too():
    dots = Sample(presets.load("bare_qds").sample, 1, name="bare_qds")
    assert np.all(dots.emitters["tau_ns"] == dots.emitters["tau_ref_ns"])
    assert dots.emission(dots.emitters["x_um"][:50], dots.emitters["y_um"][:50], 50.0).qd_cps.min() > 0


def test_heights_follow_the_doping(preset_file):
    half = spectra(preset_file('base = "B"\n[sample]\ndoping_percent = 0.05', name="half"))
    assert half.qd_peak_cps == pytest.approx(spectra("B").qd_peak_cps / 2, rel=1e-3)


def test_bare_dots_and_bare_glass():
    bare, glass = spectra("bare_qds"), spectra("glass")
    assert FINE_NM[bare.qd_cps(FINE_NM).argmax()] == pytest.approx(634, abs=0.01)
    assert fwhm_nm(bare.qd_cps(FINE_NM)) == pytest.approx(43, abs=0.03)
    assert bare.perovskite_cps(FINE_NM, 1).max() == glass.perovskite_cps(FINE_NM, 1).max() == 0
    assert glass.qd_cps(FINE_NM).max() == 0
    assert np.all(glass.transmission(FINE_NM) == 1)
    red_nm = np.arange(550.0, 601.0)
    assert bare.reference(405) / bare.reference(red_nm).mean() == pytest.approx(8.9, abs=0.05)
    assert bare.qd_excitation(red_nm) == pytest.approx(bare.reference(red_nm) / bare.reference(405))


def test_coupling_passes_through_its_knots():
    a, b = spectra("A"), spectra("B")
    boost = (1 + b.delta_s(np.array([405.0, 445.0]))) / (1 + a.delta_s(np.array([405.0, 445.0])))
    assert boost == pytest.approx([2.33, 3.65], abs=0.01)
    assert b.delta_s(np.array([490.0, 521.0, 530.0, 575.0])) == pytest.approx([0, 1.5, 0, 0])
    assert b.delta_s(FINE_NM).max() == pytest.approx(1.5)
    assert a.delta_s(np.arange(400.0, 545.0)).max() < -0.1
    assert a.delta_s(np.array([300.0, 380.0])) == pytest.approx(-0.83)


@pytest.mark.parametrize("name", ["A", "B"])
def test_excitation_spectra_obey_their_definition(name):
    sample, nm = spectra(name), np.arange(400.0, 600.0)
    dose = sample.alpha_d(nm)
    expected = sample.reference(nm) * (-np.expm1(-dose) / dose) * (1 + sample.delta_s(nm))
    ratio = sample.qd_excitation(nm) / expected
    assert ratio == pytest.approx(ratio[0])
    assert sample.qd_excitation(405) == pytest.approx(1)
    absorbed = 1 - np.exp(-dose)
    assert sample.perovskite_excitation(nm) == pytest.approx(absorbed / absorbed[5])


def test_coupling_can_be_switched_off(preset_file):
    null = spectra(preset_file('base = "B"\n[sample.spectra.coupling]\nstrength = 0', name="null"))
    assert np.all(null.delta_s(FINE_NM) == 0)
    assert spectra("undoped").delta_s(FINE_NM).max() == 0


def test_regions_differ_in_the_ratio_of_the_bands_alone():
    sample = spectra("undoped")
    ratios = np.array([sample.ratio(region) for region in range(1, 401)])
    assert np.log(ratios).std() == pytest.approx(0.4, rel=0.12)
    assert np.median(ratios) == pytest.approx(0.2, rel=0.08)
    assert spectra("undoped").ratio(7) == sample.ratio(7)
    assert spectra("undoped", seed=2).ratio(7) != sample.ratio(7) != spectra("A").ratio(7)
    areas = [sample.perovskite_bands(FINE_NM, region)[:2].sum(axis=0)[MATRIX].sum() for region in (1, 2, 3)]
    assert areas == pytest.approx([areas[0]] * 3)
    bands = sample.perovskite_bands(np.array([533.0, 544.0]), 3)
    assert bands[0, 0] / bands[1, 1] == pytest.approx(sample.ratio(3))


def test_presets_that_say_nothing_of_spectra_have_default_ones(tmp_path):
    text = (presets.FOLDER / "B.toml").read_text()
    silent = tmp_path / "silent.toml"
    silent.write_text(text[: text.index("[sample.spectra")].replace('"B"', '"silent"'))
    loaded = presets.load(silent)
    assert loaded.sample.spectra == presets.load("undoped").sample.spectra
    assert loaded.instrument.fs5 == presets.load("B").instrument.fs5
    assert spectra(loaded).qd_peak_cps == pytest.approx(spectra("B").qd_peak_cps)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[sample.spectra.coupling]\ndelta_s = [0, 0]", r"delta_s = \(0\.0, 0\.0\): allowed is one value for each"),
        ("[sample.spectra.coupling]\nstrength = 2", r"delta_s = .*: allowed is times strength, more than -1"),
        ("[sample.spectra.coupling]\nknots_nm = [500, 400]\ndelta_s = [0, 0]", r"two or more wavelengths, ascending"),
        ("[instrument.fs5.lamp]\ndead_nm = [[510, 500]]", r"dead_nm = \(510\.0, 500\.0\): allowed is sectors"),
        ("[instrument.fs5.lamp]\ndead_nm = [510, 500]", r"dead_nm = \[510, 500\]: allowed is .* number of lists of 2"),
        ("[instrument.fs5.limits]\nslit_nm = [2, 1]", r"slit_nm = \(2\.0, 1\.0\): allowed is a lower and a"),
        ("[sample.spectra.absorption]\nalpha_405_cm1 = 5e6", r"no exciton and continuum have their maximum at 520 nm"),
        ("[sample.spectra.qd]\nabsorption_steps = [[1, 500, 0]]", r"allowed is widths > 0"),
        ("[sample.spectra.pl]\nratio = 1", r"unknown key sample\.spectra\.pl; did you mean"),
    ],
)  # fmt: skip
def test_impossible_spectra_are_refused(tmp_path, text, message):
    path = tmp_path / "wrong.toml"
    path.write_text(f'base = "A"\n{text}')
    with pytest.raises(PresetError, match=f"wrong.toml: .*{message}"):
        presets.load(path)


def test_a_band_of_dots_that_fills_the_window_is_refused(preset_file):
    broad = preset_file('base = "D"\n[sample.spectra.qd]\nfwhm_nm = 200\nheight_per_percent = 50', name="broad")
    with pytest.raises(ValueError, match=r"height_per_percent = 50\.0.*lower it or give peak_cps"):
        _ = spectra(broad).qd_peak_cps
