"""Instruments that scan on their own, as flyers: begun, followed while they run, held and let go on."""

import logging
import threading
from collections.abc import Iterator

from bluesky.utils import NoReplayAllowed
from ophyd.status import Status

from devices.flight import Flight, Follower, settle
from devices.signals import CommandError, Outcome, put_and_wait

log = logging.getLogger(__name__)

HALT_TIMEOUT_S = 5.0
RUNNING = ("waiting", "scanning")


class Flyer(Follower):
    """`kickoff` begins the scan that the settings describe, `collect` hands over its points, each once.

    The points are fetched by a thread of the flight, so what was fetched outlives the IOC and nothing here holds up
    the RunEngine. A pause ends the scan in the dark; `resume` goes on at the next point.
    """

    flight: Flight | None = None

    @property
    def in_flight(self) -> bool:
        """Whether the scan that was begun last goes on, now or after a pause."""
        return self.flight is not None and not self.flight.over

    def kickoff(self) -> Status:
        """Begin; done when the IOC has accepted the scan."""
        begun = Outcome(self)
        if self.in_flight:
            begun.set_exception(CommandError(f"{self.name}: a scan is under way: wait for its end, or stop it"))
            return begun
        self.flight = Flight({label: int(getattr(self, label).get()) for label in self.labels})
        self.take_off(self.flight, begun)
        return begun

    def complete(self) -> Status:
        """Done when the scan is; fails with the reason if it did not reach its end."""
        status = Outcome(self)
        if self.flight is None:
            status.set_exception(CommandError(f"{self.name}: no scan was begun: kickoff comes first"))
        else:
            self.flight.outcome.add_done_callback(lambda outcome: settle(status, outcome))
        return status

    def take_off(self, flight: Flight, begun: Status):
        flight.held = False
        if flight.n_points == 0:
            flight.acquisition = None  # it begins anew, whether it was stopped before or not
        flight.leg = threading.Thread(target=self.fly, args=(flight, begun), name=f"{self.name} flight", daemon=True)
        flight.leg.start()

    def describe_collect(self) -> dict:
        """One number each per point."""
        described = {}
        for key in self.columns:
            array = getattr(self, key)
            about = array.describe()[array.name]
            kept = {name: about[name] for name in ("source", "units", "precision") if name in about}
            described[array.name] = {**kept, "dtype": "number", "dtype_numpy": "<f8", "shape": []}
        for key in (*self.labels, "point"):
            source = f"{self.prefix}{key}"
            described[f"{self.name}_{key}"] = {"source": source, "dtype": "integer", "dtype_numpy": "<i8", "shape": []}
        return described

    def collect(self) -> Iterator[dict]:
        for row, told_s in self.flight.drain() if self.flight is not None else ():
            data = {f"{self.name}_{key}": value for key, value in row.items()}
            yield {"data": data, "timestamps": dict.fromkeys(data, told_s), "time": told_s}

    def hold(self):
        """Dark, now: the scan stops, and can go on. What goes on in the dark is left alone."""
        if self.flight is not None:
            self.flight.held = True
        if self.in_flight or (self.state.connected and self.state.get() in RUNNING):
            put_and_wait(self.halt, 1, HALT_TIMEOUT_S)
            self.wait_for_leg()

    def rest(self):
        """Nothing goes on after a plan, neither a scan nor counting in the dark or waiting for the lamp."""
        if self.flight is not None:
            self.flight.held = True
        if self.in_flight or self.halt.connected:
            put_and_wait(self.halt, 1, HALT_TIMEOUT_S)
            self.wait_for_leg()

    def panic(self):
        """Dark, now, without a RunEngine; a flight ends as failed."""
        self.stop()
        self.rest()

    def wait_for_leg(self):
        if self.flight is not None and self.flight.leg is not None:
            self.flight.leg.join(HALT_TIMEOUT_S)

    def pause(self):
        """Hold. Points that were handed over must not be taken again, so nothing before the pause is replayed."""
        if self.flight is None:
            return
        self.try_to_hold()
        raise NoReplayAllowed

    def try_to_hold(self):
        try:
            self.hold()
        except CommandError as why:
            log.error("%s; the silence of this session ends the scan", why)

    def resume(self):
        if self.flight is not None and self.flight.held and not self.flight.over:
            self.take_off(self.flight, Outcome(self))

    def stop(self, *, success: bool = False):
        """End the flight for good."""
        if self.flight is not None and not self.flight.over:
            self.try_to_hold()
            self.flight.end(CommandError(f"{self.name}: the scan was stopped at point {self.flight.n_points}"))

    def unstage(self) -> list[object]:
        self.stop()
        self.flight = None
        return super().unstage()
