"""Storage and instruments that died come back while the session lives: on the same ports, in the same world."""

import logging
import shutil
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from lab import services
from lab.config import LabConfig
from lab.processes import Service

log = logging.getLogger(__name__)

LOOK_S = 1.0
MOST_RESTARTS, WINDOW_S = 5, 600.0  # that did not last
LASTING_S = 60.0  # what all lived through after a restart is held against nobody
STOPPING_S = 5.0
LOW_BYTES, DISK_LOOK_S = 10e9, 60.0


class Guardian:
    """A thread of the session that looks after the processes of the lab.

    What it starts ends with this thread, so it lives until the session has stopped them.

    Parameters
    ----------
    lab : the processes as they were started; `changed` is told of others
    twin : the options of the simulated bench that the session was started with
    """

    def __init__(
        self,
        config: LabConfig,
        lab: services.Lab,
        changed: Callable[[services.Lab], Any],
        twin: Mapping[str, Any] | None = None,
    ):
        self.config, self.lab, self.changed, self.twin = config, lab, changed, dict(twin or {})
        self.restarts: list[float] = []  # that did not last
        self.disk_told_s = -DISK_LOOK_S
        self.looking = threading.Lock()
        self.stopped, self.over = threading.Event(), threading.Event()
        self.thread = threading.Thread(target=self.watch, name="guardian", daemon=True)
        self.thread.start()

    def watch(self):
        while not self.stopped.wait(LOOK_S):
            try:
                with self.looking:
                    self.look()
            except Exception as why:
                log.error("the guardian could not bring a process back: %s", why)
        self.over.wait()

    def look(self):
        """Bring back what died, unless that happens too often; tell when the disk gets full."""
        self.look_at_disk()
        now_s, dead = time.monotonic(), self.dead()
        if self.stopped.is_set() or not dead:
            self.restarts = [] if self.restarts and now_s - self.restarts[-1] > LASTING_S else self.restarts
            return
        self.restarts = [t for t in self.restarts if now_s - t < WINDOW_S]
        if len(self.restarts) >= MOST_RESTARTS:
            return
        self.restarts.append(now_s)
        last = ", for the last time" if len(self.restarts) == MOST_RESTARTS else ""
        log.error("%s died and is started again%s; see %s", " and ".join(dead), last, self.config.folders.run)
        self.lab = services.revive(self.config, self.lab, **self.twin)
        self.changed(self.lab)

    def dead(self) -> list[str]:
        """Names of what should run and does not."""
        return [name for name, service in self.of_lab().items() if not service.alive]

    def of_lab(self) -> dict[str, Service]:
        return {"storage": self.lab.storage, "iocs": self.lab.iocs}

    def look_at_disk(self):
        """Say, once a minute, that there is little room."""
        if time.monotonic() - self.disk_told_s < DISK_LOOK_S:
            return
        self.disk_told_s = time.monotonic()
        free = shutil.disk_usage(self.config.folders.run).free
        if free < LOW_BYTES:
            log.warning("%.1f GB are free in %s: make room", free / 1e9, self.config.folders.data)

    def stop(self):
        """Bring nothing back any more; what is just coming back is waited for, but not for long."""
        self.stopped.set()
        if self.looking.acquire(timeout=STOPPING_S):
            self.looking.release()

    def leave(self):
        """End the thread, and with it what it started."""
        self.stopped.set()
        self.over.set()
