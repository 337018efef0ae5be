"""Photons moved by a fraction of a pixel stay photons."""

import numpy as np
import pytest

from analysis.registration import sum_aligned, thin_shift


def test_half_a_pixel_to_the_right_shares_the_photons_of_a_pixel_between_two():
    moved = thin_shift(np.array([[0, 10_000, 0, 0]]), (0, 0.5), seed=7)
    assert moved.counts.sum() == 10_000 and not moved.counts[0, [0, 3]].any()
    assert moved.counts[0, 1] == pytest.approx(5000, abs=5 * 50)
    np.testing.assert_allclose(moved.coverage, [[0.5, 1, 1, 1]])


@pytest.mark.parametrize("mean", [0.05, 3, 400])
def test_poisson_counts_stay_poisson_counts_and_independent(mean):
    counts = np.random.default_rng(1).poisson(mean, (300, 300))
    inside = thin_shift(counts, (0.37, -1.6), seed=2).counts[2:-2, 2:-2].astype(float)
    assert inside.mean() == pytest.approx(mean, abs=5 * np.sqrt(mean / inside.size))
    assert inside.var() / inside.mean() == pytest.approx(1, abs=0.03 + 4 * np.sqrt(1 / inside.size / mean))
    apart = inside - inside.mean()
    for neighbour in (apart[1:] * apart[:-1], apart[:, 1:] * apart[:, :-1]):
        assert abs(neighbour.mean()) < 5 * apart.var() / np.sqrt(neighbour.size)


def test_the_share_of_each_neighbour_is_the_overlap():
    counts = np.zeros((5, 5), dtype=int)
    counts[2, 2] = 100_000
    moved = thin_shift(counts, (0.25, 0.6), seed=3).counts[2:4, 2:4] / 100_000
    np.testing.assert_allclose(moved, [[0.75 * 0.4, 0.75 * 0.6], [0.25 * 0.4, 0.25 * 0.6]], atol=0.007)


@pytest.mark.parametrize("shift_px", [(0, 0), (2, -3), (-1, 4)])
def test_whole_pixels_move_without_chance(shift_px):
    counts = np.random.default_rng(4).poisson(5, (20, 30))
    moved = thin_shift(counts, shift_px)
    total, coverage = sum_aligned([counts], [-np.array(shift_px)])
    np.testing.assert_array_equal(moved.counts, total)
    np.testing.assert_array_equal(moved.coverage, coverage)


def test_no_photon_is_lost_but_over_the_edge_and_the_expectation_follows_the_coverage():
    counts = np.full((30, 40), 2000)
    moved = thin_shift(counts, (1.3, -0.7), seed=5)
    assert moved.n_photons == moved.counts.sum() and moved.n_photons + moved.n_lost == counts.sum()
    pulls = (moved.counts - 2000 * moved.coverage) / np.sqrt(2000)
    assert np.abs(pulls).max() < 6


def test_a_cube_keeps_each_time_bin_and_rows_and_columns_may_be_anywhere():
    cube = np.random.default_rng(6).poisson(2, (12, 14, 9)).astype(np.uint16)
    moved = thin_shift(cube, (0.5, 3.2), seed=8)
    last = thin_shift(np.moveaxis(cube, -1, 0), (0.5, 3.2), axes=(-2, -1), seed=8)
    np.testing.assert_array_equal(np.moveaxis(last.counts, 0, -1), moved.counts)
    assert moved.counts.shape == cube.shape and moved.coverage.shape == (12, 14)
    kept = thin_shift(cube, (0.5, 0), seed=8).counts[1:-1].sum(axis=(0, 1))
    assert (kept <= cube.sum(axis=(0, 1))).all() and (kept >= cube[2:-2].sum(axis=(0, 1))).all()


def test_the_seed_is_kept_and_gives_the_same_photons_again():
    counts = np.random.default_rng(9).poisson([[3, 200]] * 50)
    drawn = thin_shift(counts, (0.4, 0.4))
    np.testing.assert_array_equal(thin_shift(counts, (0.4, 0.4), seed=drawn.seed).counts, drawn.counts)
    assert (thin_shift(counts, (0.4, 0.4), seed=drawn.seed + 1).counts != drawn.counts).any()
    assert thin_shift(counts, (0.4, 0.4)).seed != drawn.seed


def test_full_channels_none_one_photon_and_shifts_out_of_the_frame():
    full = thin_shift(np.full((4, 4), 65535, dtype=np.uint16), (0.5, 0.5), seed=1)
    assert full.counts.dtype == np.uint32 and full.counts.max() > 65535
    assert not thin_shift(np.zeros((3, 3), int), (0.2, 0.2)).counts.any()
    assert thin_shift(np.eye(1, dtype=int), (0.0, 0.0)).n_photons == 1
    for far in ((9.5, 0), (0, -1e12), (-3.0, 2.0)):
        gone = thin_shift(np.ones((3, 3), int), far)
        assert not gone.counts.any() and not gone.coverage.any() and gone.n_lost == 9


@pytest.mark.parametrize(
    ("counts", "shift_px", "complaint"),
    [
        (np.ones((3, 3)), (0, 0), "integers"),
        (-np.ones((3, 3), int), (0, 0), "integers"),
        (np.ones(3, int), (0, 0), "2-D"),
        (np.ones((3, 3), int), (0, np.nan), "finite"),
        (np.ones((3, 3), int), (1, 2, 3), "two"),
    ],
)
def test_what_cannot_be_moved_is_refused(counts, shift_px, complaint):
    with pytest.raises(ValueError, match=complaint):
        thin_shift(counts, shift_px)
