"""A whole lab with its queue: who can reach it, and where its keys stand."""

import os
import socket
import stat
import sys
from pathlib import Path

import pytest

pytest.importorskip("bluesky_queueserver", reason="the queue server is not installed: pip install luminescope[queue]")

from lab.night.web import key_of
from lab.queue_server.keys import keys
from lab.server import api_key
from tests.queue.operator import Operator, family
from tests.security.sockets import listeners

pytestmark = [
    pytest.mark.xdist_group("queue"),
    pytest.mark.skipif(sys.platform != "linux", reason="reads /proc"),
]


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """Session, IOCs, storage, queue server; an item has been measured."""
    with Operator(tmp_path_factory.mktemp("whole")) as operator:
        operator.open()
        operator.add("irf", "microscope", min_counts=1000)
        assert [status for _, status, *_ in operator.run()] == ["completed"]
        yield operator


def everybody(lab) -> list[int]:
    """All processes of the lab: Redis, manager, worker, storage, IOCs."""
    return [*family(lab.server.redis.pid), *family(lab.server.manager.pid)]


def test_nothing_listens_beyond_loopback(lab):
    found = listeners(everybody(lab))
    assert len({each.port for each in found if each.protocol == "tcp"}) >= 4  # storage, two IOCs, queue
    assert [each for each in found if not each.is_local] == []


def test_the_search_for_listeners_finds_one(lab):
    with socket.socket() as tcp, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        tcp.bind(("0.0.0.0", 0))
        tcp.listen()
        udp.bind(("0.0.0.0", 0))
        open_to_all = {(each.protocol, each.port) for each in listeners([os.getpid()]) if not each.is_local}
        assert {("tcp", tcp.getsockname()[1]), ("udp", udp.getsockname()[1])} <= open_to_all


def secrets(config) -> dict[Path, bytes]:
    """The keys of a lab, each where it stands."""
    pair = keys(config.folders.queue)
    known = {
        config.folders.storage / "api_key": api_key(config.folders.storage),
        config.folders.night / "key": key_of(config.folders.night),
    }
    texts = known | {path: path.read_text() for path in (pair.private, pair.public)}
    return {path: text.strip().encode() for path, text in texts.items()}


def test_keys_are_long_and_stand_in_files_of_their_owner_alone(lab):
    for path, key in secrets(lab.config).items():
        assert len(key) >= 20
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(lab.config.folders.run.stat().st_mode) == 0o700


def test_keys_stand_nowhere_else(lab):
    known = secrets(lab.config)
    allowed = {*known, lab.config.folders.queue / "manager.yml"}  # the manager's settings hold its private key
    for path in lab.config.folders.data.rglob("*"):
        if path.is_file() and path not in allowed:
            content = path.read_bytes()
            assert not [str(where) for where, key in known.items() if key in content], path
    assert stat.S_IMODE((lab.config.folders.queue / "manager.yml").stat().st_mode) == 0o600


def test_keys_stand_in_no_command_line(lab):
    known = secrets(lab.config).values()
    for pid in everybody(lab):
        words = Path(f"/proc/{pid}/cmdline").read_bytes()
        assert not any(key in words for key in known)


def test_a_stranger_learns_nothing_from_the_queue(lab, tmp_path):
    from bluesky_queueserver import generate_zmq_keys

    from lab.queue_server.client import Client

    wrong = tmp_path / "key"
    wrong.write_text(generate_zmq_keys()[0])
    with Client(lab.server.address, wrong, timeout_ms=1000) as stranger:
        assert stranger.status() is None
    assert lab.client.status()
