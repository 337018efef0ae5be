"""SPADs that nobody hears but the card: rates from its meter, counts from its histograms or its photon records.

The card has one meter. With both SPADs on the router it hears their sum, which stands for each of them: nothing that
is too bright is missed, and a SPAD that is dead beside a bright one is. With one SPAD on each input the second is heard
only between measurements.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from threading import Event
from typing import Any, ClassVar

import numpy as np

from devices.iocs.backends import ROUTES
from devices.iocs.drivers.bench_blocks import CounterBlock
from devices.iocs.drivers.counting.records import in_bins
from devices.iocs.drivers.counting.spad_units import SpadUnit, check_units
from devices.iocs.drivers.counting.watched_card import WatchedCard
from devices.iocs.drivers.finding import Finding
from devices.iocs.drivers.latest import Latest
from devices.iocs.drivers.wires.wire_log import WireLog

METER_PERIOD_S = 0.1
SYNC_PERIOD_S = 5.0  # the meter is away from the first SPAD for a second each time


@dataclass(frozen=True)
class CardSpadsOptions:
    """units : the SPAD of each route (see `SpadUnit`)."""

    units: Mapping[str, SpadUnit]

    def __post_init__(self) -> None:
        check_units(self.units)


class CardSpads:
    """Answers `Spads` and `Counters` out of the card."""

    most_bins: ClassVar = {"raster": 1, "clock": 1_000_000}

    def __init__(self, options: CardSpadsOptions, *, card: WatchedCard, log: WireLog | None = None) -> None:
        self.options, self.card, self.log = options, card, log
        self._latest = Latest(self._read, what="the rate meter of the card", period_s=METER_PERIOD_S)
        self._second_cps, self._second_s = 0.0, -float("inf")

    @property
    def dark_cps(self) -> dict[str, float]:
        return {route: self.options.units[route].dark_cps for route in ROUTES}

    @property
    def dead_time_ns(self) -> Sequence[float]:
        return tuple(self.options.units[route].lost_ns for route in ROUTES)

    def rates(self) -> dict[str, float]:
        """The last reading of the meter; TimeoutError if it is older than two seconds."""
        return self._latest.value()

    def acquire(
        self, n_bins: int, bin_s: float, *, acquisition: int, index: int, stop: Event | None = None
    ) -> CounterBlock:
        """Count with the card, as it is cabled; ValueError where it cannot."""
        identity: dict[str, Any] = {"acquisition": acquisition, "index": index, "stop": stop}
        if self.card.wiring == "clock":
            return self._from_records(n_bins, bin_s, **identity)
        if self.card.wiring == "raster" and n_bins == 1:
            block = self.card.acquire(bin_s, **identity)
            counts = block.histograms.sum(axis=1, dtype=np.int64)[None]
            kept = counts * (not block.interrupted)
            return CounterBlock(kept, block.lit_fraction, block.started_s, block.elapsed_s, block.interrupted)
        raise ValueError(
            f"the card cannot count {n_bins} bin(s) of each SPAD in the wiring {self.card.wiring!r}: re-cable it "
            '("clock" counts in bins, "raster" one at a time), or give the lab a counter: spads driver "serial_counter"'
        )

    def check(self) -> list[Finding]:
        """What the meter hears."""
        rates = self._read()
        told = ", ".join(f"{route} {cps:.0f} cps" for route, cps in rates.items())
        to_do = "cover one SPAD after the other and see the rate fall" if self.card.wiring != "hbt" else ""
        return [Finding(f"rate meter, wiring {self.card.wiring}", "unverified" if to_do else "ok", told, to_do)]

    def close(self) -> None:
        self._latest.close()

    def _from_records(self, n_bins: int, bin_s: float, **identity: Any) -> CounterBlock:
        """Bins of photon records; an overrun ends them early, and is no measurement."""
        block = self.card.acquire_records(n_bins * bin_s, **identity)
        if block.overrun:
            raise ValueError(f"the memory of the card ran over after {block.elapsed_s:.3g} s: less light")
        whole = n_bins if not block.interrupted else min(int(block.elapsed_s / bin_s), n_bins)
        counts = in_bins(block.records, n_bins, bin_s)
        counts[whole:] = 0
        return CounterBlock(counts, block.lit_fraction, block.started_s, block.elapsed_s, whole < n_bins)

    def _read(self) -> dict[str, float]:
        first_cps = max(float(self.card.count_rate_cps()), 0.0)
        if self.card.wiring != "hbt":
            return dict.fromkeys(ROUTES, first_cps)
        if not self.card.measures.is_set() and time.monotonic() - self._second_s > SYNC_PERIOD_S:
            self._second_cps, self._second_s = float(self.card.sync_rate_hz()), time.monotonic()
        return dict(zip(ROUTES, (first_cps, max(first_cps, self._second_cps)), strict=True))
