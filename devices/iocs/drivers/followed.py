"""A real stage and real filters for a bench: read without waiting, and followed by the twin where it is mixed in."""

import math
import threading
from collections.abc import Callable, Sequence
from typing import Any

from devices.iocs.backends import Filters, Stage
from devices.iocs.drivers.latest import Latest

READ_PERIOD_S = 0.2
Position = tuple[float, float, float]


class FollowedStage:
    """A stage whose position is known at once, and that remembers where it was told to be.

    follow : told where the stage stands after each move
    """

    def __init__(self, stage: Stage, follow: Callable[[Position], object] | None = None) -> None:
        self.stage, self.follow = stage, follow
        self._latest = Latest(stage.position_um, what="the position of the stage", period_s=READ_PERIOD_S)
        self._limits: tuple[tuple[float, float], ...] | None = None
        self._target: Position | None = None

    @property
    def limits_um(self) -> Sequence[tuple[float, float]]:
        """Asked once: the travel does not change."""
        if self._limits is None:
            self._limits = tuple((float(low), float(high)) for low, high in self.stage.limits_um)
        return self._limits

    @property
    def target_um(self) -> Position:
        """Where it was told to be; where it stands if nobody has told it anything."""
        if self._target is None:
            self._target = self._within(self.read_um())
        return self._target

    def move(self, x: float, y: float, z: float, stop: threading.Event | None = None) -> bool:
        """Go there; False if stopped. Where it stands then is read again in any case."""
        target = (float(x), float(y), float(z))
        arrived = False
        try:
            arrived = self.stage.move(*target, stop=stop)
        finally:
            self._target = target if arrived else None
        self.read_um()
        return arrived

    def position_um(self) -> Position:
        """Not older than two seconds; TimeoutError if the stage does not answer."""
        return self._latest.value()

    def read_um(self) -> Position:
        """Where it stands now, asked of the stage."""
        x, y, z = self.stage.position_um()
        position = (float(x), float(y), float(z))
        self._latest.put(position)
        if self.follow is not None:
            self.follow(position)
        return position

    def close(self) -> None:
        self._latest.close()
        leave(self.stage)

    def _within(self, position: Position) -> Position:
        """A reading as a target: noise at the end of the travel is no wish to leave it."""
        x, y, z = (min(max(one, low), high) for one, (low, high) in zip(position, self.limits_um, strict=True))
        return (x, y, z)


def followed_by(twin_stage: Any) -> Callable[[Position], None]:
    """Let the twin's stage stand where a real one does, as far as it goes."""

    def follow(position: Position) -> None:
        limits = twin_stage.limits_um
        inside = [min(max(one, low), high) for one, (low, high) in zip(position, limits, strict=True)]
        if all(map(math.isfinite, inside)):
            twin_stage.place(*inside)

    return follow


class FollowedFilters:
    """Real filters that the twin's follow, where they have the same names."""

    def __init__(self, filters: Filters, twin_filters: Filters) -> None:
        self.filters, self.twin_filters = filters, twin_filters

    @property
    def positions(self) -> dict[str, tuple[str, ...]]:
        return self.filters.positions

    def get(self, route: str) -> str:
        position = self.filters.get(route)
        if position in self.twin_filters.positions.get(route, ()):
            self.twin_filters.set(route, position)
        return position

    def set(self, route: str, position: str) -> None:
        self.filters.set(route, position)
        self.get(route)

    def close(self) -> None:
        leave(self.filters)


def leave(instrument: Any) -> None:
    """Close what can be closed; the twin cannot."""
    if (close := getattr(instrument, "close", None)) is not None:
        close()
