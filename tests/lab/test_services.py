"""The processes of a lab start once, are found again, and leave nothing behind."""

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from lab import server, services
from lab.config import LabConfig
from lab.processes import free_port, is_free
from lab.server import StorageError
from lab.services import ServiceError

HOUSE = Path(__file__).parents[2]

STAND_IN = """
import json, os, socket, subprocess, sys, time
folder, light, bench = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
listening = [socket.create_server(("127.0.0.1", port)) for port in (light, bench)]
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
served = {"pid": os.getpid(), "child": child.pid, "light_port": light, "bench_port": bench}
with open(f"{folder}/iocs.json.new", "w") as file:
    json.dump(served, file)
os.replace(f"{folder}/iocs.json.new", f"{folder}/iocs.json")
time.sleep(600)
"""


def stand_in(config, *, light_port, bench_port, **twin):
    return [sys.executable, "-c", STAND_IN, str(config.folders.run), str(light_port), str(bench_port)]


def failing(config, **options):
    return [sys.executable, "-c", "raise SystemExit('the stage is on fire')"]


def exists(pid):
    """Whether a process runs; one that ended and waits for its parent does not."""
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False


@pytest.fixture
def config(tmp_path):
    config = LabConfig()
    return replace(
        config,
        folders=replace(config.folders, data=tmp_path / "data"),
        channel_access=replace(config.channel_access, light_port=0, bench_port=0),
        storage=replace(config.storage, port=0),
    )


def test_a_lab_starts_is_reused_repaired_and_stopped(config):
    lab = services.up(config, command=stand_in)
    served = json.loads((config.folders.run / "iocs.json").read_text())
    assert (served["light_port"], served["bench_port"]) == (lab.light_port, lab.bench_port)
    assert server.answers(lab.storage_url, lab.api_key)
    assert not server.answers(lab.storage_url, "0" * 64)
    assert lab.api_key not in (config.folders.run / "lab.json").read_text() + repr(lab)
    assert stat.S_IMODE((config.folders.storage / "api_key").stat().st_mode) == 0o600
    assert stat.S_IMODE(lab.logs["storage"].stat().st_mode) == 0o600
    variables = services.environment(lab)
    assert variables["EPICS_CA_ADDR_LIST"] == f"127.0.0.1:{lab.light_port} 127.0.0.1:{lab.bench_port}"

    again = services.up(config, command=stand_in)
    assert again.reused and not lab.reused
    assert again.pids == services.find(config).pids == lab.pids
    with pytest.raises(ServiceError, match=r"another lab\.toml or other twin options"):
        services.up(config, preset="B", command=stand_in)
    taken = replace(config, folders=replace(config.folders, data=config.folders.data / "other"))
    taken = replace(taken, storage=replace(config.storage, port=lab.storage.ports[0]))
    with pytest.raises(StorageError, match=rf"port {lab.storage.ports[0]} on 127\.0\.0\.1 is taken by another"):
        services.up(taken, command=stand_in)

    os.killpg(lab.iocs.pid, signal.SIGKILL)
    lab.iocs.process.wait()
    assert services.find(config) is None
    repaired = services.up(config, command=stand_in)
    assert repaired.storage.pid == lab.storage.pid
    assert repaired.iocs.pid != lab.iocs.pid
    child = json.loads((config.folders.run / "iocs.json").read_text())["child"]

    services.down(repaired)
    lab.storage.process.wait()
    assert services.find(config) is None
    assert not any(exists(pid) for pid in (repaired.iocs.pid, repaired.storage.pid, child))
    assert is_free(lab.storage.ports[0], socket.SOCK_STREAM)


def test_an_ioc_that_dies_at_once_is_reported_with_its_last_words(config, storage, monkeypatch):
    monkeypatch.setattr(services, "_start_storage", lambda *args: running)
    monkeypatch.setattr(server, "api_key", lambda folder: storage.key)
    running = services.Service(storage.process.pid, (), (storage.port,), storage.log, "", storage.process)
    with pytest.raises(ServiceError, match="the stage is on fire"):
        services.up(config, command=failing)
    assert services.find(config) is None


@pytest.mark.parametrize("kind", [socket.SOCK_DGRAM, socket.SOCK_STREAM])
def test_a_taken_channel_access_port_is_named_with_what_to_do(kind):
    with socket.socket(socket.AF_INET, kind) as other:
        other.bind(("127.0.0.1", 0))
        if kind == socket.SOCK_STREAM:
            other.listen()
        port = other.getsockname()[1]
        with pytest.raises(ServiceError, match=rf"port {port} .* \[channel_access\] light_port in profile/lab"):
            services.check_ca_port(port, "light_port")
    services.check_ca_port(free_port(), "light_port")


def test_the_command_of_the_iocs_holds_what_was_asked_for(config):
    words = services.ioc_command(config, light_port=1, bench_port=2, preset="B", seed=None, speed=10.0)
    assert words[1:3] == ["-m", "devices.iocs"]
    assert "--config" not in words and "--seed" not in words
    for pair in (["--light-port", "1"], ["--preset", "B"], ["--speed", "10.0"]):
        assert words[words.index(pair[0]) + 1] == pair[1]


LAUNCHER = """
import sys, time
from pathlib import Path
from lab.processes import spawn
service = spawn([sys.executable, "-c", "import time; time.sleep(600)"], (), Path(sys.argv[1]), {}, keep=False)
sys.stdout.write(f"{service.pid}\\n")
sys.stdout.flush()
time.sleep(600)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's promise is Linux")
def test_services_die_with_a_launcher_that_is_killed(tmp_path):
    launcher = subprocess.Popen(
        [sys.executable, "-c", LAUNCHER, str(tmp_path / "log")], stdout=subprocess.PIPE, text=True, cwd=HOUSE
    )
    pid = int(launcher.stdout.readline())
    command = Path(f"/proc/{pid}/cmdline")
    deadline = time.monotonic() + 10
    while b"lab.tether" in command.read_bytes() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert exists(pid)
    launcher.kill()
    launcher.communicate()
    while exists(pid) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not exists(pid)
