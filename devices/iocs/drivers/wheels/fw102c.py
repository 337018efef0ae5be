"""Filters of a real bench: Thorlabs FW102C wheels where there are any, and what is changed by hand where there is none.

Where a filter stands is read all the time in a thread, because a wheel has buttons of its own. What cannot be read is
"unknown", which no pairing names: no light goes there.
"""

import logging
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from devices.iocs.drivers.finding import Finding
from devices.iocs.drivers.wheels.wheel import UNKNOWN, Wheel, WheelPort, named
from devices.iocs.drivers.wires.wire_log import WireLog

log = logging.getLogger(__name__)

PLACES = ("perovskite", "qd", "splitter")
LOOK_S, STALE_S = 0.5, 2.0


@dataclass(frozen=True)
class WheelOptions:
    """What lab.toml says about filters; each of perovskite, qd and splitter stands in one of the two tables.

    wheels : the place of each wheel, and its port and positions
    manual : what stands in a place that is changed by hand
    """

    wheels: Mapping[str, WheelPort] = field(default_factory=dict)
    manual: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        both = [*self.wheels, *self.manual]
        if sorted(both) != sorted(PLACES):
            raise ValueError(
                f"wheels and manual name {', '.join(both) or 'nothing'}: each of {', '.join(PLACES)} must stand in one "
                'of them, as in wheels = {qd = {port = "COM7", positions = [...]}}, manual = {splitter = "dichroic"}'
            )
        for place, name in self.manual.items():
            named(f"manual.{place}", name)


class Wheels:
    """Answers `Filters`; it connects when it is first asked where something stands."""

    def __init__(self, options: WheelOptions, *, log: WireLog | None = None) -> None:
        self.options = options
        self.wheels = {place: Wheel(place, port, log=log) for place, port in options.wheels.items()}
        self.seen: dict[str, tuple[float, str]] = {}
        self.why: dict[str, str] = {}
        self.turning: set[str] = set()
        self.lock, self.ended = threading.Lock(), threading.Event()
        self.keepers: dict[str, threading.Thread] = {}
        self.tried = {place: threading.Event() for place in self.wheels}

    @property
    def positions(self) -> dict[str, tuple[str, ...]]:
        """What can stand in each place; where no wheel is, what stands there."""
        by_hand = {place: (name,) for place, name in self.options.manual.items()}
        return {place: by_hand.get(place) or self.wheels[place].port.positions for place in PLACES}

    def set(self, route: str, position: str) -> None:
        """Turn it in and see it there; ValueError for a name that is not there, or must be changed by hand."""
        if route not in PLACES:
            raise ValueError(f"route = {route!r}: there are {', '.join(PLACES)}")
        if route in self.options.manual:
            return self._require_by_hand(route, position)
        if position not in self.wheels[route].port.positions:
            there = ", ".join(self.wheels[route].port.positions)
            raise ValueError(f"filter = {position!r}: the {route} wheel has {there}")
        with self.lock:
            self.turning.add(route)
            self.seen.pop(route, None)
        try:
            self.wheels[route].turn(position)
        finally:
            with self.lock:
                self.turning.discard(route)
        self._look(route)

    def get(self, route: str) -> str:
        """The filter that is in, as read in the last two seconds; "unknown" while it turns or cannot be read."""
        if route in self.options.manual:
            return self.options.manual[route]
        self._begin(route)
        self.tried[route].wait(STALE_S)
        with self.lock:
            read_s, name = self.seen.get(route, (-STALE_S, UNKNOWN))
            fresh = time.monotonic() - read_s < STALE_S and route not in self.turning
        return name if fresh else UNKNOWN

    def check(self) -> list[Finding]:
        """Where everything stands."""
        by_hand = [
            Finding(
                f"{place}: filter", "unverified", f"{name}, changed by hand", "look at it; correct lab.toml if not so"
            )
            for place, name in self.options.manual.items()
        ]
        return [one for wheel in self.wheels.values() for one in wheel.check()] + by_hand

    def close(self) -> None:
        """End the threads and leave the ports; the wheels stay where they are."""
        self.ended.set()
        for keeper in self.keepers.values():
            keeper.join()
        for wheel in self.wheels.values():
            wheel.close()

    def _require_by_hand(self, place: str, name: str) -> None:
        if name != (there := self.options.manual[place]):
            raise ValueError(
                f"{place} = {name!r}: {there!r} stands there, and it is changed by hand. With the lasers off put in "
                f'{name!r}, write manual.{place} = "{name}" into lab.toml, and start the IOCs again'
            )

    def _begin(self, place: str) -> None:
        with self.lock:
            if place not in self.keepers and not self.ended.is_set():
                self.keepers[place] = threading.Thread(
                    target=self._keep_looking, args=(place,), name=f"{place} wheel", daemon=True
                )
                self.keepers[place].start()

    def _keep_looking(self, place: str) -> None:
        while not self.ended.is_set():
            self._look(place)
            self.tried[place].set()
            self.ended.wait(LOOK_S)

    def _look(self, place: str) -> None:
        """Read one wheel; what is read while it begins to turn does not count."""
        try:
            name = self.wheels[place].name()
        except Exception as fault:  # whatever it is, the last reading grows old, and the next look may be good again
            if self.why.get(place) != (why := f"{fault}"):
                log.warning("%s wheel: %s", place, why)
            self.why[place] = why
            return
        self.why.pop(place, None)
        with self.lock:
            if place not in self.turning:
                self.seen[place] = (time.monotonic(), name)
