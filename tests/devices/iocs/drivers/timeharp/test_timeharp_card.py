"""A TimeHarp 200 through an emulated THLib: the call sequences, the photons, and what the card tells of them."""

import shutil
import threading
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from devices.iocs.drivers.timeharp.client import CardError, CardLost
from devices.iocs.twin import preset as presets
from devices.iocs.twin.bench import Bench
from devices.iocs.twin.clock import Clock
from tests.devices.iocs.drivers.timeharp.conftest import Steady
from tests.devices.iocs.twin.conftest import SteadyBeam, continuous, light

PHOTON = 1 << 30
OPENING = [
    "GetLibraryVersion", "Initialize 0", "GetRoutingChannels", "GetHardwareVersion", "GetSerialNumber",
    "GetBaseResolution", "GetRouterModel", "EnableRouting 1", "Calibrate", "SetCFDDiscrMin 80", "SetCFDZeroCross 20",
    "SetSyncLevel -100", "SetRange 2", "SetOffset 0", "GetResolution",
]  # fmt: skip


def twin(wiring, *, pulsed=True):
    """A card of the twin on a bench whose light is on; always the same photons for the same numbers."""
    beam = SteadyBeam(light() if pulsed else continuous())
    bench = Bench(presets.load("A"), seed=1, clock=Clock(), beam=cast(Any, beam))
    band = "scatter" if pulsed else "FBH650-40+655/15"
    for place, position in {"perovskite": band, "qd": band, "splitter": "dichroic" if pulsed else "50:50"}.items():
        bench.filters.set(place, position)
    bench.card.wiring = wiring
    return bench.card


def photons(n, *, apart=7, inputs=(0, 1)):
    """n records of photons, on the inputs in turn; their time tags never turn over."""
    words = (np.arange(n, dtype=np.uint32) * apart // 7 % 65536) | np.uint32(PHOTON)
    return words | (np.array(inputs, np.uint32)[np.arange(n) % len(inputs)] << np.uint32(28))


def test_the_documented_sequence(emulate):
    emulated = emulate()
    card = emulated.card
    card.acquire(0.1, acquisition=1, index=0)
    measuring = ["ClearHistMem 0", "ClearHistMem 1", "StartMeas", "GetElapsedMeasTime", "StopMeas", "GetBlock 0",
                 "GetBlock 1", "GetFlags"]  # fmt: skip
    assert emulated.calls() == [*OPENING, "SetStopOverflow 0 65535", "SetMMode 0 100", *measuring]
    card.acquire(0.1, acquisition=1, index=1)
    assert emulated.calls() == measuring
    card.wiring = "hbt"
    card.counters = lambda n_bins, bin_s, stop: np.zeros((n_bins, 2))
    card.acquire_hbt(2.0, n_bins=10, acquisition=2, index=0)
    calls = emulated.calls()
    assert calls[0] == "GetLibraryVersion"
    assert calls[1:3] == ["Shutdown", "Initialize 0"]
    assert "EnableRouting 0" in calls
    assert "SetStopOverflow 1 65535" in calls
    assert [call for call in calls if "Block" in call] == ["GetBlock 0"]
    card.wiring = "clock"
    card.acquire_records(1.0, acquisition=3, index=0)
    calls = emulated.calls()
    assert "Initialize 1" in calls
    assert calls.index("Calibrate") < calls.index("T3RSetMarkerEdges 1 1 1") < calls.index("SetMMode 0 1000")
    assert emulated.feed.measured == [(0, 100, 2, 0, 1), (0, 100, 2, 0, 1), (0, 2000, 2, 0, 0), (1, 1000, 2, 0, 0)]


@pytest.mark.parametrize("delivers", ["forward", "reversed"])
def test_histograms_of_the_twin_come_through_the_library_unchanged(emulate, delivers):
    card = emulate(twin("raster"), delivers=delivers, block_is=delivers).card
    source = twin("raster")
    assert card.configure(3, 101.0) == source.configure(3, 100.0)
    assert (card.serial, card.range_code) == (source.serial, 3)
    assert card.bin_width_ns == pytest.approx(source.bin_width_ns)
    assert card.base_resolution_ps == pytest.approx(source.base_resolution_ps)
    block, expected = (one.acquire(0.2, acquisition=1, index=0) for one in (card, source))
    assert block.histograms.sum() > 1000
    assert block.histograms.dtype == np.uint16
    np.testing.assert_array_equal(block.histograms, expected.histograms)
    assert (block.elapsed_s, block.interrupted, block.lit_fraction) == (0.2, False, 1.0)


@pytest.mark.parametrize("delivers", ["forward", "reversed"])
def test_pairs_of_the_twin_come_through_the_library_unchanged(emulate, delivers):
    card = emulate(twin("hbt", pulsed=False), delivers=delivers, block_is=delivers, wiring="hbt").card
    card.counters = lambda n_bins, bin_s, stop: np.ones((n_bins, 2))
    block = card.acquire_hbt(1.0, n_bins=100, acquisition=1, index=0)
    expected = twin("hbt", pulsed=False).acquire_hbt(1.0, n_bins=100, acquisition=1, index=0)
    assert block.histogram.sum() > 10
    np.testing.assert_array_equal(block.histogram, expected.histogram)
    assert block.counts.sum() == 200


def test_clicks_beside_pairs_are_estimated_from_the_meters_if_nobody_counts(emulate):
    card = emulate(Steady(sync_hz=20_000.0), wiring="hbt").card
    block = card.acquire_hbt(1.0, n_bins=10, acquisition=1, index=0)
    assert block.counts.tolist() == [[1000, 2000]] * 10
    assert block.estimated


def test_records_of_the_twin_come_through_the_library_unchanged(emulate):
    card = emulate(twin("clock", pulsed=False), wiring="clock").card
    block = card.acquire_records(3.0, acquisition=1, index=0)
    expected = twin("clock", pulsed=False).acquire_records(3.0, acquisition=1, index=0)
    np.testing.assert_array_equal(block.records, expected.records)
    np.testing.assert_array_equal(block.counts, expected.counts)
    assert len(block.records) > 1000
    assert (block.overrun, block.elapsed_s) == (False, 3.0)


@pytest.mark.parametrize("trouble", ["", "DMA_WHOLE 1\n"])
def test_the_fifo_is_emptied_in_blocks_and_to_the_last_record(emulate, trouble):
    source = Steady(records=photons(250_001))
    emulated = emulate(source, wiring="clock")
    emulated.trouble.write_text(trouble)
    block = emulated.card.acquire_records(1.0, acquisition=1, index=0)
    np.testing.assert_array_equal(block.records, source.records)
    assert block.counts.tolist() == [125_001, 125_000]


def test_a_fifo_that_fills_while_the_card_measures(emulate):
    """1 Mcps: the FIFO of the emulated card fills with time, half of it every 66 ms, and must be emptied meanwhile."""
    ticks = np.arange(300_000, dtype=np.int64) * 10
    words = (ticks % 65536).astype(np.uint32) | np.uint32(PHOTON)
    turns = np.flatnonzero(np.diff(ticks // 65536)) + 1
    source = Steady(records=np.insert(words, turns, np.uint32(0x0800FFFF)))
    emulated = emulate(source, wiring="clock", realtime=True)
    block = emulated.card.acquire_records(0.3, acquisition=1, index=0)
    np.testing.assert_array_equal(block.records, source.records)
    assert not block.overrun
    assert emulated.calls().count("T3RStartDMA 65536") >= 4


def test_routes_are_those_that_lab_toml_names(emulate):
    source = Steady(records=photons(9, inputs=(3, 1, 0)))
    source.histograms[0, 5], source.histograms[1, 6] = 50, 60
    emulated = emulate(source, wiring="clock", routes={"perovskite": 1, "qd": 0})
    block = emulated.card.acquire_records(1.0, acquisition=1, index=0)
    assert block.counts.tolist() == [3, 3]
    assert ((block.records >> 28) & 3).tolist() == [0, 1] * 3
    emulated.card.wiring = "raster"
    assert emulated.card.acquire(0.1, acquisition=1, index=0).histograms.argmax(axis=1).tolist() == [6, 5]


def test_a_fifo_that_runs_over_keeps_what_was_read_before(emulate):
    emulated = emulate(Steady(records=photons(400_000)), wiring="clock")
    emulated.trouble.write_text("FIFOFULL_AFTER 65536\n")
    block = emulated.card.acquire_records(1.0, acquisition=1, index=0)
    assert block.overrun
    assert len(block.records) == 65_536
    assert block.elapsed_s == pytest.approx(65_535e-7)
    emulated.trouble.write_text("")
    assert not emulated.card.acquire_records(1.0, acquisition=1, index=1).overrun


def test_a_memory_that_is_full_is_an_overrun(emulate):
    card = emulate(Steady(records=photons(200_000)), wiring="clock").card
    card.max_records = 100_000
    block = card.acquire_records(1.0, acquisition=1, index=0)
    assert block.overrun
    assert len(block.records) == 100_000


def test_a_full_channel_is_told(emulate):
    source = Steady(overflow=True, elapsed_s=0.4)
    source.histograms[1, 9] = source.histogram[9] = 65_535
    emulated = emulate(source)
    block = emulated.card.acquire(0.5, acquisition=1, index=0)
    assert block.overflow.tolist() == [False, True]
    assert block.histograms[1, 9] == 65_535
    emulated.card.wiring = "hbt"
    emulated.card.counters = lambda n_bins, bin_s, stop: np.full((n_bins, 2), 7)
    pairs = emulated.card.acquire_hbt(0.5, n_bins=4, acquisition=2, index=0)
    assert pairs.overflow.tolist() == [True]
    assert pairs.elapsed_s == 0.4
    assert pairs.counts.tolist() == [[7, 7]] * 4
    assert not pairs.estimated


@pytest.mark.parametrize(
    ("wiring", "take"), [("raster", "acquire"), ("hbt", "acquire_hbt"), ("clock", "acquire_records")]
)
def test_a_stop_ends_a_measurement_early(emulate, wiring, take):
    emulated = emulate(Steady(waits=True), wiring=wiring)
    card, stop = emulated.card, threading.Event()
    card.counters = lambda n_bins, bin_s, stop: np.zeros((n_bins, 2)) if stop.wait(30) else None
    card.lit = lambda: stop.set() or True  # looked at when the measurement begins
    options = {"n_bins": 4} if wiring == "hbt" else {}
    block = getattr(card, take)(30.0, acquisition=1, index=0, stop=stop, **options)
    assert block.interrupted
    assert block.elapsed_s < 30
    assert "StopMeas" in emulated.calls()


def test_meters_wait_until_they_have_settled(emulate):
    """The emulated meter shows the other input for half a second."""
    emulated = emulate(Steady(sync_hz=2e6), wiring="hbt")
    emulated.feed.rate_cps = 12_345
    assert emulated.card.sync_rate_hz() == 2e6
    assert emulated.card.count_rate_cps() == 12_345
    emulated.calls()
    assert emulated.card.count_rate_cps() == 12_345
    assert emulated.calls() == ["GetCountRate"]


def test_the_detector_meter_is_read_while_the_card_measures(emulate):
    emulated = emulate(Steady(waits=True))
    card, stop, results = emulated.card, threading.Event(), []
    card.count_rate_cps()
    measuring = threading.Event()
    card.lit = lambda: measuring.set() or True
    thread = threading.Thread(target=lambda: results.append(card.acquire(20.0, acquisition=1, index=0, stop=stop)))
    thread.start()
    assert measuring.wait(10)
    assert card.count_rate_cps() == 10_000
    while "StartMeas" not in emulated.log.read_text():
        measuring.wait(0.01)
    with pytest.raises(CardError, match="stays on the detector input"):
        card.sync_rate_hz()
    stop.set()
    thread.join(10)
    assert results[0].interrupted


def test_light_is_looked_at_meanwhile(emulate):
    card = emulate(Steady(), realtime=True).card
    seen = iter([True] + [False] * 1000)
    card.lit = lambda: next(seen)
    assert 0 < card.acquire(0.2, acquisition=1, index=0).lit_fraction < 0.5


def test_a_board_becomes_warm_and_is_calibrated_anew(emulate):
    emulated = emulate(warm_up_s=0.01)
    emulated.card.acquire(0.1, acquisition=1, index=0)
    emulated.calls()
    threading.Event().wait(0.02)
    emulated.card.acquire(0.1, acquisition=1, index=1)
    assert "Calibrate" not in emulated.calls()
    emulated.card.acquire(0.1, acquisition=2, index=0)
    assert emulated.calls()[:2] == ["Calibrate", "SetRange 2"]
    emulated.card.acquire(0.1, acquisition=3, index=0)
    assert "Calibrate" not in emulated.calls()


def test_a_helper_that_dies_is_started_again(emulate):
    emulated = emulate()
    card = emulated.card
    card.configure(3, 250.0)
    emulated.trouble.write_text("TH_StartMeas abort\n")
    with pytest.raises(CardLost, match="ended with code"):
        card.acquire(0.1, acquisition=1, index=0)
    emulated.trouble.write_text("")
    emulated.calls()
    card.acquire(0.1, acquisition=1, index=1)
    again = ["Initialize 0", "Calibrate", "SetRange 3", "SetOffset 250"]
    assert [call for call in emulated.calls() if call in again] == again
    card.link.helper.process.kill()
    card.link.helper.process.wait()
    assert card.count_rate_cps() == 10_000


def test_a_library_that_does_not_come_back_is_ended(emulate, monkeypatch):
    monkeypatch.setattr("devices.iocs.drivers.timeharp.client.ANSWER_S", 0.3)
    emulated = emulate()
    emulated.trouble.write_text("TH_SetRange hang\n")
    with pytest.raises(CardLost, match="did not come back within"):
        emulated.card.configure(1, 0)
    emulated.trouble.write_text("")
    assert emulated.card.configure(1, 0) == 0


def test_the_helper_ends_with_its_parent(emulate):
    emulated = emulate()
    assert emulated.card.serial == "1076"
    process = emulated.card.link.helper.process
    process.stdin.close()
    assert process.wait(10) == 0
    assert emulated.calls()[-1] == "Shutdown"


def oldest_python():
    """A Python 3.8, as a lab may still have it for 32 bits."""
    kept = sorted(Path.home().glob(".pyenv/versions/3.8*/bin/python3.8"))
    return shutil.which("python3.8") if not kept else str(kept[0])


def test_the_helper_runs_on_an_old_python(emulate):
    python = oldest_python()
    if python is None:
        pytest.skip("there is no Python 3.8 here")
    emulated = emulate(Steady(records=photons(1000)), wiring="clock", python=python)
    assert len(emulated.card.acquire_records(1.0, acquisition=1, index=0).records) == 1000
