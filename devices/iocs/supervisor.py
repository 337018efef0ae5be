"""Start the light process and the bench process, keep both alive, and end them together."""

import json
import logging
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TextIO

from devices import leash, polite, portable
from devices.iocs.server import announce

log = logging.getLogger(__name__)

PARTS = ("light", "bench")
POLL_S = 0.1
STOP_TIMEOUT_S = 5.0
MAX_RESTARTS_PER_MINUTE = 5


def only_one(folder: Path) -> TextIO:
    """Lock the folder for this supervisor, before it touches anything in it; SystemExit naming the one that runs."""
    held = (folder / "iocs.lock").open("a+", encoding="utf-8")
    if not portable.try_lock(held.fileno()):
        with held:
            held.seek(0)
            holder = held.read() or "another process"
        raise SystemExit(f"the IOCs of this lab already run ({holder}, {folder}): use them, or stop that process first")
    held.truncate(0)
    held.write(f"process {os.getpid()}")
    held.flush()
    return held


class Supervisor:
    """Two children on a leash; one that dies by accident comes back with a new boot id: a running plan notices."""

    def __init__(self, folder: Path, arguments: list[str], about: dict):
        self.folder, self.arguments, self.about = folder, arguments, about
        self.children: dict[str, leash.Held] = {}
        self.deaths: list[float] = []
        self.stopping = False  # not an Event: setting one in a signal handler can deadlock with waiting for it

    def start(self, part: str):
        portable.remove(self.folder / f"{part}.json")
        command = [sys.executable, "-m", "devices.iocs", *self.arguments, "--only", part]
        self.children[part] = leash.Held(command)

    def run(self) -> int:
        """Serve until it is asked to end or a child keeps dying; return the exit code."""
        polite.on_signals(polite.ASKING, self.stop)
        leash.obey(self.stop)
        for part in PARTS:
            self.start(part)
        announced: dict = {}
        try:
            while not self.stopping:
                if (code := self.replace_the_dead()) is not None:
                    return code
                announced = self.announce_when_ready(announced)
                time.sleep(POLL_S)
            return 0
        finally:
            self.end()

    def stop(self, *_):
        self.stopping = True

    def replace_the_dead(self) -> int | None:
        """Restart what died; an exit code if a child refuses to start or dies too often."""
        for part, child in self.children.items():
            code = child.poll()
            if code is None:
                continue
            now = time.monotonic()
            self.deaths = [t for t in self.deaths if now - t < 60] + [now]
            if code > 0 and not (self.folder / "iocs.json").exists():
                return code
            if len(self.deaths) > MAX_RESTARTS_PER_MINUTE:
                log.error("the %s process died %d times in a minute: giving up", part, len(self.deaths))
                return 1
            log.error("the %s process died (%s): starting it again", part, code)
            self.start(part)
        return None

    def announce_when_ready(self, announced: dict) -> dict:
        """Write iocs.json whenever both children serve, with their ports and boot ids."""
        try:
            facts = {part: json.loads((self.folder / f"{part}.json").read_text()) for part in PARTS}
        except (OSError, json.JSONDecodeError):
            return announced
        if facts != announced:
            together = self.about | {
                "pid": os.getpid(),
                "light_port": facts["light"]["port"],
                "bench_port": facts["bench"]["port"],
            }
            announce(self.folder / "iocs.json", together | facts)
        return facts

    def end(self):
        for part in reversed(PARTS):
            if part in self.children:
                self.children[part].ask_to_end()
        for child in self.children.values():
            try:
                child.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        portable.remove(self.folder / "iocs.json")
