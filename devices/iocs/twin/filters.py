"""The filter changers in front of the counters, and the beamsplitter before them."""

from __future__ import annotations

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
    """One changer per route, and a splitter; `scatter` lets attenuated laser light through for the response."""

    def __init__(self) -> None:
        self.positions = POSITIONS
        self._at = {route: positions[0] for route, positions in POSITIONS.items()}

    def set(self, route: str, position: str) -> None:
        """Move a filter in; ValueError if there is no such route or filter."""
        if route not in self.positions:
            raise ValueError(f"route = {route!r}: there are {', '.join(self.positions)}")
        if position not in self.positions[route]:
            raise ValueError(f"filter = {position!r}: {route} has {', '.join(self.positions[route])}")
        self._at = {**self._at, route: position}

    def get(self, route: str) -> str:
        """The filter that is in."""
        return self._at[route]

    def band(self, route: str) -> str:
        """What light the filter of a route lets through: "perovskite", "qd" or "laser"."""
        return BANDS[self._at[route]]

    @property
    def shares_light(self) -> bool:
        """Light of all colours goes to both counters."""
        return self._at[SPLITTER] == HALF

    def as_dict(self) -> dict[str, str]:
        """The filter of each route, and the splitter."""
        return dict(self._at)
