import math
import subprocess
import sys
import threading
import time

import pytest

from devices.iocs.twin.clock import Clock


def test_time_is_what_was_advanced_at_any_speed():
    clocks = [Clock(), Clock(5000.0)]
    for clock in clocks:
        assert all(clock.advance(dt_s) for dt_s in (0.1, 0.05, 3.7, 0.0))
    assert clocks[0].now_s == clocks[1].now_s == pytest.approx(3.85)


def test_waiting_takes_as_long_as_the_speed_says():
    clock, began_s = Clock(10.0), time.monotonic()
    for _ in range(20):
        clock.advance(0.1)
    assert time.monotonic() - began_s > 0.195


def test_stop_cuts_the_wait_and_the_time_short():
    clock, stop = Clock(1.0), threading.Event()
    threading.Timer(0.05, stop.set).start()
    assert not clock.advance(60.0, stop)
    assert 0 < clock.now_s < 30
    at_s = clock.now_s
    assert not clock.advance(1.0, stop)
    assert clock.now_s == at_s


def test_a_killed_process_continues_where_it_was(tmp_path):
    script = (
        "import os; from pathlib import Path; from devices.iocs.twin.clock import Clock\n"
        f"clock = Clock(memory=Path({str(tmp_path / 'clock')!r}))\n"
        "clock.advance(12.5); clock.next_acquisition(); os._exit(9)"
    )
    for _ in range(2):
        assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 9
    clock = Clock(memory=tmp_path / "clock")
    assert clock.now_s == 25.0
    assert clock.next_acquisition() == 3


def test_an_empty_memory_starts_at_zero_and_a_foreign_one_is_refused(tmp_path):
    (tmp_path / "torn").write_bytes(b"")
    assert Clock(memory=tmp_path / "torn").now_s == 0
    (tmp_path / "foreign").write_bytes(b"\xff" * 16)
    with pytest.raises(ValueError, match="does not hold a clock"):
        Clock(memory=tmp_path / "foreign")


@pytest.mark.parametrize("speed", [0, -1, math.nan])
def test_impossible_speeds_are_refused(speed):
    with pytest.raises(ValueError, match="speed"):
        Clock(speed)


@pytest.mark.parametrize("dt_s", [-1, math.nan, math.inf])
def test_impossible_times_are_refused(dt_s):
    with pytest.raises(ValueError, match="dt_s"):
        Clock().advance(dt_s)
