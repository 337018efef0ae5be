"""How near the shifts come to the Cramer-Rao bound, and whether their errors can be believed."""

import numpy as np
import pytest
from scipy.special import ndtr
from skimage.registration import phase_cross_correlation

from analysis.registration import register

N_PX = 64
# blur (sigma, px), points per pixel, share of a flat background
SCENES = {
    "sampled": (1.3, 0.03, 0.3),
    "undersampled spots": (0.33, 0.03, 0.3),
    "undersampled film": (0.3, 0.25, 0.1),
}


def points(kind, rng, n_px=N_PX, margin=8):
    """A scene of points, as a function of its shift: the mean image, exactly integrated over the pixels; mean 1."""
    sigma_px, density, flat = SCENES[kind]
    n = int(density * (n_px + 2 * margin) ** 2)
    place, light = rng.uniform(-margin, n_px + margin, (n, 2)), rng.lognormal(0, 0.8, n)
    edges = np.arange(n_px + 1.0)

    def image(shift):
        rows, columns = (np.diff(ndtr((edges - (place + shift)[:, i : i + 1]) / sigma_px), axis=1) for i in (0, 1))
        return (rows * light[:, None]).T @ columns

    level = image(np.zeros(2)).mean()
    return lambda shift: flat + (1 - flat) * image(np.asarray(shift)) / level


def photon_by_photon(mean, rng):
    """One image, photon after photon: each has a place of its own."""
    n = rng.poisson(mean.sum())
    where = rng.choice(mean.size, n, p=(mean / mean.sum()).ravel())
    return np.bincount(where, minlength=mean.size).reshape(mean.shape)


def bound(scene, counts_per_px, n_images):
    """Cramer-Rao bound of a shift about the mean of all, by row and column, if the scene were known."""
    h = 1e-3
    slope = np.stack([(scene(e) - scene(-e)) * counts_per_px / (2 * h) for e in h * np.eye(2)])
    fisher = np.einsum("apq,bpq,pq->ab", slope, slope, 1 / (counts_per_px * scene((0, 0))))
    return np.sqrt(np.diag(np.linalg.inv(fisher)) * (1 - 1 / n_images))


def campaign(kind, counts_per_px, seeds, n_images=8):
    """Errors about the mean over their bound, and over their own error bars, of many runs."""
    ratios, pulls = [], []
    for seed in seeds:
        rng = np.random.default_rng(seed)
        scene = points(kind, rng)
        shifts = np.cumsum(rng.normal(0, 0.7, (n_images, 2)), axis=0)
        shifts -= shifts[0]
        drift = register([photon_by_photon(counts_per_px * scene(d), rng) for d in shifts])
        assert drift.reliable.all()
        off = drift.shift_px - shifts
        own_err = drift.shift_err_px[1:] / np.sqrt(2)  # images alike: half of the variance is that of image 0
        ratios.append((off - off.mean(axis=0)) / bound(scene, counts_per_px, n_images))
        pulls.append((off - off.mean(axis=0))[1:] / (own_err * np.sqrt(1 - 1 / n_images)))
    return np.array(ratios), np.array(pulls)


@pytest.mark.parametrize(
    ("kind", "counts_per_px", "limit"),
    [
        ("sampled", 0.3, 1.6),
        ("sampled", 2, 1.35),
        ("sampled", 20, 1.35),
        ("undersampled spots", 2, 1.6),
        ("undersampled spots", 20, 1.6),
        ("undersampled film", 2, 1.8),
        ("undersampled film", 20, 1.7),
    ],
)
def test_shifts_come_near_the_bound_and_their_errors_are_honest(kind, counts_per_px, limit):
    ratios, pulls = campaign(kind, counts_per_px, range(6))
    assert np.sqrt(np.mean(ratios**2)) < limit
    assert 0.82 < np.sqrt(np.mean(pulls**2)) < 1.2


def test_detail_far_finer_than_a_pixel_is_no_excuse_for_a_small_error(monkeypatch):
    monkeypatch.setitem(SCENES, "needles", (0.17, 0.25, 0.1))
    ratios, pulls = campaign("needles", 20, range(5))
    assert np.isfinite(ratios).all()
    assert 0.5 < np.sqrt(np.mean(pulls**2)) < 1.5


@pytest.mark.parametrize("kind", SCENES)
def test_identical_images_have_not_moved(kind):
    image = np.random.default_rng(1).poisson(10 * points(kind, np.random.default_rng(2))((0, 0)))
    np.testing.assert_allclose(register([image] * 4).shift_px, 0, atol=1e-9)


def test_whole_pixels_are_whole_pixels():
    rng = np.random.default_rng(3)
    wide = rng.poisson(20 * points("sampled", rng, n_px=90)((0, 0)))
    cut = [wide[10 - r : 74 - r, 10 - c : 74 - c] for r, c in ((0, 0), (3, -2), (-8, 5))]
    np.testing.assert_allclose(register(cut).shift_px, [(0, 0), (3, -2), (-8, 5)], atol=1e-6)


def test_a_far_image_is_registered_on_what_it_shares_and_does_not_harm_the_others():
    rng = np.random.default_rng(4)
    scene = points("undersampled film", rng, margin=50)
    shifts = np.array([(0, 0), (0.3, 0.2), (-0.6, 0.4), (21.3, -20.6), (-20.4, 21.2)])
    drift = register([photon_by_photon(30 * scene(d), rng) for d in shifts])
    assert drift.reliable.all()
    np.testing.assert_allclose(drift.shift_px, shifts, atol=0.05)
    assert (np.abs(drift.shift_px - shifts)[1:] < 5 * drift.shift_err_px[1:]).all()
    assert drift.shift_err_px[1:3].max() < drift.shift_err_px[3:].min()


def test_twice_the_light_halves_the_variance():
    dim, bright = (
        np.mean(
            [register(photons(points("sampled", np.random.default_rng(s)), c, s)).shift_err_px[1] for s in range(5)]
        )
        for c in (5, 20)
    )
    assert dim / bright == pytest.approx(2, rel=0.15)


def photons(scene, counts_per_px, seed):
    rng = np.random.default_rng(seed + 100)
    return [rng.poisson(counts_per_px * scene(d)) for d in ((0, 0), (0.4, -0.3), (-0.2, 0.7))]


@pytest.mark.parametrize("kind", SCENES)
def test_very_bright_images_are_no_worse_than_bright_ones(kind):
    """Above a thousand counts per pixel the noise no longer hides what the model of the scene leaves out."""
    rng = np.random.default_rng(3)
    scene, shifts = points(kind, rng), np.cumsum(rng.normal(0, 0.7, (6, 2)), axis=0)
    shifts -= shifts[0]
    drift = register([rng.poisson(1e5 * scene(d)) for d in shifts])
    assert drift.reliable.all()
    assert np.abs(drift.shift_px - shifts).max() < 0.005
    assert 0.0005 < np.median(drift.shift_err_px[1:]) < 0.004


def test_an_independent_program_agrees_on_bright_sampled_images():
    rng = np.random.default_rng(5)
    scene = points("sampled", rng)
    images = np.array([rng.poisson(500 * scene(d)) for d in ((0, 0), (2.3, -1.6))])
    window = np.outer(np.hanning(N_PX), np.hanning(N_PX))
    first, second = (window * (image - image.mean()) for image in images)
    back, _, _ = phase_cross_correlation(first, second, upsample_factor=100, normalization=None)  # type: ignore[arg-type]
    drift = register(images)
    np.testing.assert_allclose(drift.shift_px[1], -back, atol=0.15)  # the witness has a fixed window: it is biased
    np.testing.assert_allclose(drift.shift_px[1], (2.3, -1.6), atol=5 * drift.shift_err_px[1].max())


def sampled_dots(rng, counts_per_px, sigma_px, n, n_px=96, n_images=8):
    """Scans of a few dots whose light is taken at the centre of each pixel, as a stage that stops there does."""
    place, light = rng.uniform(-8, n_px + 8, (n, 2)), rng.lognormal(0, 0.4, n)
    shifts = np.cumsum(rng.normal(0, 1, (n_images, 2)), axis=0)
    shifts -= shifts[0]
    at = np.arange(n_px)
    rows, columns = (
        np.exp(-(((at - place[:, i : i + 1] - shifts[:, None, None, i]) / sigma_px) ** 2) / 2) for i in (0, 1)
    )
    mean = np.einsum("d,kdy,kdx->kyx", light, rows, columns)
    return rng.poisson(counts_per_px * (0.25 + 0.75 * mean / mean.mean())), shifts


@pytest.mark.parametrize(("sigma_px", "counts_per_px"), [(0.26, 0.3), (0.26, 20), (0.33, 2)])
def test_a_few_dots_finer_than_the_steps_of_the_stage_have_honest_errors(sigma_px, counts_per_px):
    errors, pulls = [], []
    for seed in range(8):
        counts, shifts = sampled_dots(np.random.default_rng(seed), counts_per_px, sigma_px, 60)
        drift = register(counts)
        used = drift.reliable & (np.arange(len(shifts)) > 0)
        errors.append((drift.shift_px - shifts)[used])
        pulls.append(errors[-1] / drift.shift_err_px[used])
    assert np.sqrt(np.mean(np.concatenate(errors) ** 2)) < 0.03
    assert 0.7 < np.sqrt(np.mean(np.concatenate(pulls) ** 2)) < 1.4
