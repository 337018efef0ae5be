"""The session itself is hit: one, two, three times Ctrl-C, a closed terminal, kill -9 in the middle of any plan."""

import os
import pty
import select
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from devices.iocs.twin.beam import BeamReader
from lab import journal
from lab.config import LabConfig, read
from tests.conftest import HOUSE, house
from tests.faults.conftest import THOROUGH
from tests.faults.invariants import LightWatch, disorders, lock_is_free, missing_rows, processes_of, unpacked
from tests.faults.menu import PRESET
from tests.lab.crashes import wait_for

DARK_S = 2.0
ENDING_S = 40.0
CLOSED = ("SIGHUP", 1)  # what the kernel sends to the leader of a terminal that is closed
CASES = [("flim_raster", (("SIGINT", 1), ("SIGINT", 2), CLOSED)), ("hbt", (("SIGKILL", 1),))]
if THOROUGH:
    CASES = [
        (plan, blows)
        for plan in ("flim_raster", "hbt", "blinking", "pl")
        for blows in (
            (("SIGINT", 1), ("SIGINT", 2), ("SIGINT", 3)),
            (("SIGINT", 1), ("SIGTERM", 1)),
            (("SIGINT", 2), CLOSED),
            (("SIGKILL", 1),),
        )
    ]


class Terminal:
    """A terminal that shows nothing, but takes what is written to it until it is closed."""

    def __init__(self):
        self.ours, self.theirs = pty.openpty()
        self.over = threading.Event()
        self.reader = threading.Thread(target=self.read, name="terminal", daemon=True)
        self.reader.start()

    def read(self):
        while not self.over.is_set():
            if select.select([self.ours], [], [], 0.1)[0]:
                os.read(self.ours, 4096)

    def type(self, line: str):
        os.write(self.ours, f"{line}\n".encode())

    def close(self):
        if not self.over.is_set():
            self.over.set()
            self.reader.join()
            os.close(self.theirs)
            os.close(self.ours)


class Victim:
    """A session in a process and a terminal of its own, in the middle of a plan."""

    def __init__(self, folder: Path, plan: str):
        self.config, self.terminal = house(folder, preset=PRESET), Terminal()
        self.facts = read(self.config)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.victims", str(self.config), plan],
            stdin=self.terminal.theirs,
            stdout=subprocess.PIPE,
            stderr=self.terminal.theirs,
            text=True,
            env={key: value for key, value in os.environ.items() if not key.startswith(("EPICS_", "TILED_"))},
            cwd=HOUSE,
            start_new_session=True,
        )

    def told(self, first: str) -> list[str]:
        """The next line that begins so, in words."""
        assert self.process.stdout is not None
        return next(line.split() for line in self.process.stdout if line.startswith(first))

    def measuring(self) -> str:
        """The uid of the next run, once it has five Events."""
        (_, uid) = self.told("run ")
        for _ in range(5):
            self.told("event")
        return uid

    def end(self):
        self.process.kill()
        self.process.wait()
        self.terminal.close()
        assert self.process.stdout is not None
        self.process.stdout.close()
        wait_for(lambda: not processes_of(self.config.parents[1]), ENDING_S)


@pytest.mark.timeout(240)
@pytest.mark.parametrize(("plan", "blows"), CASES)
def test_a_session_that_is_hit_is_dark_in_time_and_keeps_what_it_has(tmp_path, plan, blows):
    victim, uids = Victim(tmp_path, plan), []
    try:
        for number, blow in enumerate(blows, 1):
            uids.append(victim.measuring())
            strike(victim, blow)
            if blow[0] == "SIGINT":
                victim.terminal.type("again" if number < len(blows) else "leave")
        status = victim.process.wait(ENDING_S)
        assert status == {"SIGINT": 0, "SIGKILL": -9}.get(blows[-1][0], 128 + getattr(signal, blows[-1][0]))
        assert lock_is_free(victim.facts.folders.data)
        for uid in uids:
            assert_whole(victim.facts, uid, closed=blows[-1][0] != "SIGKILL" or uid != uids[-1])
    finally:
        victim.end()


def strike(victim: Victim, blow: tuple[str, int]):
    """Send a signal so many times; dark in time, and back at the prompt if that is where it leads."""
    name, times = blow
    with LightWatch(BeamReader(victim.facts.folders.run / "beam.bin")) as watch:
        wait_for(lambda: watch.last_lit_s > 0, 5.0)  # or it would not be seen to go out
        struck_s = time.monotonic()
        if blow == CLOSED:
            victim.terminal.close()
        for _ in range(times):
            victim.process.send_signal(getattr(signal, name))
        if name == "SIGINT":
            assert victim.told("interrupted")[1] in ("paused", "idle")
        wait_for(lambda: time.monotonic() - max(watch.last_lit_s, struck_s) > 0.5, 10.0)
    assert watch.last_lit_s - struck_s < DARK_S


def assert_whole(facts: LabConfig, uid: str, *, closed: bool):
    """The journal has every Event that was confirmed, and says how the run ended once somebody has looked."""
    path = journal.path_of(facts.folders.journal, uid)
    assert path is not None
    if not closed:
        assert journal.is_interrupted(path)
        journal.close_interrupted(path, "killed")
    kept = unpacked(path)
    assert not disorders(kept) and not missing_rows(kept, facts.folders.raw)
    assert kept[-1][1]["exit_status"] == "abort"
