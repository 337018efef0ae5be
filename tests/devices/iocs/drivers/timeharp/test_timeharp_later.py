"""PicoHarp 300 and TimeHarp 260 behind the interface of the TimeHarp 200, through emulated libraries."""

import threading

import numpy as np
import pytest

from devices.iocs.drivers.timeharp import records, t3
from devices.iocs.drivers.timeharp.client import CardError
from devices.iocs.drivers.timeharp.picoharp import PicoHarp300, PicoHarp300Options
from devices.iocs.drivers.timeharp.timeharp260 import TimeHarp260, TimeHarp260Options
from tests.devices.iocs.drivers.timeharp.conftest import Emulated, Steady
from tests.emulators.thlib import feed as feeds

SYNC_HZ = 10e6
KINDS = {
    "ph300": (PicoHarp300, PicoHarp300Options, {"sync_mv": (100, 10), "input_mv": (80, 10)}, "-DPH", 4.0),
    "th260": (TimeHarp260, TimeHarp260Options, {"sync_mv": (-100, -10), "input_mv": (-80, 0)}, "-DTH260", 25.0),
}


@pytest.fixture(scope="module", params=list(KINDS))
def compiled(request, tmp_path_factory):
    """A kind of card, and its library."""
    folder = tmp_path_factory.mktemp("later")
    return request.param, feeds.build(folder, request.param, "laterlib.c", KINDS[request.param][3])


@pytest.fixture
def later(compiled, tmp_path, monkeypatch):
    """Connect a card of that kind to what another card counts."""
    (kind, library), trouble, log, made = compiled, tmp_path / "trouble", tmp_path / "log", []
    card_class, options_class, levels, _, base_ps = KINDS[kind]
    trouble.write_text("")
    log.write_text("")
    monkeypatch.setenv("EMULATED_TROUBLE", str(trouble))
    monkeypatch.setenv("EMULATED_LOG", str(log))

    def make(wiring="raster", **options):
        source = Steady(base_resolution_ps=base_ps, sync_hz=SYNC_HZ)
        feed = feeds.Feed(source)
        monkeypatch.setenv("EMULATED_FEED", str(feed.port))
        if wiring == "hbt":
            monkeypatch.setenv("EMULATED_PAIRS", "1")
        card = card_class(options_class(**{"library": library, **levels, **options}))
        card.wiring = wiring
        made.append((card, feed))
        return Emulated(card, feed, trouble, log), source

    yield make
    for card, feed in made:
        card.close()
        feed.close()
        assert not feed.faults


def t3_words(sync, time, channel, kind):
    """T3 records of photons after those laser pulses, with the overflows of their counter between."""
    bits, shift, last = (16, 28, 15 << 28) if kind == "ph300" else (10, 25, 1 << 31 | 63 << 25)
    turns, words = 0, []
    for n, dtime, number in zip(sync, time, channel, strict=True):
        missing, turns = (n >> bits) - turns, n >> bits
        words += [last] * int(missing) if kind == "ph300" else [last | missing] * int(missing > 0)
        words.append(number + (kind == "ph300") << shift | dtime << bits | n & (1 << bits) - 1)
    return np.array(words, np.uint32)


def test_histograms_run_forward_in_time(later):
    emulated, source = later()
    source.histograms[0, 700], source.histograms[1, 900] = 500, 70
    assert emulated.card.configure(3, 0.0) == 0
    base_ps = source.base_resolution_ps
    assert emulated.card.bin_width_ns == pytest.approx(8 * base_ps / 1000)
    assert emulated.card.base_resolution_ps == pytest.approx(base_ps)
    block = emulated.card.acquire(0.1, acquisition=1, index=0)
    np.testing.assert_array_equal(block.histograms, source.histograms)
    source.overflow, source.histograms[1, 900] = True, 65_535
    assert emulated.card.acquire(0.1, acquisition=1, index=1).overflow.tolist() == [False, True]


def test_pairs_run_from_start_to_stop(later):
    emulated, source = later("hbt")
    source.histogram[830] = 40
    emulated.feed.rate_cps = 3000
    block = emulated.card.acquire_hbt(1.0, n_bins=10, acquisition=1, index=0)
    np.testing.assert_array_equal(block.histogram, source.histogram)
    assert block.counts[:, 1].tolist() == [300] * 10
    assert block.counts[0, 0] == SYNC_HZ / 10
    assert block.estimated


def test_records_become_those_of_a_timeharp_200(later, compiled):
    emulated, source = later("clock")
    rng = np.random.default_rng(3)
    sync = np.sort(rng.integers(0, 5_000_000, 20_000))
    time, route = rng.integers(1, 4000, sync.size), rng.integers(0, 2, sync.size)
    source.records = t3_words(sync, time, route, compiled[0])
    block = emulated.card.acquire_records(0.5, acquisition=1, index=0)
    photon = (block.records & records.PHOTON_BIT) != 0
    turned = ~photon & ((block.records & records.OVERFLOW_BIT) != 0)
    ticks = (np.cumsum(turned) << 16) + (block.records & 0xFFFF)
    np.testing.assert_array_equal(ticks[photon], sync)
    np.testing.assert_array_equal((block.records[photon] >> 16) & 0xFFF, 4095 - time)
    np.testing.assert_array_equal((block.records[photon] >> 28) & 3, route)
    assert block.counts.tolist() == np.bincount(route).tolist()
    assert turned.sum() == 5_000_000 >> 16
    assert block.elapsed_s == 0.5


def test_markers_and_late_photons():
    late = t3_words([5, 6, 7], [100, 5000, 200], [0, 1, 1], "th260")
    marker = np.array([1 << 31 | 2 << 25 | 9], np.uint32)
    words = t3.as_t3r(np.concatenate([late, marker]), t3.TIMEHARP260, SYNC_HZ, turn_to_s=0.0)
    assert [int(word) for word in words & 0xFFFF] == [5, 7, 9]
    assert int(words[-1] >> 16) == 2


def test_a_stop_and_an_overrun(later):
    emulated, source = later("clock")
    source.overrun, source.records = True, np.full(10, 1 << 25, np.uint32)
    assert emulated.card.acquire_records(0.5, acquisition=1, index=0).overrun
    source.overrun, source.waits = False, True
    stop = threading.Event()
    stop.set()
    assert emulated.card.acquire_records(30.0, acquisition=1, index=1, stop=stop).interrupted
    emulated.card.wiring = "raster"
    assert emulated.card.acquire(30.0, acquisition=1, index=0, stop=stop).interrupted


def test_every_function_that_fails_is_named_with_its_code(later):
    emulated, _ = later()
    for function in ("OpenDevice", "Initialize", "SetInputCFD", "SetBinning", "StartMeas", "CTCStatus", "GetHistogram"):
        emulated.trouble.write_text(f"{function} -36\n")
        emulated.card.link.opened = None
        with pytest.raises(CardError, match=rf"\w+_{function} failed with code -36: ERROR -36"):
            emulated.card.acquire(0.1, acquisition=1, index=0)
    emulated.trouble.write_text("VERSION 2.3\n")
    emulated.card.link.opened = None
    with pytest.raises(CardError, match=r"GetLibraryVersion: .* '2\.3', not 3\."):
        emulated.card.acquire(0.1, acquisition=1, index=0)
    emulated.trouble.write_text("")
    assert {one.state for one in emulated.card.check()} <= {"ok", "unverified"}


def test_the_wrong_board_is_refused(later):
    emulated, _ = later(serial="1")
    with pytest.raises(CardError, match="not '1'"):
        emulated.card.configure(0, 0.0)


@pytest.mark.parametrize(
    "wrong", [{"sync_mv": (9999, 0)}, {"input_mv": (1,)}, {"sync_divider": 3}, {"device": 8}, {"routes": {"qd": 0}}]
)
def test_wrong_options_are_told(compiled, wrong):
    kind, library = compiled
    _, options_class, levels, *_ = KINDS[kind]
    with pytest.raises(ValueError, match=next(iter(wrong))):
        options_class(**{"library": library, **levels, **wrong})
