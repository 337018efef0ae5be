"""Bands of luminescence spectra: published numbers, recovery, honest errors, and what happens with hardly any data.

Spectra are drawn here: Gaussians through an uneven response, a lamp that flickers, dark counts, Poisson noise.
"""

import numpy as np
import pytest

from analysis.spectra import Curve, choose_bands, choose_curve, fit_bands, fit_curve, perovskite, qd

AT = np.arange(420.0, 751.0)
DARK = 15.0
FLICKER = 0.001
DOUBLET = ((0.2, 533.0, 17.0), (1.0, 544.0, 34.5))
FAINT_DOTS = (0.045, 638.0, 43.0)


def bands(*each, at=AT):
    return sum(height * np.exp(-4 * np.log(2) * ((at - centre) / fwhm) ** 2) for height, centre, fwhm in each)


def scale(counts_at_peak):
    """Spectrum per count: the response of the grating varies by half."""
    return (1 + 0.5 * ((AT - 550) / 200) ** 2) / counts_at_peak


def scan(rng, spectrum, counts_at_peak=6e4, *, dark=DARK, flicker=FLICKER):
    """Arguments of a fit: the counts of one scan and what is known of them."""
    expected = spectrum / scale(counts_at_peak) * (1 + flicker * rng.normal(size=AT.size)) + dark
    known = {"scale": scale(counts_at_peak), "background": np.full(AT.size, dark), "flicker": flicker}
    return {"wavelength_nm": AT, "counts": rng.poisson(expected), **known}


def part(args, which):
    """The same scan, with some of its points only."""
    return {key: value[which] if np.ndim(value) else value for key, value in args.items()}


def curve_of(args, counted=True):
    net = args["counts"] - args["background"]
    err = np.sqrt(args["counts"] + (FLICKER * args["counts"]) ** 2) * args["scale"]
    given = {"counts": args["counts"], "scale": args["scale"], "background": args["background"], "flicker": FLICKER}
    return Curve(AT, net * args["scale"], err, **(given if counted else {}))


def pulls(fits, truth):
    """(n_fits, n_bands, 3) of heights, centres and widths."""
    value = np.array([np.stack([fit.height, fit.centre_nm, fit.fwhm_nm], axis=1) for fit in fits])
    err = np.array([np.stack([fit.height_err, fit.centre_err_nm, fit.fwhm_err_nm], axis=1) for fit in fits])
    return (value - np.asarray(truth)) / err


def test_the_doublet_of_the_paper_has_its_maximum_at_540_and_is_35_nm_wide():
    fit = fit_bands(AT, np.round(1e6 * bands(*DOUBLET)), n_bands=2)
    assert fit.centre_nm == pytest.approx([533, 544], abs=0.02)
    assert fit.height[0] / fit.height[1] == pytest.approx(0.2, rel=0.005)
    assert fit.peak_nm == pytest.approx(540.3, abs=0.1)
    assert fit.peak_fwhm_nm == pytest.approx(35.0, abs=0.15)
    fine = np.linspace(500, 600, 100001)
    curve = bands(*DOUBLET, at=fine)
    assert fit.peak_nm == pytest.approx(fine[curve.argmax()], abs=0.01)
    assert fit.peak_fwhm_nm == pytest.approx(np.ptp(fine[curve > curve.max() / 2]), abs=0.01)
    assert fit.peak_height == pytest.approx(1e6 * curve.max(), rel=1e-4)


def test_a_single_band_is_known_as_well_as_its_photons_allow():
    """For N photons of a Gaussian of width sigma without background, the centre is known to sigma / sqrt(N)."""
    fit = fit_bands(AT, np.round(1e4 * bands((1, 541, 35))), n_bands=1)
    sigma_nm, n_photons = 35 / 2.3548, 1e4 * 35 * 1.0645
    assert fit.n_photons == pytest.approx(n_photons, rel=1e-3)
    assert fit.area[0] == pytest.approx(n_photons, rel=1e-3)
    assert fit.area_err[0] == pytest.approx(np.sqrt(n_photons), rel=0.05)
    assert fit.centre_err_nm[0] == pytest.approx(sigma_nm / np.sqrt(n_photons), rel=0.03)
    assert fit.peak_err_nm == pytest.approx(fit.centre_err_nm[0], rel=0.01)
    assert fit.peak_fwhm_err_nm == pytest.approx(fit.fwhm_err_nm[0], rel=0.01)


@pytest.mark.parametrize(
    ("truth", "counts_at_peak", "dark", "flicker"),
    [
        ((*DOUBLET, FAINT_DOTS), 6e4, DARK, FLICKER),
        (((0.7, 529.0, 20.0), (1.0, 547.0, 30.0), (1.2, 622.0, 38.0)), 2e4, DARK, FLICKER),
        (((1.0, 541.0, 35.0),), 40, 0.5, 0.0),
        (((1.0, 541.0, 35.0),), 1e6, DARK, 0.01),
    ],
    ids=["sample A", "other bands", "forty counts", "flicker beyond counting noise"],
)
def test_errors_are_honest(truth, counts_at_peak, dark, flicker):
    rng = np.random.default_rng(1)
    spectrum = bands(*truth)
    fits = [
        fit_bands(**scan(rng, spectrum, counts_at_peak, dark=dark, flicker=flicker), n_bands=len(truth))
        for _ in range(60 if len(truth) > 1 else 200)
    ]
    assert np.mean([fit.converged and fit.identified.all() for fit in fits]) > 0.98
    found = pulls(fits, truth)
    assert np.abs(found.mean(axis=0)).max() < 0.45
    assert found.std(axis=0).min() > 0.72
    assert found.std(axis=0).max() < 1.28
    assert 0.9 < np.sqrt((found**2).mean()) < 1.1
    fine = np.linspace(500, 660, 32001)
    highest = fine[bands(*truth, at=fine).argmax()]
    of_peak = np.array([(fit.peak_nm - highest) / fit.peak_err_nm for fit in fits])
    assert 0.72 < of_peak.std() < 1.28
    assert np.mean([fit.deviance for fit in fits]) == pytest.approx(1, abs=0.05)


def test_sample_a_is_measured_as_well_as_it_has_to_be():
    rng = np.random.default_rng(2)
    fits = [choose_bands(**scan(rng, bands(*DOUBLET, FAINT_DOTS) + 2e-4 * (AT > 544))) for _ in range(15)]
    assert {fit.n_bands for fit in fits} == {3}
    assert {fit.labels for fit in fits} == {("perovskite", "perovskite", "qd")}
    for fit in fits:
        assert np.abs(fit.centre_nm - [533, 544, 638]).max() < 0.5
        assert fit.height[0] / fit.height[1] == pytest.approx(0.2, rel=0.1)
        assert perovskite(fit).peak_nm == pytest.approx(540.26, abs=0.5)
        assert perovskite(fit).peak_fwhm_nm == pytest.approx(35.1, abs=0.7)
        assert qd(fit).peak_fwhm_nm == pytest.approx(43, abs=1)


def test_parts_of_a_fit_know_their_own_peak():
    fit = fit_bands(**scan(np.random.default_rng(3), bands(*DOUBLET, (1.6, 638, 43))), n_bands=3)
    matrix, dots = perovskite(fit), qd(fit)
    assert (matrix.n_bands, dots.n_bands) == (2, 1)
    assert fit.peak_nm == pytest.approx(dots.peak_nm, abs=0.01)
    assert dots.peak_err_nm == pytest.approx(dots.centre_err_nm[0], rel=0.01)
    assert matrix.peak_nm == pytest.approx(540.26, abs=0.3)
    assert matrix.covariance.shape == (8, 8)
    assert matrix.band(1, [544.0])[0] == pytest.approx(matrix.height[1])
    assert fit.model(AT) == pytest.approx(fit.background + sum(fit.band(i, AT) for i in range(3)))
    assert qd(matrix) is None
    assert perovskite(dots) is None


def test_a_doublet_is_not_seen_in_single_bands():
    rng = np.random.default_rng(4)
    chosen = [choose_bands(**scan(rng, bands((1, 541, 35)), counts)).n_bands for counts in [300, 6e4] * 50]
    assert np.mean(np.array(chosen) != 1) <= 0.02


def test_noise_is_no_band():
    rng = np.random.default_rng(5)
    chosen = [choose_bands(AT, rng.poisson(DARK, AT.size), background=DARK) for _ in range(50)]
    assert np.mean([fit.n_bands > 0 for fit in chosen]) <= 0.02
    assert chosen[0].converged
    assert str(chosen[0]) == "no band"


def test_noise_of_unknown_origin_is_no_band_either():
    """A lamp that flickers by 3 %, of which the fit is not told: it is found, and errors cover."""
    rng = np.random.default_rng(6)
    fits = []
    for _ in range(30):
        unstable = scan(rng, bands((1, 541, 35)), flicker=0.03)
        fits.append(choose_bands(**{**unstable, "flicker": 0.0}))
    assert {fit.n_bands for fit in fits} == {1}
    assert np.median([fit.flicker for fit in fits]) == pytest.approx(0.03, rel=0.2)
    assert 0.75 < pulls(fits, ((1, 541, 35),)).std() < 1.25
    told_nothing = fit_bands(**{**unstable, "flicker": 0.0}, n_bands=1)
    assert told_nothing.widened == pytest.approx(np.sqrt(told_nothing.chi2))
    assert told_nothing.widened > 2


@pytest.mark.parametrize(("counts_at_peak", "resolved"), [(30, False), (6e4, True)])
def test_a_doublet_is_resolved_when_there_are_photons_enough(counts_at_peak, resolved):
    rng = np.random.default_rng(7)
    chosen = [choose_bands(**scan(rng, bands(*DOUBLET), counts_at_peak)).n_bands for _ in range(12)]
    assert set(chosen) == ({2} if resolved else {1})


@pytest.mark.parametrize("r", [0.1, 0.8])
@pytest.mark.parametrize(("shift_nm", "dots_nm"), [(-5, 620), (5, 655)])
def test_nothing_is_assumed_of_where_bands_are(r, shift_nm, dots_nm):
    rng = np.random.default_rng(8)
    truth = ((r, 533 + shift_nm, 15), (1, 544 + shift_nm, 32), (0.05, dots_nm, 40))
    fits = [choose_bands(**scan(rng, bands(*truth))) for _ in range(10)]
    assert {fit.n_bands for fit in fits} == {3}
    assert np.sqrt((pulls(fits, truth) ** 2).mean()) < 1.25


def test_dots_as_bright_as_the_matrix_or_brighter_hide_nothing():
    """Two peaks of equal height look like one wide band at first; the search has to find its way back."""
    rng = np.random.default_rng(16)
    for _ in range(25):
        width, dots = rng.uniform(0.9, 1.1), 10 ** rng.uniform(-0.3, 0.5)
        truth = ((rng.uniform(0.1, 0.8), 533, 17 * width), (1, 544, 34.5 * width), (dots, rng.uniform(620, 655), 43))
        fit = choose_bands(**scan(rng, bands(*truth), 10 ** rng.uniform(3.5, 5)))
        assert fit.n_bands == 3
        assert fit.deviance < 1.4
        assert np.abs(pulls([fit], truth)).max() < 5


def test_bands_of_equal_width_cannot_be_told_apart_and_the_fit_says_so():
    """0.65 : 1 at 533 and 544 nm, both 32.5 nm wide, look like the doublet of the paper; their sum is well known."""
    rng = np.random.default_rng(9)
    truth = ((0.65, 533, 32.5), (1, 544, 32.5))
    fits = [fit_bands(**scan(rng, bands(*truth)), n_bands=2) for _ in range(25)]
    assert not any(fit.identified.all() for fit in fits)
    assert np.mean(np.abs(pulls(fits, truth)) < 2) > 0.97
    assert np.abs([fit.peak_nm - fits[0].peak_nm for fit in fits]).max() < 0.2
    assert max(fit.peak_err_nm for fit in fits) < 0.1


def test_dots_alone_are_one_band():
    fit = choose_bands(**scan(np.random.default_rng(10), bands((1, 634, 43))))
    assert fit.labels == ("qd",)
    assert fit.centre_nm[0] == pytest.approx(634, abs=0.1)
    assert perovskite(fit) is None


def test_the_tail_of_the_matrix_is_no_band_of_dots():
    """A pedestal on the red side only, as of states below the gap, a thousand times fainter than the film."""
    rng = np.random.default_rng(11)
    film = bands(*DOUBLET) + 1e-3 * (AT > 544)
    fits = [choose_bands(**scan(rng, film)) for _ in range(15)]
    assert {fit.labels for fit in fits} == {("perovskite", "perovskite")}
    tails = np.array([(fit.tail - 1e-3) / fit.tail_err for fit in fits])
    assert np.abs(tails).max() < 4
    assert fits[0].model([700.0])[0] == pytest.approx(1e-3, rel=0.1)


def test_points_without_light_are_left_out():
    args = scan(np.random.default_rng(12), bands(*DOUBLET, FAINT_DOTS))
    dead = (AT > 548) & (AT < 560)
    counts = np.where(dead, np.nan, args["counts"])
    fit = choose_bands(**{**args, "counts": counts})
    assert fit.n_bands == 3
    assert np.abs(pulls([fit], (*DOUBLET, FAINT_DOTS))).max() < 4
    only = fit_bands(**part(args, ~dead), n_bands=3)
    assert only.centre_nm == pytest.approx(fit.centre_nm, abs=1e-4)


def test_a_spectrum_that_has_only_begun_is_fitted_as_far_as_it_goes():
    """Every length of a growing scan: never an exception, never a band where nothing was measured yet."""
    for counts_at_peak, dark in ((6e4, DARK), (300, 0.0), (5, 0.0)):
        args = scan(np.random.default_rng(13), bands(*DOUBLET, FAINT_DOTS), counts_at_peak, dark=dark)
        for n in [*range(12), *range(12, AT.size, 40)]:
            begun = part(args, slice(n))
            for fit in (choose_bands(**begun), fit_bands(**begun, n_bands=2)):
                assert not (fit.identified & (fit.centre_nm > 420 + n)).any()
                assert np.isfinite(fit.centre_err_nm[fit.identified]).all()
                assert len(str(fit)) > 0
                assert fit.model(AT).shape == AT.shape


@pytest.mark.parametrize("n", [0, 1, 2, 3])
def test_hardly_any_points_tell_nothing(n):
    fit = fit_bands(AT[:n], np.full(n, 7), n_bands=1)
    assert not fit.converged
    assert not fit.identified.any()
    assert np.isinf(fit.centre_err_nm).all()
    assert np.isinf(fit.peak_err_nm)


def test_zero_counts_tell_nothing():
    for fit in (fit_bands(AT, np.zeros(AT.size), n_bands=2), choose_bands(AT, np.zeros(AT.size), background=0.1)):
        assert not fit.converged
        assert not fit.identified.any()
        assert np.isinf(fit.height_err).all()
    assert fit_bands(AT, np.zeros(AT.size), n_bands=2).n_photons == 0


def test_order_and_units_do_not_matter():
    args = scan(np.random.default_rng(14), bands(*DOUBLET, FAINT_DOTS))
    fit = choose_bands(**args)
    mixed = choose_bands(**part(args, np.random.default_rng(0).permutation(AT.size)))
    assert mixed.centre_nm == pytest.approx(fit.centre_nm, abs=1e-6)
    for factor in (1e-12, 1e9):
        other = choose_bands(**{**args, "scale": args["scale"] * factor})
        assert other.centre_nm == pytest.approx(fit.centre_nm, abs=1e-3)
        assert other.height / factor == pytest.approx(fit.height, rel=1e-3)
        assert other.height_err / factor == pytest.approx(fit.height_err, rel=1e-3)


def test_a_curve_is_fitted_by_its_counts_or_by_its_errors():
    args = scan(np.random.default_rng(15), bands(*DOUBLET, FAINT_DOTS))
    by_counts, by_errors = choose_curve(curve_of(args)), fit_curve(curve_of(args, counted=False), n_bands=3)
    assert by_counts.centre_nm == pytest.approx(choose_bands(**args).centre_nm, abs=1e-6)
    assert np.abs(by_errors.centre_nm - by_counts.centre_nm).max() < by_counts.centre_err_nm.max()
    assert np.isnan(by_errors.n_photons)
    assert by_counts.n_photons == pytest.approx(args["counts"].sum() - DARK * AT.size)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"counts": np.full(AT.size, -1.0)}, "counts holds -1: give raw counts"),
        ({"counts": np.full(AT.size, np.inf)}, "counts holds inf"),
        ({"counts": np.ones(3)}, r"wavelength_nm has shape \(331,\), counts \(3,\)"),
        ({"scale": 0.0}, "scale holds 0: give positive numbers"),
        ({"scale": np.ones(2)}, r"scale has shape \(2,\)"),
        ({"background": -3.0}, "background holds -3"),
        ({"wavelength_nm": -AT}, "wavelength_nm holds -"),
        ({"flicker": float("nan")}, "flicker is nan"),
        ({"n_bands": 0}, "n_bands is 0: give a whole number of bands from 1 to 6"),
        ({"n_bands": 1.5}, "n_bands is 1.5"),
        ({"n_bands": "2"}, "n_bands is '2'"),
        ({"n_bands": None}, "n_bands is None"),
        ({"n_bands": float("nan")}, "n_bands is nan"),
    ],
)
def test_nonsense_is_refused(given, message):
    with pytest.raises(ValueError, match=message):
        fit_bands(**{"wavelength_nm": AT, "counts": np.ones(AT.size), "n_bands": 1, **given})


@pytest.mark.parametrize("red_end_nm", [600, 610, 620])
def test_a_band_that_is_cut_off_does_not_hide_the_doublet(red_end_nm):
    """The scan ends on the blue flank of the dots: their band is not identified, the perovskite is as well as ever."""
    at, rng = np.arange(500.0, red_end_nm + 1), np.random.default_rng(red_end_nm)
    for _ in range(5):
        height = np.array([[0.3], [1.0], [0.04]])
        centre, fwhm = np.array([[533.0], [544.0], [638.0]]), np.array([[17.9], [36.2], [43.0]])
        spectrum = 6e4 * (height * np.exp(-4 * np.log(2) * ((at - centre) / fwhm) ** 2)).sum(axis=0)
        fit = choose_bands(at, rng.poisson(spectrum + 15), background=15.0)
        assert fit.identified[:2].all()
        assert np.abs(fit.centre_nm[:2] - centre[:2, 0]).max() < 0.8
        assert np.all(np.abs(fit.centre_nm[:2] - centre[:2, 0]) < 5 * fit.centre_err_nm[:2])
