"""Emitter finding: positions at the Cramer-Rao bound, neighbours told apart, no discoveries in noise."""

import numpy as np
import pytest

from analysis.emitters import find

PIXEL_UM, FWHM_UM = 0.1, 0.24


def scene(rng, places_um, peak, background, n_pixels=40, fwhm_um=(FWHM_UM, FWHM_UM)):
    """Counts of emitters at places (x, y), sampled at the centres of the pixels."""
    y, x = np.mgrid[:n_pixels, :n_pixels] * PIXEL_UM
    mean = np.full(x.shape, float(background))
    for (x0, y0), height in zip(places_um, np.broadcast_to(peak, len(places_um)), strict=True):
        mean += height * np.exp(-4 * np.log(2) * (((x - x0) / fwhm_um[0]) ** 2 + ((y - y0) / fwhm_um[1]) ** 2))
    return rng.poisson(mean)


def nine(rng):
    grid = np.array([(i, j) for i in (0.8, 2.0, 3.2) for j in (0.8, 2.0, 3.2)])
    return grid + rng.uniform(-0.05, 0.05, grid.shape)


@pytest.mark.parametrize(("peak", "background"), [(12, 0.5), (180, 120)])
def test_positions_widths_and_rates_have_honest_errors(peak, background):
    pulls = []
    for seed in range(30):
        rng = np.random.default_rng(seed)
        truth = nine(rng)
        found = find(scene(rng, truth, peak, background), pixel_um=PIXEL_UM, dwell_s=0.01)
        apart = np.hypot(found.x_um[:, None] - truth[:, 0], found.y_um[:, None] - truth[:, 1])
        assert apart.min(axis=0).max() < 0.2  # every emitter is found
        x, y = truth[apart.argmin(axis=1)].T
        pulls.append(
            np.stack(
                [
                    (found.x_um - x) / found.x_err_um,
                    (found.y_um - y) / found.y_err_um,
                    (found.fwhm_um - FWHM_UM) / found.fwhm_err_um,
                    (found.rate_cps - 100 * peak) / found.rate_err_cps,
                ]
            )[:, apart.min(axis=1) < 0.2]
        )
    pulls = np.concatenate(pulls, axis=1)
    assert (np.abs(pulls.mean(axis=1)) < 0.3).all()
    assert (np.abs(pulls.std(axis=1) - 1) < 0.15).all()


def test_the_position_error_of_a_bright_spot_is_sigma_over_root_n():
    found = find(scene(np.random.default_rng(0), [(2, 2)], 2000, 0.01), pixel_um=PIXEL_UM)
    sigma = found.fwhm_um / (2 * np.sqrt(2 * np.log(2)))
    assert found.x_err_um == pytest.approx(sigma / np.sqrt(found.n_photons), rel=0.02)
    assert found.n_photons == pytest.approx(2000 * 2 * np.pi * (sigma / PIXEL_UM) ** 2, rel=0.02)


@pytest.mark.parametrize("background", [0.02, 0.5, 30])
def test_noise_holds_as_many_emitters_as_asked_for(background):
    n_images, false_alarm = 120, 0.2
    found = [
        len(find(np.random.default_rng(s).poisson(background, (50, 50)), pixel_um=PIXEL_UM, false_alarm=false_alarm))
        for s in range(n_images)
    ]
    assert 0.05 < np.mean(found) < 0.45


def uneven(name):
    """Counts (100, 100) of a background without spots."""
    y, x = np.mgrid[:100, :100] / 100
    waves = np.sin(4 * np.pi * x) * np.sin(4 * np.pi * y)
    return {
        "gradient": 50 * (0.2 + 1.6 * x),
        "bright gradient": 300 * (0.2 + 1.6 * y),
        "illumination": 60 * np.exp(-3 * ((x - 0.5) ** 2 + (y - 0.5) ** 2)),
        "film": 30 * (1 + 0.15 * waves),
    }[name]


@pytest.mark.parametrize("name", ["gradient", "bright gradient", "illumination", "film"])
def test_an_uneven_background_holds_no_emitters_and_hides_none(name):
    background, n_by_chance = uneven(name), 0
    for seed in range(20):
        n_by_chance += len(find(np.random.default_rng(seed).poisson(background), pixel_um=PIXEL_UM))
    assert n_by_chance <= 2
    places = [(1.5, 1.5), (5, 5), (8.5, 2), (3, 8)]
    spots = scene(np.random.default_rng(0), places, 300, 0, n_pixels=100)
    found = find(spots + np.random.default_rng(1).poisson(background), pixel_um=PIXEL_UM)
    assert len(found) == 4 and found.isolated.all()


@pytest.mark.parametrize("gain", [1, 30, 10**9])
def test_counts_that_scatter_more_than_photons_are_weighed_less(gain):
    image = scene(np.random.default_rng(0), [(3, 3), (7, 6)], 400, 20, n_pixels=100)
    found, photons = find(gain * image, pixel_um=PIXEL_UM), find(image, pixel_um=PIXEL_UM)
    assert found.dispersion == pytest.approx([gain] * 2, rel=0.2)
    assert found.x_um == pytest.approx(photons.x_um, abs=1e-3)
    assert found.x_err_um == pytest.approx(photons.x_err_um, rel=0.1)
    assert found.rate_cps == pytest.approx(gain * photons.rate_cps, rel=0.01)


@pytest.mark.parametrize("spread", [0.3, 3])
def test_a_grainy_background_is_noise(spread):
    n_found = 0
    for seed in range(10):
        rng = np.random.default_rng(seed)
        n_found += len(find(rng.poisson(rng.gamma(20 / spread, spread, (100, 100))), pixel_um=PIXEL_UM))
    assert n_found <= 2


@pytest.mark.parametrize("distance_um", [0.2, 0.3, 0.45])
def test_neighbours_are_never_isolated(distance_um):
    n_found = []
    for seed in range(8):
        rng = np.random.default_rng(seed)
        angle = rng.uniform(0, 2 * np.pi)
        pair = [(2, 2), (2 + distance_um * np.cos(angle), 2 + distance_um * np.sin(angle)), (0.8, 3.4)]
        found = find(scene(rng, pair, 600, 100), pixel_um=PIXEL_UM)
        n_found.append(len(found))
        lonely = found[found.isolated]
        assert np.hypot(lonely.x_um - 0.8, lonely.y_um - 3.4) == pytest.approx([0], abs=0.1)
    assert np.median(n_found) == 3


@pytest.mark.parametrize("fwhm_um", [(0.5, 0.5), (0.45, 0.24)])
def test_clusters_are_not_isolated_emitters(fwhm_um):
    for seed in range(5):
        found = find(scene(np.random.default_rng(seed), [(2, 2)], 500, 100, fwhm_um=fwhm_um), pixel_um=PIXEL_UM)
        assert len(found) > 0 and not found.isolated.any()


def test_what_touches_the_border_is_fitted_but_not_isolated():
    places = [(0.0, 2.0), (3.95, 3.95), (2.0, 2.0)]
    found = find(scene(np.random.default_rng(1), places, 500, 50), pixel_um=PIXEL_UM)
    assert len(found) == 3
    assert found.whole.sum() == found.isolated.sum() == 1
    edge = found[np.argmin(found.x_um)]
    assert abs(edge.x_um[0]) < 5 * edge.x_err_um[0]


def test_eighteen_counts_per_ms_leave_the_bright_ones():
    image = scene(np.random.default_rng(2), [(1, 1), (3, 1), (2, 3)], [300, 120, 30], 20)
    assert len(find(image, pixel_um=PIXEL_UM, dwell_s=0.01)) == 3
    bright = find(image, pixel_um=PIXEL_UM, dwell_s=0.01, threshold_counts_per_ms=18)
    assert len(bright) == 1
    assert bright.rate_cps[0] == pytest.approx(30_000, rel=0.1)
    assert bright.background_cps[0] == pytest.approx(2000, rel=0.3)


def test_columns_are_x_rows_are_y_and_the_origin_is_the_first_pixel():
    image = np.full((30, 50), 2)
    image[10:13, 39:42] += [[50, 150, 50], [150, 400, 150], [50, 150, 50]]
    found = find(image, pixel_um=0.2, psf_fwhm_um=0.4, origin_um=(-5, 100))
    assert found.x_um == pytest.approx([-5 + 40 * 0.2], abs=0.01)
    assert found.y_um == pytest.approx([100 + 11 * 0.2], abs=0.01)


@pytest.mark.parametrize("image", [np.zeros((20, 20), int), np.full((20, 20), 7), np.zeros((3, 3))])
def test_an_image_without_spots_has_no_emitters(image):
    found = find(image, pixel_um=PIXEL_UM)
    assert len(found) == 0 and found.isolated.shape == (0,)
    assert str(found) == "0 spots, 0 of them isolated"


def test_one_photon_is_no_emitter_but_a_saturated_spot_is():
    image = np.zeros((30, 30), int)
    image[7, 9] = 1
    assert len(find(image, pixel_um=PIXEL_UM)) == 0
    assert len(find(scene(np.random.default_rng(1), [(2, 2)], 1e6, 10), pixel_um=PIXEL_UM)) == 1


@pytest.mark.parametrize(
    ("image", "wrong", "message"),
    [
        (np.zeros(9), {}, "shape"),
        (np.full((5, 5), -1), {}, "negative"),
        (np.full((5, 5), 0.5), {}, "fractional"),
        (np.full((5, 5), np.nan), {}, "missing"),
        (np.zeros((5, 5)), {"pixel_um": 0}, "pixel_um is 0"),
        (np.zeros((5, 5)), {"dwell_s": -1}, "dwell_s is -1"),
        (np.zeros((5, 5)), {"psf_fwhm_um": np.nan}, "psf_fwhm_um"),
        (np.zeros((5, 5)), {"least_distance_um": 0}, "least_distance_um"),
        (np.zeros((5, 5)), {"pixel_um": 1e-4}, "psf_fwhm_um is 0.24, the image 0.0005 um"),
    ],
)
def test_nonsense_is_refused(image, wrong, message):
    with pytest.raises(ValueError, match=message):
        find(image, **({"pixel_um": 0.1} | wrong))
