"""Drift: truth recovered with honest errors, and never a wrong shift that looks right."""

import numpy as np
import pytest
from scipy.special import ndtr

from analysis.registration import add_aligned, register, sum_aligned

N_PX, PIXEL_UM = 100, 0.5


def render(spots_px, brightness, sigma_px, shift_px=(0.0, 0.0), n_px=N_PX):
    """Mean image of point sources under a Gaussian blur, integrated over the pixels; mean 1."""
    edges = np.arange(n_px + 1.0)
    places = spots_px + np.asarray(shift_px)
    rows, columns = (np.diff(ndtr((edges - places[:, i : i + 1]) / sigma_px), axis=1) for i in (0, 1))
    image = (rows * brightness[:, None]).T @ columns
    return image / image.mean()


def clusters(rng, n=320, sigma_px=0.4, margin=20):
    """A lumpy scene wider than the frame, as a function of its shift."""
    spots = rng.uniform(-margin, N_PX + margin, (n, 2))
    brightness = rng.lognormal(0, 1, n)
    return lambda shift: render(spots, brightness, sigma_px, shift)


def scans(scene, shifts, counts_per_px, rng, background=0.3):
    return np.stack([rng.poisson(counts_per_px * (background + (1 - background) * scene(d))) for d in shifts])


def walk(rng, n=10, step_px=0.9):
    path = np.cumsum(rng.normal(0, step_px, (n, 2)), axis=0)
    return path - path[0]


def errors_and_pulls(make, counts_per_px, seeds):
    errors, pulls = [], []
    for seed in seeds:
        rng = np.random.default_rng(seed)
        shifts = walk(rng)
        drift = register(scans(make(rng), shifts, counts_per_px, rng))
        assert drift.reliable.all()
        error = (drift.shift_px - shifts)[1:]
        errors.append(error)
        pulls.append(error / drift.shift_err_px[1:])
    return np.array(errors), np.array(pulls)


@pytest.mark.parametrize(("counts_per_px", "caution"), [(0.3, 1), (3, 1), (60, 1), (300, 1.4)])
def test_a_drifting_cluster_scene_is_followed_within_a_tenth_of_a_pixel(counts_per_px, caution):
    errors, pulls = errors_and_pulls(clusters, counts_per_px, range(6))
    assert np.sqrt(np.mean(errors**2)) < 0.05
    assert 0.7 / caution < pulls.std() < 1.4  # at a thousandth of a pixel the sampling of the scene is the noise
    assert abs(pulls.mean()) < 0.6  # each run shares the noise of its image 0


def test_smooth_structure_of_low_contrast_has_honest_errors():
    errors, pulls = errors_and_pulls(lambda rng: clusters(rng, n=800, sigma_px=2.0), 5, range(100, 106))
    assert np.sqrt(np.mean(errors**2)) < 0.1
    assert 0.7 < pulls.std() < 1.4


def test_two_scans_are_enough():
    pulls = []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        shifts = np.array([[0, 0], rng.uniform(-5, 5, 2)])
        drift = register(scans(clusters(rng), shifts, 20, rng))
        pulls.append((drift.shift_px - shifts)[1] / drift.shift_err_px[1])
    assert 0.7 < np.std(pulls) < 1.4


@pytest.mark.parametrize("jump_px", [(33, 0), (-33, 20), (12.4, -32.6)])
def test_a_third_of_the_frame_is_not_too_far(jump_px):
    rng = np.random.default_rng(5)
    shifts = np.array([[0, 0], [0.3, -0.4], jump_px, np.add(jump_px, 0.5)])
    drift = register(scans(clusters(rng), shifts, 40, rng))
    assert drift.reliable.all()
    np.testing.assert_allclose(drift.shift_px, shifts, atol=0.05)


def test_a_feature_at_p_appears_at_p_plus_d():
    rng = np.random.default_rng(0)
    scene = clusters(rng)
    first, second = scans(scene, [(0, 0), (3, -2)], 100, rng)
    assert np.corrcoef(first[10:-10, 10:-10].ravel(), second[13:-7, 8:-12].ravel())[0, 1] > 0.9
    np.testing.assert_allclose(register([first, second]).shift_px[1], (3, -2), atol=0.03)


def test_a_lamp_that_fades_does_not_move_the_scene():
    rng = np.random.default_rng(8)
    shifts = walk(rng, 6)
    scene = clusters(rng)
    counts = np.stack([rng.poisson(100 * 0.7**i * (0.3 + 0.7 * scene(d))) for i, d in enumerate(shifts)])
    np.testing.assert_allclose(register(counts).shift_px, shifts, atol=0.05)


@pytest.mark.parametrize(("n_px", "counts_per_px"), [(100, 60), (32, 5), (16, 300)])
def test_a_featureless_image_is_refused(n_px, counts_per_px):
    rng = np.random.default_rng(1)
    for _ in range(10):
        drift = register(rng.poisson(counts_per_px, (8, n_px, n_px)))
        assert drift.reliable.tolist() == [True] + 7 * [False]
        assert np.isnan(drift.shift_px[1:]).all() and np.isnan(drift.shift_err_px[1:]).all()


ROW, COLUMN = np.mgrid[:N_PX, :N_PX]
AMBIGUOUS = {
    "stripes": lambda d: 100 + 60 * np.sin(2 * np.pi * (COLUMN - d) / 17),
    "columns": lambda d: 20 + 200 * np.random.default_rng(3).random(150)[COLUMN - d + 20],
    "lattice": lambda d: 3 + 60.0 * (((COLUMN - d) % 12 < 2) & ((ROW - d) % 12 < 2)),
    "waves": lambda d: 60 + 50 * np.sin(2 * np.pi * (COLUMN - d) / 17) * np.sin(2 * np.pi * (ROW - d) / 17),
    "slope": lambda d: 50.0 + COLUMN + 0.5 * ROW - 1.5 * d,
}


@pytest.mark.parametrize("scene", AMBIGUOUS)
def test_a_scene_that_fits_elsewhere_as_well_is_refused(scene):
    rng = np.random.default_rng(2)
    drift = register(rng.poisson([AMBIGUOUS[scene](d) for d in (0, 7, 1, 3)]))
    assert not drift.reliable[1:].any()


def test_one_blank_scan_is_left_out_and_the_others_still_align():
    rng = np.random.default_rng(4)
    shifts = walk(rng, 5)
    counts = scans(clusters(rng), shifts, 60, rng)
    counts[2] = rng.poisson(0.1, counts[2].shape)
    drift = register(counts)
    assert drift.reliable.tolist() == [True, True, False, True, True]
    np.testing.assert_allclose(drift.shift_px[drift.reliable], shifts[drift.reliable], atol=0.05)


@pytest.mark.parametrize("shape", [(1, 5, 5), (3, 1, 1), (4, 1, 50), (3, 50, 1), (2, 3, 3), (3, 33, 57)])
@pytest.mark.parametrize("value", [0, 7, 1_000_000])
def test_empty_constant_and_tiny_images_are_refused_without_a_crash(shape, value):
    drift = register(np.full(shape, value))
    assert drift.reliable.tolist() == [True] + [False] * (shape[0] - 1)
    np.testing.assert_array_equal(drift.shift_px[0], 0)


def test_single_photons_are_no_scene():
    counts = np.zeros((2, 40, 40), dtype=int)
    counts[0, 20, 20] = counts[1, 5, 7] = 1
    assert not register(counts).reliable[1]


def test_the_search_can_be_limited():
    rng = np.random.default_rng(6)
    counts = scans(clusters(rng), [(0, 0), (20, 0)], 60, rng)
    assert register(counts).reliable[1]
    assert not register(counts, max_shift_px=10).reliable[1]


@pytest.mark.parametrize(
    "bad",
    [np.zeros((3, 3)), np.zeros((0, 4, 4)), np.full((2, 4, 4), np.nan), -np.ones((2, 4, 4)), np.full((2, 4, 4), 0.5)],
)
def test_what_is_not_counts_is_refused(bad):
    with pytest.raises(ValueError, match="images"):
        register(bad)


def test_the_sum_is_in_the_frame_of_image_0_and_knows_its_coverage():
    scene = np.arange(36).reshape(6, 6)
    moved = np.zeros_like(scene)
    moved[1:, :-2] = scene[:-1, 2:]  # one row down, two columns left
    total, coverage = sum_aligned(np.stack([scene, moved]), [(0, 0), (1.3, -1.8)])
    np.testing.assert_array_equal(coverage[:-1, 2:], 2)
    np.testing.assert_array_equal(total, scene * coverage)
    assert coverage.sum() == 36 + 5 * 4


def test_cubes_of_16_bits_do_not_overflow_and_lose_no_photon():
    cube = np.full((3, 4, 5, 2, 7), 65535, dtype=np.uint16)
    total, coverage = sum_aligned(iter(cube), np.zeros((3, 2)))
    assert total.shape == (4, 5, 2, 7)
    assert (total == 3 * 65535).all() and (coverage == 3).all()


def test_the_sum_stays_poisson():
    rng = np.random.default_rng(0)
    stack = rng.poisson(4, (200, 12, 12)).astype(np.uint16)
    total, coverage = sum_aligned(stack, rng.uniform(-2, 2, (200, 2)))
    inside = total[2:-2, 2:-2].astype(float)
    assert (coverage[2:-2, 2:-2] == 200).all()
    assert inside.mean() == pytest.approx(800, abs=4 * np.sqrt(800 / 64))
    assert inside.var() / inside.mean() == pytest.approx(1, abs=4 * np.sqrt(2 / 64))


def test_unreliable_scans_are_left_out_unless_the_caller_says_otherwise():
    rng = np.random.default_rng(0)
    stack = rng.poisson(20, (3, 20, 20))
    drift = register(stack)
    total, coverage = sum_aligned(stack, drift)
    np.testing.assert_array_equal(total, stack[0])
    assert (coverage == 1).all()
    with pytest.raises(ValueError, match="unknown"):
        sum_aligned(stack, drift, use=[True, True, True])
    total, _ = sum_aligned(stack, np.zeros((3, 2)), use=[False, True, True])
    np.testing.assert_array_equal(total, stack[1] + stack[2])


def test_a_scan_that_left_the_frame_adds_nothing():
    total, coverage = np.ones((4, 4), dtype=int), np.zeros((4, 4), dtype=int)
    add_aligned(total, coverage, np.full((4, 4), 9), (5, -40))
    assert (total == 1).all() and not coverage.any()


def test_stack_and_shifts_must_go_together():
    with pytest.raises(ValueError, match="2 shifts"):
        sum_aligned(np.zeros((3, 4, 4), dtype=int), np.zeros((2, 2)))
    with pytest.raises(ValueError, match="no images"):
        sum_aligned([], np.zeros((0, 2)))
    with pytest.raises(ValueError, match="cannot be added"):
        sum_aligned([np.zeros((4, 4)), np.zeros((4, 5))], np.zeros((2, 2)))


def test_each_image_that_is_added_has_its_own_shift():
    images = np.zeros((3, 4, 4), dtype=int)
    with pytest.raises(ValueError, match="3 images, but 4 shifts"):
        sum_aligned(images, np.zeros((4, 2)))
    with pytest.raises(ValueError, match="use of shape"):
        sum_aligned(images, np.zeros((3, 2)), use=[True])


@pytest.mark.parametrize("limit", [-1, np.nan])
def test_the_largest_shift_is_not_negative(limit):
    with pytest.raises(ValueError, match="max_shift_px"):
        register(np.ones((2, 8, 8)), max_shift_px=limit)


def test_what_moved_farther_than_the_limit_is_refused():
    rng = np.random.default_rng(6)
    counts = scans(clusters(rng), [(0, 0), (1.2, 0.3), (2.4, 0.6), (0, -3.6)], 60, rng)
    assert register(counts, max_shift_px=2).reliable.tolist() == [True, True, False, False]
    assert not register(counts, max_shift_px=0).reliable[1:].any()


def test_counts_beyond_all_measure_raise_no_warning():
    rng = np.random.default_rng(7)
    counts = scans(clusters(rng), walk(rng, 3), 1, rng)
    assert register(counts * 1e12).shift_px.shape == (3, 2)


FLASH_SHIFTS = np.array([(0, 0), (3.3, -4.2), (-6.1, 2.0)])


@pytest.mark.parametrize("which", [[1], [0, 1], [0, 1, 2]], ids=["a flash", "two flashes", "a hot pixel"])
def test_one_bright_pixel_does_not_hold_the_scene(which):
    for seed in range(4):
        rng = np.random.default_rng(seed)
        counts = scans(clusters(rng, n=150, sigma_px=1.0), FLASH_SHIFTS, 2, rng)
        same = len(which) == len(counts)
        for i in which:
            counts[i, 40, 60 if same else 20 + 30 * i] += rng.poisson(5000)
        drift = register(counts)
        assert drift.reliable.all()
        np.testing.assert_allclose(drift.shift_px, FLASH_SHIFTS, atol=0.2)
        assert (np.abs(drift.shift_px - FLASH_SHIFTS)[1:] < 5 * drift.shift_err_px[1:]).all()


def test_a_hot_pixel_alone_is_no_scene():
    rng = np.random.default_rng(0)
    counts = rng.poisson(0.5, (3, 64, 64))
    counts[:, 20, 30] += 500
    assert not register(counts).reliable[1:].any()


def test_smooth_illumination_is_no_scene():
    slope = np.outer(*[np.linspace(0.5, 1.5, 64)] * 2)
    for seed in range(8):
        counts = np.random.default_rng(seed).poisson(2 * slope, (6, 64, 64))
        assert not register(counts).reliable[1:].any()
