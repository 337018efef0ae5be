"""Start the queue server of one lab: Redis, the manager, and how to reach them."""

import json
import os
import socket
import sys
import time
from dataclasses import dataclass
from typing import Any

from devices import polite
from lab.config import LabConfig
from lab.home import in_profile
from lab.private import private_folder, write_private
from lab.processes import Service, free_port, is_free, spawn, stop
from lab.queue_server import redis
from lab.queue_server.client import Client
from lab.queue_server.keys import Keys, keys
from lab.queue_server.redis import QueueError
from lab.queue_server.watch import worker_pid

START_S = 60.0
LEAVING_S = 20.0
PREFIX = "luminescope"


@dataclass
class QueueServer:
    """The running queue server: its processes, its address, its keys; `redis` is another one after it was restarted."""

    config: LabConfig
    redis: Service | None  # None: it is somebody else's
    manager: Service
    address: str
    keys: Keys

    def client(self) -> Client:
        """Who may ask the manager for anything that its owner may."""
        return Client(self.address, self.keys.public)


def start(config: LabConfig) -> QueueServer:
    """Start what is needed and wait until the manager answers; everything ends with this process.

    Raises
    ------
    QueueError : Redis is missing or silent, the port is taken, or the manager does not start.
    """
    folder = private_folder(config.folders.queue)
    if config.file is None:
        raise QueueError("the queue server needs a lab.toml: its worker reads it again")
    pair, port = keys(folder), config.queue.port or free_port()
    if not is_free(port, socket.SOCK_STREAM, config.queue.host):
        raise QueueError(f"port {port} is taken by another program: set [queue] port in lab.toml, or stop it")
    own = None if config.queue.redis else redis.start(config)
    try:
        if own is None and not redis.answers(config):
            word = folder / "redis_password"
            raise QueueError(f"the Redis at {config.queue.redis} does not answer: is it up, is its password in {word}?")
        manager = start_manager(config, pair, port)
        server = QueueServer(config, own, manager, f"tcp://127.0.0.1:{port}", pair)
        wait(server)
    except BaseException:
        stop([service for service in (own,) if service])
        raise
    return server


def start_manager(config: LabConfig, pair: Keys, port: int) -> Service:
    """The manager, with its settings in a file that its owner alone may read."""
    folder = config.folders.queue.resolve()
    file = write_private(folder / "manager.yml", json.dumps(settings(config, pair, port), indent=1))  # JSON is YAML
    command = [sys.executable, "-m", "lab.queue_server.manager", str(config.file), str(file)]
    variables = {
        "LUMINESCOPE_CONFIG": str(config.file),
        "OPHYD_CONTROL_LAYER": os.environ.get("OPHYD_CONTROL_LAYER", "caproto"),
        "MPLBACKEND": "Agg",
    }
    return spawn(command, (port,), folder / "manager.log", variables, keep=False)


def settings(config: LabConfig, pair: Keys, port: int) -> dict[str, Any]:
    """What the manager reads: one address, encrypted; the plans of the profile; no other code."""
    folder, startup = config.folders.queue.resolve(), in_profile(config.file, "startup")
    return {
        "network": {
            "zmq_control_addr": f"tcp://{config.queue.host}:{port}",
            "zmq_private_key": pair.private.read_text(encoding="ascii"),
            "zmq_publish_console": False,
            "redis_addr": config.queue.redis or "127.0.0.1",  # what is printed; see lab.queue_server.manager
            "redis_name_prefix": f"{PREFIX}_{config.channel_access.prefix.strip(':')}",
        },
        "startup": {
            "startup_dir": str(startup),
            "existing_plans_and_devices_path": str(folder / "existing_plans_and_devices.yaml"),
            "user_group_permissions_path": str(startup / "user_group_permissions.yaml"),
            "device_max_depth": 1,
        },
    }


def wait(server: QueueServer) -> None:
    """Return when the manager answers."""
    deadline, log = time.monotonic() + START_S, server.manager.log
    with server.client() as client:
        while client.status() is None:
            if not server.manager.alive:
                raise QueueError(f"the manager stopped while starting; see {log}")
            if time.monotonic() > deadline:
                raise QueueError(f"the manager is silent after {START_S:.0f} s; see {log}")


def finish(server: QueueServer) -> None:
    """End all of it: the session in the worker first, in its own time, so that its run is closed and stored."""
    pid = worker_pid(server.config)
    if pid is not None:
        polite.ask_to_end(pid)
    deadline = time.monotonic() + LEAVING_S
    while worker_pid(server.config) is not None and time.monotonic() < deadline:
        time.sleep(0.1)
    stop([server.manager])
    stop([server.redis] if server.redis else [])
