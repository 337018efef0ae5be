"""Dark in any state of the engine: from another thread while the plan hangs, and from the shell."""

import json
import subprocess
import sys
import threading

import pytest
from bluesky import plan_stubs as bps

from lab import panic
from lab.config import read
from plans.stubs import lit, shine
from tests.lab.crashes import wait_for


@pytest.fixture
def microscope(session):
    yield session.microscope
    session.microscope.shutter.reset()


def meanwhile(session, act, *, hung: bool):
    """Do `act` from another thread while light is on the sample; `hung`: the plan blocks the loop of the engine."""
    microscope, done, seen = session.microscope, threading.Event(), []

    def from_another_thread():
        try:
            wait_for(lambda: microscope.shutter.state.get() == "open")
            act()
            seen.append((microscope.shutter.state.get(), microscope.shutter.latch.get()))
        finally:
            done.set()

    def stay():
        yield from shine(microscope)
        while not done.wait(60 if hung else 0):
            yield from bps.sleep(0.05)

    other = threading.Thread(target=from_another_thread)
    other.start()
    session.RE(lit(microscope, microscope.pulsed, 50.0, stay))
    other.join(60)
    return seen[0]


def test_panic_from_another_thread_does_not_wait_for_a_hung_engine(session, microscope):
    state, latch = meanwhile(session, microscope.panic, hung=True)
    assert state == "closed" and latch == "panic: called by the user"
    assert microscope.pulsed.emission.get() == microscope.cw.emission.get() == "standby"


def test_panic_from_the_shell_needs_no_session(session, microscope):
    command = [sys.executable, "-m", "lab.panic", "--config", str(session.config.file)]
    told = []

    def call():
        told.append(subprocess.run(command, capture_output=True, text=True, timeout=50, check=False))

    state, latch = meanwhile(session, call, hung=False)
    assert (told[0].returncode, told[0].stderr) == (0, "") and told[0].stdout.startswith("dark: shutter closed")
    assert state == "closed" and latch == "panic: called from the shell"
    assert microscope.pulsed.emission.get() == "standby"


def test_panic_finds_the_light_by_itself_and_says_when_it_cannot(tmp_path, capsys):
    file = tmp_path / "profile" / "lab.toml"
    file.parent.mkdir()
    file.write_text('[channel_access]\nlight_port = 0\nbench_port = 0\n[folders]\ndata = "data"\n')
    config = read(file)
    assert panic.main(["--config", str(file)]) == 1
    assert "no IOCs have left their address" in capsys.readouterr().err
    config.folders.run.mkdir(parents=True)
    (config.folders.run / "iocs.json").write_text(json.dumps({"light_port": 4711}))
    assert panic.light_port(config) == 4711
    (config.folders.run / "light.json").write_text("{half")
    assert panic.light_port(config) == 4711
    (config.folders.run / "light.json").write_text(json.dumps({"port": 4712}))
    assert panic.light_port(config) == 4712
    assert panic.main(["--config", str(tmp_path / "no.toml")]) == 2
    assert "switch the laser off at its key" in capsys.readouterr().err


def test_it_means_the_lab_of_the_session(tmp_path, monkeypatch):
    assert panic.parse([]).config.name == "lab.toml"
    monkeypatch.setenv("LUMINESCOPE_CONFIG", str(tmp_path / "bench.toml"))
    assert panic.parse([]).config == tmp_path / "bench.toml"
