"""Who is at the other end of the wire, and whether it is ready to move: a PI controller and its set-up.

The controller is asked who it is whenever the wire is opened. It is set up (online, servo on) once, before the first
move; later it is only looked at, so that one that was switched off and on under a running scan is refused.
"""

import time

from devices.iocs.drivers.piezo import gcs
from devices.iocs.drivers.piezo.gcs_controller import Controller
from devices.iocs.drivers.piezo.pi_options import PiOptions, Range
from devices.iocs.drivers.wires.wire import BadReplyError, BrokenWireError, Wire, WireError
from devices.iocs.drivers.wires.wire_log import WireLog

POLL_S = 0.005


class StageError(RuntimeError):
    """The stage did not do what it was told."""


class PiSession(Controller):
    """A controller that was identified, and set up when it is to move.

    tells_ready : False once the byte that asks whether it is ready had no answer; it counts as ready then
    """

    def __init__(self, options: PiOptions, log: WireLog | None):
        self.options, self.names = options, options.names
        self.identity, self.tells_ready = "", True
        self.travel_um: tuple[Range, ...] = ()
        self.is_set_up, self.seen_openings = False, 0
        super().__init__(
            Wire(
                options.port,
                baudrate=options.baudrate or 115200,
                rtscts=options.rtscts,
                timeout_s=options.timeout_s,
                attempts=3,
                opened=self.meet,
                log=log,
            )
        )

    def known_travel_um(self) -> tuple[Range, ...]:
        """Lowest and highest position of each axis that the controller allows."""
        if not self.travel_um:
            self.wire.open()
        return self.travel_um

    def positions_um(self) -> tuple[float, ...]:
        self.wire.open()
        return self.ask(gcs.command("POS?", *self.names), self.seen)

    def meet(self, wire: Wire) -> None:
        """Make sure that this is the controller of the options, with the same travel as before."""
        identity = wire.ask("*IDN?", identity_of)
        if self.options.idn not in identity:
            raise WireError(
                f'{wire.url}: "{identity}" answers, not "{self.options.idn}"; correct port or idn of the stage'
            )
        wire.ask("ERR?", gcs.error_code)  # of whoever spoke to it before
        low, high = (self.numbers(word, self.names) for word in ("TMN?", "TMX?"))
        travel_um = tuple(zip(low, high, strict=True))
        if self.travel_um and travel_um != self.travel_um:
            raise WireError(f"{wire.url}: the travel is {travel_um} now, it was {self.travel_um}: restart its process")
        for letter, name, (lowest, highest) in zip(self.options.letters, self.names, travel_um, strict=True):
            wanted = self.options.travel_um.get(letter, (lowest, highest))
            if not lowest <= wanted[0] < wanted[1] <= highest:
                raise WireError(
                    f"{wire.url}: travel_um.{letter} = {list(wanted)}: axis {name} of the controller goes from "
                    f"{lowest:g} to {highest:g} um; narrower limits are allowed, wider ones are not"
                )
        self.identity, self.travel_um = identity, travel_um

    def prepare(self) -> None:
        """Set the controller up before the first move; look whether it still is when the wire was opened anew."""
        self.wire.open()
        if self.seen_openings == self.wire.openings:
            return
        openings = self.wire.openings
        self.require_ready()
        if self.options.needs_online and not self.is_set_up:
            self.set("ONL", *(word for channel in self.options.channels for word in (channel, 1)))
        self.require_servo()
        self.is_set_up, self.seen_openings = True, openings

    def require_servo(self) -> None:
        """Switch on what is off, the first time; StageError if that is not allowed, or was done before."""
        on = self.flags("SVO?", self.names)
        off = [name for name, is_on in zip(self.names, on, strict=True) if not is_on]
        if off and self.is_set_up:
            raise StageError(
                f"{self.wire.url}: the servo of axis {', '.join(off)} is off, it was on: the controller was switched "
                "off, or someone switched it; look at the sample, switch the servo on there or restart this process"
            )
        if off and not self.options.switches_servo_on:
            raise StageError(
                f"{self.wire.url}: the servo of axis {', '.join(off)} is off: switch it on at the controller, or set "
                "switches_servo_on = true"
            )
        if off:
            self.set("SVO", *(word for name in off for word in (name, 1)))

    def require_ready(self) -> None:
        """Wait for a busy controller; StageError if it stays busy."""
        until = time.monotonic() + self.options.move_timeout_s
        while not self.seems_ready():
            if time.monotonic() > until:
                raise StageError(
                    f"{self.wire.url}: the controller is busy for {self.options.move_timeout_s:g} s: does a macro, a "
                    "reference move or an autozero run?"
                )
            time.sleep(POLL_S)

    def seems_ready(self) -> bool:
        """Whether the controller says so, or never says it."""
        if self.tells_ready:
            try:
                return self.is_ready()
            except BrokenWireError:
                raise
            except WireError as why:
                self.wire.log.note(f"does not tell whether it is ready: {why}")
                self.tells_ready = False
        return True

    def seen(self, reply: str) -> tuple[float, ...]:
        """Of the axes there are; BadReplyError for one that no sensor can see."""
        at = gcs.numbers(reply, self.names)
        for value, (low, high) in zip(at, self.travel_um, strict=True):
            if not 2 * low - high <= value <= 2 * high - low:
                raise BadReplyError(f"{value:g} um cannot be: the axis goes from {low:g} to {high:g} um")
        return at


def identity_of(reply: str) -> str:
    """The reply to *IDN?, if it looks like one: maker, model, serial number, firmware."""
    if reply.count(",") >= 2 and reply.isprintable():
        return reply.strip()
    raise BadReplyError(f"{gcs.quoted(reply)} is no reply to *IDN?")
