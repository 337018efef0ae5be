"""Which of the spots in an image are emitters that are known already."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from analysis.emitters.constellation import Match, match
from lab.emitters.frames import Frame

Array = NDArray[np.float64]
DISTORTION_UM = 0.06  # by which places in a raster are off, for the sample drifts while it is scanned
SAME_UM = 0.3  # nearer than this, two sightings in one frame are of one emitter
ENOUGH = 4  # known emitters in the field: if not one constellation is found in it, it is another one
MOVEMENTS = ((0.15, 0.0), (1.0, 0.0), (5.0, 0.0), (20.0, 10.0))  # um, degrees: drift, then remounting


@dataclass(frozen=True, eq=False)
class Known:
    """Emitters of one frame: sample coordinates (n, 2), their errors (n,), and the frame."""

    ids: list[str]
    sample_um: Array
    err_um: Array
    frame: Frame

    @property
    def stage_um(self) -> Array:
        return self.frame.to_stage(self.sample_um)


@dataclass(frozen=True, eq=False)
class Placing:
    """ids of the spots, "" for those never seen before, in the frame that holds now; None: in a new one."""

    ids: list[str]
    frame: Frame | None
    match: Match | None
    warnings: tuple[str, ...] = ()


def identify(known: list[Known], spots_um: Array, err_um: Array, extent_um: Array, time_s: float) -> Placing:
    """Name the spots (n, 2): the constellation of the first frame in which one is found without doubt.

    Parameters
    ----------
    known : the emitters of all frames of the sample, the present one first
    extent_um : ((x_low, x_high), (y_low, y_high)) of the image
    """
    strange: Placing = Placing([""] * len(spots_um), None, None)
    if not known:
        return strange
    for each in known:
        if (found := recognised(each, spots_um, err_um, extent_um)) is not None:
            moved = each.frame.moved(found.shift_um, found.rotation_deg, found.centre_um, time_s)
            return Placing(named(Known(each.ids, each.sample_um, each.err_um, moved), spots_um), moved, found)
    present = known[0]
    n_expected = int(inside(present.stage_um, extent_um).sum())
    if n_expected >= ENOUGH and len(spots_um):
        warning = (
            f"{len(spots_um)} spots found where {n_expected} emitters are known, but they form no constellation that "
            f"is known: they are taken as others, with new names"
        )
        return Placing(strange.ids, None, None, (warning,))
    return on_trust(present, spots_um)


def on_trust(known: Known, spots_um: Array) -> Placing:
    """Too few to tell: the frame is taken to hold, which is said if any spot is named by it."""
    ids = named(known, spots_um)
    n_named = sum(map(bool, ids))
    warning = f"{n_named} of {len(ids)} spots are too few to recognise: named by where emitters were last seen"
    return Placing(ids, known.frame, None, (warning,) if n_named else ())


def recognised(known: Known, spots_um: Array, err_um: Array, extent_um: Array) -> Match | None:
    """The match of the spots with known emitters by the least movement that explains them, if one does."""
    for shift_um, rotation_deg in MOVEMENTS:
        near = inside(known.stage_um, extent_um + np.array([-shift_um, shift_um]))
        if not (near.any() and len(spots_um)):
            continue
        found = match(
            known.stage_um[near],
            spots_um,
            known_err_um=known.err_um[near],
            found_err_um=np.hypot(err_um, DISTORTION_UM),
            max_shift_um=shift_um,
            max_rotation_deg=rotation_deg,
            field_um=extent_um,
        )
        if found.reliable:
            return found
    return None


def named(known: Known, spots_um: Array) -> list[str]:
    """The name of the emitter at each spot, no name twice; "" where there is none."""
    ids = [""] * len(spots_um)
    if not (len(known.ids) and len(spots_um)):
        return ids
    apart = np.hypot(*(known.stage_um[:, None, :] - spots_um[None, :, :]).transpose(2, 0, 1))
    rows, columns = linear_sum_assignment(np.where(apart < SAME_UM, apart, 1e6))
    for row, column in zip(rows, columns, strict=True):
        if apart[row, column] < SAME_UM:
            ids[column] = known.ids[row]
    return ids


def inside(points_um: Array, extent_um: Array) -> NDArray[np.bool_]:
    """Which points (n, 2) lie in ((x_low, x_high), (y_low, y_high))."""
    return np.all((points_um >= extent_um[:, 0]) & (points_um <= extent_um[:, 1]), axis=1)
