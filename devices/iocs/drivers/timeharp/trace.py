"""Clicks of both SPADs while the card measures pairs: counted beside it, or estimated from its own rate meter."""

import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

N_SPADS = 2
LATE_S = 5.0


class Clicks:
    """Clicks of one measurement in equal bins.

    estimated : they come from the rate meter; stop : set to end the counting before its time
    """

    def __init__(
        self, n_bins: int, tacq_s: float, cps: Sequence[float], count: Callable[..., np.ndarray] | None
    ) -> None:
        self.n_bins, self.tacq_s, self.cps, self.count = n_bins, tacq_s, cps, count
        self.estimated = count is None
        self.stop = threading.Event()
        self.result: Any = None

    @classmethod
    def of(cls, card: Any, n_bins: int, tacq_s: float) -> "Clicks":
        """By the card's pulse counters; if it has none, its meters are read now."""
        if card.counters is not None:
            return cls(n_bins, tacq_s, (), card.counters)
        return cls(n_bins, tacq_s, card.spad_rates_cps(), None)

    @contextlib.contextmanager
    def counting(self) -> Iterator[None]:
        """Let the counters count until the card has measured."""
        if self.count is None:
            yield
            return
        thread = threading.Thread(target=self.run, args=(self.count,), daemon=True)
        thread.start()
        try:
            yield
        except BaseException:
            self.stop.set()
            raise
        finally:
            thread.join(self.tacq_s + LATE_S)
            self.stop.set()

    def run(self, count: Callable[..., np.ndarray]) -> None:
        try:
            self.result = np.asarray(count(self.n_bins, self.tacq_s / self.n_bins, self.stop))
        except Exception as why:
            self.result = why

    def counts(self, rates: Sequence[tuple[float, float]], elapsed_s: float) -> np.ndarray:
        """(n_bins, 2) clicks until then. rates : (ms after the start, cps) of SPAD 1 meanwhile"""
        if not self.estimated:
            if isinstance(self.result, np.ndarray) and self.result.shape == (self.n_bins, N_SPADS):
                return self.result.astype(np.int64)
            raise ConnectionError(f"the pulse counters did not count along: {self.result!r}; see to them")
        return metered_counts(rates, self.cps, self.n_bins, self.tacq_s, elapsed_s)


def metered_counts(
    rates: Sequence[tuple[float, float]], before_cps: Sequence[float], n_bins: int, tacq_s: float, elapsed_s: float
) -> np.ndarray:
    """(n_bins, 2) clicks as the rate meter tells them, zeros after the measurement has ended.

    rates : (ms after the start, cps) of SPAD 1; before_cps : of both SPADs before it
    """
    bin_s = tacq_s / n_bins
    told = np.array(rates or [(0.0, before_cps[0])], float).reshape(-1, 2)
    centres_ms = 1000 * bin_s * (np.arange(n_bins) + 0.5)
    first = np.interp(centres_ms, told[:, 0], told[:, 1])
    measured_s = np.clip(elapsed_s - bin_s * np.arange(n_bins), 0.0, bin_s)
    return np.rint(np.column_stack([first, np.full(n_bins, before_cps[1])]) * measured_s[:, None]).astype(np.int64)
