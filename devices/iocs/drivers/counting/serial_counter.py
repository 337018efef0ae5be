"""Two pulse counters on a serial port: rates of both SPADs, and counts in equal bins without gaps.

The gates of the counter come in an endless stream, read by a thread of its own; rates and measurements are cut from it,
so that whoever watches the SPADs sees every click of a measurement as well. Its language: see `gates`.
"""

import math
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from devices.iocs.backends import ROUTES
from devices.iocs.drivers.bench_blocks import CounterBlock
from devices.iocs.drivers.counting.gates import MOST_CPS, Gate, Stream
from devices.iocs.drivers.counting.spad_units import SpadUnit, check_units
from devices.iocs.drivers.finding import Finding
from devices.iocs.drivers.wires.wire import BadReplyError, Wire, WireError
from devices.iocs.drivers.wires.wire_log import WireLog

RATE_S, STALE_S, RETRY_S, FIRST_S = 0.1, 0.5, 0.5, 3.0
SILENT_S = 1.0  # without a gate: it is asked anew
MAX_BINS = 10_000_000


@dataclass(frozen=True)
class SerialCounterOptions:
    """port, baudrate : of the counter; units : the SPAD of each route (see `SpadUnit`)

    channels : which input of the counter the SPAD of each route is plugged into
    gate_ms : length of its gates: no bin is shorter, and each is a whole number of them
    latency_ms : how late a gate may arrive: what comes sooner after the start of a measurement is not counted
    serial : the serial number it must have; "" accepts any
    """

    port: str
    units: Mapping[str, SpadUnit]
    channels: Mapping[str, str] = field(default_factory=lambda: dict(zip(ROUTES, "AB", strict=True)))
    baudrate: int = 1_000_000
    gate_ms: int = 1
    latency_ms: float = 20.0
    serial: str = ""

    def __post_init__(self) -> None:
        check_units(self.units)
        if sorted(self.channels) != sorted(ROUTES) or sorted(self.channels.values()) != ["A", "B"]:
            raise ValueError(f'channels = {dict(self.channels)}: give one route "A" and the other "B"')
        if not 1 <= self.gate_ms <= 1000:
            raise ValueError(f"gate_ms = {self.gate_ms}: allowed is 1..1000")
        if not 0 <= self.latency_ms <= 1000:
            raise ValueError(f"latency_ms = {self.latency_ms}: allowed is 0..1000")


class SerialCounter:
    """Answers `Spads` and `Counters`; begins to listen when it is first asked."""

    def __init__(self, options: SerialCounterOptions, *, log: WireLog | None = None) -> None:
        self.options, self.gate_s = options, options.gate_ms / 1000
        self.wire = Wire(options.port, baudrate=options.baudrate, opened=self._set_up, log=log)
        self.identity = ""
        self._order = [0, 1] if options.channels[ROUTES[0]] == "A" else [1, 0]
        self._news = threading.Condition()
        self._recent: deque[tuple[float, Gate]] = deque(maxlen=max(1, round(RATE_S / self.gate_s)))
        self._n_gates, self._kept, self._keeping = 0, deque[Gate | None](), False
        self._why: Exception | None = None
        self._stop, self._thread = threading.Event(), None

    @property
    def dark_cps(self) -> dict[str, float]:
        return {route: self.options.units[route].dark_cps for route in ROUTES}

    @property
    def dead_time_ns(self) -> Sequence[float]:
        return tuple(self.options.units[route].lost_ns for route in ROUTES)

    def rates(self) -> dict[str, float]:
        """Of the last tenth of a second; TimeoutError if nothing came for half a second."""
        self._begin()
        with self._news:
            self._news.wait_for(lambda: len(self._recent) == self._recent.maxlen or self._why, timeout=STALE_S)
            recent = list(self._recent)
        if not recent or time.monotonic() - recent[-1][0] > STALE_S:
            raise TimeoutError(f"{self.options.port}: the counter sends nothing ({self._why or 'silent'})")
        seconds = len(recent) * self.gate_s
        totals = (sum(gate.a for _, gate in recent) / seconds, sum(gate.b for _, gate in recent) / seconds)
        return {route: totals[channel] for route, channel in zip(ROUTES, self._order, strict=True)}

    def acquire(
        self, n_bins: int, bin_s: float, *, acquisition: int, index: int, stop: threading.Event | None = None
    ) -> CounterBlock:
        """Count in bins without gaps; the whole bins so far if stopped. WireError if a gate was lost meanwhile."""
        n_gates = self._gates_in(n_bins, bin_s)
        time.sleep(self.options.latency_ms / 1000)
        started_s = time.time()
        counts = self.collect(n_bins * n_gates, stop)
        whole = len(counts) // n_gates
        bins = np.zeros((n_bins, len(ROUTES)), np.int64)
        bins[:whole] = counts[: whole * n_gates].reshape(whole, n_gates, len(ROUTES)).sum(axis=1)
        elapsed_s = len(counts) * self.gate_s
        return CounterBlock(bins, math.nan, started_s, elapsed_s, whole < n_bins)

    def collect(self, n_gates: int, stop: threading.Event | None = None) -> np.ndarray:
        """(n, n_routes) counts of the next gates, fewer if stopped; WireError if one is missing."""
        self._begin()
        taken: list[Gate] = []
        with self._news:
            self._news.wait_for(lambda: self._recent, timeout=FIRST_S)
            if self._keeping:
                raise WireError(f"{self.options.port}: the counter counts for somebody else already")
            self._kept.clear()
            self._keeping = True
            try:
                while len(taken) < n_gates and not (stop is not None and stop.is_set()):
                    self._take(taken, n_gates)
            finally:
                self._keeping = False
        return np.array([(gate.a, gate.b) for gate in taken], np.int64).reshape(-1, len(ROUTES))[:, self._order]

    def trace(self, n_bins: int, bin_s: float, stop: threading.Event | None = None) -> np.ndarray:
        """(n_bins, n_routes) counts from now on, in bins that are equal to within a gate; zero where stopped."""
        n_gates = max(round(n_bins * bin_s / self.gate_s), 1)
        counts = self.collect(n_gates, stop)
        bins = np.zeros((n_bins, len(ROUTES)), np.int64)
        np.add.at(bins, np.arange(len(counts)) * n_bins // n_gates, counts)
        return bins

    def check(self) -> list[Finding]:
        """Who it is, and whether a second of gates comes whole and in time."""
        began_s = time.monotonic()
        n = round(1 / self.gate_s)
        self.collect(n)
        took_s = time.monotonic() - began_s
        told = f"{n} gates of {self.options.gate_ms} ms came within {took_s:.2f} s"
        state = "ok" if abs(took_s - 1) < 0.2 else "failed"
        to_do = "" if state == "ok" else "the clock of the counter is wrong, or the port is too slow: raise baudrate"
        return [Finding("identity", "ok", self.identity), Finding("gates", state, told, to_do)]

    def close(self) -> None:
        """End the thread and leave the port."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        self.wire.close()

    def _gates_in(self, n_bins: int, bin_s: float) -> int:
        """Gates in a bin; ValueError for bins it cannot count."""
        n = bin_s / self.gate_s
        if not (math.isfinite(n) and round(n) >= 1 and abs(n - round(n)) <= 1e-6 * n):
            raise ValueError(f"bins of {bin_s:g} s: the counter has gates of {self.options.gate_ms} ms, give multiples")
        if not 1 <= n_bins <= MAX_BINS:
            raise ValueError(f"n_bins = {n_bins}: allowed is 1..{MAX_BINS}")
        return round(n)

    def _take(self, taken: list[Gate], most: int) -> None:
        """Move what has come into `taken`; called with the condition held."""
        if not self._news.wait_for(lambda: self._kept or self._why, timeout=STALE_S) or not self._kept:
            raise WireError(f"{self.options.port}: the counter fell silent ({self._why or 'no gate came'})")
        while self._kept and len(taken) < most:
            gate = self._kept.popleft()
            if gate is None:
                raise WireError(
                    f"{self.options.port}: gates are missing after {len(taken)} of {most}: this measurement is not "
                    "gap-free and is not kept; is the port fast enough, or the computer too busy?"
                )
            taken.append(gate)

    def _begin(self) -> None:
        with self._news:
            if self._thread is None:
                self._thread = threading.Thread(target=self._listen, name="counter", daemon=True)
                self._thread.start()

    def _set_up(self, wire: Wire) -> None:
        """Which counter it is; then let it count."""
        ended = b"STOPPED" + wire.end
        wire.ask("STOP", complete=lambda heard: heard.endswith(ended))
        self.identity = wire.ask("ID?", self._identified)
        gate = f"GATE {self.options.gate_ms}"
        wire.ask(gate, lambda reply: _same(reply.partition("\n")[0], gate), complete=lambda heard: wire.end in heard)

    def _identified(self, reply: str) -> str:
        word, _, serial = reply.partition(" ")
        if word != "COUNTER" or not serial.isprintable() or not serial:
            raise BadReplyError(f"it says it is {reply!r}, not a counter: is this its port?")
        if self.options.serial and serial != self.options.serial:
            raise BadReplyError(f"it has the serial number {serial!r}, not {self.options.serial!r}: another counter")
        return reply

    def _listen(self) -> None:
        """Read the stream until the end; a wire that breaks is opened again."""
        stream, heard_s = Stream(MOST_CPS * self.gate_s), time.monotonic()
        while not self._stop.is_set():
            try:
                if self.wire.port is None:
                    self.wire.open()
                    stream = Stream(MOST_CPS * self.gate_s)
                    self._deliver([None])
                    heard_s = time.monotonic()
                port: Any = self.wire.port
                with self.wire.unbroken():
                    data = port.read(max(1, port.in_waiting))
                self._deliver(list(stream.feed(data)))
                heard_s = time.monotonic() if data else heard_s
                if time.monotonic() - heard_s > SILENT_S + self.gate_s:
                    self.wire.close()
                    raise WireError("it has stopped sending gates")
            except (OSError, ValueError) as why:  # a wire that is broken, or another instrument at its end
                self._note(why)
                self._stop.wait(RETRY_S)

    def _deliver(self, gates: list[Gate | None]) -> None:
        if not gates:
            return
        now_s = time.monotonic()
        with self._news:
            self._why = None
            self._recent.extend((now_s, gate) for gate in gates if gate is not None)
            if self._keeping:
                self._kept.extend(gates)
            self._news.notify_all()

    def _note(self, why: Exception) -> None:
        with self._news:
            self._why = why
            self._recent.clear()
            self._kept.append(None)
            self._news.notify_all()


def _same(told: str, asked: str) -> str:
    if told != asked:
        raise BadReplyError(f"it answers {told!r} to {asked!r}")
    return told
