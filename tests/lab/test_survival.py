"""What dies, and what is left: nothing measured is lost, and the laser is dark."""

import os
import signal
import subprocess
import sys
import time

import pytest

from devices.iocs.twin.beam import BeamReader
from lab import journal
from lab.config import read
from tests.conftest import HOUSE, house
from tests.lab.crashes import (
    find_what_is_left,
    in_own_process,
    lose_iocs,
    measure_at_the_wrong_rate,
    visit,
    wait_for,
)


@pytest.fixture
def victim(tmp_path):
    """A session in its own process, in the middle of a raster: (process, lab.toml, uid, lines confirmed so far)."""
    config = house(tmp_path)
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("EPICS_", "TILED_"))}
    command = [sys.executable, "-m", "tests.lab.crashes", str(config), "40"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment, cwd=HOUSE)
    assert process.stdout is not None
    uid = next(line for line in process.stdout if line.startswith("run ")).split()[1]
    lines = [int(process.stdout.readline().split()[1]) for _ in range(5)]
    yield process, config, uid, lines
    process.kill()
    process.stdout.close()
    process.wait()


def test_kill_9_of_the_session_loses_no_line_and_leaves_it_dark(victim):
    process, config, uid, lines = victim
    beam = BeamReader(read(config).folders.run / "beam.bin")
    assert beam.read().lit
    process.send_signal(signal.SIGKILL)
    killed = time.monotonic()
    wait_for(lambda: not beam.read().lit, 5.0)
    assert time.monotonic() - killed < 2.0
    lines += [int(line.split()[1]) for line in process.stdout if line.startswith("line ")]
    process.wait()
    assert lines == list(range(len(lines)))

    left = in_own_process(find_what_is_left, str(config), uid, len(lines))
    assert left["status"] == "interrupted" and left["newest"] == uid
    assert left["lines"] >= len(lines)
    assert left["counts"] == left["in_file"] and min(left["counts"]) > 0
    assert left["image"] >= 1


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_a_polite_signal_goes_dark_closes_the_run_and_ends_the_session(victim, name):
    process, config, uid, _ = victim
    number = getattr(signal, name)
    beam = BeamReader(read(config).folders.run / "beam.bin")
    process.send_signal(number)
    wait_for(lambda: not beam.read().lit, 2.0)
    assert process.wait(30) == 128 + number
    documents = list(journal.read(journal.path_of(read(config).folders.journal, uid)))
    assert documents[-1][0] == "stop" and documents[-1][1]["exit_status"] == "abort"


def test_a_lost_ioc_fails_the_run_with_a_reason_and_the_lab_recovers(tmp_path):
    losses = [("light", signal.SIGKILL), ("bench", signal.SIGKILL), ("bench", signal.SIGSTOP)]
    reasons = ("hangs", "went away", "restarted", "went out", "lease")
    for loss, told in zip(losses, in_own_process(lose_iocs, str(house(tmp_path)), losses), strict=True):
        assert told["exit_status"] == "fail", loss
        assert any(reason in told["failure"] for reason in reasons), (loss, told["failure"])
        assert told["again"] == "success", loss


def test_a_laser_at_another_rate_than_declared_is_found_out(tmp_path):
    preset = tmp_path / "panel.toml"
    preset.write_text('base = "A"\n[instrument.laser]\nfront_panel_hz = 1e6\n')
    told = in_own_process(measure_at_the_wrong_rate, str(house(tmp_path, preset=str(preset))))
    assert "declared at 2e+06 Hz but the card measures 999936 Hz" in told and "no run was opened" in told


def test_iocs_started_by_hand_are_used_and_left_running(tmp_path):
    config = house(tmp_path)
    facts = read(config).folders.run / "iocs.json"
    by_hand = subprocess.Popen([sys.executable, "-m", "devices.iocs", "--config", str(config)], cwd=HOUSE)
    try:
        wait_for(facts.exists)
        assert in_own_process(visit, str(config))["iocs"] == by_hand.pid
        assert by_hand.poll() is None
    finally:
        by_hand.terminate()
        assert by_hand.wait(20) == 0
