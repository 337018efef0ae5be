import os
import signal
import subprocess
import sys
import time

import pytest

from devices.iocs.twin import preset as presets
from devices.iocs.twin.beam import HOLD_S, BeamReader, BeamWriter, set_interlock
from devices.iocs.twin.light import TwinLight

LASER = presets.load("A").instrument.laser


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run" / "beam"


@pytest.fixture
def light(path):
    light = TwinLight(path, LASER)
    yield light
    light.close()


def test_no_file_and_a_torn_file_are_dark(path):
    reader = BeamReader(path)
    assert not reader.read().lit
    path.parent.mkdir()
    path.write_bytes(b"torn")
    assert not reader.read().lit


def test_the_sample_is_lit_by_a_laser_through_an_open_shutter(path, light):
    reader = BeamReader(path)
    light.pulsed(True, 2e6, 50.0)
    assert not reader.read().lit
    light.open_shutter()
    state = reader.read()
    assert state.pulsed_lit
    assert light.shutter_is_open()
    assert (state.repetition_hz, state.pulsed_w_cm2) == (2e6, 50.0)
    light.pulsed(False, 2e6, 50.0)
    assert not reader.read().lit
    light.cw(True, 100.0)
    assert reader.read().lit
    assert not reader.read().pulsed_lit
    light.close_shutter()
    assert not reader.read().lit


def test_the_shutter_falls_shut_and_stays_shut_unless_held(path, light):
    light.pulsed(True, 2e6, 50.0)
    light.open_shutter()
    time.sleep(HOLD_S + 0.05)
    assert not BeamReader(path).read().lit
    light.refresh()
    assert not light.shutter_is_open()


def test_refreshing_holds_it_open(light):
    light.open_shutter()
    for _ in range(4):
        time.sleep(HOLD_S / 3)
        light.refresh()
    assert light.shutter_is_open()


def test_an_opened_interlock_drops_everything_for_good(path, light):
    light.pulsed(True, 2e6, 50.0)
    light.open_shutter()
    light.set_interlock(False)
    assert not BeamReader(path).read().lit
    assert not BeamReader(path).read().pulsing
    light.refresh()
    light.set_interlock(True)
    assert light.interlock
    assert not BeamReader(path).read().pulsing
    assert not light.shutter_is_open()


def test_nothing_is_lit_while_the_interlock_is_open(path, light):
    set_interlock(path, False)
    for command in (light.open_shutter, lambda: light.pulsed(True, 2e6, 1.0), lambda: light.cw(True, 1.0)):
        with pytest.raises(PermissionError, match="interlock"):
            command()


def test_a_new_light_process_starts_dark_and_keeps_the_interlock(path, light):
    light.pulsed(True, 2e6, 50.0)
    light.open_shutter()
    assert not TwinLight(path, LASER).shutter_is_open()
    set_interlock(path, False)
    assert not TwinLight(path, LASER).interlock


@pytest.mark.parametrize(("hz", "w_cm2"), [(3e6, 50), (float("nan"), 50), (2e6, -1), (2e6, 1001), (2e6, float("nan"))])
def test_impossible_light_is_refused(path, light, hz, w_cm2):
    with pytest.raises(ValueError, match=r"repetition_hz|intensity"):
        light.pulsed(True, hz, w_cm2)
    assert not BeamReader(path).read().pulsed_on


def test_a_writer_killed_in_the_middle_of_a_record_leaves_the_dark(path):
    writer, reader = BeamWriter(path), BeamReader(path)
    writer.update(shutter_open=True, pulsed_on=True)
    writer.refresh()
    assert reader.read().lit
    with path.open("r+b") as file:
        file.write((writer._sequence + 1).to_bytes(8, "little"))
    assert not BeamReader(path).read().lit
    time.sleep(HOLD_S + 0.05)
    assert not reader.read().lit
    BeamWriter(path).update(shutter_open=True, cw_on=True, hold_until=time.monotonic() + HOLD_S)
    assert reader.read().lit


def test_a_light_process_that_is_killed_leaves_the_dark(path):
    script = (
        "import sys, time; from pathlib import Path; from devices.iocs.twin import preset, light\n"
        f"one = light.TwinLight(Path({str(path)!r}), preset.load('A').instrument.laser)\n"
        "one.pulsed(True, 2e6, 50.0); one.open_shutter(); sys.stdout.write('lit\\n'); sys.stdout.flush()\n"
        "while True: one.refresh(); time.sleep(0.05)"
    )
    reader = BeamReader(path)
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as process:
        assert process.stdout.readline().strip() == b"lit"
        seen = [reader.read() for _ in range(2000)]
        assert any(state.lit for state in seen)
        assert all(state.pulsed_w_cm2 == 50.0 for state in seen if state.lit)
        os.kill(process.pid, signal.SIGKILL)
    time.sleep(HOLD_S + 0.1)
    assert not reader.read().lit
    assert reader.read().pulsing


def test_a_hold_from_before_a_reboot_does_not_count(path):
    writer = BeamWriter(path)
    writer.update(shutter_open=True, pulsed_on=True, hold_until=time.monotonic() + 1e5)
    assert not BeamReader(path).read().lit
