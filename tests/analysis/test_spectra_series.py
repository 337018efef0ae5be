"""Films of different doping compared: heights after normalisation, linearity, red shift, doublets region by region."""

import numpy as np
import pytest

from analysis.spectra import (
    Curve,
    PlSample,
    choose_curve,
    doublet_spread,
    fit_curve,
    linearity,
    pl_series,
    red_shift,
)

AT = np.arange(420.0, 751.0)
FINE = np.linspace(500, 580, 8001)
DARK = 15.0
DOPING = {"A": 0.025, "B": 0.1, "C": 0.5, "D": 1.0}
WIDTH = {"A": 1.05, "B": 1.0, "C": 1.04, "D": 1.07}
DOTS = {"A": 0.0383, "B": 0.16, "C": 0.68, "D": 1.28}


def band(height, centre, fwhm, at=AT):
    return height * np.exp(-4 * np.log(2) * ((at - centre) / fwhm) ** 2)


def matrix(width=1.0, r=0.2, at=AT):
    return band(r, 533, 17 * width, at) + band(1, 544, 34.5 * width, at)


def measured(rng, spectrum, counts_at_peak=6e4):
    """One scan as a curve in arbitrary units."""
    scale = 7.0 / counts_at_peak * (1 + 0.3 * ((AT - 550) / 200) ** 2)
    counts = rng.poisson(7.0 * spectrum / scale + DARK).astype(float)
    return Curve(
        AT,
        (counts - DARK) * scale,
        np.sqrt(counts) * scale,
        counts=counts,
        scale=scale,
        background=np.full(AT.size, DARK),
        uids=(f"run of {counts.sum():.0f}",),
    )


def film(rng, name, brightness=1.0, doping=None, **options):
    """A film whose dots are DOTS[name] high once areas are normalised and the peak of B is 1."""
    unit = matrix(at=FINE).mean() / matrix(at=FINE).max()
    perovskite = matrix(WIDTH[name]) / matrix(WIDTH[name], at=FINE).mean() * unit
    curve = measured(rng, brightness * (perovskite + band(DOTS[name], 638, 43)), **options)
    return PlSample(name, DOPING[name] if doping is None else doping, curve, fit_curve(curve, n_bands=3))


def undoped(rng, name="undoped"):
    curve = measured(rng, matrix())
    return PlSample(name, 0.0, curve, fit_curve(curve, n_bands=2))


def test_heights_of_the_dots_after_normalisation():
    """Films of any brightness; the light of the dots below 580 nm, 0.1 % of the area in D, is part of it."""
    rng = np.random.default_rng(1)
    heights, errors, rescaled, deviations = [], [], [], []
    for _ in range(30):
        series = pl_series([film(rng, name, rng.uniform(0.5, 1.5)) for name in DOPING])
        assert (series.narrowest, series.reference) == ("B", "B")
        assert series.perovskite_height[1] == pytest.approx(1, abs=1e-12)
        assert series.perovskite_height_err[1] == pytest.approx(0, abs=1e-6)
        heights.append(series.qd_height)
        errors.append(series.qd_height_err)
        rescaled.append(series.rescaled_height)
        deviations.append((series.deviation - [-0.0425, 0, -0.15, -0.2]) / np.maximum(series.deviation_err, 1e-12))
    pulls = (np.array(heights) - list(DOTS.values())) / errors
    assert np.abs(pulls.mean(axis=0)).max() < 1.2
    assert pulls.std(axis=0).min() > 0.7
    assert pulls.std(axis=0).max() < 1.35
    assert np.array(deviations)[:, [0, 2, 3]].std(axis=0).min() > 0.7
    assert np.array(deviations)[:, [0, 2, 3]].std(axis=0).max() < 1.35
    assert np.mean(rescaled, axis=0) == pytest.approx([0.1532, 0.16, 0.136, 0.128], rel=0.01)


def test_normalised_spectra_have_equal_areas_and_the_narrowest_peaks_at_one():
    rng = np.random.default_rng(2)
    series = pl_series([film(rng, name, brightness) for name, brightness in zip("DBA", (0.3, 2, 1), strict=True)])
    window = (AT >= 500) & (AT <= 580)
    areas = [curve.value[window].sum() for curve in series.curves]
    assert areas == pytest.approx([areas[0]] * 3, rel=5e-3)
    assert series.curves[series.index("B")].value.max() == pytest.approx(1, abs=0.02)
    assert series.factor == pytest.approx([1 / (7 * 0.3), 1 / (7 * 2), 1 / 7], rel=0.01)
    assert len(series.uids) == 3
    assert series.narrowest_sigma > 3


def test_dots_keep_their_band_at_every_doping():
    rng = np.random.default_rng(3)
    series = pl_series([film(rng, name) for name in DOPING])
    assert np.abs((series.qd_centre_nm - 638) / series.qd_centre_err_nm).max() < 4
    assert np.abs((series.qd_fwhm_nm - 43) / series.qd_fwhm_err_nm).max() < 4
    assert np.ptp(series.qd_fwhm_nm[1:]) < 0.7


def test_a_film_without_dots_is_normalised_but_not_rescaled():
    rng = np.random.default_rng(4)
    series = pl_series([undoped(rng), film(rng, "A"), film(rng, "B")])
    assert series.narrowest == "B"
    assert np.isnan(series.qd_height[0])
    assert np.isnan(series.rescaled_height[0])
    assert series.perovskite_height[0] == pytest.approx(1, abs=0.01)
    assert series.linearity.n_samples == 2
    assert np.isnan(series.linearity.chi2)
    assert pl_series([undoped(rng), undoped(rng, "other")]).linearity.n_samples == 0


def test_a_gap_in_the_window_is_filled_by_the_fit():
    whole = film(np.random.default_rng(5), "B")
    gap = (AT > 536) & (AT < 541)
    value = np.where(gap, np.nan, whole.curve.value)
    holed = Curve(AT, value, whole.curve.err, whole.curve.counts, whole.curve.scale, whole.curve.background)
    other = film(np.random.default_rng(6), "C")
    series = pl_series([PlSample("holed", 0.1, holed, fit_curve(holed, n_bands=3)), other])
    expected = pl_series([PlSample("holed", 0.1, whole.curve, whole.fit), other])
    assert series.qd_height == pytest.approx(expected.qd_height, rel=5e-3)
    assert series.factor_err[1] > expected.factor_err[1]


def test_linearity_of_heights_that_are_proportional():
    """Weighted least squares on logarithms: slope 1, and its error from relative errors of 1 % over two decades."""
    fit = linearity([0, 0.01, 0.1, 1.0], [0, 3.0, 30.0, 300.0], [1, 0.03, 0.3, 3.0])
    assert fit.slope == pytest.approx(1)
    assert fit.slope_err == pytest.approx(0.01 / (np.sqrt(2) * np.log(10)))
    assert fit.chi2 == pytest.approx(0, abs=1e-12)
    assert fit.scatter == 0
    assert fit.n_samples == 3


def test_films_that_scatter_make_the_slope_uncertain():
    rng = np.random.default_rng(7)
    doping = np.geomspace(0.025, 1, 8)
    pulls = []
    for _ in range(400):
        height = doping * np.exp(0.15 * rng.normal(size=8))
        fit = linearity(doping, height, 0.002 * height)
        pulls.append((fit.slope - 1) / fit.slope_err)
    assert 0.9 < np.std(pulls) < 1.3
    assert fit.chi2 > 100
    assert 0.05 < fit.scatter < 0.3


def test_red_shift_of_dots_in_films():
    rng = np.random.default_rng(8)
    pulls = []
    for _ in range(25):
        films = [film(rng, name).fit for name in "AB"]
        shift_nm, err_nm = red_shift(films, fit_curve(measured(rng, band(1, 634, 43)), n_bands=1))
        pulls.append((shift_nm - 4) / err_nm)
        assert err_nm < 0.1
    assert abs(np.mean(pulls)) < 0.8
    assert 0.6 < np.std(pulls) < 1.5


def test_red_shift_needs_dots():
    rng = np.random.default_rng(9)
    with pytest.raises(ValueError, match="no identified band in any of 1 films"):
        red_shift([undoped(rng).fit], fit_curve(measured(rng, band(1, 634, 43)), n_bands=1))
    with pytest.raises(ValueError, match="no identified band in the bare dots"):
        red_shift([film(rng, "B").fit], undoped(rng).fit)


def test_doublets_that_vary_from_region_to_region_are_told_from_those_that_do_not():
    rng = np.random.default_rng(10)
    chances = []
    for _ in range(25):
        same = doublet_spread([fit_curve(measured(rng, matrix(r=0.2)), n_bands=2) for _ in range(3)])
        assert not same.varies
        assert np.abs((same.ratio - 0.2) / same.ratio_err).max() < 5
        chances.append(same.chi2)
    assert 0.6 < np.mean(chances) < 1.5
    ratios = (0.13, 0.2, 0.3)
    differ = doublet_spread([fit_curve(measured(rng, matrix(r=r)), n_bands=2) for r in ratios])
    assert differ.varies
    assert differ.significance > 10
    assert differ.ratio == pytest.approx(ratios, rel=0.1)
    assert differ.spread == pytest.approx(np.std(np.log(ratios), ddof=1), rel=0.1)


def test_doublets_that_were_not_resolved_cannot_vary():
    rng = np.random.default_rng(11)
    single = choose_curve(measured(rng, band(1, 541, 35)))
    spread = doublet_spread([single, undoped(rng).fit])
    assert np.isnan(spread.ratio[0])
    assert spread.mean == pytest.approx(0.2, rel=0.1)
    assert not spread.varies
    assert not doublet_spread([]).varies


def test_what_cannot_be_compared_is_refused():
    rng = np.random.default_rng(12)
    b, c = film(rng, "B"), film(rng, "C")
    bare = measured(rng, band(1, 634, 43))
    for samples, message in (
        ([b], "1 samples: give two or more"),
        ([b, b], "give each name once"),
        ([b, film(rng, "C", doping=-1.0)], "C: doping_percent is -1"),
        ([b, film(rng, "C", doping=float("nan"))], "C: doping_percent is nan"),
        ([b, PlSample("bare", 0.0, bare, fit_curve(bare, n_bands=1))], "bare: no perovskite band"),
    ):
        with pytest.raises(ValueError, match=message):
            pl_series(samples)
    with pytest.raises(ValueError, match="no sample 'E' in this series: there are B, C"):
        pl_series([b, c], reference="E")
    with pytest.raises(ValueError, match="measure all of 400-580 nm"):
        pl_series([b, c], window_nm=(400, 580))
