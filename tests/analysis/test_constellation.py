"""Points seen twice: who is who after drift and remounting, how sure that is, and how far the scene has moved."""

import itertools

import numpy as np
import pytest

from analysis.emitters.constellation import match

SIDE_UM = 10.0
FIELD = ((0.0, SIDE_UM), (0.0, SIDE_UM))
ERR_UM = 0.03
ERRORS = {"known_err_um": ERR_UM, "found_err_um": ERR_UM, "field_um": FIELD}
MIDDLE = np.array([SIDE_UM / 2, SIDE_UM / 2])


def turned(points_um, angle_deg, shift_um):
    """The true movement, about the middle of the field."""
    angle = np.deg2rad(angle_deg)
    matrix = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return (points_um - MIDDLE) @ matrix.T + MIDDLE + shift_um


def resolved(rng, n, least_um=0.3):
    """Places in the field, none so near another that they would look like one."""
    places = rng.uniform(0, SIDE_UM, (1, 2))
    while len(places) < n:
        place = rng.uniform(0, SIDE_UM, 2)
        if np.hypot(*(places - place).T).min() > least_um:
            places = np.vstack([places, place])
    return places


def scene(rng, n, *, angle_deg=0.0, shift_um=(0.0, 0.0), missing=0.15, extra=0.15):
    """Known and found points, and for each found one which known one it is (-1: none)."""
    places = resolved(rng, n)
    now = turned(places, angle_deg, shift_um) + rng.normal(0, ERR_UM, (n, 2))
    seen = np.flatnonzero(np.all((now > 0) & (now < SIDE_UM), axis=1) & (rng.random(n) > missing))
    strangers = rng.uniform(0, SIDE_UM, (round(extra * n), 2))
    found, truth = np.vstack([now[seen], strangers]), np.append(seen, np.full(len(strangers), -1))
    order = rng.permutation(len(found))
    return places + rng.normal(0, ERR_UM, (n, 2)), found[order], truth[order]


@pytest.mark.parametrize(
    ("n", "angle_deg", "max_shift_um"), [(100, 0, 5), (60, 7, 10), (20, 0, 5), (20, -8, 20), (8, 0, 5)]
)
def test_known_points_are_found_again_and_none_is_taken_for_another(n, angle_deg, max_shift_um):
    n_reliable, n_right, n_wrong = 0, 0, 0
    for seed in range(12):
        rng = np.random.default_rng(seed)
        known, found, truth = scene(rng, n, angle_deg=angle_deg, shift_um=rng.uniform(-1.5, 1.5, 2))
        limits = {"max_shift_um": max_shift_um, "max_rotation_deg": 10.0 if angle_deg else 0.0}
        seen = match(known, found, **ERRORS, **limits)
        n_reliable += seen.reliable
        own = truth[seen.found]
        n_right += np.sum(own == seen.known)
        n_wrong += np.sum((own != seen.known) & (own >= 0)) if seen.reliable else 0
    assert n_reliable >= 11
    assert n_wrong <= 0.01 * n_right


def test_the_errors_of_shift_and_rotation_are_honest():
    shifts, turns = [], []
    for seed in range(150):
        rng = np.random.default_rng(seed)
        angle_deg, shift_um = rng.uniform(-4, 4), rng.uniform(-1, 1, 2)
        known, found, _ = scene(rng, 15, angle_deg=angle_deg, shift_um=shift_um, extra=0)
        seen = match(known, found, **ERRORS, max_shift_um=3.0, max_rotation_deg=5.0)
        truth = turned(seen.centre_um, angle_deg, shift_um)
        shifts.append((seen.moved(seen.centre_um) - truth) / seen.shift_err_um)
        turns.append((seen.rotation_deg - angle_deg) / seen.rotation_err_deg)
    for pulls in (np.ravel(shifts), np.array(turns)):
        assert abs(pulls.mean()) < 0.25
        assert 0.85 < pulls.std() < 1.2


@pytest.mark.parametrize(("n", "limits"), [(40, (5, 0)), (12, (5, 0)), (12, (5, 8)), (3, (1, 0)), (2, (0.3, 0))])
def test_unrelated_points_rarely_match_by_chance(n, limits):
    chances = []
    for seed in range(100):
        rng = np.random.default_rng(seed)
        known, found = rng.uniform(0, SIDE_UM, (2, n, 2))
        seen = match(known, found, **ERRORS, max_shift_um=limits[0], max_rotation_deg=limits[1])
        chances.append(seen.p_chance)
        assert not seen.reliable
    assert np.mean(np.array(chances) < 0.1) <= 0.1


def test_one_or_two_points_are_recognised_only_near_where_they_were():
    one = np.array([[3.0, 4.0]])
    near = match(one, one + 0.05, **ERRORS, max_shift_um=0.15)
    far = match(one, one + 0.8, **ERRORS, max_shift_um=2.0)
    assert near.reliable and near.shift_um == pytest.approx([0.05, 0.05])
    assert far.n_pairs == 1 and not far.reliable and far.p_chance > 0.05
    two = np.array([[3.0, 4.0], [6.0, 5.0]])
    assert match(two, two + 0.3, **ERRORS, max_shift_um=0.5).reliable
    assert not match(two, two + 3.0, **ERRORS, max_shift_um=5.0).reliable


def test_without_a_field_a_single_pair_proves_nothing():
    one = np.array([[3.0, 4.0]])
    seen = match(one, one, known_err_um=ERR_UM, found_err_um=ERR_UM, max_shift_um=0.1)
    assert seen.n_pairs == 1 and seen.p_chance == 1 and not seen.reliable


def test_a_lattice_has_no_single_answer():
    lattice = np.array(list(itertools.product(range(1, 10, 2), repeat=2)), dtype=float)
    seen = match(lattice, lattice + np.array([0.2, 0.0]), **ERRORS, max_shift_um=3.0)
    assert seen.n_pairs >= 20 and seen.p_second < 1e-3 and not seen.reliable
    near = match(lattice, lattice + np.array([0.2, 0.0]), **ERRORS, max_shift_um=0.9)
    assert near.reliable and near.n_pairs == 25


def test_near_neighbours_are_told_apart(rng):
    known = np.vstack([rng.uniform(0, SIDE_UM, (12, 2)), [[5.0, 5.0], [5.25, 5.0]]])
    found = known[::-1] + np.array([0.6, -0.4]) + rng.normal(0, ERR_UM, known.shape)
    seen = match(known, found, **ERRORS)
    assert seen.reliable and np.array_equal(seen.found, 13 - seen.known)
    alone = match(known, found[1:], **ERRORS)
    assert 13 not in alone.known and alone.reliable


def test_nothing_matches_nothing():
    empty, some = np.empty((0, 2)), np.array([[1.0, 2.0], [3.0, 4.0]])
    for known, found in ((empty, some), (some, empty), (empty, empty), (some, some + 7)):
        seen = match(known, found, **ERRORS, max_shift_um=2.0)
        assert seen.n_pairs == 0 and seen.p_chance == 1 and not seen.reliable
        assert np.isinf(seen.shift_err_um).all()


def test_points_that_are_off_by_more_than_their_errors_widen_the_error_of_the_movement(rng):
    known = rng.uniform(0, SIDE_UM, (40, 2))
    found = known + np.array([0.5, 0.5]) + rng.normal(0, 0.06, known.shape)
    strict = match(known, found, known_err_um=0.01, found_err_um=0.03, field_um=FIELD)
    assert strict.chi2 > 1.3
    assert strict.shift_err_um == pytest.approx(np.sqrt(strict.chi2 * 1e-3 / strict.n_pairs), rel=0.01)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"known_um": [[1.0, np.nan]]}, "known_um has the shape"),
        ({"found_um": [1.0, 2.0, 3.0]}, "found_um has the shape"),
        ({"known_err_um": 0.0}, "known_err_um is 0.0"),
        ({"found_err_um": [0.1, 0.1]}, "one for each of 1 points"),
        ({"max_shift_um": -1}, "max_shift_um is -1"),
        ({"max_rotation_deg": 200}, "max_rotation_deg is 200"),
        ({"field_um": ((1, 0), (0, 1))}, "field_um is"),
    ],
)
def test_nonsense_is_refused(wrong, said):
    given = {"known_um": [[1.0, 1.0]], "found_um": [[1.0, 1.0]], **ERRORS, **wrong}
    with pytest.raises(ValueError, match=said):
        match(given.pop("known_um"), given.pop("found_um"), **given)


@pytest.fixture
def rng():
    return np.random.default_rng(7)
