"""A session that loses its processes one after the other, and gets them back."""

import json
import os
import signal
from pathlib import Path
from typing import Any

from tests.lab.crashes import wait_for


def lose_everything(config: str) -> dict:
    """Within a plan the bench, the light, then their supervisor are killed; then the storage. What was told?"""
    from lab.session import start

    session = start(config)
    from bluesky import plan_stubs as bps

    from plans import park
    from plans.stubs import recover

    run = session.config.folders.run
    heard: dict[str, Any] = {"ports": [session.processes.iocs.ports]}

    def victim(name: str) -> int:
        return session.processes.iocs.pid if name == "iocs" else json.loads((run / f"{name}.json").read_text())["pid"]

    def lit():
        yield from bps.mv(session.microscope.pulsed.emission, "on")
        yield from bps.mv(session.microscope.shutter, "open")

    def plan():
        for name in ("bench", "light", "iocs"):
            yield from lit()
            os.kill(victim(name), signal.SIGKILL)
            heard[name] = yield from recover(90.0)
        heard["nothing"] = yield from recover(90.0)
        yield from lit()  # refused without the lease
        heard["open"] = session.microscope.shutter.state.get()

    try:
        session.RE(plan())
        heard["ports"].append(session.processes.iocs.ports)
        old = session.processes.storage
        os.kill(old.pid, signal.SIGKILL)
        wait_for(lambda: session.processes.storage.pid != old.pid)
        session.RE(park(session.microscope))
        heard["stored"] = session.ingester.flush(60)
        heard["ports"].append(session.processes.storage.ports == old.ports)
        return heard
    finally:
        session.close(stop_processes=True)


def who_lives(folder: Path) -> list[str]:
    """Command lines of the processes that name something below a folder."""
    lines = [path.read_bytes().replace(b"\0", b" ").decode(errors="replace") for path in command_lines()]
    return [line for line in lines if str(folder) in line and "devices.iocs" in line]


def command_lines() -> list[Path]:
    return [path for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists()]
