"""The way to a counting card: the helper process, what it was told, and what it must be told again."""

import math
import threading
import time
from collections.abc import Callable
from typing import Any

from devices.iocs.backends import Stop
from devices.iocs.config import WIRINGS
from devices.iocs.drivers.timeharp import thlib
from devices.iocs.drivers.timeharp.client import CardError, Helper
from devices.iocs.drivers.wires.wire_log import WireLog

FIRST_RANGE = 2  # the range that holds the period of 2 MHz


class CardLink:
    """A card that is opened when it is needed, calibrated when it is due, and opened in a new helper after it failed.

    turn : held while something is set or measured
    """

    def __init__(self, options: Any, board: str, log: WireLog) -> None:
        self.options, self.board, self.log = options, board, log
        self.turn = threading.RLock()
        self.wiring, self.range_code, self.offset_ns = "raster", FIRST_RANGE, 0
        self.helper: Helper | None = None
        self.opened: tuple[int, bool] | None = None  # mode and routing
        self.found: dict[str, Any] = {}
        self.took: dict[str, Any] | None = None  # the window
        self.on_s, self.calibrated_s, self.acquisition = math.nan, -math.inf, -1

    def wire(self, name: str) -> None:
        """What is cabled from now on; the card is set up for it when it is used next."""
        if name not in WIRINGS:
            raise ValueError(f"wiring = {name!r}: there are {', '.join(WIRINGS)}")
        self.wiring = name

    def require(self, wiring: str) -> None:
        """ValueError unless the card is wired so."""
        if self.wiring != wiring:
            raise ValueError(f"the card is wired for {self.wiring!r}: this needs {wiring!r}; re-cable it")

    def require_router(self) -> None:
        """CardError if two routes cannot be told apart."""
        if self.found["routing_channels"] < 2:
            raise CardError("the card finds no router, so it cannot tell the SPADs apart; plug it in and switch it on")

    def ready(self, acquisition: int | None = None) -> Helper:
        """The helper, its card set up for the present wiring, calibrated if that is due at a new acquisition."""
        with self.turn:
            if self.helper is None or not self.helper.alive or self.helper.doubtful:
                self.start()
            assert self.helper is not None
            wanted = (thlib.TIME_TAGS if self.wiring == "clock" else thlib.HISTOGRAMS, self.wiring == "raster")
            if self.opened != wanted:
                self.open(self.helper, *wanted)
            if acquisition is not None and acquisition != self.acquisition:
                self.acquisition = acquisition
                if self.calibration_is_due():
                    self.calibrate()
            if self.took is None:
                self.send_window()
            return self.helper

    def start(self) -> None:
        self.opened = self.took = None
        if self.helper is not None:
            self.helper.end()
        self.helper = Helper(self.options.interpreter, str(self.options.library), self.board, self.log)

    def open(self, helper: Helper, mode: int, routing: bool) -> None:
        self.opened = self.took = None
        self.found, _ = helper.ask(
            "open", mode=mode, routing=routing, levels=self.options.levels(), serial=self.options.serial
        )
        self.opened, self.calibrated_s = (mode, routing), time.monotonic()
        if math.isnan(self.on_s):
            self.on_s = self.calibrated_s

    def calibration_is_due(self) -> bool:
        """The board has become warm since, or its calibration has become old."""
        now_s, warm_s = time.monotonic(), self.on_s + self.options.warm_up_s
        old = self.options.recalibrate_s and now_s - self.calibrated_s > self.options.recalibrate_s
        return bool(old) or self.calibrated_s < warm_s <= now_s

    def calibrate(self) -> None:
        """Calibrate the board; the width of its channels changes a little."""
        with self.turn:
            assert self.helper is not None
            self.helper.ask("calibrate")
            self.calibrated_s, self.took = time.monotonic(), None

    def set_window(self, range_code: int, offset_ns: int) -> float:
        """Range and offset from now on; the offset that the card took."""
        with self.turn:
            before = self.range_code, self.offset_ns
            self.range_code, self.offset_ns, self.took = range_code, offset_ns, None
            try:
                if self.ready() and self.calibration_is_due():
                    self.calibrate()
                return float(self.window()["offset_ns"])
            except BaseException:
                (self.range_code, self.offset_ns), self.took = before, None
                raise

    def send_window(self) -> None:
        assert self.helper is not None
        took, _ = self.helper.ask("window", range_code=self.range_code, offset_ns=self.offset_ns)
        check_width(took["bin_width_ns"], self.range_code, self.found["base_resolution_ps"])
        self.took = took

    def window(self) -> dict[str, Any]:
        """The offset that the card took, and the width of its channels."""
        with self.turn:
            self.ready()
            assert self.took is not None
            return self.took

    def identity(self) -> dict[str, Any]:
        with self.turn:
            self.ready()
            return self.found

    def meter(self, source: str) -> int:
        """What the meter shows of an input, also while something else is measured."""
        helper = self.helper
        if helper is None or not helper.alive or helper.doubtful or self.opened is None:
            helper = self.ready()
        return helper.ask("meter", link="meter", source=source)[0]["cps"]

    def close(self) -> None:
        with self.turn:
            helper, self.helper, self.opened = self.helper, None, None
            if helper is not None:
                helper.end()


def check_width(width_ns: float, range_code: int, base_ps: float) -> None:
    """CardError if the width of a channel is not what the base resolution of the board lets expect."""
    if not 0.5 * base_ps < 1000 * width_ns / 2**range_code < 2 * base_ps:
        raise CardError(
            f"the library tells of channels {width_ns:g} ns wide in range {range_code}, the board of {base_ps:g} ps in "
            "range 0: they do not belong together; is this the library of this board?"
        )


class Watch:
    """What happens while the card measures: the light is looked at, and a stop is passed on."""

    def __init__(self, helper: Helper, stop: Stop | None, lit: Callable[[], bool] | None) -> None:
        self.helper, self.stop, self.lit = helper, stop, lit
        self.started_s = time.time()
        self.seen = [self.light()]

    def __call__(self) -> None:
        self.seen.append(self.light())
        if self.stop is not None and self.stop.is_set():
            self.helper.ask("stop", link="stop")

    def light(self) -> bool:
        return self.lit is None or self.lit()

    @property
    def lit_fraction(self) -> float:
        """Share of the time with light."""
        return sum(self.seen) / len(self.seen)


def whole_ms(tacq_s: float, low_ms: int, high_ms: int) -> int:
    """An integration time as the card takes it; ValueError if it cannot."""
    tacq_ms = round(1000 * tacq_s) if math.isfinite(tacq_s) else 0
    if not low_ms <= tacq_ms <= high_ms or abs(1000 * tacq_s - tacq_ms) > 1e-6 * tacq_ms:
        raise ValueError(
            f"tacq_s = {tacq_s}: the card measures whole milliseconds, {low_ms / 1000:g}..{high_ms / 1000:g} s"
        )
    return tacq_ms
