"""Two lists of points that may be the same, with their errors, and what may have happened in between."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]
GATE = 3.5  # combined standard deviations within which two points may be one


@dataclass(frozen=True, eq=False)
class Scene:
    """Both lists of points with the variances of all pairs, and what may have happened in between."""

    known: Array
    found: Array
    variance: Array  # (n_known, n_found)
    field: Array  # ((x_low, x_high), (y_low, y_high))
    max_shift_um: float
    max_rotation_deg: float

    @property
    def gate_um(self) -> float:
        return GATE * float(np.sqrt(np.median(self.variance)))

    @property
    def middle(self) -> Array:
        return self.known.mean(axis=0)

    @property
    def radius_um(self) -> float:
        """How far from the middle the known points lie, mostly: what a rotation moves them by."""
        return float(np.sqrt(np.mean(np.sum((self.known - self.middle) ** 2, axis=1)))) * np.sqrt(2)

    def angles_deg(self) -> Array:
        """Angles to try, so close that no point is moved by more than a gate from one to the next."""
        if self.max_rotation_deg == 0 or len(self.known) < 2:
            return np.zeros(1)
        step = np.rad2deg(self.gate_um / max(self.radius_um, self.gate_um))
        n_steps = int(np.ceil(self.max_rotation_deg / step))
        return np.linspace(-self.max_rotation_deg, self.max_rotation_deg, 2 * n_steps + 1)


def scene_of(known_um, found_um, known_err_um, found_err_um, max_shift_um, max_rotation_deg, field_um) -> Scene:
    """The checked input."""
    known, found = points_of("known_um", known_um), points_of("found_um", found_um)
    known_err = errors_of("known_err_um", known_err_um, len(known))
    found_err = errors_of("found_err_um", found_err_um, len(found))
    if not (0 < max_shift_um < np.inf):
        raise ValueError(f"max_shift_um is {max_shift_um}: give a length above 0")
    if not 0 <= max_rotation_deg <= 180:
        raise ValueError(f"max_rotation_deg is {max_rotation_deg}: give an angle of 0 to 180")
    if field_um is None:
        field_um = np.stack([found.min(axis=0), found.max(axis=0)], axis=1) if len(found) else np.zeros((2, 2))
    field = np.asarray(field_um, dtype=float)
    if field.shape != (2, 2) or not np.isfinite(field).all() or (field[:, 1] < field[:, 0]).any():
        raise ValueError(f"field_um is {field_um}: give ((x_low, x_high), (y_low, y_high))")
    variance = known_err[:, None] ** 2 + found_err[None, :] ** 2
    return Scene(known, found, variance, field, float(max_shift_um), float(max_rotation_deg))


def points_of(name: str, points_um: ArrayLike) -> Array:
    points = np.asarray(points_um, dtype=float)
    points = points.reshape(0, 2) if points.size == 0 else points
    if points.ndim != 2 or points.shape[1] != 2 or not np.isfinite(points).all():
        raise ValueError(f"{name} has the shape {points.shape}: give finite positions, shape (n, 2)")
    return points


def errors_of(name: str, errors_um: ArrayLike, n: int) -> Array:
    errors = np.asarray(errors_um, dtype=float)
    if errors.shape not in ((), (n,)) or not (np.isfinite(errors) & (errors > 0)).all():
        raise ValueError(f"{name} is {errors_um}: give one positive length, or one for each of {n} points")
    return np.broadcast_to(errors, n)


def turning(angle: float) -> Array:
    """The matrix that turns column vectors counterclockwise by an angle in radians."""
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
