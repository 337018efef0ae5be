"""The gate counter: rates and bins out of one stream, and no gap that goes unseen."""

import threading
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.iocs.drivers.counting.gates import Gate, Stream, parse_gate
from devices.iocs.drivers.counting.serial_counter import SerialCounter, SerialCounterOptions
from devices.iocs.drivers.counting.spad_units import SpadUnit
from devices.iocs.drivers.wires.wire import WireError
from tests.emulators.gate_counter import GateCounter, on_tcp

UNITS = {"perovskite": SpadUnit(dark_cps=20, dead_time_ns=43), "qd": SpadUnit(dark_cps=50, dead_time_ns=50)}


def numbered(n, gate_s):
    """Three clicks in A, seven in B, every gate."""
    return np.tile([3, 7], (n, 1))


@pytest.fixture
def emulated():
    counter = GateCounter(numbered)
    with on_tcp(counter) as url:
        driver = SerialCounter(SerialCounterOptions(port=url, units=UNITS))
        yield counter, driver
        driver.close()


def count(driver, n_bins, bin_s, stop=None):
    return driver.acquire(n_bins, bin_s, acquisition=1, index=0, stop=stop)


def test_rates_and_bins_come_from_one_stream(emulated):
    counter, driver = emulated
    assert driver.rates() == pytest.approx({"perovskite": 3000, "qd": 7000})
    block = count(driver, 5, 0.004)
    assert block.counts.tolist() == [[12, 28]] * 5 and block.elapsed_s == pytest.approx(0.02)
    assert not block.interrupted and counter.heard == ["STOP", "ID?", "GATE 1"]
    assert driver.trace(3, 0.0035).sum(axis=0).tolist() == [30, 70]  # 10.5 gates: whole gates, none twice


def test_channels_are_where_the_lab_says():
    with on_tcp(GateCounter(numbered)) as url:
        driver = SerialCounter(SerialCounterOptions(port=url, units=UNITS, channels={"perovskite": "B", "qd": "A"}))
        try:
            assert driver.rates() == pytest.approx({"perovskite": 7000, "qd": 3000})
        finally:
            driver.close()


@pytest.mark.parametrize("fault", ["drop", "spoil"])
def test_a_lost_gate_fails_the_measurement_and_no_other(emulated, fault):
    counter, driver = emulated
    driver.rates()
    stop = threading.Event()
    threading.Timer(0.08, lambda: setattr(counter, fault, 1)).start()
    with pytest.raises(WireError, match="gates are missing after"):
        count(driver, 10, 0.1, stop)
    assert count(driver, 2, 0.002).counts.tolist() == [[6, 14]] * 2


def test_a_counter_that_falls_silent_is_asked_anew(emulated):
    counter, driver = emulated
    driver.rates()
    counter.mute = True
    with pytest.raises(WireError, match="fell silent"):
        count(driver, 10, 0.1)
    with pytest.raises(TimeoutError, match="sends nothing"):
        driver.rates()
    counter.mute = False
    assert count(driver, 1, 0.002).counts.tolist() == [[6, 14]]


def test_stopped_bins_are_zero(emulated):
    _, driver = emulated
    driver.rates()
    stop = threading.Event()
    threading.Timer(0.1, stop.set).start()
    block = count(driver, 1000, 0.01, stop)
    whole = int(block.counts[:, 0].astype(bool).sum())
    assert block.interrupted and 0 < whole < 1000
    assert (block.counts[:whole] == [30, 70]).all() and not block.counts[whole:].any()


def test_what_it_cannot_count_is_refused(emulated):
    _, driver = emulated
    for n_bins, bin_s in ((1, 0.0005), (1, 0.0015), (0, 0.001), (1, float("nan"))):
        with pytest.raises(ValueError, match=r"allowed|multiples"):
            count(driver, n_bins, bin_s)


def test_another_instrument_is_not_believed(emulated):
    counter, _ = emulated
    with on_tcp(counter) as url:
        driver = SerialCounter(SerialCounterOptions(port=url, units=UNITS, serial="GC-1"))
        try:
            with pytest.raises(TimeoutError, match="not 'GC-1': another counter"):
                driver.rates()
        finally:
            driver.close()


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"units": {"qd": UNITS["qd"]}}, "units"),
        ({"gate_ms": 0}, "gate_ms = 0"),
        ({"channels": {"perovskite": "A", "qd": "A"}}, "channels"),
        ({"latency_ms": -1.0}, "latency_ms"),
    ],
)
def test_wrong_options_name_the_option(options, reason):
    with pytest.raises(ValueError, match=reason):
        SerialCounterOptions(**{"port": "COM1", "units": UNITS} | options)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=80))
def test_garbage_is_refused_or_is_exactly_a_gate(line):
    try:
        gate = parse_gate(line, 50_000)
    except ValueError:
        return
    assert [int(word) for word in line.split(b" ")] == [gate.index, gate.a, gate.b] and max(gate.a, gate.b) <= 50_000


@pytest.mark.parametrize(
    "line", [b"1 2", b"1 2 3 4", b"1 2 50001", b"4294967296 1 1", b"-1 2 3", b" 1 2 3", b"1 2 3\r", b"1 2.0 3", b""]
)
def test_what_is_nearly_a_gate_is_none(line):
    with pytest.raises(ValueError, match="is no gate"):
        parse_gate(line, 50_000)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(0, 30)), st.integers(1, 7), st.sampled_from([0, 2**32 - 3]))
def test_every_missing_gate_is_seen_however_the_bytes_are_cut(missing, piece, first):
    indices = [(first + n) % 2**32 for n in range(31)]
    kept = [index for n, index in enumerate(indices) if n not in missing]
    data = b"\n" + b"".join(f"{index} 1 2\n".encode() for index in kept)
    stream, found = Stream(100), []
    for start in range(0, len(data), piece):
        found += stream.feed(data[start : start + piece])
    assert [gate for gate in found if gate] == [Gate(index, 1, 2) for index in kept]
    assert found.count(None) == sum((after - before) % 2**32 != 1 for before, after in pairwise(kept))
