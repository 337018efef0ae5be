"""The filter changers in front of the counters."""

from __future__ import annotations

OPEN_532 = "532/10"
SCATTER = "scatter"
POSITIONS = {
    "perovskite": ("532/10+OD1", OPEN_532, SCATTER),
    "qd": ("FBH650-40+655/15", SCATTER),
}


class TwinFilters:
    """One changer per route; `scatter` lets attenuated laser light through for the instrument response."""

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

    def as_dict(self) -> dict[str, str]:
        """The filter of each route."""
        return dict(self._at)
