"""Sessions that live in a process of their own, because they are killed or kill something."""

import json
import os
import signal
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from tests.conftest import is_line


def in_own_process(function, *arguments, timeout_s: float = 240.0):
    """Call a function in a fresh process; its exceptions are raised here."""
    clean = {key: os.environ.pop(key) for key in list(os.environ) if key.startswith(("EPICS_", "TILED_"))}
    try:
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            return pool.submit(function, *arguments).result(timeout=timeout_s)
    finally:
        os.environ.update(clean)


def wait_for(condition, timeout_s: float = 60.0):
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def measure_until_killed(config: str, speed: str):
    """Print "run UID", then "line N" for each line that is an Event; never ends by itself in time."""
    from lab.session import start
    from plans import flim_raster, irf

    session = start(config, speed=float(speed))
    session.RE.obey_signals()
    session.RE(irf(session.microscope))

    def tell(name, doc):
        if name == "start":
            sys.stdout.write(f"run {doc['uid']}\n")
        if name == "event" and is_line(doc):
            sys.stdout.write(f"line {doc['data']['scanner_line']}\n")
        sys.stdout.flush()

    session.RE.subscribe(tell)
    session.RE(flim_raster(session.microscope, sample="A", extent_um=8, n_pixels=8, dwell_ms=100, n_scans=500))


def find_what_is_left(config: str, uid: str, n_lines: int) -> dict:
    """Start again after a kill: what does the catalog know of the run?"""
    from lab.session import start

    session = start(config)
    try:
        assert session.ingester.flush(60)
        run, table = session.db[uid], session.db[uid].table()
        cube = session.db.array(uid, "scanner_histograms")
        counts = [np.sum(table["scanner_perovskite_counts"].iloc[line]) for line in (0, n_lines - 1)]
        return {
            "status": run.exit_status,
            "newest": session.db[-1].start["uid"],
            "lines": len(table),
            "counts": counts,
            "in_file": [int(cube[line, :, 0].sum()) for line in (0, n_lines - 1)],
            "image": session.replay(uid).map.coverage.max(),
        }
    finally:
        session.close(stop_processes=True)


def lose_iocs(config: str, losses: list[tuple[str, int]]) -> list[dict]:
    """One after the other, each IOC process gets a signal in the middle of a raster; then the lab is used again."""
    from lab.session import start

    session = start(config, speed=20.0)
    try:
        return [lose_an_ioc(session, part, number) for part, number in losses]
    finally:
        session.close(stop_processes=True)


def lose_an_ioc(session, part: str, number: int) -> dict:
    """What becomes of a raster, and of the next one."""
    from devices.iocs.twin.beam import BeamReader
    from plans import flim_raster, irf

    facts, scope = session.config.folders.run / f"{part}.json", session.microscope
    stops, small = [], {"sample": "A", "extent_um": 6, "n_pixels": 6}
    beam = BeamReader(session.config.folders.run / "beam.bin")
    session.RE(irf(scope, min_counts=20_000))
    pid = json.loads(facts.read_text())["pid"]
    tokens = [
        session.RE.subscribe(once_after(4, lambda: os.kill(pid, number)), "event"),
        session.RE.subscribe(lambda name, doc: stops.append(doc), "stop"),
    ]
    try:
        session.RE(flim_raster(scope, n_scans=500, **small))
        failure = ""
    except Exception as why:
        failure = str(why)
    for token in tokens:
        session.RE.unsubscribe(token)
    wait_for(lambda: not beam.read().lit, 3.0)
    if number == signal.SIGSTOP:  # frozen for good: somebody ends it, the supervisor starts another
        os.kill(pid, signal.SIGKILL)
    wait_for(lambda: json.loads(facts.read_text())["pid"] != pid if facts.exists() else False, 30.0)
    wait_for(lambda: facts.exists() and scope.scanner.heartbeat.connected, 30.0)
    wait_for(lambda: scope.shutter.heartbeat.connected, 30.0)
    if scope.shutter.latch.get():
        scope.shutter.reset()
    session.RE(irf(scope, min_counts=20_000))
    again = session.RE(flim_raster(scope, n_scans=1, **small))
    return {"failure": failure, "exit_status": stops[0]["exit_status"], "again": again.exit_status}


def measure_at_the_wrong_rate(config: str) -> str:
    """The front panel of the laser stands at another rate than was declared: what is the plan's answer?"""
    from lab.session import start
    from plans import irf

    session = start(config)
    try:
        session.RE(irf(session.microscope))
        return ""
    except ValueError as why:
        return str(why)
    finally:
        session.close(stop_processes=True)


def visit(config: str) -> dict:
    """Open a session on whatever runs, and leave."""
    from lab.session import start

    session = start(config)
    try:
        return session.processes.pids
    finally:
        session.close()


def once_after(n_lines: int, act):
    """A callback that acts once, after so many lines."""
    seen = []

    def callback(name, doc):
        if is_line(doc):
            seen.append(doc["seq_num"])
            if len(seen) == n_lines:
                act()

    return callback


if __name__ == "__main__":
    measure_until_killed(str(Path(sys.argv[1])), sys.argv[2])
