"""Where an emitter was found again, re-centring by re-centring: the drift of a measurement that stays on one."""

from collections.abc import Mapping
from typing import Any

import numpy as np


class RefocusedPlaces:
    """Places of an emitter, um, by the index of the re-centring; one that comes again counts once."""

    def __init__(self):
        self.seen: dict[int, tuple[float, float]] = {}

    def add(self, data: Mapping[str, Any], index: int):
        """Take one re-centring as an Event carries it; one that found nothing says nothing."""
        if int(data.get("target_found", 0)):
            self.seen[index] = float(data["target_x_um"]), float(data["target_y_um"])

    @property
    def at_um(self) -> np.ndarray:
        """(n, 2) x and y in the order of the re-centrings."""
        seen = dict(self.seen)  # another thread may add to it
        return np.array([seen[index] for index in sorted(seen)]).reshape(-1, 2)
