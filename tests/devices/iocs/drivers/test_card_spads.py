"""SPADs that only the card hears, correction tables of test sheets, and darkness as it is declared."""

import threading
import time
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.iocs.drivers.counting.corrections import CorrectionTable, read_table
from devices.iocs.drivers.counting.records import in_bins
from devices.iocs.drivers.counting.spad_units import SpadUnit, dark_findings
from devices.iocs.drivers.counting.spads import CardSpads, CardSpadsOptions
from devices.iocs.drivers.counting.watched_card import WatchedCard
from devices.iocs.drivers.memory import BenchMemory
from devices.iocs.twin.blocks import Block, RecordBlock

UNITS = {"perovskite": SpadUnit(dark_cps=20, dead_time_ns=43), "qd": SpadUnit(dark_cps=50, dead_time_ns=50)}
PHOTON, TURN = 1 << 30, np.uint32(0x0800FFFF)


class Card:
    """One meter, and a fixed measurement."""

    wiring, fails, overrun = "raster", "", False

    def __init__(self):
        self.asked, self.closed = [], False
        self.records = np.array([5 << 16, PHOTON | 10, PHOTON | 1 << 28 | 65000, TURN, PHOTON | 20000], np.uint32)

    def count_rate_cps(self):
        if self.fails:
            raise ConnectionError(self.fails)
        self.asked.append("cfd")
        return 700.0

    def sync_rate_hz(self, stop=None):
        self.asked.append("sync")
        return 900.0

    def acquire(self, tacq_s, *, acquisition, index, stop=None):
        return Block(np.full((2, 4), [[1], [2]], np.uint16), np.zeros(2, bool), 0.5, 7.0, tacq_s, False)

    def acquire_records(self, tacq_s, *, acquisition, index, stop=None):
        return RecordBlock(self.records, np.array([2, 1]), self.overrun, 1.0, 7.0, tacq_s, False)

    def close(self):
        self.closed = True


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return tmp_path_factory.mktemp("tables") / "c.csv"


@pytest.fixture
def spads(tmp_path):
    card = Card()
    made = CardSpads(CardSpadsOptions(UNITS), card=WatchedCard(card, BenchMemory(tmp_path / "m.json")))
    made.real = card
    yield made
    made.close()


def test_routed_spads_are_heard_together(spads):
    assert spads.rates() == {"perovskite": 700.0, "qd": 700.0} and "sync" not in spads.real.asked
    assert spads.dark_cps == {"perovskite": 20, "qd": 50} and spads.dead_time_ns == (43, 50)


def test_in_pairs_the_second_is_heard_between_measurements_only(spads):
    spads.card.wiring = "hbt"
    spads.card.measures.set()
    assert spads._read() == {"perovskite": 700.0, "qd": 700.0} and "sync" not in spads.real.asked
    spads.card.measures.clear()
    assert spads._read() == {"perovskite": 700.0, "qd": 900.0}


def test_a_meter_that_falls_silent_is_not_believed(spads, monkeypatch):
    spads._latest.max_age_s = 0.3
    spads.rates()
    spads.real.fails = "the helper died"
    silent = threading.Event()
    while not silent.wait(0.01) and spads._latest._why is None:
        pass
    until = time.monotonic() + 5
    with pytest.raises(TimeoutError, match=r"rate meter of the card could not be read for 0\.3 s: the helper died"):
        while time.monotonic() < until:
            spads.rates()
    spads.real.fails = ""
    while time.monotonic() < until:
        try:
            assert spads.rates()["qd"] == 700.0
            return
        except TimeoutError:
            silent.wait(0.01)
    pytest.fail("it did not come back")


def test_the_card_counts_as_it_is_cabled(spads):
    identity = {"acquisition": 1, "index": 0}
    assert spads.acquire(1, 0.01, **identity).counts.tolist() == [[4, 8]]
    with pytest.raises(
        ValueError, match=r"cannot count 5 bin\(s\) of each SPAD in the wiring \'raster\'.*serial_counter"
    ):
        spads.acquire(5, 0.01, **identity)
    spads.card.wiring = "hbt"
    with pytest.raises(ValueError, match="in the wiring 'hbt'"):
        spads.acquire(1, 0.01, **identity)
    spads.card.wiring = "clock"
    block = spads.acquire(3, 0.005, **identity)
    assert block.counts.tolist() == [[1, 0], [1, 1], [0, 0]] and block.lit_fraction == 1.0
    spads.real.overrun = True
    with pytest.raises(ValueError, match="ran over"):
        spads.acquire(3, 0.005, **identity)


def test_records_are_binned_by_their_whole_time():
    records = np.array([PHOTON | 65535, TURN, PHOTON | 0, TURN, PHOTON | 2 << 28 | 5, PHOTON | 5], np.uint32)
    counts = in_bins(records, 3, 65536e-7)
    assert counts.tolist() == [[1, 0], [1, 0], [1, 0]]


def test_what_is_cabled_is_remembered(spads, tmp_path):
    assert spads.card.cabled == ""
    spads.card.wiring = "clock"
    assert BenchMemory(tmp_path / "m.json").get("wiring") == "clock" and spads.real.wiring == "clock"


def test_the_table_of_a_test_sheet_is_interpolated_and_ends(tmp_path):
    file = tmp_path / "c.csv"
    file.write_text("measured_cps,factor\n# test sheet of 2014\n600000,1.03\n1440000,1.08\n4800000,1.31\n")
    table = read_table(file, "C1911")
    assert table.true_cps(600_000) == pytest.approx(618_000)
    assert table.true_cps(1_020_000) == pytest.approx(1_020_000 * 1.055)
    with pytest.raises(ValueError, match=r"outside the test sheet of SPAD C1911, which ends at 4\.8e\+06"):
        table.true_cps(5e6)
    assert SpadUnit(dark_cps=50, serial="C1911", corrections=file).lost_ns == pytest.approx(51, abs=2)


def test_a_table_made_of_a_dead_time_gives_it_back():
    rates = (2e5, 5e5, 1e6)
    made = CorrectionTable("x", rates, tuple(1 / (1 - rate * 45e-9) for rate in rates))
    assert made.dead_time_ns == pytest.approx(45)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "first line"),
        ("cps,factor\n1,1", "first line"),
        ("measured_cps,factor\n", "must ascend"),
        ("measured_cps,factor\n2,1.1\n1,1.2\n", "must ascend"),
        ("measured_cps,factor\n1,0.9\n", "factor of 1 or more"),
        ("measured_cps,factor\n1,nan\n", "finite"),
        ("measured_cps,factor\n1,x\n", "row 2: '1,x' is not two numbers"),
        ("measured_cps,factor\n1\n", "not two numbers"),
    ],
)
def test_a_wrong_table_is_refused_with_its_line(tmp_path, text, reason):
    file = tmp_path / "c.csv"
    file.write_text(text)
    with pytest.raises(ValueError, match=reason):
        read_table(file, "C1")
    with pytest.raises(ValueError, match="cannot be read"):
        read_table(tmp_path / "none.csv", "C1")


@settings(max_examples=150, deadline=None)
@given(st.one_of(st.binary(max_size=60), st.text('0123456789.,-ein\n#"', max_size=60).map(str.encode)))
def test_any_other_file_is_refused(made, rest):
    made.write_bytes(b"measured_cps,factor\n" + rest)
    try:
        table = read_table(made, "C1")
    except ValueError as why:
        assert str(made) in str(why)
        return
    assert (np.diff([0.0, *table.measured_cps]) > 0).all() and min(table.factor) >= 1 and table.dead_time_ns >= 0


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(0, 2**32 - 1), max_size=40), st.floats(1e-6, 10.0))
def test_whatever_the_records_say_no_photon_is_counted_twice(words, bin_s):
    counts = in_bins(np.array(words, np.uint32), 7, bin_s)
    assert counts.shape == (7, 2) and 0 <= counts.sum() <= sum(bool(word & PHOTON) for word in words)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"dark_cps": 20}, "dead_time_ns or corrections"),
        ({"dark_cps": -1, "dead_time_ns": 43}, "dark_cps = -1"),
        ({"dark_cps": 1, "dead_time_ns": 43, "gate_counts_at": "up"}, "gate_counts_at = 'up'"),
    ],
)
def test_what_must_be_declared_of_a_spad(options, reason):
    with pytest.raises(ValueError, match=reason):
        SpadUnit(**options)


@pytest.mark.parametrize(
    ("cps", "lit", "state"),
    [(25.0, False, "ok"), (0.0, False, "failed"), (9e3, False, "failed"), (9e3, True, "unverified")],
)
def test_darkness_is_compared_with_what_is_declared(cps, lit, state):
    gated = SimpleNamespace(**vars(UNITS["qd"]) | {"gate_counts_at": "low", "table": lambda: None, "lost_ns": 50})
    found = dark_findings(UNITS | {"qd": gated}, {"perovskite": cps, "qd": 60.0}, seconds=3.0, lit=lit)
    assert found[0].state == state and bool(found[0].to_do) == (state != "ok")
    assert any(one.what == "gate of the qd SPAD" and one.state == "unverified" for one in found)
