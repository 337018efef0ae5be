"""The filter changers in front of the counters, and the beamsplitter before them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from devices.iocs.twin.dot_memory import remembered_numbers

OPEN_532 = "532/10"
SCATTER = "scatter"
QD_BAND = "FBH650-40+655/15"
SPLITTER, DICHROIC, HALF = "splitter", "dichroic", "50:50"
POSITIONS = {
    "perovskite": ("532/10+OD1", OPEN_532, SCATTER, QD_BAND),
    "qd": (QD_BAND, SCATTER),
    SPLITTER: (DICHROIC, HALF),
}
BANDS = {"532/10+OD1": "perovskite", OPEN_532: "perovskite", QD_BAND: "qd", SCATTER: "laser"}


class TwinFilters:
    """One changer per route, and a splitter; `scatter` lets attenuated laser light through for the response.

    `memory` keeps what is in; None forgets.
    """

    def __init__(self, memory: Path | None = None) -> None:
        self.positions = POSITIONS
        self._at = remembered_numbers(memory, np.zeros(len(POSITIONS)))

    def set(self, route: str, position: str) -> None:
        """Move a filter in; ValueError if there is no such route or filter."""
        if route not in self.positions:
            raise ValueError(f"route = {route!r}: there are {', '.join(self.positions)}")
        if position not in self.positions[route]:
            raise ValueError(f"filter = {position!r}: {route} has {', '.join(self.positions[route])}")
        self._at[list(POSITIONS).index(route)] = POSITIONS[route].index(position)

    def get(self, route: str) -> str:
        """The filter that is in."""
        return self.as_dict()[route]

    def band(self, route: str) -> str:
        """What light the filter of a route lets through: "perovskite", "qd" or "laser"."""
        return BANDS[self.get(route)]

    @property
    def shares_light(self) -> bool:
        """Light of all colours goes to both counters."""
        return self.get(SPLITTER) == HALF

    def as_dict(self) -> dict[str, str]:
        """The filter of each route, and the splitter."""
        return {route: positions[int(at)] for (route, positions), at in zip(POSITIONS.items(), self._at, strict=True)}
