"""The bench checks of a TimeHarp 200, which way its blocks run, and what its helper process is made of."""

import ast
import sys
from pathlib import Path

import numpy as np
import pytest

from devices.iocs.drivers.timeharp import client, records, thlib, trace
from devices.iocs.drivers.timeharp.findings import orientation
from tests.devices.iocs.drivers.timeharp.conftest import Steady

HELPER = Path(client.__file__).parent
PERIOD_NS, BLIND_NS, WIDTH_NS = 500.0, 20.0, 0.144
PHOTON, TURN = 1 << 30, 0x0800FFFF


class Pulsing(Steady):
    """Prompt photons: their start-stop time is so long; the offset shortens it, a cable before SYNC lengthens it."""

    raw_ns, cable_ns, counts = 300.0, 0.0, 5000

    def acquire(self, tacq_s, *, acquisition, index, stop):
        raw_ns = BLIND_NS + (self.raw_ns + self.cable_ns - BLIND_NS) % PERIOD_NS
        channel = int((raw_ns - self.window[1]) / WIDTH_NS)
        self.histograms = np.full((2, 4096), 2, np.uint16)
        self.histograms[0, 4095 - channel] += self.counts
        return super().acquire(tacq_s, acquisition=acquisition, index=index, stop=stop)


@pytest.mark.parametrize("declared", ["forward", "reversed"])
def test_orientation_is_found_with_a_cable_and_with_the_offset(emulate, declared):
    source = Pulsing()
    emulated = emulate(source, delivers="forward", block_is=declared)
    for raw_ns in (300.0, 510.0):  # the last one goes beyond the period and comes back as a short time
        source.raw_ns, source.cable_ns = raw_ns, 0.0
        found = emulated.card.check_orientation(30.0, lambda ask: setattr(source, "cable_ns", 30.0))
        assert found.state == ("ok" if declared == "forward" else "failed")
        assert "blocks run forward" in found.found
        assert declared == "forward" or 'block_is = "forward"' in found.to_do
    source.raw_ns, source.cable_ns = 300.0, 0.0
    found = emulated.card.check_orientation(100.0)
    assert "blocks run forward" in found.found
    assert found.state == ("unverified" if declared == "forward" else "failed")
    assert emulated.card.link.window()["offset_ns"] == 0


def test_orientation_is_not_guessed(emulate):
    source = Pulsing()
    source.counts = 0
    found = emulate(source).card.check_orientation(30.0)
    assert (found.state, found.found) == ("unverified", "the counts do not tell")
    flat = np.full(4096, 100)
    assert orientation(flat, flat, WIDTH_NS, 30.0, PERIOD_NS) is None
    peak = np.zeros(4096)
    peak[2000] = 5000
    assert orientation(peak, peak, WIDTH_NS, 30.0, PERIOD_NS) is None
    assert orientation(peak, np.roll(peak, 208), WIDTH_NS, 30.0, PERIOD_NS) == "reversed"


def test_the_check_tells_what_it_found(emulate):
    emulated = emulate(Steady(sync_hz=2e6))
    found = {one.what: one for one in emulated.card.check()}
    assert found["board"].state == "unverified"
    assert 'serial = "1076"' in found["board"].to_do
    assert "36.000 ps" in found["time axis"].found
    assert found["router"].state == "ok"
    assert found["sync rate"].found == "2000000 Hz"
    assert found["dark counts"].state == "ok"
    assert {found[name].state for name in ("orientation", "levels", "warm-up", "clicks beside pairs")} == {"unverified"}
    assert all(one.to_do for one in found.values() if one.state != "ok")
    emulated.feed.rate_cps = 1e6
    emulated.card.counters = lambda n_bins, bin_s, stop: np.zeros((n_bins, 2))
    found = {one.what: one for one in emulated.card.check()}
    assert found["dark counts"].state == "failed"
    assert found["clicks beside pairs"].state == "ok"


def test_the_check_of_a_card_that_is_not_there_tells_why(emulate):
    emulated = emulate()
    emulated.trouble.write_text("TH_Initialize -1\n")
    (found,) = emulated.card.check()
    assert found.state == "failed"
    assert "TH_Initialize failed with code -1: the board cannot be opened" in found.found


def test_routes_and_times_of_records():
    words = np.array([PHOTON | 5, TURN, PHOTON | 3 << 28 | 9, 7 << 16 | 20, PHOTON | 1 << 28 | 30], np.uint32)
    kept, counts = records.routed(words, [1, 0])
    assert kept.tolist() == [PHOTON | 1 << 28 | 5, TURN, 7 << 16 | 20, PHOTON | 30]
    assert counts.tolist() == [1, 1]
    assert records.reach_s(kept) == pytest.approx((65536 + 30) * 1e-7)
    assert records.reach_s(words[:2]) == pytest.approx(65535e-7)
    assert records.reach_s(words[:0]) == 0


def test_a_trace_follows_the_meter():
    counts = trace.metered_counts([(0, 1000.0), (10_000, 2000.0)], (500.0, 300.0), 10, 10.0, 10.0)
    assert counts[:, 0].tolist() == [1050, 1150, 1250, 1350, 1450, 1550, 1650, 1750, 1850, 1950]
    assert counts[:, 1].tolist() == [300] * 10


def test_a_trace_ends_with_the_measurement():
    counts = trace.metered_counts([], (500.0, 300.0), 10, 10.0, 2.5)
    assert counts[:, 0].tolist() == [500, 500, 250, *[0] * 7] and counts[:, 1].tolist() == [300, 300, 150, *[0] * 7]


def test_a_meter_that_follows_the_light_is_sampled_while_pairs_are_measured(emulate):
    emulated = emulate(Steady(sync_hz=1000.0), wiring="hbt", realtime=True)
    count = emulated.feed.answer
    emulated.feed.answer = lambda line, link: grown(emulated.feed, line) or count(line, link)
    block = emulated.card.acquire_hbt(0.5, n_bins=5, acquisition=1, index=0)
    assert block.counts[-1, 0] > block.counts[0, 0] > 0
    assert block.counts[:, 1].tolist() == [100] * 5


def grown(feed, line):
    """The detector hears more each time it is asked."""
    feed.rate_cps += 1000 * (line == ["rate", "cfd"])


def imported(file):
    """The modules and names that a file imports where it is run as a script."""
    for node in ast.walk(ast.parse(file.read_text(), feature_version=(3, 8))):
        if isinstance(node, ast.Import):
            yield from (one.name for one in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield str(node.module)


def test_the_helper_needs_nothing_but_an_old_python():
    """It runs on a 32-bit Python 3.8 without packages: its files import each other and the standard library."""
    own, waiting = set(), ["server", "th200", "ph300", "th260"]
    while waiting:
        name = waiting.pop()
        own.add(name)
        for module in imported(HELPER / f"{name}.py"):
            last = module.split(".")[-1]
            if module.startswith("devices.iocs.drivers.timeharp") or (HELPER / f"{module}.py").exists():
                waiting += [last] if last not in own and (HELPER / f"{last}.py").exists() else []
            else:
                assert module.split(".")[0] in sys.stdlib_module_names, f"{name}.py imports {module}"
    assert {"server", "th200", "frames", "library", "thlib", "errors", "tags", "board", "one_meter"} <= own
    assert not own & {"client", "card", "link"}


def test_the_width_of_a_channel_is_a_float_whatever_the_pointers_are():
    assert thlib.INT(-(2**31)).value == -(2**31)
    assert all(kind in (thlib.INT, thlib.TEXT, thlib.WORDS) for kinds in thlib.FUNCTIONS.values() for kind in kinds)
