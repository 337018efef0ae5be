"""One writer to a process: what a second client of a lab that is driven may do, and when it becomes the first."""

import json
import os
import subprocess
import sys
import time

import pytest
from caproto import ChannelType
from caproto.threading.client import Context

from tests.conftest import HOUSE, house

PREFIX, FIRST, SECOND = "writer:", "the first session", "a second session"

STRANGER = """
from devices.filters import Filters
from devices.lasers import PulsedLaser
from devices.shutter import Shutter
from devices.signals import CommandError

parts = [kind(f"writer:{name}:", name=name) for kind, name in
         ((Filters, "filters"), (PulsedLaser, "pulsed"), (Shutter, "shutter"))]
for part in parts:
    part.wait_for_connection(timeout=20)
filters, pulsed, shutter = parts

def told(act):
    try:
        act()
    except CommandError as why:
        return str(why)
    return "done"

print(told(lambda: filters.qd.set("scatter").wait(10)))
print(told(lambda: pulsed.emission.set("on").wait(10)))
print(told(shutter.reset))
print(told(shutter.rest))
"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """Instruments without a session, and the folder of their process files."""
    config = house(tmp_path_factory.mktemp("writers"), prefix=PREFIX)
    run = config.parent.parent / "data" / "run"
    process = subprocess.Popen([sys.executable, "-m", "devices.iocs", "--config", str(config)], cwd=HOUSE)
    try:
        deadline = time.monotonic() + 60
        while not (run / "iocs.json").exists():
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.05)
        facts = json.loads((run / "iocs.json").read_text())
        with pytest.MonkeyPatch.context() as patch:
            ports = (facts["light_port"], facts["bench_port"])
            patch.setenv("EPICS_CA_ADDR_LIST", " ".join(f"127.0.0.1:{port}" for port in ports))
            patch.setenv("EPICS_CA_AUTO_ADDR_LIST", "NO")
            yield run
    finally:
        process.terminate()
        process.wait(20)


class Client:
    """One connection to each process of the lab."""

    def __init__(self):
        self.context = Context()

    def pv(self, name: str):
        (pv,) = self.context.get_pvs(PREFIX + name)
        pv.wait_for_connection(timeout=20)
        return pv

    def put(self, name: str, value) -> str:
        """Put; what the group says of it to this client."""
        pv = self.pv(name)
        word = isinstance(value, str) and pv.channel.native_data_type == ChannelType.ENUM
        data = value.encode() if isinstance(value, str) else value
        kind = ChannelType.STRING if word else None
        self.status = pv.write(data, wait=True, timeout=10, data_type=kind).status
        return self.get(f"{name.split(':', maxsplit=1)[0]}:Error")

    def get(self, name: str) -> str:
        return bytes(self.pv(name).read(timeout=10).data).split(b"\0")[0].decode()


@pytest.fixture
def first(lab):
    """A client that owns both processes."""
    client = Client()
    assert client.put("shutter:Owner", FIRST) == "" and client.put("fs5:Owner", FIRST) == ""
    yield client
    client.put("shutter:Reset", 1)
    for group in ("shutter", "fs5"):
        if client.get(f"{group}:Owner") == FIRST:
            client.put(f"{group}:Owner", "nobody")
    client.context.disconnect()


@pytest.fixture(scope="module")
def second(lab):
    client = Client()
    yield client
    client.context.disconnect()


def test_without_an_owner_anybody_may_write(second):
    assert second.put("scanner:Dwell", 0.05) == "" and second.status.success


REFUSED = [
    ("scanner:Dwell", 0.3),
    ("filters:Qd", "scatter"),
    ("pulsed:Emission", "on"),
    ("pulsed:Intensity", 3.0),
    ("shutter:Command", "open"),
    ("shutter:Reset", 1),
    ("shutter:Beat", SECOND),
    ("shutter:Owner", "nobody"),
    ("shutter:Owner", SECOND),
    ("spads:Trip", 1e7),
    ("fs5:Lamp", "on"),
]


def test_a_second_client_is_refused_with_the_reason(first, second):
    for name, value in REFUSED:
        before = second.pv(name).read().data
        why = second.put(name, value)
        assert why.startswith(f"{PREFIX}{name}: the lab is driven by '{FIRST}'") and "close that one first" in why
        assert second.status.name == "ECA_NOWTACCESS" and list(second.pv(name).read().data) == list(before)
        assert first.get(f"{name.split(':')[0]}:Error") == ""  # whoever measures is not confused


def test_a_put_that_waits_for_nothing_is_refused_too(first, second):
    second.pv("scanner:NScans").write(7, wait=False)
    assert "is driven by" in second.get("scanner:Error")
    assert second.pv("scanner:NScans").read().data[0] != 7


def test_anybody_may_take_light_away(first, second):
    for name, value in (("shutter:Command", "closed"), ("cw:Emission", "standby"), ("shutter:Rest", 1)):
        assert second.put(name, value) == "" and second.status.success
    for name in ("scanner:Stop", "timeharp:Stop", "counters:Stop", "fs5:Stop"):
        assert second.put(name, 1) == ""
    assert second.put("shutter:Trip", "a stranger saw smoke") == ""
    assert first.get("shutter:Latch") == "a stranger saw smoke"


def test_the_lease_is_free_as_soon_as_its_connection_is_gone(lab, second):
    killed = Client()
    killed.put("fs5:Owner", FIRST)
    assert "is driven by" in second.put("fs5:Owner", SECOND)
    killed.context.disconnect()
    deadline = time.monotonic() + 10
    while second.put("fs5:Owner", SECOND):
        assert time.monotonic() < deadline
    assert second.get("fs5:Owner") == SECOND and second.put("scanner:Dwell", 0.05) == ""
    second.put("fs5:Owner", "nobody")


def test_the_owner_is_known_again_after_its_connection_was_cut(lab, second):
    before, again = Client(), Client()
    before.put("fs5:Owner", FIRST)
    assert again.put("fs5:Beat", FIRST) == ""  # as the session does while a plan runs
    assert again.put("scanner:Dwell", 0.05) == ""
    assert "is driven by" in second.put("scanner:Dwell", 0.3)
    again.put("fs5:Owner", "nobody")
    for client in (before, again):
        client.context.disconnect()


def test_the_bench_tells_what_stands_in_the_detection(lab, second):
    deadline = time.monotonic() + 20
    while '"qd": "scatter"' not in second.get("shutter:Optics"):
        assert time.monotonic() < deadline
        second.put("filters:Qd", "scatter")
    key = (lab / "link.key").read_text()
    assert (lab / "link.key").stat().st_mode & 0o777 == 0o600
    assert len(key) == 32 and key not in second.get("shutter:Optics")
    assert "only the bench process" in second.put("shutter:Optics", '{"boot": "", "splitter": ""}')
    second.put("filters:Qd", "FBH650-40+655/15")


@pytest.mark.parametrize("layer", ["caproto", "pyepics"])
def test_a_script_beside_the_session_is_told_so(first, layer):
    environment = os.environ | {"OPHYD_CONTROL_LAYER": layer}
    done = subprocess.run(
        [sys.executable, "-c", STRANGER], capture_output=True, text=True, cwd=HOUSE, env=environment, check=False
    )
    lines = done.stdout.splitlines()
    assert len(lines) == 4, done.stderr
    assert all(f"the lab is driven by '{FIRST}'" in line for line in lines[:3]), lines
    assert lines[3] == "done"
