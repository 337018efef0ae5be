"""A leash that is let go, or whose holder is killed, ends a process politely: no signal is needed for it."""

import asyncio
import gc
import os
import subprocess
import sys

import psutil
import pytest

from devices import leash
from devices.iocs.server import _once
from lab.processes import free_port
from tests.conftest import HOUSE
from tests.lab.crashes import wait_for

LIGHT = """
import os, sys
from pathlib import Path
os.environ["CAPROTO_SERVER_HIGH_LOAD_TIMEOUT_SEC"] = "0.001"
from devices.iocs import server
from devices.iocs.light import light_groups
from tests.devices.iocs.fake_light import FakeLight

folder, port = Path(sys.argv[1]), int(sys.argv[2])
server.ORPHAN_CHECK_S = 3600.0  # nobody looks after the parent

class Shutter(FakeLight):
    def close_shutter(self):
        (folder / "shutter").write_text("closed")

os.environ.update(server.loopback_environment(port))
groups = light_groups("leash:", Shutter(), repetition_hz=2e6, rates_hz=(2e6,))
server.serve(groups, port=port, ready=folder / "light.json")
(folder / "end").write_text("polite")
"""

HOLDER = """
import sys
from devices.leash import Held
light = Held([sys.executable, *sys.argv[1:]])
print(light.pid, flush=True)
sys.stdin.read()
"""

OBEYING = """
import os, sys, threading
from devices import leash
let_go = threading.Event()
obeys = leash.obey(let_go.set)
print(obeys, leash.VARIABLE in os.environ, flush=True)
print("let go" if let_go.wait(float(sys.argv[1])) else "free", flush=True)
"""


class Light:
    """A light process with a shutter that is a file, and that nothing opens but the test."""

    def __init__(self, folder):
        self.shutter, self.ready, self.ended = folder / "shutter", folder / "light.json", folder / "end"
        self.command = ["-c", LIGHT, str(folder), str(free_port())]

    def open(self):
        """As soon as it serves: at boot it closes the shutter."""
        wait_for(lambda: self.ready.exists() and self.shutter.exists())
        self.shutter.write_text("open")

    @property
    def is_dark_and_over(self) -> bool:
        over = self.ended.exists() and self.ended.read_text() == "polite" and not self.ready.exists()
        return over and self.shutter.read_text() == "closed"


@pytest.fixture
def light(tmp_path):
    return Light(tmp_path)


def test_the_light_process_closes_the_shutter_when_its_leash_is_let_go(light):
    process = leash.Held([sys.executable, *light.command], cwd=HOUSE)
    try:
        light.open()
        process.let_go()
        assert process.wait(20) == 0 and light.is_dark_and_over
    finally:
        process.kill()
        process.wait()


def test_the_light_process_closes_the_shutter_when_its_holder_is_killed(light):
    words = [sys.executable, "-c", HOLDER, *light.command]
    with subprocess.Popen(words, cwd=HOUSE, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        process = psutil.Process(int(holder.stdout.readline()))
        try:
            light.open()
            holder.kill()
            wait_for(lambda: light.is_dark_and_over, 20.0)
        finally:
            if process.is_running():
                process.kill()


def obeying(patience_s: float, **options) -> subprocess.Popen:
    """A process that obeys, and says whether it may be held, and within its patience was let go."""
    command = [sys.executable, "-c", OBEYING, str(patience_s)]
    return subprocess.Popen(command, cwd=HOUSE, stdout=subprocess.PIPE, text=True, **options)


@pytest.mark.parametrize("said", ["", "another pipe"])
def test_a_standard_input_that_is_no_leash_ends_nothing(monkeypatch, said):
    monkeypatch.setenv(leash.VARIABLE, "0123456789abcdef")  # inherited from a process that is on one
    with obeying(0.3, stdin=subprocess.PIPE) as process:
        assert process.communicate(said)[0].splitlines() == ["True False", "free"]
    with obeying(0.0, stdin=subprocess.DEVNULL) as process:
        assert process.communicate()[0].splitlines() == ["False False", "free"]


def test_a_process_that_is_not_held_does_not_touch_its_standard_input():
    with obeying(0.0, stdin=subprocess.PIPE) as process:
        assert process.communicate("")[0].splitlines() == ["False False", "free"]


def test_a_holder_that_forgets_still_holds():
    command = [sys.executable, "-c", OBEYING, "60"]
    process = leash.Held(command, cwd=HOUSE, stdout=subprocess.PIPE, text=True)
    with process.stdout as said:
        assert said.readline().split() == ["True", "False"]
        child, held = psutil.Process(process.pid), process._held
        process.returncode = 0  # or Python would warn of what is forgotten here
        del process
        gc.collect()
        with pytest.raises(psutil.TimeoutExpired):
            child.wait(0.3)
        os.close(held)
        assert said.readline() == "let go\n"
        child.wait(10)


def test_being_asked_twice_does_not_cancel_the_hooks_of_the_end():
    done = []

    async def serving():
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0.05)
            done.append("dark")

    async def asked_twice():
        task = asyncio.ensure_future(serving())
        end = _once(task, asyncio.get_running_loop())
        await asyncio.sleep(0)
        end()
        await asyncio.sleep(0.01)
        end()
        await asyncio.wait([task])
        return end

    asyncio.run(asked_twice())()  # and asked once more when all is over
    assert done == ["dark"]
