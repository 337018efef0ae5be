"""The session itself is hit: one, two, three times Ctrl-C, a closed terminal, kill -9 in the middle of any plan."""

import os
import pty
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from devices.iocs.twin.beam import BeamReader
from lab import journal
from lab.config import read
from tests.conftest import HOUSE, house
from tests.faults.conftest import THOROUGH
from tests.faults.invariants import LightWatch, disorders, lock_is_free, missing_rows, processes_of, unpacked
from tests.faults.menu import PRESET
from tests.lab.crashes import wait_for

DARK_S = 2.0
ENDING_S = 40.0
CASES = [("flim_raster", "SIGINT", 1), ("flim_raster", "SIGINT", 2), ("hbt", "SIGKILL", 1)]
if THOROUGH:
    CASES = [
        (plan, name, n)
        for plan in ("flim_raster", "hbt", "blinking", "pl")
        for name, n in (("SIGINT", 1), ("SIGINT", 2), ("SIGINT", 3), ("SIGTERM", 1), ("SIGHUP", 1), ("SIGKILL", 1))
    ]


@dataclass(frozen=True)
class Victim:
    """A session in a process of its own, in the middle of a plan."""

    process: subprocess.Popen
    config: Path
    uid: str

    @property
    def facts(self):
        return read(self.config)

    @property
    def watch(self) -> LightWatch:
        return LightWatch(BeamReader(self.facts.folders.run / "beam.bin"))


def begin(folder: Path, plan: str, **how) -> Victim:
    """Start a victim and wait until it has seen five Events."""
    config = house(folder, preset=PRESET)
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("EPICS_", "TILED_"))}
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.faults.victims", str(config), plan],
        **{"stdin": subprocess.PIPE, "stderr": subprocess.DEVNULL, **how},
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
        cwd=HOUSE,
    )
    assert process.stdout is not None
    uid = next(line for line in process.stdout if line.startswith("run ")).split()[1]
    for _ in range(5):
        process.stdout.readline()
    return Victim(process, config, uid)


def end(victim: Victim):
    victim.process.kill()
    victim.process.wait()
    for pipe in (victim.process.stdin, victim.process.stdout):
        if pipe is not None:
            pipe.close()
    wait_for(lambda: not processes_of(victim.config.parents[1]), ENDING_S)


def assert_dark_since(watch: LightWatch, struck_s: float):
    wait_for(lambda: time.monotonic() - max(watch.last_lit_s, struck_s) > 0.5, 10.0)
    assert watch.last_lit_s - struck_s < DARK_S


def assert_whole(victim: Victim, *, closed: bool):
    """The journal has every Event that was confirmed, and says how the run ended once somebody has looked."""
    path = journal.path_of(victim.facts.folders.journal, victim.uid)
    assert path is not None and lock_is_free(victim.facts.folders.data)
    if not closed:
        assert journal.is_interrupted(path)
        journal.close_interrupted(path, "killed")
    kept = unpacked(path)
    assert not disorders(kept) and not missing_rows(kept, victim.facts.folders.raw)
    assert kept[-1][1]["exit_status"] == "abort"


@pytest.mark.timeout(240)
@pytest.mark.parametrize(("plan", "name", "times"), CASES)
def test_a_session_that_is_hit_is_dark_in_time_and_keeps_what_it_has(tmp_path, plan, name, times):
    victim = begin(tmp_path, plan)
    try:
        with victim.watch as watch:
            struck_s = time.monotonic()
            for _ in range(times):
                victim.process.send_signal(getattr(signal, name))
            if name == "SIGINT":
                said = next(line for line in victim.process.stdout if line.startswith("interrupted"))
                assert said.split()[1] in ("paused", "idle")
            assert_dark_since(watch, struck_s)
            if name == "SIGINT":
                victim.process.stdin.write("\n")
                victim.process.stdin.flush()
            victim.process.wait(ENDING_S)
        assert_whole(victim, closed=name != "SIGKILL")
    finally:
        end(victim)


@pytest.mark.timeout(240)
def test_a_terminal_that_is_closed_ends_the_session_in_the_dark(tmp_path):
    ours, theirs = pty.openpty()
    victim = begin(tmp_path, "flim_raster", stdin=theirs, stderr=theirs, start_new_session=True)
    try:
        with victim.watch as watch:
            struck_s = time.monotonic()
            os.close(theirs)
            os.close(ours)
            victim.process.send_signal(signal.SIGHUP)  # what the kernel sends to the leader of the terminal
            assert_dark_since(watch, struck_s)
            assert victim.process.wait(ENDING_S) == 128 + signal.SIGHUP
        assert_whole(victim, closed=True)
    finally:
        end(victim)
