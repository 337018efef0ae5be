"""Cards whose libraries are emulated, and what happens inside them."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from devices.iocs.drivers.timeharp.blocks import Block, HbtBlock, RecordBlock
from devices.iocs.drivers.timeharp.card import TimeHarp200, TimeHarp200Options
from tests.emulators.thlib import feed as feeds

LEVELS = {"cfd_mv": 80, "zero_cross_mv": 20, "sync_level_mv": -100}


@dataclass
class Steady:
    """Stands in for the twin's card: counts what the test says, at once, or until it is stopped."""

    serial: str = "1076"
    base_resolution_ps: float = 36.0
    sync_hz: float = 2e6
    histograms: np.ndarray = field(default_factory=lambda: np.zeros((2, 4096), np.uint16))
    histogram: np.ndarray = field(default_factory=lambda: np.zeros(4096, np.uint16))
    records: np.ndarray = field(default_factory=lambda: np.zeros(0, np.uint32))
    overflow: bool = False
    overrun: bool = False
    elapsed_s: float | None = None
    waits: bool = False

    def configure(self, range_code, offset_ns):
        self.window = range_code, offset_ns

    def sync_rate_hz(self):
        return self.sync_hz

    def times(self, tacq_s, stop):
        stopped = self.waits and stop.wait(30.0)
        return {"lit_fraction": 1.0, "started_s": 0.0, "elapsed_s": self.elapsed_s or tacq_s, "interrupted": stopped}

    def acquire(self, tacq_s, *, acquisition, index, stop):
        return Block(self.histograms, np.full(2, self.overflow), **self.times(tacq_s, stop))

    def acquire_hbt(self, tacq_s, *, n_bins, acquisition, index, stop):
        times = self.times(tacq_s, stop)
        return HbtBlock(self.histogram, np.zeros((n_bins, 2)), np.array([self.overflow]), estimated=False, **times)

    def acquire_records(self, tacq_s, *, acquisition, index, stop):
        return RecordBlock(self.records, np.zeros(2), self.overrun, **self.times(tacq_s, stop))


@dataclass
class Emulated:
    """A card, what feeds its library, and the files that trouble it and tell of its calls."""

    card: TimeHarp200
    feed: feeds.Feed
    trouble: Path
    log: Path

    def calls(self):
        """Calls since the last look, without their prefix and without the polls of a status."""
        lines = self.log.read_text().split("\n")[:-1]
        self.log.write_text("")
        return [line.removeprefix("TH_") for line in lines if "CTCStatus" not in line]


@pytest.fixture(scope="session")
def library(tmp_path_factory):
    return feeds.build(tmp_path_factory.mktemp("thlib"))


@pytest.fixture
def emulate(library, tmp_path, monkeypatch):
    """Connect a card to an emulated library that counts what another card counts."""
    trouble, log = tmp_path / "trouble", tmp_path / "log"
    trouble.write_text("")
    log.write_text("")
    monkeypatch.setenv("EMULATED_TROUBLE", str(trouble))
    monkeypatch.setenv("EMULATED_LOG", str(log))
    made = []

    def make(source=None, *, wiring="raster", block_is="reversed", delivers="reversed", realtime=False, **options):
        monkeypatch.setenv("EMULATED_BLOCK_IS", delivers)
        if realtime:
            monkeypatch.setenv("EMULATED_REALTIME", "1")
        feed = feeds.Feed(source or Steady())
        monkeypatch.setenv("EMULATED_FEED", str(feed.port))
        given = {"library": str(library), "block_is": block_is, **LEVELS, **options}
        card = TimeHarp200(TimeHarp200Options(**given))
        card.wiring = wiring
        made.append((card, feed))
        return Emulated(card, feed, trouble, log)

    yield make
    for card, feed in made:
        card.close()
        feed.close()
        assert not feed.faults
    assert "MISUSE" not in log.read_text()
