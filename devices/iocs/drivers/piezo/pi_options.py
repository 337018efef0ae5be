"""What lab.toml tells of a PI stage."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

LETTERS = ("x", "y", "z")
AXIS = re.compile(r"[A-Za-z0-9_-]{1,8}")
Range = tuple[float, float]


@dataclass(frozen=True)
class LineOptions:
    """Hardware-timed lines; which of these a controller understands so is to be seen on the bench.

    servo_period_s : of the controller; not given, there are no such lines. E-727: 50e-6
    generators : wave generators of x and y; each plays the wave table, and fills the recorder table, of its number
    points_per_pixel : points of the wave table in each dwell, and recorded positions that are averaged
    sweeps : whether x and y run on evenly through the pixels (WAV LIN) instead of standing at each (WAV PNT)
    start_mode : bits of WGO that start a generator: bit 0 at once, bit 1 at an external trigger
    trigger_output : digital line that is high during the first point of every pixel; 0 for none
    switches_per_tws : trigger points in one TWS command; 1 if the controller refuses more
    is_recording : whether positions are read from the data recorder; without, they are NaN
    """

    servo_period_s: float = 0.0
    generators: tuple[int, int] = (1, 2)
    points_per_pixel: int = 4
    sweeps: bool = False
    start_mode: int = 1
    trigger_output: int = 0
    switches_per_tws: int = 10
    is_recording: bool = True

    def __post_init__(self):
        require(0 <= self.servo_period_s <= 0.01, "servo_period_s", self.servo_period_s, "1e-6 to 0.01, E-727: 50e-6")
        require(len({*self.generators}) == 2, "generators", self.generators, "two different numbers, such as [1, 2]")
        require(min(self.generators) > 0, "generators", self.generators, "numbers from 1")
        require(1 <= self.points_per_pixel <= 1000, "points_per_pixel", self.points_per_pixel, "1 to 1000")
        require(0 < self.start_mode < 0x10000, "start_mode", self.start_mode, "the bits of WGO, 1 to start at once")
        require(0 <= self.trigger_output <= 8, "trigger_output", self.trigger_output, "1 for OUT1, 0 for none")
        require(1 <= self.switches_per_tws <= 10, "switches_per_tws", self.switches_per_tws, "1 to 10")
        pulses = not self.trigger_output or self.points_per_pixel > 1
        require(pulses, "points_per_pixel", self.points_per_pixel, "at least 2 with a trigger output")


@dataclass(frozen=True)
class PiOptions:
    """Port and peculiarities of a PI controller with GCS 2.0.

    port : "COM3", "/dev/ttyUSB0" or "socket://192.168.1.5:50000"
    baudrate : of a serial port; it has to be given there, each controller has its own
    rtscts : whether the serial port has handshake lines
    axes : what the controller calls x, y and, if there is one, z
    idn : text that the reply to *IDN? holds; another controller is refused. The serial number is best
    travel_um : narrower limits than those of the controller, by axis: {x = [10, 90]}
    settle_s : on target, and for so long; ONT? itself has its window in the controller
    timeout_s : for a reply
    move_timeout_s : for a move to be on target
    needs_online : whether channels are put under control of this computer (ONL), as on an E-517
    online_channels : those channels; 1, 2 .. by default, as many as there are axes
    switches_servo_on : whether the first move switches on a servo that is off; otherwise it is refused
    """

    port: str
    baudrate: int | None = None
    rtscts: bool = False
    axes: Mapping[str, str] = field(default_factory=lambda: {"x": "1", "y": "2", "z": "3"})
    idn: str = ""
    travel_um: Mapping[str, Range] = field(default_factory=dict)
    settle_s: float = 0.0
    timeout_s: float = 1.0
    move_timeout_s: float = 10.0
    needs_online: bool = False
    online_channels: tuple[int, ...] = ()
    switches_servo_on: bool = True
    lines: LineOptions = field(default_factory=LineOptions)

    def __post_init__(self):
        require(bool(self.port), "port", self.port, '"COM3", "/dev/ttyUSB0" or "socket://<host>:50000"')
        known = "://" in self.port or self.port.startswith("replay:")
        require(known or self.baudrate is not None, "baudrate", self.baudrate, "the rate set at the controller")
        require(self.baudrate is None or self.baudrate > 0, "baudrate", self.baudrate, "such as 115200")
        named = set(self.axes)
        require({"x", "y"} <= named <= set(LETTERS), "axes", dict(self.axes), 'x and y, perhaps z: {x = "1", y = "2"}')
        names = list(self.axes.values())
        good = len(set(names)) == len(names) and all(AXIS.fullmatch(str(name)) for name in names)
        require(good, "axes", dict(self.axes), "a different name for each axis, as SAI? tells them")
        require(set(self.travel_um) <= named, "travel_um", dict(self.travel_um), f"only of {', '.join(self.letters)}")
        for letter, (low, high) in self.travel_um.items():
            require(low < high, f"travel_um.{letter}", [low, high], "the lower limit first")
        require(0 <= self.settle_s <= 60, "settle_s", self.settle_s, "0 to 60 s")
        require(0 < self.timeout_s <= 60, "timeout_s", self.timeout_s, "above 0, at most 60 s")
        longest = self.settle_s < self.move_timeout_s <= 600
        require(longest, "move_timeout_s", self.move_timeout_s, "longer than settle_s, at most 600 s")

    @property
    def letters(self) -> tuple[str, ...]:
        """The axes there are, x first."""
        return tuple(letter for letter in LETTERS if letter in self.axes)

    @property
    def names(self) -> tuple[str, ...]:
        """What the controller calls them."""
        return tuple(self.axes[letter] for letter in self.letters)

    @property
    def channels(self) -> tuple[int, ...]:
        return self.online_channels or tuple(range(1, len(self.axes) + 1))


def require(good: bool, name: str, value: object, allowed: str) -> None:
    if not good:
        raise ValueError(f"{name} = {value!r}: {allowed}")
