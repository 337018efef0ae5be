"""The figures of spectra show the numbers they were given, name their runs, and can be drawn of anything."""

import io
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from analysis import figures
from analysis.figures import parts, traces
from analysis.figures.live_spectrum import residuals
from analysis.spectra import LinePosition, Offsets, coupling, film_absorption, fit_curve
from analysis.wavelengths import Calibration
from tests.simulated_spectra import BOOSTED, QUENCHED, blank, excitation, luminescence, transmission

DOPING = np.array([0.0, 0.025, 0.1, 0.5])
START = {"uid": "livelive-0", "plan_name": "pl", "sample_name": "B", "scan": {"start_nm": 420, "stop_nm": 750}}


def drawn(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=60)
    return buffer.getvalue()


def words(figure: Figure) -> str:
    return "\n".join(text.get_text() for text in figure.findobj(Text) if text.get_text())


def lines_of(ax, n_points: int) -> list:
    return [line for line in ax.lines if len(line.get_xdata()) == n_points]


@pytest.fixture(scope="module")
def film():
    return film_absorption(transmission(uid="absorbed-0"), blank())


@pytest.fixture(scope="module")
def couplings(film):
    dots = excitation(20_000, seed=3, uid="baredots-0")
    spectra = excitation(5_000, QUENCHED, seed=4, uid="weakfilm-0"), excitation(20_000, BOOSTED, uid="highfilm-0")
    return tuple(coupling(one, dots, film) for one in spectra)


@pytest.fixture(scope="module")
def emission():
    curve = luminescence(0.2, uid="emission-0")
    return curve, fit_curve(curve, n_bands=3)


@pytest.fixture(scope="module")
def series():
    heights = 1.6 * DOPING
    curves = [luminescence(height, seed=i, uid=f"series{i}0-0") for i, height in enumerate(heights)]
    curves = [replace(curve, value=curve.value / 6e4, err=curve.err / 6e4) for curve in curves]
    rescaled = np.array([np.nan, 0.16, 0.16, 0.16])
    return SimpleNamespace(
        names=("none", "A", "B", "C"), doping_percent=DOPING, curves=tuple(curves), narrowest="B", reference="B",
        qd_height=heights, rescaled_height=rescaled,
    )  # fmt: skip


@pytest.fixture(scope="module")
def figure2(series, couplings):
    bare = luminescence(1.0, film=0.0, qd_nm=634.0, uid="baredots-1")
    return figures.figure2(series, bare, fit_curve(bare, n_bands=1), *couplings)


# --- Fig. 1a -----------------------------------------------------------------------------------------------


def test_figure1a_draws_absorbance_and_normalised_luminescence(film, emission):
    left, right = figures.figure1a(film, *emission).axes
    (line,), (dashed,) = lines_of(left, 301), lines_of(right, 331)
    assert np.array_equal(line.get_ydata(), film.absorbance)
    assert line.get_linestyle() == "-" and dashed.get_linestyle() == "--"
    assert dashed.get_ydata().max() == pytest.approx(1, abs=0.02)
    assert left.get_xlim() == right.get_xlim() == (400, 650)


def test_figure1a_without_bands_normalises_to_the_largest_point(film, emission):
    right = figures.figure1a(film, emission[0]).axes[1]
    assert max(line.get_ydata().max() for line in right.lines) == 1.0


# --- Fig. 2 ------------------------------------------------------------------------------------------------


def test_figure2_shows_every_sample_as_normalised(figure2, series):
    shown = lines_of(figure2.axes[0], 331)
    assert all(np.array_equal(line.get_ydata(), one.value) for line, one in zip(shown, series.curves, strict=True))


def test_figure2_rescales_by_doping_and_scales_bare_dots_to_the_reference(figure2, series):
    *films, bare = lines_of(figure2.axes[1], 331)
    for line, curve, factor in zip(films, series.curves[1:], (4, 1, 0.2), strict=True):
        assert np.allclose(line.get_ydata(), factor * curve.value)
    assert bare.get_ydata().max() == pytest.approx(0.16, rel=0.03)
    assert 630 < bare.get_xdata()[np.argmax(bare.get_ydata())] < 637


def test_figure2_marks_where_excitation_spectra_are_one(figure2, couplings):
    ax = figure2.axes[2]
    window = ax.patches[0].get_extents().transformed(ax.transData.inverted())
    assert (window.x0, window.x1) == pytest.approx((550, 600))
    (mean,) = [line for line in ax.lines if line.get_linestyle() == ":"]
    assert list(mean.get_ydata()) == [1, 1]
    for line, one in zip(lines_of(ax, 201)[::2], couplings, strict=True):
        assert np.array_equal(line.get_ydata(), one.s)
        assert line.get_ydata()[150:].mean() == pytest.approx(1, rel=0.01)


# --- Fig. 3a -----------------------------------------------------------------------------------------------


def test_figure3a_separates_the_regions_and_names_them(couplings):
    ax = figures.figure3a(*couplings).axes[0]
    two = [line.get_xdata() for line in ax.lines if len(line.get_xdata()) == 2]
    upright = [x[0] for x in two if x[0] == x[1]]
    assert upright == [490, 530, 550]
    assert [text.get_text() for text in ax.texts if set(text.get_text()) == {"I"}] == ["I", "II", "III"]


def test_figure3a_marks_the_crossings_of_b_and_none_of_a(couplings):
    a, b = couplings
    assert len(b.crossings) == 2 and not a.crossings
    ax = figures.figure3a(a, b).axes[0]
    marks = [line for line in ax.lines if line.get_marker() == "D"]
    assert [line.get_xdata()[0] for line in marks] == [one.wavelength_nm for one in b.crossings]
    errors = [bars[0].get_segments()[0][:, 0] for _, _, bars in ax.containers]
    assert [np.ptp(ends) / 2 for ends in errors] == pytest.approx([one.err_nm for one in b.crossings])
    assert words(ax.figure).count("= 0 at") == 2


def test_the_error_bands_are_one_standard_deviation(couplings):
    ax = figures.figure3a(*couplings).axes[0]
    edge = ax.collections[0].get_paths()[0].vertices
    a = couplings[0]
    at_450 = np.unique(edge[edge[:, 0] == 450][:, 1])
    assert at_450 == pytest.approx([a.ds[50] - a.ds_err[50], a.ds[50] + a.ds_err[50]])


# --- any of them -------------------------------------------------------------------------------------------


def test_every_panel_names_its_runs_and_is_legible(film, emission, couplings, figure2):
    for figure, runs in [
        (figures.figure1a(film, *emission), ["absorbed", "blank000", "emission"]),
        (figure2, ["series10", "series30", "baredots", "weakfilm", "highfilm", "absorbed"]),
        (figures.figure3a(*couplings), ["weakfilm", "highfilm", "baredots", "absorbed", "blank000"]),
    ]:
        assert all(run in words(figure) for run in runs)
        assert min(text.get_fontsize() for text in figure.findobj(Text) if text.get_text()) >= 6.5
        assert len(drawn(figure)) > 1000


def test_a_sector_without_lamp_light_is_a_gap(film):
    dots, spectrum = excitation(20_000, seed=3), excitation(20_000, BOOSTED)
    dark = (spectrum.wavelength_nm > 498) & (spectrum.wavelength_nm < 512)
    spectrum = replace(spectrum, value=np.where(dark, np.nan, spectrum.value))
    one = coupling(spectrum, dots, film)
    figure = figures.figure3a(one, one)
    assert np.isnan(lines_of(figure.axes[0], 201)[0].get_ydata()[dark]).all()
    drawn(figure)
    overview = figures.coupling_overview(one, sample="B")
    assert np.isnan(lines_of(overview.axes[1], 201)[0].get_ydata()[dark]).all() and "nan" not in words(overview)
    drawn(overview)


def test_no_line_is_drawn_across_points_that_are_missing(film):
    kept = (film.wavelength_nm < 440) | (film.wavelength_nm > 460)
    of_each = ("wavelength_nm", "absorbance", "absorbance_err", "offset", "offset_err", "alpha_d", "alpha_d_err")
    gappy = replace(film, **{name: getattr(film, name)[kept] for name in of_each})
    figure = figures.absorption_overview(gappy, sample="A")
    for line in lines_of(figure.axes[0], kept.sum() + 1):
        (gap,) = np.flatnonzero(np.isnan(line.get_xdata()))
        assert line.get_xdata()[gap - 1] < 440 and line.get_xdata()[gap + 1] > 460
    assert len(lines_of(figure.axes[0], kept.sum() + 1)) == 3
    drawn(figure)


def test_a_film_without_coupling_can_be_drawn(film):
    null = coupling(excitation(500, lambda wavelength_nm: 0 * wavelength_nm), excitation(500, seed=2), film)
    figure = figures.figure3a(null, null, names=("one", "two"))
    assert not null.crossings and "sample one" in words(figure)
    drawn(figure)
    overview = figures.coupling_overview(null, sample="one")
    assert "maximum" not in words(overview) and overview.axes[1].get_ylim()[0] < -0.2
    drawn(overview)


@pytest.mark.parametrize(("peak", "largest"), [(2.0, 0.5), (0.0, 1.0), (np.nan, 1.0)])
def test_a_peak_that_is_not_known_is_the_largest_point(peak, largest):
    value, err = traces.normalised(np.array([0.5, 1.0, np.nan]), np.ones(3), peak)
    assert np.nanmax(value) == largest and err[0] == value[1]


# --- the spectrum that grows -------------------------------------------------------------------------------


def part_of(curve, n):
    of_each = ("wavelength_nm", "value", "err", "counts", "scale", "background")
    return replace(curve, **{name: getattr(curve, name)[:n] for name in of_each})


def test_a_live_spectrum_waits_then_grows(emission):
    curve, fit = emission
    live = figures.LiveSpectrumImage(START)
    live.update(SimpleNamespace(stream="primary", region=None, curve=None, bands=None))
    assert "waiting" in live.text.get_text()
    for n, bands in ((3, None), (200, fit), (331, fit)):
        live.update(SimpleNamespace(stream="primary", region=2, curve=part_of(curve, n), bands=bands))
        assert f"pl of B  ·  run livelive  ·  region 2  ·  {n} points" == live.text.get_text()
        (points,) = [line for line in live.main.lines if line.get_marker() == "o"]
        assert np.array_equal(points.get_ydata(), curve.value[:n])
        assert live.main.get_xlim() == live.strip.get_xlim() == (420, 750)
        drawn(live.figure)


def test_residuals_of_a_live_spectrum_are_in_standard_deviations(emission):
    curve, fit = emission
    live = figures.LiveSpectrumImage(START)
    live.update(SimpleNamespace(stream="primary", region=1, curve=curve, bands=fit))
    (points,) = [line for line in live.strip.lines if line.get_marker() == "o"]
    assert points.get_ydata().std() == pytest.approx(1, abs=0.15)
    told = [parts.uncertain(*one) for one in zip(fit.centre_nm, fit.centre_err_nm, strict=True)]
    assert all(text in words(live.figure) for text in told)


def test_a_handful_of_counts_is_judged_by_what_was_expected(emission):
    curve, fit = emission
    i = int(np.argmin(fit.model(curve.wavelength_nm)))
    counts = curve.counts.astype(float)
    counts[i] = 0.0
    value = (counts - curve.background) * curve.scale
    err = np.where(counts > 0, curve.err, curve.scale)  # what an empty point says of itself: one count
    dark = replace(curve, counts=counts, value=value, err=err)
    expected = fit.model(curve.wavelength_nm)[i] / curve.scale[i] + curve.background[i]
    assert residuals(dark, fit)[i] == pytest.approx(-np.sqrt(expected), rel=0.01)


def test_a_spectrum_without_bands_has_no_residuals_and_the_axis_of_its_scan(emission):
    curve, _ = emission
    start = {"uid": "calib000", "plan_name": "calibrate", "scan": {"start_nm": 457, "stop_nm": 477}}
    start["scatter_scan"] = {"start_nm": 500, "stop_nm": 520}
    live = figures.LiveSpectrumImage(start)
    for stream, ends in (("lamp", (457, 477)), ("scatter", (500, 520))):
        live.update(SimpleNamespace(stream=stream, region=1, curve=curve, bands=None))
        assert live.figure.axes == [live.main] and live.main.get_xlim() == ends
        drawn(live.figure)


def test_a_live_spectrum_without_light_or_bands_can_be_drawn(emission):
    curve, fit = emission
    dark = replace(curve, value=np.full(331, np.nan))
    none = {name: np.empty(0) for name in ("centre_nm", "fwhm_nm", "height")}
    nothing = replace(fit, n_bands=0, **none)
    live = figures.LiveSpectrumImage({})
    for one, bands in ((dark, None), (curve, nothing), (part_of(curve, 1), None)):
        live.update(SimpleNamespace(stream="primary", region=None, curve=one, bands=bands))
        drawn(live.figure)


# --- what one run found ------------------------------------------------------------------------------------


def test_the_overview_of_a_film_shows_measured_baseline_and_film(film):
    left, right = figures.absorption_overview(film, sample="A").axes
    measured, baseline, absorbance = lines_of(left, film.wavelength_nm.size)
    assert np.allclose(measured.get_ydata() - baseline.get_ydata(), absorbance.get_ydata())
    assert np.array_equal(absorbance.get_ydata(), film.absorbance)
    assert np.array(right.get_ylim()) == pytest.approx(np.log(10) * np.array(left.get_ylim()))
    at_peak = film.alpha_d[np.argmin(np.abs(film.wavelength_nm - 450))] / np.log(10)
    assert at_peak == pytest.approx(np.interp(450, film.wavelength_nm, film.absorbance))


def test_the_overview_of_a_coupled_film_shows_s_its_expectation_and_their_difference(couplings):
    upper, lower = figures.coupling_overview(couplings[1], sample="B").axes
    s, s0 = lines_of(upper, 201)
    assert np.array_equal(s.get_ydata(), couplings[1].s) and np.array_equal(s0.get_ydata(), couplings[1].s0)
    assert np.array_equal(lines_of(lower, 201)[0].get_ydata(), couplings[1].ds)
    means = [line.get_ydata()[0] for line in lower.lines if line.get_color() == traces.ORANGE]
    assert means == [region.mean for region in couplings[1].regions]
    assert "maximum" in words(lower.figure) and "mean of II" in words(lower.figure)


def test_overviews_name_their_runs_and_are_legible(film, couplings):
    weak, high = couplings
    nowhere = replace(film, peak_nm=np.nan, peak_err_nm=np.nan, peak_absorbance=np.nan)
    for figure, runs in [
        (figures.absorption_overview(film, sample="A"), ["absorbed", "blank000"]),
        (figures.absorption_overview(nowhere, sample="glass"), ["absorbed", "blank000"]),
        (figures.coupling_overview(weak, sample="A"), ["weakfilm", "baredots", "absorbed", "blank000"]),
        (figures.coupling_overview(high, sample="B"), ["highfilm"]),
    ]:
        assert all(run in words(figure) for run in runs) and "nan" not in words(figure)
        assert min(text.get_fontsize() for text in figure.findobj(Text) if text.get_text()) >= 6.5
        assert len(drawn(figure)) > 1000


def test_the_overview_of_a_calibration_marks_both_lines_where_they_were_told(emission):
    curve, _ = emission
    lines = [LinePosition(at_nm, 0.01, 1.5, 10.0, 0.1, 100.0, 1.0, 40) for at_nm in (466.9, 560.3)]
    found = Calibration(*lines, Offsets(0.22, 0.01, -0.15, 0.02), curve, curve)
    for ax, line in zip(figures.calibration_overview(found).axes, lines, strict=True):
        assert line.wavelength_nm in [one.get_xdata()[0] for one in ax.lines if len(one.get_xdata()) == 2]
    assert "(0.220 ± 0.010) nm" in words(ax.figure) and "(-0.15 ± 0.02) nm" in words(ax.figure)
