"""Where a mounted sample lies on the stage: stage = turned(sample) + shift."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Frame:
    """The coordinates of one mounting; `number` counts the mountings of a sample that could not be told to be one.

    shift_um : (2,); angle_deg : counterclockwise; time_s : when it was last seen to hold, s since 1970
    """

    sample: str
    number: int
    shift_um: Array
    angle_deg: float
    time_s: float

    def to_stage(self, points_um: ArrayLike) -> Array:
        """Stage coordinates of points of the sample, (2,) or (n, 2)."""
        return np.asarray(points_um, dtype=float) @ turning(self.angle_deg).T + self.shift_um

    def to_sample(self, points_um: ArrayLike) -> Array:
        """Sample coordinates of points on the stage, (2,) or (n, 2)."""
        return (np.asarray(points_um, dtype=float) - self.shift_um) @ turning(self.angle_deg)

    def drifted(self, by_um: ArrayLike, time_s: float) -> "Frame":
        """The frame after the sample has moved."""
        return replace(self, shift_um=self.shift_um + np.asarray(by_um, dtype=float), time_s=time_s)

    def moved(self, shift_um: Array, angle_deg: float, centre_um: Array, time_s: float) -> "Frame":
        """The frame after the sample has moved by `shift_um` and turned by `angle_deg` about `centre_um`."""
        origin = (self.shift_um - centre_um) @ turning(angle_deg).T + centre_um + shift_um
        return replace(self, shift_um=origin, angle_deg=self.angle_deg + angle_deg, time_s=time_s)


def turning(angle_deg: float) -> Array:
    """The matrix that turns column vectors counterclockwise.

    >>> turning(90.0).round(6) @ [1, 0]
    array([0., 1.])
    """
    cosine, sine = np.cos(np.deg2rad(angle_deg)), np.sin(np.deg2rad(angle_deg))
    return np.array([[cosine, -sine], [sine, cosine]])
