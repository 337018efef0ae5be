"""A PI controller with GCS 2.0 at byte level; behind it stands anything that moves like a stage, such as the twin's."""

import math
import threading
from dataclasses import dataclass, field
from typing import Any

from tests.emulators.pi_waves import WaveGenerators
from tests.emulators.wires import Emulator

IDN = "(c)2015-2018 Physik Instrumente (PI) GmbH & Co. KG, E-727.3CDA, 120040681, 14.11.01.05"
POINTS = "*IDN? CST? ERR? HLP? MOV MOV? MVR ONL ONL? ONT? POS? SAI? STP HLT SVO SVO? TMN? TMX? VEL VEL?"
WAVES = "CTO DRC DRR? GWD? RTR TWC TWS WAV WCL WGC WGO WOS WSL WTR"
COMMANDS = f"{POINTS} {WAVES}".split(" ")
MOST_ARGUMENTS, LONGEST = 32, 512


class PlainStage:
    """Goes where it is told, in `move_s`; its sensors are exact."""

    def __init__(self, travel_um=(100.0, 100.0, 20.0), move_s=0.0):
        self.limits_um = tuple((0.0, travel) for travel in travel_um)
        self.move_s, self.at = move_s, [travel / 2 for travel in travel_um]

    def move(self, x, y, z, stop=None):
        if (stop or threading.Event()).wait(self.move_s):
            return False
        self.at = [x, y, z]
        return True

    def position_um(self):
        return tuple(self.at)


class Refusal(Exception):  # noqa: N818
    """Carries the error code."""


@dataclass
class PiController(Emulator):
    """`axes` are its names of x, y and z; without z the stage stays where it is.

    needs_online : like an E-517, it moves only after ONL
    refuses : error code by command word, for the next such command only
    busy : while set, the controller is not ready and setters are refused with code 2
    never_on_target : ONT? stays 0
    """

    singles: bytes = bytes([5, 6, 7, 8, 9, 24, 27])
    stage: Any = field(default_factory=PlainStage)
    axes: tuple[str, ...] = ("1", "2", "3")
    idn: str = IDN
    servo_on: bool = False
    needs_online: bool = False
    refuses: dict[str, int] = field(default_factory=dict)
    busy: threading.Event = field(default_factory=threading.Event)
    never_on_target: bool = False
    time_scale: float = 1.0
    knows_ready: bool = True
    keeps_errors: bool = False
    error_at_start: int = 0

    def __post_init__(self):
        self.waves = WaveGenerators(len(self.axes), self.time_scale)
        self.power_cycle()

    def power_cycle(self):
        """Off and on: servo off, errors and waves forgotten."""
        self.error, self.servo = self.error_at_start, dict.fromkeys(self.axes, self.servo_on)
        self.online, self.velocity = set(), dict.fromkeys(self.axes, 1000.0)
        self.target = dict(zip(self.axes, self.stage.position_um(), strict=False))
        self.motion, self.halting = None, threading.Event()
        self.waves.clear()

    def answer(self, command):
        self.finish_waves()
        if len(command) == 1 and ord(command) < 32:
            return self.single(ord(command))
        word, *arguments = command.split(" ") if command.strip() else [""]
        try:
            return self.obey(word.upper(), [one for one in arguments if one])
        except Refusal as refused:
            self.error = refused.args[0]
        except (ValueError, IndexError):
            self.error = 1
        return b""

    def single(self, code):
        if code in (24, 27):
            self.halt()
            return b""
        replies = {5: f"{int(self.is_moving):x}", 6: "0", 8: "0", 9: f"{self.waves.running_bits():x}"}
        if code == 7:
            return (b"\xb0\n" if self.busy.is_set() else b"\xb1\n") if self.knows_ready else b""
        return f"{replies[code]}\n".encode()

    def obey(self, word, arguments):
        if code := self.refuses.pop(word, 0):
            raise Refusal(code)
        if word not in COMMANDS:
            raise Refusal(2)
        if len(arguments) > MOST_ARGUMENTS or sum(map(len, arguments)) > LONGEST:
            raise Refusal(3)
        if self.busy.is_set() and not word.endswith("?"):
            raise Refusal(2)
        if word.endswith("?"):
            return self.tell(word, arguments)
        if word in ("MOV", "MVR", "SVO", "VEL", "ONL", "STP", "HLT"):
            getattr(self, word.lower())(arguments)
        elif wrong := self.waves.obey(word, arguments):
            raise Refusal(wrong)
        return b""

    def tell(self, word, arguments):
        if word == "*IDN?":
            return self.idn.encode() + b"\n"
        if word == "ERR?":
            error, self.error = self.error, self.error if self.keeps_errors else 0
            return b"%d\n" % error
        if word == "HLP?":
            return block(["The following commands are valid:", *COMMANDS, "end of help"])
        if word == "SAI?":
            return block(list(self.axes))
        if word == "DRR?":
            return self.waves.recorded(arguments)
        names = arguments or (list(self.axes) if word != "ONL?" else list("123"))
        if word != "ONL?" and not set(names) <= set(self.axes):
            raise Refusal(15)
        return block([f"{name}={self.value(word, name)}" for name in names])

    def value(self, word, name):
        index = self.axes.index(name) if name in self.axes else 0
        numbers = {
            "POS?": lambda: self.at()[index],
            "MOV?": lambda: self.target[name],
            "TMN?": lambda: self.stage.limits_um[index][0],
            "TMX?": lambda: self.stage.limits_um[index][1],
            "VEL?": lambda: self.velocity[name],
        }
        if word in numbers:
            return f"{numbers[word]():.6f}"
        flags = {
            "ONT?": lambda: not self.is_moving and not self.never_on_target and self.servo[name],
            "SVO?": lambda: self.servo[name],
            "ONL?": lambda: name in self.online,
        }
        return str(int(flags[word]())) if word in flags else "P-733.3CD"

    def at(self):
        played = self.waves.now()
        return [played.get(n + 1, at) for n, at in enumerate(self.stage.position_um())]

    def pairs(self, arguments, known=None):
        """Checked (name, value) pairs; nothing is done before all are good."""
        if not arguments or len(arguments) % 2:
            raise Refusal(24)
        names, values = arguments[::2], [float(value) for value in arguments[1::2]]
        if not set(names) <= set(known or self.axes):
            raise Refusal(15)
        if not all(map(math.isfinite, values)):
            raise Refusal(1)
        return dict(zip(names, values, strict=True))

    def onl(self, arguments):
        self.online |= {name for name, value in self.pairs(arguments, "123").items() if value}

    def svo(self, arguments):
        if self.needs_online and len(self.online) < len(self.axes):
            raise Refusal(60)
        self.servo |= {name: bool(value) for name, value in self.pairs(arguments).items()}

    def vel(self, arguments):
        wanted = self.pairs(arguments)
        if any(value <= 0 for value in wanted.values()):
            raise Refusal(8)
        self.velocity |= wanted

    def mvr(self, arguments):
        self.go({name: self.target[name] + value for name, value in self.pairs(arguments).items()})

    def mov(self, arguments):
        self.go(self.pairs(arguments))

    def go(self, wanted):
        for name, value in wanted.items():
            low, high = self.stage.limits_um[self.axes.index(name)]
            if not self.servo[name]:
                raise Refusal(5)
            if not low <= value <= high:
                raise Refusal(7)
        if self.waves.running_bits():
            raise Refusal(73)
        self.settle()
        self.target |= wanted
        start = list(self.stage.position_um())
        goal = [self.target.get(name, at) for name, at in zip((*self.axes, "", "")[:3], start, strict=True)]
        self.halting = threading.Event()
        self.motion = threading.Thread(target=self.stage.move, args=(*goal, self.halting), daemon=True)
        self.motion.start()
        if getattr(self.stage, "move_s", None) == 0:
            self.motion.join()

    @property
    def is_moving(self):
        return self.motion is not None and self.motion.is_alive()

    def settle(self):
        self.halting.set()
        if self.motion is not None:
            self.motion.join()

    def stp(self, arguments):
        self.halt()

    hlt = stp

    def halt(self):
        for index, at in self.waves.stop().items():
            self.place({self.axes[index - 1]: at})
        self.settle()
        self.target |= dict(zip(self.axes, self.stage.position_um(), strict=False))
        self.error = 10

    def finish_waves(self):
        for index, at in self.waves.ended().items():
            self.place({self.axes[index - 1]: at})

    def place(self, wanted):
        """Let the stage stand where a wave has left it."""
        at = dict(zip((*self.axes, "", "")[:3], self.stage.position_um(), strict=True)) | wanted
        self.stage.move(*at.values(), threading.Event())
        self.target |= wanted


def block(lines):
    """Several lines: a space before every end but the last."""
    return " \n".join(lines).encode() + b"\n"
