"""What every counting card has beside its measurements: settings, meters, checks."""

import threading
from collections.abc import Callable
from typing import Any

import numpy as np

from devices.iocs.backends import Stop
from devices.iocs.drivers.finding import Finding
from devices.iocs.drivers.timeharp import findings, thlib
from devices.iocs.drivers.timeharp.client import CardError
from devices.iocs.drivers.timeharp.link import CardLink
from devices.iocs.drivers.wires.wire_log import WireLog

MOST_CFD_CPS, MOST_SYNC_HZ = 10e6, 100e6  # a meter that shows more shows nonsense

CountClicks = Callable[[int, float, threading.Event], np.ndarray]


class CountingCard:
    """What a card is set to, what its meters show, what a look at it finds. It connects at first use, and again when
    the helper process has died.

    lit : tells whether light reaches the sample; without it, light is assumed, so that no dose is forgotten
    counters : count(n_bins, bin_s, stop) counts clicks of both SPADs while the card measures pairs, and returns
        (n_bins, 2), zeros after `stop`; without it the card's own rate meter is asked: SPAD 1 during the measurement,
        SPAD 2 just before it, which takes a second
    """

    board = "th200"
    n_channels = thlib.N_CHANNELS
    max_records = 1 << 22
    range_codes = tuple(range(6))
    tacq_ms = (1, 36_000_000)
    offset_limits_ns = (0.0, 2000.0)

    def __init__(self, options: Any, *, log: WireLog | None = None) -> None:
        self.options = options
        self.link = CardLink(options, self.board, log or WireLog(None))
        self.lit: Callable[[], bool] | None = None
        self.counters: CountClicks | None = None

    @property
    def wiring(self) -> str:
        """What is cabled to the card."""
        return self.link.wiring

    @wiring.setter
    def wiring(self, name: str) -> None:
        self.link.wire(name)

    @property
    def serial(self) -> str:
        return self.link.identity()["serial"]

    @property
    def base_resolution_ps(self) -> float:
        """Width of the finest channel, as calibrated."""
        return 1000 * self.bin_width_ns / 2**self.range_code

    @property
    def range_code(self) -> int:
        return self.link.range_code

    @property
    def bin_width_ns(self) -> float:
        return self.link.window()["bin_width_ns"]

    def configure(self, range_code: int, offset_ns: float) -> float:
        """Choose range and offset; the offset the card really has. ValueError if it cannot."""
        if range_code not in self.range_codes:
            raise ValueError(f"range_code = {range_code}: this card has {self.range_codes}")
        low_ns, high_ns = self.offset_limits_ns
        if not low_ns <= offset_ns <= high_ns:
            raise ValueError(f"offset_ns = {offset_ns}: allowed is {low_ns:g}..{high_ns:g} ns")
        return self.link.set_window(int(range_code), round(offset_ns))

    def count_rate_cps(self) -> float:
        """Pulses per second at the detector input, also while the card measures; up to half a second between."""
        return self.metered("cfd", MOST_CFD_CPS)

    def sync_rate_hz(self, stop: Stop | None = None) -> float:
        """Pulses per second at the sync input, after the meter has settled; not while the card measures."""
        return self.metered("sync", MOST_SYNC_HZ)

    def spad_rates_cps(self) -> tuple[float, float]:
        """Of both SPADs in the wiring hbt, between measurements; the meter ends on the first one."""
        second = self.sync_rate_hz()
        return self.count_rate_cps(), second

    def metered(self, source: str, most: float) -> float:
        rate = float(self.link.meter(source))
        if not 0 <= rate <= most:
            raise CardError(f"the {source} meter shows {rate:g} per second, which no card can; read it again")
        return rate

    def check(self) -> list[Finding]:
        """Talk to the card: who it is, what its meters show. It wants the shutter closed and the laser pulsing."""
        return findings.check(self)

    def check_orientation(self, known_delay_ns: float, wait: Callable[[str], Any] | None = None) -> Finding:
        """Find which way the blocks run; see `findings.check_orientation`."""
        return findings.check_orientation(self, known_delay_ns, wait)

    def close(self) -> None:
        """Leave the card; the next use connects again."""
        self.link.close()
