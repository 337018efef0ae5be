"""Intensity images: hand-computed values, truth recovered, honest errors, and honest nothing."""

import numpy as np
import pytest
from scipy import ndimage
from scipy.special import ndtr

from analysis.images import background_subtracted_ratio, blobs, correlation, radial_excess, signal, structure

PIXEL_UM = 0.5


def lumps(rng, shape=(64, 64), size_px=1.5):
    """A positive random field with lumps of a given size."""
    return np.exp(2.5 * ndimage.gaussian_filter(rng.normal(size=shape), size_px, mode="wrap"))


def test_signal_subtracts_dark_and_crosstalk_by_hand():
    other = signal(np.full((2, 2), 300), exposure_s=1.0, dark_cps=100)
    result = signal(np.full((2, 2), 50), exposure_s=1.0, dark_cps=10, crosstalk=0.1, other=other)
    assert other.counts == 4 * 200
    assert result.counts == pytest.approx(4 * (50 - 10 - 20))
    assert result.err == pytest.approx(np.sqrt(200 + 0.01 * 1200))
    assert result.rate_cps == pytest.approx(20)


def test_masked_pixels_take_their_exposure_with_them():
    counts, exposure = np.array([[10, 999], [30, 40]]), np.array([[1.0, 5.0], [2.0, 2.0]])
    result = signal(counts, exposure_s=exposure, mask=counts < 100, dark_cps=1)
    assert (result.counts, result.exposure_s) == (75, 5)


def test_the_ratio_of_44_has_honest_errors():
    """Sample B over A with the dark rate and the crosstalk known as well as a calibration knows them."""
    pulls = []
    for seed in range(300):
        rng = np.random.default_rng(seed)
        dark, leak = 40 + rng.normal(0, 0.5), 0.012 + rng.normal(0, 0.002)
        a, b = (
            signal(
                rng.poisson(q + 40 + 0.012 * p, (30, 30)), exposure_s=1.0, dark_cps=dark, crosstalk=leak,
                other=signal(rng.poisson(p + 8, (30, 30)), exposure_s=1.0, dark_cps=8),
            )
            for q, p in ((130, 800), (44 * 130, 5360))
        )  # fmt: skip
        result = background_subtracted_ratio(b, a, dark_err_cps=0.5, crosstalk_err=0.002)
        pulls.append((result.value - 44) / result.err)
    assert abs(np.mean(pulls)) < 0.2
    assert 0.85 < np.std(pulls) < 1.15


def test_a_ratio_to_darkness_is_not_a_number():
    dark = signal(np.zeros((3, 3)), exposure_s=1.0)
    assert np.isnan(background_subtracted_ratio(dark, dark).value)


def test_structure_of_two_levels_by_hand():
    rates = np.tile([100.0, 300.0], (50, 50))
    result = structure(np.random.default_rng(0).poisson(rates))
    assert result.mean == pytest.approx(200, rel=0.01)
    assert result.cv == pytest.approx(0.5, abs=4 * result.cv_err)
    above = structure(np.random.default_rng(1).poisson(rates + 50), background=50)
    assert above.cv == pytest.approx(0.5, abs=4 * above.cv_err)


@pytest.mark.parametrize("textured", [True, False])
def test_structure_has_honest_errors_under_uneven_coverage(textured):
    rng = np.random.default_rng(0)
    rates = rng.gamma(4, 5, (50, 50)) if textured else np.full((50, 50), 20.0)
    coverage = rng.integers(5, 11, rates.shape)
    mean = (rates * coverage).sum() / coverage.sum()
    truth = np.mean((rates - mean) ** 2) / mean**2
    results = [structure(rng.poisson(rates * coverage), coverage=coverage) for _ in range(300)]
    pulls = [(r.cv2 - truth) / r.cv2_err for r in results]
    assert abs(np.mean(pulls)) < 0.2
    assert 0.85 < np.std(pulls) < 1.15


def test_clustered_is_more_structured_than_homogeneous():
    rng = np.random.default_rng(2)
    a, b = structure(rng.poisson(50 * lumps(rng))), structure(rng.poisson(3000 * lumps(rng, size_px=12)))
    assert a.cv - 3 * b.cv > 5 * np.hypot(a.cv_err, 3 * b.cv_err)


def test_shared_lumps_correlate_and_shuffled_ones_do_not():
    rng = np.random.default_rng(1)
    field = lumps(rng)
    result = correlation(rng.poisson(100 * field), rng.poisson(500 * field))
    assert result.r > 0.7
    assert abs(result.r_control) < 0.05
    assert result.r / result.r_chance > 8
    assert result.n_effective < result.n_pixels / 5


def test_unrelated_images_correlate_by_chance_only():
    pulls = []
    for seed in range(200):
        rng = np.random.default_rng(seed)
        result = correlation(rng.poisson(20 * lumps(rng)), rng.poisson(20 * lumps(rng)))
        pulls.append(result.r / result.r_err)
    assert abs(np.mean(pulls)) < 0.25
    assert 0.85 < np.std(pulls) < 1.15


def test_correlation_sees_only_the_mask():
    rng = np.random.default_rng(0)
    q, p = rng.poisson(50, (2, 40, 40))
    q[:5], p[:5] = 0, 10_000
    assert correlation(q, p).r < -0.9
    assert abs(correlation(q, p, mask=np.arange(40)[:, None] >= np.full(40, 5)).r) < 0.1


def gaussian_spots(places_um, counts, fwhm_um, background, n_px=100):
    """Mean image of round Gaussian spots at (y, x), integrated over the pixels."""
    edges, sigma = np.arange(n_px + 1) * PIXEL_UM, fwhm_um / 2.35482
    rows, columns = (np.diff(ndtr((edges - places_um[:, i : i + 1]) / sigma), axis=1) for i in (0, 1))
    return (rows * counts[:, None]).T @ columns + background


def test_sub_micron_clusters_are_measured_with_honest_errors():
    grid = np.stack(np.meshgrid(np.arange(8), np.arange(8)), axis=-1).reshape(-1, 2) * 5.0 + 7.5
    pulls, medians = [], []
    for seed in range(8):
        rng = np.random.default_rng(seed)
        places, counts = grid + rng.uniform(-1, 1, grid.shape), rng.lognormal(np.log(2000), 0.5, 64)
        found = blobs(rng.poisson(gaussian_spots(places, counts, 0.47, 10)), pixel_um=PIXEL_UM, threshold=60)
        assert found.whole.all() and len(found.x_um) == 64
        distance = np.hypot(found.y_um - places[:, :1], found.x_um - places[:, 1:])
        nearest = distance.argmin(axis=0)
        pulls.append([
            (found.y_um - places[nearest, 0]) / found.y_err_um,
            (found.x_um - places[nearest, 1]) / found.x_err_um,
            (found.fwhm_um - 0.47) / found.fwhm_err_um,
            (found.counts - counts[nearest]) / found.counts_err,
        ])  # fmt: skip
        medians.append((found.median_fwhm_um - 0.47) / found.median_fwhm_err_um)
    pulls = np.concatenate(pulls, axis=1)
    assert np.abs(pulls.mean(axis=1)).max() < 0.25
    assert (pulls.std(axis=1) > 0.85).all() and (pulls.std(axis=1) < 1.2).all()
    assert np.abs(medians).max() < 3.5


def test_a_blob_cut_by_the_border_or_the_mask_does_not_enter_the_median():
    places = np.array([[0.1, 20.0], [20.0, 20.0], [35.0, 35.0]])
    image = gaussian_spots(places, np.array([3000.0, 3000.0, 3000.0]), 1.0, 10).round()
    mask = np.ones(image.shape, dtype=bool)
    mask[:, 71] = False
    found = blobs(image, pixel_um=PIXEL_UM, threshold=100, mask=mask)
    assert found.whole.tolist() == [False, True, False]
    assert found.median_fwhm_um == pytest.approx(1.0, abs=0.02)


def test_an_image_without_blobs_has_an_empty_table():
    found = blobs(np.zeros((20, 20), dtype=int), pixel_um=0.1, threshold=5)
    assert found.x_um.shape == (0,) and np.isnan(found.median_fwhm_um)


def test_one_count_is_no_measured_blob():
    image = np.zeros((9, 9), dtype=int)
    image[4, 4] = 1
    found = blobs(image, pixel_um=0.1, threshold=1)
    assert found.n_pixels.tolist() == [1] and np.isnan(found.median_fwhm_um)


def halo(rng, strength, reach_um=0.65, n_px=100):
    """Counts around random clusters, their (x, y) in um: an exponential halo on 600 counts."""
    y, x = (np.mgrid[:n_px, :n_px] + 0.5) * PIXEL_UM
    places = rng.uniform(0, n_px * PIXEL_UM, (110, 2))
    distance = np.min([np.hypot(x - a, y - b) for a, b in places], axis=0)
    return rng.poisson(600 + strength * np.exp(-distance / reach_um)), places


@pytest.mark.parametrize("strength", [600, -300])
def test_the_radius_of_influence_is_found_whatever_its_sign(strength):
    results = [
        radial_excess(p, *xy.T, pixel_um=PIXEL_UM)
        for p, xy in (halo(np.random.default_rng(s), strength) for s in range(40))
    ]
    first = np.array([r.excess[0] for r in results])
    assert np.sign(first).tolist() == [np.sign(strength)] * 40
    assert min(abs(r.significance) for r in results) > 8
    truth_um = np.interp(0.1, *_binned_halo())
    radii, errors = np.array([(r.radius_um, r.radius_err_um) for r in results]).T
    assert np.mean(radii) == pytest.approx(truth_um, abs=0.06)
    assert 0.7 < np.std(radii) / np.mean(errors) < 1.4


def _binned_halo(reach_um=0.65, bin_um=0.5):
    """The exponential averaged over rings around a lone cluster, falling; (value, radius) for interpolation."""
    edges = np.arange(0, 4.01, bin_um)
    below = -reach_um * (edges + reach_um) * np.exp(-edges / reach_um)
    value = 2 * np.diff(below) / np.diff(edges**2)
    return (value / value[0])[::-1], ((edges[1:] + edges[:-1]) / 2)[::-1]


def test_clusters_without_influence_have_no_radius():
    results = [
        radial_excess(p, *xy.T, pixel_um=PIXEL_UM) for p, xy in (halo(np.random.default_rng(s), 0) for s in range(100))
    ]
    significance = np.array([r.significance for r in results])
    assert abs(significance.mean()) < 0.35
    assert 0.8 < significance.std() < 1.25
    assert np.mean([np.isnan(r.radius_um) for r in results]) >= 0.97


def test_lumps_unrelated_to_the_clusters_are_no_influence():
    significance = []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        places = rng.uniform(0, 50, (80, 2))
        significance.append(
            radial_excess(rng.poisson(500 * lumps(rng, (100, 100))), *places.T, pixel_um=0.5).significance
        )
    assert abs(np.mean(significance)) < 0.4
    assert 0.7 < np.std(significance) < 1.3


def test_an_influence_beyond_the_profile_has_no_end():
    rng = np.random.default_rng(0)
    p, places = halo(rng, 600, reach_um=3.0)
    assert radial_excess(p, *places.T, pixel_um=PIXEL_UM, r_max_um=1.0).radius_um == np.inf


@pytest.mark.parametrize(("x", "y"), [([], []), ([np.nan], [1.0])])
def test_without_clusters_there_is_no_profile(x, y):
    result = radial_excess(np.ones((10, 10)), x, y, pixel_um=PIXEL_UM)
    assert result.n_clusters == 0 and np.isnan([result.radius_um, result.significance]).all()


def test_dark_images_give_nan_and_no_warning():
    dark = np.zeros((12, 12), dtype=int)
    assert np.isnan(structure(dark).cv)
    assert np.isnan(correlation(dark, dark).r)
    assert np.isnan(radial_excess(dark, [2.0], [2.0], pixel_um=PIXEL_UM).radius_um)
    nothing = np.zeros(dark.shape, dtype=bool)
    assert structure(dark + 5, mask=nothing).n_pixels == 0
    assert correlation(dark + 5, dark, mask=nothing).n_pixels == 0


def test_an_image_has_two_axes():
    with pytest.raises(ValueError, match="shape"):
        structure(np.zeros(5))
    with pytest.raises(ValueError, match="common"):
        correlation(np.zeros((2, 3)), np.zeros((3, 2)))
