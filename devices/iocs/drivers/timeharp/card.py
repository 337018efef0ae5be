"""A TimeHarp 200 in the lab, answering `Card`; its library runs in a helper process."""

from typing import Any

import numpy as np

from devices.iocs.backends import ROUTES, Stop
from devices.iocs.drivers.timeharp import records, thlib, trace
from devices.iocs.drivers.timeharp.blocks import Block, HbtBlock, RecordBlock
from devices.iocs.drivers.timeharp.client import CardError
from devices.iocs.drivers.timeharp.counting import CountingCard
from devices.iocs.drivers.timeharp.link import Watch, whole_ms
from devices.iocs.drivers.timeharp.options import TimeHarp200Options

__all__ = ["TimeHarp200", "TimeHarp200Options"]

TRACE_SAMPLES, SHORTEST_SAMPLE_S = 100, 0.05


class TimeHarp200(CountingCard):
    """A TimeHarp 200; see `CountingCard`."""

    def acquire(self, tacq_s: float, *, acquisition: int, index: int, stop: Stop | None = None) -> Block:
        """Integrate for `tacq_s`, one histogram a route; what was counted so far if `stop` is set."""
        self.link.require("raster")
        tacq_ms = whole_ms(tacq_s, *self.tacq_ms)
        with self.link.turn:
            helper = self.link.ready(acquisition)
            self.link.require_router()
            watch, inputs = Watch(helper, stop, self.lit), self.inputs
            told, data = helper.ask(
                "histograms", longest_s=2 * tacq_s, meanwhile=watch, tacq_ms=tacq_ms, blocks=inputs, stop_full=False,
                meter_every_s=0.0,
            )  # fmt: skip
        raw = self.raw_blocks(data, len(inputs))
        histograms, overflow = limited(self.forward(raw), told)
        return Block(histograms, overflow, watch.lit_fraction, watch.started_s, elapsed_s(told, tacq_s), told["halted"])

    def acquire_hbt(
        self, tacq_s: float, *, n_bins: int, acquisition: int, index: int, stop: Stop | None = None
    ) -> HbtBlock:
        """As `acquire`, starts and stops from the two SPADs; it ends early when a channel is full."""
        self.link.require("hbt")
        if n_bins < 1:
            raise ValueError(f"n_bins = {n_bins}: it must be at least 1")
        tacq_ms = whole_ms(tacq_s, *self.tacq_ms)
        with self.link.turn:
            helper = self.link.ready(acquisition)
            clicks = trace.Clicks.of(self, n_bins, tacq_s)
            watch = Watch(helper, stop, self.lit)
            with clicks.counting():
                told, data = helper.ask(
                    "histograms", longest_s=2 * tacq_s, meanwhile=watch, tacq_ms=tacq_ms, blocks=[self.pair_block],
                    stop_full=True, meter_every_s=max(tacq_s / TRACE_SAMPLES, SHORTEST_SAMPLE_S),
                )  # fmt: skip
                if (took_s := elapsed_s(told, tacq_s)) < tacq_s:
                    clicks.stop.set()
        raw = self.raw_blocks(data, 1)
        histograms, overflow = limited(self.start_stop(raw), told)
        return HbtBlock(
            histograms[0], clicks.counts(told["rates"], took_s), overflow, watch.lit_fraction, watch.started_s,
            took_s, told["halted"], clicks.estimated,
        )  # fmt: skip

    def acquire_records(self, tacq_s: float, *, acquisition: int, index: int, stop: Stop | None = None) -> RecordBlock:
        """As `acquire`, every photon with its time; until the FIFO is full."""
        self.link.require("clock")
        tacq_ms = whole_ms(tacq_s, *self.tacq_ms)
        with self.link.turn:
            helper = self.link.ready(acquisition)
            self.link.require_router()
            watch = Watch(helper, stop, self.lit)
            told, data = helper.ask(
                "records", longest_s=2 * tacq_s, meanwhile=watch, tacq_ms=tacq_ms, most=self.max_records
            )
        words, counts = self.routed(data, told, tacq_s)
        early = told["overrun"] or told["halted"]
        return RecordBlock(
            words, counts, told["overrun"], watch.lit_fraction, watch.started_s,
            min(records.reach_s(words), tacq_s) if early else tacq_s, told["halted"],
        )  # fmt: skip

    @property
    def inputs(self) -> list[int]:
        """The router input of each route."""
        return [self.options.routes[route] for route in ROUTES]

    def raw_blocks(self, data: bytes, n_blocks: int) -> np.ndarray:
        """(n_blocks, n_channels) as the library delivers them."""
        return np.frombuffer(data, "<u4").reshape(n_blocks, self.n_channels)

    @property
    def pair_block(self) -> int:
        """The block that pairs are counted into."""
        return 0

    def forward(self, raw: np.ndarray) -> np.ndarray:
        """Blocks forward in time, of photons after laser pulses."""
        return raw if self.options.block_is == "forward" else raw[:, ::-1]

    def start_stop(self, raw: np.ndarray) -> np.ndarray:
        """Blocks by the time from start to stop."""
        return raw if self.options.block_is == "reversed" else raw[:, ::-1]

    def routed(self, data: bytes, told: dict[str, Any], tacq_s: float) -> tuple[np.ndarray, np.ndarray]:
        """T3R records, and the photons of each route among them."""
        return records.routed(np.frombuffer(data, "<u4"), self.inputs)


def limited(counts: np.ndarray, told: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """Counts as 16 bits hold them, and which histograms overflowed; CardError if the card tells of a fault."""
    if told["flags"] & thlib.SYSTEM_ERROR:
        raise CardError("the card reports a system error; switch the PC off and on, then measure again")
    highest = counts.max(axis=1)
    full = highest >= thlib.FULL_BIN
    overflow = (full if full.any() else np.ones_like(full)) & bool(told["flags"] & thlib.OVERFLOW)
    overflow |= highest > thlib.FULL_BIN
    return np.minimum(counts, thlib.FULL_BIN).astype(np.uint16), overflow


def elapsed_s(told: dict[str, Any], tacq_s: float) -> float:
    """How long the card measured: to the end, unless it was halted or a channel was full."""
    if told["halted"] or told["flags"] & thlib.OVERFLOW:
        return min(max(told["elapsed_ms"] / 1000, 0.0), tacq_s)
    return tacq_s
