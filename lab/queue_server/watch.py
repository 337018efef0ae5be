"""A watch over the queue server: it does not notice by itself when its worker is killed, or its Redis.

The worker is the session of the lab, so the lock of the rig names its process. When that process is gone while the
manager believes that it runs, the environment is destroyed: the item goes back to the front, the queue stops, and
nothing is begun again until somebody opens the environment.
"""

import json
import logging
import threading
from typing import TYPE_CHECKING

from lab.config import LabConfig
from lab.processes import command_line
from lab.queue_server import redis
from lab.queue_server.client import Client

if TYPE_CHECKING:
    from lab.queue_server.start import QueueServer

log = logging.getLogger(__name__)

PERIOD_S = 2.0
CHANGING = ("creating_environment", "closing_environment", "destroying_environment")


def worker_pid(config: LabConfig) -> int | None:
    """The process of the session, by the lock of the rig; None if there is none."""
    try:
        pid = int(json.loads((config.folders.data / "rig.lock").read_text())["pid"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return pid if command_line(pid) else None


def bury_worker(client: Client, config: LabConfig) -> bool:
    """Destroy the environment if its worker is dead; whether it was."""
    status = client.status()
    if status is None or not status["worker_environment_exists"] or status["manager_state"] in CHANGING:
        return False
    if worker_pid(config) is not None:
        return False
    log.error(
        "the worker was killed while %s: its environment is destroyed, the item is at the front of the queue, its run "
        "is closed as interrupted by the next session; go on with: qserver environment open, qserver queue start",
        status["manager_state"].replace("_", " "),
    )
    answer = client.ask("environment_destroy")
    if not answer["success"]:
        log.error("the environment could not be destroyed: %s", answer["msg"])
    return True


def watch(server: "QueueServer", ended: threading.Event) -> str:
    """Keep the queue server alive until `ended`, or until the manager is gone; returns why it ended."""
    with server.client() as client:
        while not ended.wait(PERIOD_S):
            if not server.manager.alive:
                return f"the manager has stopped; see {server.manager.log}"
            if server.redis is not None and not server.redis.alive:
                log.error("Redis has died and is started again; what it confirmed is on disk")
                server.redis = redis.start(server.config)
            try:
                bury_worker(client, server.config)
            except TimeoutError as silence:
                log.warning("%s", silence)
    return ""
