"""A night in a process of its own: its session and its keeper are killed, and it goes on where it was."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from devices.iocs.twin.beam import BeamReader
from lab import journal
from lab.night.entry import DONE, INTERRUPTED
from lab.night.ledger import Ledger
from tests.conftest import HOUSE, house
from tests.lab.crashes import wait_for

pytestmark = pytest.mark.xdist_group("night, killed")

PATIENCE_S = 240.0
QUEUE = """
[[item]]
plan = "irf"
min_counts = 20000

[[item]]
plan = "flim_raster"
sample = "A"
extent_um = 8
n_pixels = 8
n_scans = 8
"""
N_LINES = 64


class Night:
    """A house with a queue, and keepers that are started in it."""

    def __init__(self, folder: Path, queue: str = QUEUE):
        self.config = house(folder)
        self.data, self.queue = self.config.parent.parent / "data", folder / "queue.toml"
        self.queue.write_text(queue)
        self.keepers: list[Any] = []

    def keep(self, *words: str, speed: str = "20") -> Any:
        clean = {key: value for key, value in os.environ.items() if not key.startswith(("EPICS_", "TILED_"))}
        command = [sys.executable, "-m", "lab.night", *words, "--config", str(self.config), "--speed", speed]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        self.keepers.append(subprocess.Popen(command, cwd=HOUSE, env=clean, **pipes))
        return self.keepers[-1]

    @property
    def ledger(self) -> Ledger:
        return Ledger(self.data / "nights.sqlite", self.data / "journal")

    def session_of(self, keeper: subprocess.Popen) -> int:
        found = Path(f"/proc/{keeper.pid}/task/{keeper.pid}/children").read_text().split()
        return next(int(pid) for pid in found if "--child" in Path(f"/proc/{pid}/cmdline").read_text())

    def runs(self) -> list[tuple[dict, list[int], dict]]:
        """Start, lines and stop of all rasters in the journal, in order."""
        found = []
        for path in journal.paths(self.data / "journal"):
            documents = list(journal.read(path))
            start = documents[0][1] if documents else {}
            if start.get("plan_name") == "flim_raster" and start["purpose"] == "measurement":
                events = [doc["data"] for name, doc in documents if name == "event"]
                lines = [data["scanner_line"] for data in events if "scanner_lit" in data and "piezo_x" not in data]
                found.append((start, lines, documents[-1][1] if documents[-1][0] == "stop" else {}))
        return sorted(found, key=lambda run: run[0]["time"])

    def n_lines(self) -> int:
        return sum(len(lines) for _, lines, _ in self.runs())

    def is_lit(self) -> bool:
        return BeamReader(self.data / "run" / "beam.bin").read().lit

    def end(self):
        for keeper in self.keepers:
            with contextlib.suppress(ProcessLookupError):
                keeper.kill()
            keeper.wait()
            keeper.stdout.close()


@pytest.fixture
def tonight(tmp_path):
    night = Night(tmp_path / "house")
    yield night
    night.end()


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_a_night_goes_on_whoever_is_killed(tonight):
    first = tonight.keep(str(tonight.queue))
    wait_for(lambda: tonight.n_lines() > 3, PATIENCE_S)
    os.kill(tonight.session_of(first), signal.SIGKILL)
    wait_for(lambda: not tonight.is_lit(), 3.0)
    known = tonight.n_lines()
    wait_for(lambda: tonight.n_lines() > known + 3, PATIENCE_S)

    session = tonight.session_of(first)
    first.kill()
    wait_for(lambda: not tonight.is_lit(), 10.0)
    assert "ended by SIGKILL and is started again" in first.communicate()[0]
    second = tonight.keep()  # without a queue: the one that is not finished; the old session may still be ending
    told = second.communicate(timeout=2 * PATIENCE_S)[0]
    assert second.returncode == 0, told
    assert not Path(f"/proc/{session}").exists()

    night = tonight.ledger.night(tonight.ledger.names()[-1])
    assert [entry.state for entry in night.entries] == [DONE, DONE] and night.stopped_by == "finished"
    assert night.entries[1].interruptions == 2 and night.entries[1].attempts == 1
    runs = tonight.runs()
    assert [start["uid"] for start, _, _ in runs] == list(night.entries[1].runs)
    assert all((start["night"], start["item"]) == (night.name, 1) for start, _, _ in runs)
    assert [line for _, lines, _ in runs for line in lines] == list(range(N_LINES)), "each line once, in order"
    assert [stop["exit_status"] for _, _, stop in runs] == ["abort", "abort", "success"]
    assert runs[0][2]["interrupted"]
    assert f"night {night.name} is over" in told
    assert (tonight.data / "nights" / f"{night.name}.html").exists()
    status = json.loads((tonight.data / "night" / "status.json").read_text())
    assert status["state"] == "finished" and [item["state"] for item in status["items"]] == [DONE, DONE]


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_a_night_that_is_told_to_end_ends_dark_and_says_how_to_go_on(tonight):
    keeper = tonight.keep(str(tonight.queue))
    wait_for((tonight.data / "night" / "keeper.lock").exists, PATIENCE_S)
    refused = tonight.keep(str(tonight.queue)).communicate(timeout=PATIENCE_S)[0]
    assert "a night goes on already" in refused and str(keeper.pid) in refused
    wait_for(lambda: tonight.n_lines() > 1, PATIENCE_S)
    keeper.send_signal(signal.SIGINT)
    told = keeper.communicate(timeout=PATIENCE_S)[0]
    assert not tonight.is_lit()
    assert keeper.returncode == 128 + signal.SIGINT, told
    assert "1 of 2 items" in told and "make night goes on" in told
    night = tonight.ledger.unfinished()
    assert night is not None and [entry.state for entry in night.entries] == [DONE, INTERRUPTED]
    other = tonight.queue.with_name("other.toml")
    other.write_text(QUEUE.replace("n_pixels = 8", "n_pixels = 7"))
    refusing = tonight.keep(str(other))
    told = refusing.communicate(timeout=PATIENCE_S)[0]
    assert refusing.returncode == 2 and "make night NEW=1" in told
    assert tonight.ledger.unfinished() == night


def test_a_wrong_queue_is_refused_before_anything_is_started(tonight):
    tonight.queue.write_text('[[item]]\nplan = "flim_rster"\n')
    keeper = tonight.keep(str(tonight.queue))
    told = keeper.communicate(timeout=PATIENCE_S)[0]
    assert keeper.returncode == 2 and "flim_raster" in told and "started again" not in told
    assert not (tonight.data / "run" / "lab.json").exists()
