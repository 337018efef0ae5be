"""Time-tagged records: read back by the file reader, lost to the converter, cut by the FIFO."""

import struct
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from analysis import formats
from devices.iocs.twin import preset as presets
from devices.iocs.twin.card import CardSettings
from devices.iocs.twin.photons import TICKS_PER_NS
from devices.iocs.twin.records import MAX_RECORDS, TICK, Recorder

SECOND = 1_000_000_000 * TICKS_PER_NS
PRESET = presets.load("A").instrument.card
SETTINGS = CardSettings.of(PRESET, 2, 0.0)


def random_clicks(cps, seconds, rng):
    return np.sort(rng.integers(0, round(seconds * SECOND), rng.poisson(cps * seconds)))


def recorded(routes, seconds, *, preset=PRESET, settings=SETTINGS, pieces=1):
    """A recorder fed in equal pieces."""
    recorder = Recorder(preset, settings, len(routes))
    ends = np.round(np.linspace(0, seconds, pieces + 1) * SECOND).astype(np.int64)
    for first, end in pairwise(ends):
        recorder.add([route[(route >= first) & (route < end)] for route in routes], int(end))
    return recorder


def t3r(path, records, *, resolution_ns):
    """A time-tag file of version 5.0 around the records."""
    text = b"TimeHarp 200\0\0\0\0" + b"5.0\0\0\0" + b"1.0\0\0\0" + b"01.01.26 00:00:00\0" + b"\r\n" + bytes(256)
    numbers = [4096, 1, 32, 2, 1, 0, 2, 0, 2, 0, 1000, 65535, 1] + [0] * 6
    binary = struct.pack("<19i", *numbers) + bytes(64) + bytes(36) + bytes(16) + bytes(20)
    board = struct.pack("<5if", 1, 20, 50, -100, 0, resolution_ns)
    tags = struct.pack("<13i", 100, 1, 0, 0, 0, 0, 0, 10_000_000, 0, 1000, 0, len(records), 0)
    path.write_bytes(text + binary + board + tags + records.astype("<u4").tobytes())
    return formats.read(path)


def plain_converter(times, preset, settings):
    """Which clicks a converter takes that a clock stops, and their raw times; one at a time."""
    blind, dead, window, period = (
        round(ns * TICKS_PER_NS)
        for ns in (preset.blind_start_ns, preset.dead_time_ns, settings.window_ns, preset.clock_period_ns)
    )
    taken, raw_times, free = [], [], -1
    for time in times:
        if time < free:
            continue
        raw = -time % period
        while raw < blind:
            raw += period
        free = time + max(min(raw, window), dead)
        if raw < window:
            taken.append(time)
            raw_times.append(raw)
    return np.array(taken), np.array(raw_times)


@pytest.mark.parametrize(("cps", "code"), [(3e4, 2), (1.5e6, 2), (3e5, 0)])
@pytest.mark.parametrize("pieces", [1, 50])
def test_the_file_reader_finds_what_the_converter_took(tmp_path, rng, cps, code, pieces):
    preset = replace(PRESET, clock_period_ns=400.0)
    settings, seconds = CardSettings.of(preset, code, 0.0), 3e4 / cps
    routes = [random_clicks(cps / 3, seconds, rng), random_clicks(2 * cps / 3, seconds, rng)]
    recorder = recorded(routes, seconds, preset=preset, settings=settings, pieces=pieces)
    found = t3r(tmp_path / "clock.t3r", recorder.records(), resolution_ns=settings.bin_width_ns)
    times, raw = plain_converter(np.sort(np.concatenate(routes)), preset, settings)
    assert len(found.macrotime) == len(times) > 3000
    assert found.macrotime_unit_s == pytest.approx(1e-7)
    assert np.array_equal(found.macrotime, times // TICK)
    assert np.array_equal(found.nanotime, (raw / (settings.bin_width_ns * TICKS_PER_NS)).astype(int))
    assert np.array_equal(found.route == 1, np.isin(times, routes[1]))
    assert recorder.counts.tolist() == np.bincount(found.route, minlength=2).tolist()


def test_the_measurement_begins_with_a_marker_and_its_clock_runs_to_the_end(tmp_path):
    for seconds, turns in ((0.0065, 0), (0.0066, 1), (10.0, 1525)):
        records = recorded([np.zeros(0, np.int64)] * 2, seconds, pieces=3).records()
        assert len(records) == 1 + turns
        found = t3r(tmp_path / "dark.t3r", records, resolution_ns=0.144)
        assert found.macrotime.size == 0
        assert found.marker.pattern.tolist() == [4]
        assert found.marker_macrotime.tolist() == [0]
        assert found.header["NumberOfOverflows"] == turns


@pytest.mark.parametrize("cps", [1e5, 8e5, 2e6])
def test_both_counters_share_the_converter_for_350_ns(rng, cps):
    """No photon of either follows sooner, so the card reads r / (1 + r dead), whatever the phase of its clock."""
    preset = replace(PRESET, readout_records_per_s=1e9)
    routes = [random_clicks(cps / 2, 3e5 / cps, rng) for _ in range(2)]
    recorder = recorded(routes, 3e5 / cps, preset=preset)
    taken = (recorder.records() >> 30) & 1
    mean = 3e5 / (1 + cps * 350e-9)
    assert taken.sum() == recorder.counts.sum() == pytest.approx(mean, abs=4 * np.sqrt(mean))


def test_a_range_shorter_than_the_clock_loses_records(rng):
    preset = replace(PRESET, clock_period_ns=500.0)
    routes = [random_clicks(1e4, 2.0, rng), np.zeros(0, np.int64)]
    short = recorded(routes, 2.0, preset=preset, settings=CardSettings.of(preset, 0, 0.0)).counts.sum()
    whole = recorded(routes, 2.0, preset=preset).counts.sum()
    assert short / whole == pytest.approx((4096 * 0.036 - 20) / 500, abs=0.02)


def test_a_full_fifo_ends_the_measurement(rng):
    """2.0 MHz come in, 0.2 MHz go out: the FIFO of 131072 records is full after 73 ms."""
    preset = replace(PRESET, readout_records_per_s=2e5, dead_time_ns=0.0, clock_period_ns=50.0)
    routes = [random_clicks(1e6, 0.5, rng) for _ in range(2)]
    recorder = recorded(routes, 0.5, preset=preset, pieces=7)
    loss = 1 / (1 + 2e6 * 45e-9)  # the converter is busy until its stop
    assert recorder.overrun_s == pytest.approx(131_072 / (2e6 * loss - 2e5), rel=0.01)
    photons = int(((recorder.records() >> 30) & 1).sum())
    assert photons == recorder.counts.sum() < 2e6 * recorder.overrun_s
    assert recorded(routes, 0.05, preset=preset).overrun_s is None
    steady = recorded(routes, 0.5, preset=replace(preset, readout_records_per_s=2.1e6))
    assert steady.overrun_s is None


def test_memory_ends_the_measurement_too():
    fast = replace(PRESET, readout_records_per_s=1e8, dead_time_ns=0.0)
    clicks = np.arange(0, (MAX_RECORDS + 5000) * 200, 200) * TICKS_PER_NS
    recorder = recorded([clicks, np.zeros(0, np.int64)], 0.9, preset=fast)
    assert recorder.overrun_s == pytest.approx(MAX_RECORDS * 200e-9, rel=1e-3)
    assert len(recorder.records()) == MAX_RECORDS
