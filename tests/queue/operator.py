"""An operator of the queue server, as the tests see one."""

import os
import threading
import time
from pathlib import Path

from lab import journal
from lab.config import read
from lab.processes import command_line
from lab.queue_server.start import finish, start
from lab.queue_server.watch import watch, worker_pid
from tests.conftest import house

WHO = {"user": "operator", "user_group": "primary"}


class Operator:
    """A queue server of its own, watched, and a client of it; a context manager."""

    def __init__(self, folder: Path):
        self.config = read(house(folder, prefix="queue:"))

    def __enter__(self):
        self.up()
        return self

    def __exit__(self, *_):
        self.down()

    def up(self):
        """Start the server and its watch."""
        self.server, self.ended = start(self.config), threading.Event()
        self.watching = threading.Thread(target=watch, args=(self.server, self.ended))
        self.watching.start()
        self.client = self.server.client()

    def down(self):
        self.ended.set()
        self.watching.join()
        self.client.__exit__(None, None, None)
        finish(self.server)

    def crash(self):
        """Everything is killed at once."""
        self.ended.set()
        self.watching.join()
        self.client.__exit__(None, None, None)
        kill(*family(self.server.redis.pid), *family(self.server.manager.pid))
        finish(self.server)

    def ask(self, method, **parameters):
        return self.client.ask(method, **parameters)

    def wait(self, condition, timeout_s=120.0):
        """Wait until the manager's status is as wished."""
        deadline = time.monotonic() + timeout_s
        while not condition(status := self.client.status() or {}):
            assert time.monotonic() < deadline, f"it did not happen in time: {status}"
            time.sleep(0.1)
        return status

    def open(self):
        assert self.ask("environment_open")["success"]
        status = self.wait(lambda s: s.get("manager_state") == "idle")
        assert status["worker_environment_exists"], self.server.manager.log.read_text()[-3000:]

    def ready(self):
        """Open the environment if there is none, with an instrument response for rasters.

        A manager that was killed and came back may not know the plans of the worker that lives on: then a new one.
        """
        if self.wait(bool)["worker_environment_exists"]:
            if self.takes_items():
                return
            self.close()
        self.open()
        self.add("irf", "microscope", min_counts=1000)
        assert [status for _, status, *_ in self.run()] == ["completed"]
        self.clear()

    def add(self, name, /, *args, **kwargs):
        item = {"item_type": "plan", "name": name, "args": list(args), "kwargs": kwargs}
        return self.ask("queue_item_add", item=item, **WHO)

    def close(self):
        """End the session of the worker; the next one is a new owner of the light, which clears what was latched."""
        assert self.ask("environment_destroy")["success"]
        self.wait(lambda s: not s["worker_environment_exists"])

    def takes_items(self):
        """Whether a plan that is added stands in the queue; it is taken out again."""
        taken = self.add("park", "microscope")["success"] and self.names() == ["park"]
        self.clear()
        return taken

    def begin(self):
        """Start the queue; returns the uid of its first run when that is open."""
        before, done = self.wait(bool)["run_list_uid"], len(self.history())
        assert (answer := self.ask("queue_start"))["success"], answer

        def is_open(status):
            assert len(self.history()) == done, self.history()[-1]
            fresh = status["run_list_uid"] != before  # the list of the item before is kept until then
            return fresh and self.ask("re_runs", option="open")["run_list"]

        self.wait(is_open)
        return self.ask("re_runs", option="open")["run_list"][0]["uid"]

    def run(self):
        """Start the queue; returns the history when it has ended."""
        done = len(self.history())  # not from the status, which lags behind
        assert (answer := self.ask("queue_start"))["success"], answer
        self.wait(lambda _: len(self.history()) > done)
        self.wait(lambda s: s.get("manager_state") == "idle")
        return self.history()

    def clear(self):
        self.ask("queue_clear")
        self.ask("history_clear")

    def names(self):
        """Plans in the queue, in order."""
        return [item["name"] for item in self.ask("queue_get")["items"]]

    def history(self):
        """(plan, exit status, uids, message) of what was run."""
        results = [(item["name"], item["result"]) for item in self.ask("history_get")["items"]]
        return [(name, r["exit_status"], r["run_uids"], r["msg"]) for name, r in results]

    def is_interrupted(self, uid):
        """Whether the journal has a run without its end, and nobody who writes it."""
        return journal.is_interrupted(journal.path_of(self.config.folders.journal, uid))

    def document(self, uid, kind):
        """The start or the stop document of a run, from its journal."""
        documents = journal.read_from(journal.path_of(self.config.folders.journal, uid), 0)
        return next(doc for _, name, doc in documents if name == kind)

    def exit_status(self, uid):
        return self.document(uid, "stop")["exit_status"]

    def start_of(self, uid):
        return self.document(uid, "start")

    def beam(self):
        """What comes out of the simulated shutter."""
        from devices.iocs.twin.beam import BeamReader

        return BeamReader(self.config.folders.run / "beam.bin")

    @property
    def worker(self):
        return worker_pid(self.config)

    def manager_processes(self):
        """The manager's own child that answers requests, without the worker."""
        return [pid for pid in children(self.server.manager.pid) if pid != self.worker]


def children(pid: int) -> list[int]:
    """Living child processes."""
    tasks = Path(f"/proc/{pid}/task")
    found = " ".join((task / "children").read_text() for task in tasks.iterdir()) if tasks.exists() else ""
    return [int(child) for child in found.split() if command_line(int(child))]


def family(pid: int) -> list[int]:
    """A process and all that it started."""
    return [pid, *(each for child in children(pid) for each in family(child))]


def kill(*pids: int):
    for pid in pids:
        os.kill(pid, 9)
