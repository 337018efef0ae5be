"""A piezo stage at a PI controller that speaks GCS 2.0 (E-727, E-725, E-517 class).

Limits are looked at before a move, and again by the controller. What cannot be known after a wire broke in mid move is
asked of the controller: it has the new targets, or the move failed.
"""

import math
import threading
import time

import numpy as np

from devices.iocs.drivers.finding import Finding
from devices.iocs.drivers.piezo import pi_check, pi_wave
from devices.iocs.drivers.piezo.gcs import GcsError
from devices.iocs.drivers.piezo.pi_options import LETTERS, PiOptions, Range
from devices.iocs.drivers.piezo.pi_session import POLL_S, PiSession, StageError
from devices.iocs.drivers.wires.wire import WireError
from devices.iocs.drivers.wires.wire_log import WireLog

SAME_UM = 1e-3  # a controller tells its targets with few digits
__all__ = ["PiOptions", "PiStage", "StageError"]


class PiStage:
    """Two or three axes in um; a stage without z has it at 0, from 0 to 0."""

    def __init__(self, options: PiOptions, *, log: WireLog | None = None):
        self.options, self.names = options, options.names
        self.session = PiSession(options, log)
        self.wire = self.session.wire
        self.moving = threading.RLock()

    @property
    def limits_um(self) -> tuple[Range, ...]:
        """Of x, y and z: those of the controller, or narrower ones of the options."""
        told = dict(zip(self.options.letters, self.session.known_travel_um(), strict=True))
        return tuple(self.options.travel_um.get(letter, told.get(letter, (0.0, 0.0))) for letter in LETTERS)

    def position_um(self) -> tuple[float, float, float]:
        """Where the sensors see the stage."""
        at = dict(zip(self.options.letters, self.session.positions_um(), strict=True))
        return (at["x"], at["y"], at.get("z", 0.0))

    def move(self, x: float, y: float, z: float, stop: threading.Event | None = None) -> bool:
        """Go there and settle; False if `stop` came first, with the stage standing where it was stopped.

        Raises
        ------
        ValueError : outside the limits, or no number; nothing moves.
        GcsError, StageError, WireError : refused by the controller, not on target in time, or the wire broke.
        """
        targets = self.checked(x, y, z)
        stop = stop or threading.Event()
        with self.moving:
            if stop.is_set():
                return False
            self.session.prepare()
            self.send_to(targets)
            return self.wait_for(targets, stop)

    def run_line(
        self,
        x_um: np.ndarray,
        y_um: np.ndarray,
        dwell_s: float,
        *,
        z_um: float | None = None,
        stop: threading.Event | None = None,
    ) -> pi_wave.Line:
        """Let the controller step through these pixels by its own clock; see `pi_wave.run`."""
        with self.moving:
            return pi_wave.run(self, x_um, y_um, dwell_s, z_um=z_um, stop=stop or threading.Event())

    def check(self) -> list[Finding]:
        """Look at the controller; nothing moves, and no servo is switched."""
        return pi_check.look(self)

    def close(self) -> None:
        self.wire.close()

    def checked(self, x: float, y: float, z: float) -> tuple[float, ...]:
        """Targets of the axes there are; ValueError if one cannot be reached."""
        targets = []
        for letter, value, (low, high) in zip(LETTERS, (x, y, z), self.limits_um, strict=True):
            if not (math.isfinite(value) and low <= value <= high):
                raise ValueError(f"{letter} = {value} um: the stage goes from {low:g} to {high:g} um")
            targets += [float(value)] * (letter in self.options.axes)
        return tuple(targets)

    def send_to(self, targets: tuple[float, ...]) -> None:
        """Tell all axes at once; a command whose fate is not known counts if the controller has these targets."""
        command = ("MOV", *(word for pair in zip(self.names, targets, strict=True) for word in pair))
        try:
            self.session.set(*command)
        except WireError:
            self.require_told(targets)
        except GcsError as refused:
            if self.session.seems_ready():
                raise
            self.wire.log.note(f"busy: {refused}")
            self.session.require_ready()
            self.session.set(*command)

    def require_told(self, targets: tuple[float, ...]) -> None:
        """WireError unless the controller, still set up, has these targets."""
        self.session.prepare()
        has = self.session.numbers("MOV?", self.names)
        if not np.allclose(has, targets, rtol=0, atol=SAME_UM):
            raise WireError(f"{self.wire.url}: the wire broke and the target was lost: {has} um, not {targets} um")

    def wait_for(self, targets: tuple[float, ...], stop: threading.Event) -> bool:
        """Until all axes are on target, and still are after the settling time; False if stopped."""
        until = time.monotonic() + self.options.move_timeout_s
        while not stop.is_set():
            on_target = self.session.flags("ONT?", self.names)
            if self.wire.openings != self.session.seen_openings:
                self.require_told(targets)
            elif all(on_target) and self.is_settled(stop):
                return True
            if time.monotonic() > until:
                self.halt()
                self.give_up(targets, on_target)
            stop.wait(POLL_S)
        self.halt()
        return False

    def is_settled(self, stop: threading.Event) -> bool:
        """Whether all axes are still on target after the settling time; False at once if stopped."""
        settle_s = self.options.settle_s
        return not settle_s or (not stop.wait(settle_s) and all(self.session.flags("ONT?", self.names)))

    def halt(self) -> None:
        """Stop, and note where."""
        self.session.stop_all()
        self.wire.log.note(f"stopped at {self.position_um()} um")

    def give_up(self, targets: tuple[float, ...], on_target: tuple[bool, ...]) -> None:
        at = dict(zip(LETTERS, self.position_um(), strict=True))
        late = [
            f"{letter} (axis {name}) stands at {at[letter]:g} um, told {target:g} um"
            for letter, name, target, there in zip(self.options.letters, self.names, targets, on_target, strict=True)
            if not there
        ]
        where = "; ".join(late) or "it does not stay on target"
        raise StageError(
            f"{self.wire.url}: not on target after {self.options.move_timeout_s:g} s, stopped: {where}. "
            "Is the stage free to move? Then look at the on-target window of the controller, or give move_timeout_s"
        )
