"""The same points seen twice: which is which, and how the scene has moved and turned in between.

Every pair of one known and one found point, at every angle allowed, is a guess of the movement. The best guesses are
refined by weighted least squares (Arun, Huang & Blostein, IEEE Trans. Pattern Anal. Mach. Intell. 9, 698 (1987)), and
the one that brings most points together wins, if chance would hardly do as well.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import linear_sum_assignment
from scipy.spatial import KDTree
from scipy.stats import binom
from scipy.stats import chi2 as chi_squared

from analysis.emitters.scene import GATE, Array, Scene, scene_of, turning

Indices = NDArray[np.int64]
RELIABLE = 1e-3  # chance of a match as good between unrelated points
MOST_GUESSES = 12  # that are refined
ROUNDS = 8
FIRST_GATE = 1.5  # gates: a guess is not as good as a fit
SHARED = 0.5  # of the pairs: two answers that agree in more are one answer
FAR = 1e6  # cost of what must not be paired
DOUBT = 0.01  # probability of a chi2 from which the errors are taken to be too small


@dataclass(frozen=True, eq=False)
class Match:
    """Which known point is which found one: found = turned(known - centre) + centre + shift.

    known, found : rows of the pairs, (n_pairs,)
    shift_um : (2,), of the point centre_um; rotation_deg : counterclockwise. Both are 0, with infinite errors, without
        pairs; the rotation and its error are 0 where none was allowed
    residual_um : (n_pairs, 2) found minus moved known
    chi2 : of the residuals, per degree of freedom; 1 where there is none
    p_chance : probability that unrelated points would match as well anywhere within the movements allowed
    p_second : the same for the best other answer, 1 if there is none
    reliable : p_chance is below 1e-3, and only one answer is that good
    """

    known: Indices
    found: Indices
    shift_um: Array
    shift_err_um: Array
    rotation_deg: float
    rotation_err_deg: float
    centre_um: Array
    residual_um: Array
    chi2: float
    p_chance: float
    p_second: float
    reliable: bool

    @property
    def n_pairs(self) -> int:
        return self.known.size

    def moved(self, points_um: ArrayLike) -> Array:
        """Where known points, (n, 2) or (2,), are now."""
        turn = turning(np.deg2rad(self.rotation_deg))
        return (np.asarray(points_um, dtype=float) - self.centre_um) @ turn.T + self.centre_um + self.shift_um


def match(
    known_um: ArrayLike,
    found_um: ArrayLike,
    *,
    known_err_um: ArrayLike,
    found_err_um: ArrayLike,
    max_shift_um: float = 5.0,
    max_rotation_deg: float = 0.0,
    field_um: ArrayLike | None = None,
) -> Match:
    """Return which of the known points (n, 2) is which of the found ones (m, 2), and how the scene has moved.

    Parameters
    ----------
    known_err_um, found_err_um : error of each coordinate, one number or one for each point
    max_shift_um : how far the middle of the known points may have moved
    max_rotation_deg : how far they may have turned; 0: they have not
    field_um : ((x_low, x_high), (y_low, y_high)) in which points could be found; None: the box around those found.
        With it, a match of one or two points can be reliable, if max_shift_um is small

    Notes
    -----
    Points may be missing in either list. p_chance is the expected number of matches with as many pairs between
    unrelated points: binomial for the points in the field, for each of the pairs that may begin a match. ValueError
    for positions that are no finite numbers, and errors or movements that make no sense. Errors of the movement are
    those of the positions, times the square root of chi2 where it is significantly more than 1.

    >>> known = np.array([[0, 0], [3, 1], [1, 4], [5, 5], [2, 7.5]])
    >>> seen = match(known, known[::-1] + [1.5, -0.5], known_err_um=0.02, found_err_um=0.02)
    >>> seen.known, seen.found, seen.shift_um, seen.reliable
    (array([0, 1, 2, 3, 4]), array([4, 3, 2, 1, 0]), array([ 1.5, -0.5]), True)
    """
    scene = scene_of(known_um, found_um, known_err_um, found_err_um, max_shift_um, max_rotation_deg, field_um)
    answers = [answer for guess in guesses(scene) if (answer := refined(scene, *guess)) is not None]
    if not answers:
        return nothing(scene)
    best = min(answers, key=lambda answer: (answer.p_chance, answer.chi2))
    others = [answer.p_chance for answer in answers if differs(answer, best)]
    second = min(others, default=1.0)
    reliable = best.p_chance < RELIABLE <= second
    return replace(best, p_second=second, reliable=reliable)


def guesses(scene: Scene) -> list[tuple[float, Array]]:
    """(angle, shift of the middle) that bring most points together, the best first."""
    if not (len(scene.known) and len(scene.found)):
        return []
    votes, angles, shifts = zip(*(votes_at(scene, angle) for angle in scene.angles_deg()), strict=True)
    votes, shifts = np.concatenate(votes), np.concatenate(shifts)
    angles = np.concatenate(angles)
    chosen: list[tuple[float, Array]] = []
    for k in np.argsort(-votes, kind="stable"):
        near = [angle == angles[k] and np.hypot(*(shift - shifts[k])) < scene.gate_um for angle, shift in chosen]
        if not any(near):
            chosen.append((float(angles[k]), shifts[k]))
        if len(chosen) == MOST_GUESSES:
            break
    return chosen


def votes_at(scene: Scene, angle_deg: float) -> tuple[NDArray[np.int64], Array, Array]:
    """For every shift that brings one pair together at this angle: how many pairs it brings together."""
    turned = (scene.known - scene.middle) @ turning(np.deg2rad(angle_deg)).T + scene.middle
    shifts = (scene.found[None, :, :] - turned[:, None, :]).reshape(-1, 2)
    shifts = shifts[np.hypot(*shifts.T) <= scene.max_shift_um]
    if not len(shifts):
        return np.zeros(0, dtype=np.int64), np.zeros(0), shifts
    reach = scene.gate_um * (1.5 if scene.max_rotation_deg else 1.0)
    tree = KDTree(shifts)
    votes = np.asarray(tree.query_ball_point(shifts, reach, return_length=True), dtype=np.int64)
    return votes, np.full(len(shifts), angle_deg), shifts


def refined(scene: Scene, angle_deg: float, shift_um: Array) -> Match | None:
    """The movement by least squares through all pairs within the gate; None if that leaves what is allowed."""
    moved = (scene.known - scene.middle) @ turning(np.deg2rad(angle_deg)).T + scene.middle + shift_um
    answer = nothing(scene)
    for turn in range(ROUNDS):
        known, found = paired(scene, moved, 1.0 if turn else FIRST_GATE)
        if not known.size:
            return None
        settled = turn > 1 and np.array_equal(known, answer.known) and np.array_equal(found, answer.found)
        answer = least_squares(scene, known, found, angle_deg)
        moved = answer.moved(scene.known)
        if settled:
            break
    far = np.hypot(*(answer.moved(scene.middle) - scene.middle)) > scene.max_shift_um + scene.gate_um
    turned = abs(answer.rotation_deg) > scene.max_rotation_deg * 1.05 + 1e-9
    return None if far or turned else judged(scene, answer)


def paired(scene: Scene, moved: Array, widening: float) -> tuple[Indices, Indices]:
    """One-to-one pairs within the gate, the closest in total."""
    separation = np.sum((moved[:, None, :] - scene.found[None, :, :]) ** 2, axis=2) / scene.variance
    within = separation < (GATE * widening) ** 2
    rows, columns = np.flatnonzero(within.any(axis=1)), np.flatnonzero(within.any(axis=0))
    cost = np.where(within, separation, FAR)[np.ix_(rows, columns)]
    known, found = linear_sum_assignment(cost)
    kept = cost[known, found] < FAR
    return rows[known[kept]].astype(np.int64), columns[found[kept]].astype(np.int64)


def least_squares(scene: Scene, known: Indices, found: Indices, angle_deg: float) -> Match:
    """Weighted shift and rotation through given pairs; the guessed angle where one pair cannot tell."""
    before, after, weight = scene.known[known], scene.found[found], 1 / scene.variance[known, found]
    total, turns = weight.sum(), scene.max_rotation_deg > 0
    centre, target = weight @ before / total, weight @ after / total
    a, b = before - centre, after - target
    spread = float(weight @ np.sum(a**2, axis=1))
    angle, angle_err = (np.deg2rad(angle_deg), np.inf) if turns else (0.0, 0.0)
    if turns and spread > 0:
        angle = np.arctan2(weight @ (a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]), weight @ np.sum(a * b, axis=1))
        angle_err = spread**-0.5
    residual = b - a @ turning(angle).T
    dof = 2 * known.size - 2 - turns
    square = float(weight @ np.sum(residual**2, axis=1))
    wider = np.sqrt(square / dof) if dof > 0 and chi_squared.sf(square, dof) < DOUBT else 1.0
    return Match(
        known=known,
        found=found,
        shift_um=target - centre,
        shift_err_um=np.full(2, total**-0.5 * wider),
        rotation_deg=float(np.rad2deg(angle)),
        rotation_err_deg=float(np.rad2deg(angle_err * wider)),
        centre_um=centre,
        residual_um=residual,
        chi2=square / dof if dof > 0 else 1.0,
        p_chance=1.0,
        p_second=1.0,
        reliable=False,
    )


def judged(scene: Scene, answer: Match) -> Match:
    """The answer with the probability that chance does as well."""
    area = float(np.prod(np.diff(scene.field, axis=1)))
    if area <= 0:
        return answer
    low, high = scene.field[:, 0] - scene.gate_um, scene.field[:, 1] + scene.gate_um
    moved = answer.moved(scene.known)
    inside = np.all((moved >= low) & (moved <= high), axis=1)
    hit = 1 - np.exp(-np.pi * GATE**2 * scene.variance.sum(axis=1) / area)
    others = binom.sf(answer.n_pairs - 2, max(int(inside.sum()) - 1, 0), hit[inside].mean() if inside.any() else 0.0)
    expected = others * n_beginnings(scene, area)
    return replace(answer, p_chance=float(-np.expm1(-expected)))


def n_beginnings(scene: Scene, area_um2: float) -> float:
    """How many pairs of unrelated points may begin a match, at all angles."""
    n_angles = 1.0
    if scene.max_rotation_deg and len(scene.known) > 1:
        n_angles += 2 * np.deg2rad(scene.max_rotation_deg) * scene.radius_um / scene.gate_um
    reach = min(np.pi * scene.max_shift_um**2 / area_um2, 1.0)
    return len(scene.known) * len(scene.found) * reach * n_angles


def differs(one: Match, other: Match) -> bool:
    """Whether two answers pair other points."""
    pairs, others = ({*zip(answer.known, answer.found, strict=True)} for answer in (one, other))
    return len(pairs & others) < SHARED * min(len(pairs), len(others))


def nothing(scene: Scene) -> Match:
    """The answer where no pair comes together."""
    none, zero, endless = np.zeros(0, dtype=np.int64), np.zeros(2), np.full(2, np.inf)
    turn_err = np.inf if scene.max_rotation_deg else 0.0
    middle = scene.middle if len(scene.known) else zero
    return Match(none, none, zero, endless, 0.0, turn_err, middle, np.zeros((0, 2)), 1.0, 1.0, 1.0, False)
