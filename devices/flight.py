"""A flight: the points of one scan on their way from the instrument to the documents."""

import logging
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from typing import Any

import numpy as np
from ophyd.status import Status
from ophyd.utils import DisconnectedError

from devices.signals import CommandError, Instrument

log = logging.getLogger(__name__)

LONGEST_FLIGHT_S = 24 * 3600.0
Row = dict[str, float]


class Flight:
    """One scan under way, in one or more legs: a pause ends a leg, not the flight.

    Parameters
    ----------
    labels : what every point of it is marked with (region, repeat)

    Attributes
    ----------
    acquisition : the number the IOC gave to this scan; None until it has begun
    n_points : points fetched so far, which is also where the next leg begins
    held : a leg that ends now does not end the flight
    told : what the operator was told last
    outcome : finished with the flight, or failed with its reason
    """

    def __init__(self, labels: dict[str, int]):
        self.labels = labels
        self.acquisition: int | None = None
        self.n_points = 0
        self.held, self.told = False, ""
        self.leg: threading.Thread | None = None
        self.outcome: Future[None] = Future()
        self._rows: list[tuple[Row, float]] = []
        self._lock = threading.Lock()

    @property
    def over(self) -> bool:
        return self.outcome.done()

    def add(self, rows: list[Row], times_s: list[float]):
        """Keep the next points, and when each was measured."""
        with self._lock:
            self._rows += zip(rows, times_s, strict=True)
            self.n_points += len(rows)

    def drain(self) -> Iterator[tuple[Row, float]]:
        """The points that came since the last look, each once."""
        with self._lock:
            rows, self._rows = self._rows, []
        yield from rows

    def end(self, why: Exception | None = None):
        """The flight is over, with the reason if it failed; the first word counts."""
        with self._lock:
            if self.outcome.done():
                return
            if why is None:
                self.outcome.set_result(None)
            else:
                self.outcome.set_exception(why)


class Follower(Instrument):
    """An instrument whose scans are followed: a thread fetches the points while they are measured.

    columns : arrays that grow by one element a point
    labels : whole numbers that every point of a flight is marked with
    """

    columns: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    acquire: Any
    halt: Any
    state: Any
    acquisition: Any
    points: Any
    points_done: Any
    measured_at: Any
    instruction: Any

    def fly(self, flight: Flight, begun: Status):
        """One leg: from the next point to the end, or until the scan is stopped."""
        try:
            if not self.acquire.connected:
                raise CommandError(f"{self.name}: its IOC is not there; is it running? Type lab")
            earlier = int(self.acquisition.get())
            if flight.held:
                raise CommandError(f"{self.name}: the scan was stopped before it began")
            self.acquire.prove(flight.n_points, LONGEST_FLIGHT_S, lambda: self.try_to_follow(flight, begun, earlier))
            self.follow(flight, begun, earlier)
            if flight.n_points != (total := int(self.points.get())):
                raise CommandError(f"{self.name}: {flight.n_points} of {total} points arrived")
        except Exception as why:
            if flight.acquisition is not None and self.acquire.connected:
                self.try_to_follow(flight, begun, flight.acquisition)  # the last points
            if not flight.held:
                flight.end(why)
                settle(begun, flight.outcome)
        else:
            flight.end()
        finally:
            if not begun.done:
                begun.set_finished()

    def try_to_follow(self, flight: Flight, begun: Status, earlier: int):
        """Follow; whether an IOC that does not answer is gone or hangs is for others to say."""
        try:
            self.follow(flight, begun, earlier)
        except (DisconnectedError, TimeoutError) as why:
            log.debug("%s: %s", self.name, why)

    def follow(self, flight: Flight, begun: Status, earlier: int):
        """See whether the scan has begun, fetch its new points, tell the operator what is asked of him."""
        number = int(self.acquisition.get())
        if flight.acquisition is None and number != earlier:
            flight.acquisition = number
        if flight.acquisition != number:
            return
        if not begun.done:
            begun.set_finished()
        self.fetch(flight)
        if (told := str(self.instruction.get())) != flight.told:
            flight.told = told
            if told:
                log.warning("%s: %s", self.name, told)

    def fetch(self, flight: Flight):
        """The points that came since the last look; their number is written after them and so read before."""
        first, done = flight.n_points, int(self.points_done.get())
        if done <= first:
            return
        values = {key: np.atleast_1d(getattr(self, key).get())[first:done].tolist() for key in self.columns}
        times_s = np.atleast_1d(self.measured_at.get())[first:done].tolist()
        rows = [dict(zip(values, row, strict=True)) for row in zip(*values.values(), strict=True)]
        flight.add([{**row, **flight.labels, "point": first + i} for i, row in enumerate(rows)], times_s)


def settle(status: Status, outcome: Future):
    """Let a Status end as the flight did."""
    if status.done:
        return
    if (why := outcome.exception()) is None:
        status.set_finished()
    else:
        status.set_exception(why)
