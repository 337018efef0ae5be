"""Drift within a scan, row by row."""

import numpy as np
import pytest
from scipy.special import ndtr

from analysis.registration import LineDrift, add_aligned, line_shifts, register, sum_aligned

N_PX, N_IMAGES = 48, 6


def rows_of(points_px, light, sigma_px, shift):
    """Mean rows of points, each row of the image at its own shift (ny, 2); integrated over pixels."""
    edges = np.arange(N_PX + 1.0)
    out = np.empty((N_PX, N_PX))
    for row, moved in enumerate(shift):
        place = points_px + moved
        near = np.abs(place[:, 0] - row - 0.5) < 6 * sigma_px
        y, x = place[near].T
        height = ndtr((row + 1 - y) / sigma_px) - ndtr((row - y) / sigma_px)
        out[row] = (light[near] * height) @ np.diff(ndtr((edges - x[:, None]) / sigma_px), axis=1)
    return out


def scans(path, counts_per_px, rng, sigma_px=1.2, n_images=N_IMAGES):
    """Images of a scene that follows path(times) -> (m, 2), and the truth (n, ny, 2) since image 0 on average."""
    points_px, light = rng.uniform(-12, N_PX + 12, (400, 2)), rng.lognormal(0, 0.8, 400)
    times = np.arange(n_images)[:, None] + (np.arange(N_PX) + 0.5) / N_PX - 0.5
    truth = np.stack([path(each) for each in times])
    mean = np.stack([rows_of(points_px, light, sigma_px, each) for each in truth])
    counts = rng.poisson(counts_per_px * (0.2 + 0.8 * mean / mean.mean()))
    return counts, truth - truth[0].mean(axis=0)


def paths(kind, rng):
    if kind == "steady":
        speed = rng.normal(0, 1, 2)
        return lambda t: np.outer(t, speed)
    if kind == "curved":
        size, pace, phase = rng.normal(0, 1.2, 2), rng.uniform(0.4, 0.8, 2), rng.uniform(0, 6, 2)
        return lambda t: size * np.sin(np.outer(t, pace) + phase)
    fine = np.linspace(-1, N_IMAGES, 4000)
    walk = np.cumsum(rng.normal(0, 0.8 * np.sqrt((N_IMAGES + 1) / 4000), (4000, 2)), axis=0)
    return lambda t: np.stack([np.interp(t, fine, axis) for axis in walk.T], axis=1)


@pytest.mark.parametrize(("kind", "limit_px"), [("steady", 0.06), ("curved", 0.08), ("walk", 0.3)])
def test_the_path_within_scans_is_found_with_honest_errors(kind, limit_px):
    errors, pulls, stiff = [], [], []
    for seed in range(6):
        rng = np.random.default_rng(seed)
        counts, truth = scans(paths(kind, rng), 20, rng)
        drift = register(counts)
        lines = line_shifts(counts, drift)
        errors.append((lines.shift_px - truth)[lines.reliable])
        stiff.append((drift.shift_px[:, None] - truth)[lines.reliable])
        pulls.append(errors[-1] / lines.shift_err_px[lines.reliable])
        assert (lines.misfit < 3).all() and (lines.n_photons == counts.sum(axis=(1, 2))).all()
    rms, rms_stiff, width = (np.sqrt(np.mean(np.concatenate(x) ** 2)) for x in (errors, stiff, pulls))
    assert rms < limit_px and rms < 0.8 * rms_stiff
    assert 0.6 < width < 1.5  # rows share their errors: few independent pulls


def test_a_shear_that_all_scans_have_alike_follows_from_the_drift_between_them():
    rng = np.random.default_rng(3)
    counts, _ = scans(lambda t: np.outer(t, (0.0, 1.5)), 40, rng)
    slope = np.polyfit(np.arange(N_PX), line_shifts(counts).shift_px[0, :, 1], 1)[0]
    assert slope == pytest.approx(1.5 / N_PX, rel=0.05)


def test_rows_taken_in_half_of_the_time_move_half_as_much_within_a_scan():
    rng = np.random.default_rng(3)
    counts, _ = scans(lambda t: np.outer(t, (0.0, 0.0)), 40, rng)
    moving = np.stack([np.roll(image, i, axis=1) for i, image in enumerate(counts)])
    full, half = (line_shifts(moving, busy_share=share).shift_px[2, :, 1] for share in (1.0, 0.5))
    assert half[-1] - half[0] == pytest.approx((full[-1] - full[0]) / 2, abs=0.1)


def test_a_still_scene_has_still_rows():
    rng = np.random.default_rng(5)
    counts, _ = scans(lambda t: np.zeros((len(t), 2)), 20, rng)
    lines = line_shifts(counts)
    assert np.abs(lines.shift_px).max() < 0.1
    assert np.abs(lines.shift_px / lines.shift_err_px).max() < 5


def test_refused_images_have_no_line_shifts_and_one_image_alone_says_nothing():
    rng = np.random.default_rng(6)
    counts, truth = scans(paths("steady", rng), 30, rng)
    counts[2] = rng.poisson(0.05, counts[2].shape)
    lines = line_shifts(counts)
    assert lines.reliable.tolist() == [True, True, False, True, True, True]
    assert np.isnan(lines.shift_px[2]).all() and np.isnan(lines.shift_err_px[2]).all()
    np.testing.assert_allclose(lines.shift_px[3], truth[3], atol=0.15)
    alone = line_shifts(counts[:1])
    assert not alone.shift_px.any() and np.isinf(alone.shift_err_px).all()
    assert not line_shifts(np.zeros((3, 8, 8))).reliable[1:].any()


def test_two_small_images_do_not_crash():
    rng = np.random.default_rng(7)
    counts, _ = scans(lambda t: np.outer(t, (0.5, -0.5)), 100, rng, n_images=2)
    assert np.isfinite(line_shifts(counts).shift_px).all()


@pytest.mark.parametrize("busy_share", [0, -1, 1.1, np.nan])
def test_a_share_of_time_is_a_share(busy_share):
    with pytest.raises(ValueError, match="busy_share"):
        line_shifts(np.ones((2, 4, 4)), busy_share=busy_share)


def test_drift_and_images_must_go_together():
    images = np.random.default_rng(0).poisson(3, (3, 16, 16))
    with pytest.raises(ValueError, match="belong"):
        line_shifts(images, register(images[:2]))
    with pytest.raises(ValueError, match="images"):
        line_shifts(images[0])


def test_each_row_goes_its_own_way_and_is_counted():
    image = np.array([[1, 2, 3], [4, 5, 6], [7, 8, 9]])
    total, coverage = np.zeros((3, 3), int), np.zeros((3, 3), int)
    add_aligned(total, coverage, image, [(0, 0), (1, 0), (0, 1)])
    np.testing.assert_array_equal(total, [[5, 7, 9], [0, 0, 0], [8, 9, 0]])
    np.testing.assert_array_equal(coverage, [[2, 2, 2], [0, 0, 0], [1, 1, 0]])
    with pytest.raises(ValueError, match="rows"):
        add_aligned(total, coverage, image, [(0, 0)] * 2)
    with pytest.raises(ValueError, match="unknown"):
        add_aligned(total, coverage, image, [(0, 0), (np.nan, 0), (0, 0)])


def test_a_sum_by_rows_stays_poisson_and_knows_its_coverage():
    rng = np.random.default_rng(8)
    cubes = rng.poisson(3, (60, 30, 30, 2)).astype(np.uint16)
    lines = LineDrift(
        rng.uniform(-2, 2, (60, 30, 2)), np.ones((60, 30, 2)), rng.random(60) < 0.9, np.ones(2), np.ones(60)
    )
    total, coverage = sum_aligned(cubes, lines)
    assert total.shape == (30, 30, 2) and total.dtype == np.uint32
    pulls = (total - 3.0 * coverage[..., None]) / np.sqrt(3.0 * np.maximum(coverage[..., None], 1))
    assert abs(pulls.mean()) < 4 / np.sqrt(1800) and pulls.std() == pytest.approx(1, abs=0.07)
    assert coverage.sum() < lines.reliable.sum() * 900


def test_rows_put_back_sharpen_the_sum():
    rng = np.random.default_rng(9)
    counts, truth = scans(lambda t: np.outer(4 * np.sin(1.2 * t), (0.0, 1.0)), 40, rng)
    drift = register(counts)
    lines = line_shifts(counts, drift)
    sharp, stiff = (sum_aligned(counts, how) for how in (lines, drift))
    contrast = [np.var((total / np.maximum(cover, 1))[10:-10, 10:-10]) for total, cover in (sharp, stiff)]
    assert contrast[0] > 1.1 * contrast[1]
    np.testing.assert_allclose(lines.shift_px, truth, atol=0.5)
