"""A counting card on a real bench: what is cabled to it is remembered, and whether it measures is known."""

import threading
from collections.abc import Callable, Sequence
from typing import Any

from devices.iocs.backends import Stop
from devices.iocs.drivers.memory import BenchMemory


class WatchedCard:
    """A `Card`. measures : set as long as it measures."""

    def __init__(self, card: Any, memory: BenchMemory) -> None:
        self.card, self.memory = card, memory
        self.measures = threading.Event()

    @property
    def cabled(self) -> str:
        """The wiring that the operator declared last; "" if nobody has yet."""
        return self.memory.get("wiring")

    @property
    def wiring(self) -> str:
        return self.card.wiring

    @wiring.setter
    def wiring(self, name: str) -> None:
        self.card.wiring = name
        self.memory.keep("wiring", name)

    @property
    def max_records(self) -> int:
        return self.card.max_records

    @property
    def serial(self) -> str:
        return self.card.serial

    @property
    def base_resolution_ps(self) -> float:
        return self.card.base_resolution_ps

    @property
    def n_channels(self) -> int:
        return self.card.n_channels

    @property
    def range_codes(self) -> Sequence[int]:
        return self.card.range_codes

    @property
    def range_code(self) -> int:
        return self.card.range_code

    @property
    def bin_width_ns(self) -> float:
        return self.card.bin_width_ns

    def configure(self, range_code: int, offset_ns: float) -> float:
        return self.card.configure(range_code, offset_ns)

    def sync_rate_hz(self, stop: Stop | None = None) -> float:
        return self.card.sync_rate_hz(stop)

    def count_rate_cps(self) -> float:
        return self.card.count_rate_cps()

    def acquire(self, tacq_s: float, *, acquisition: int, index: int, stop: Stop | None = None) -> Any:
        return self._measured(self.card.acquire, tacq_s, acquisition=acquisition, index=index, stop=stop)

    def acquire_hbt(self, tacq_s: float, *, n_bins: int, acquisition: int, index: int, stop: Stop | None = None) -> Any:
        identity = {"acquisition": acquisition, "index": index, "stop": stop}
        return self._measured(self.card.acquire_hbt, tacq_s, n_bins=n_bins, **identity)

    def acquire_records(self, tacq_s: float, *, acquisition: int, index: int, stop: Stop | None = None) -> Any:
        return self._measured(self.card.acquire_records, tacq_s, acquisition=acquisition, index=index, stop=stop)

    def _measured(self, acquire: Callable[..., Any], *what: Any, **how: Any) -> Any:
        self.measures.set()
        try:
            return acquire(*what, **how)
        finally:
            self.measures.clear()

    def close(self) -> None:
        self.card.close()
