"""Scenes in a process of their own: a lab measures, one of its processes is lost, and what follows is told."""

import json
import os
import random
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.faults.invariants import (
    LightWatch,
    disorders,
    false_success,
    lock_is_free,
    loose_json,
    missing_rows,
    of_run,
    processes_of,
    taken_ports,
)
from tests.faults.menu import find_dot, mount
from tests.lab.crashes import wait_for

FROZEN_S = 5.0
BACK_S = 90.0
GOES_ON_S = 1.5  # for so long a plan is watched that a fault must not stop
ON_A_DOT = {"hbt", "blinking"}


@dataclass(frozen=True)
class Scene:
    """A part ("light", "bench", "supervisor", "storage") gets a signal while a plan measures.

    seed : of the moment, up to `within_s` after the first Event
    """

    plan: str
    part: str
    signal: str
    seed: int = 0
    within_s: float = 1.0

    def __str__(self) -> str:
        return f"{self.plan}-{self.part}-{self.signal}-{self.seed}"


def long_plan(session: Any, name: str) -> Any:
    """A plan that does not end by itself before it is disturbed."""
    import plans

    microscope = session.microscope
    if name == "flim_raster":  # long lines: what is lost is lost in the middle of one
        square = {"extent_um": 4.0, "n_pixels": 4, "dwell_ms": 500.0}
        return plans.flim_raster(microscope, sample="A", **square, n_scans=100)
    if name == "hbt":
        how = {"target_err_ns": 0.01, "max_time_s": 400.0}  # better than it can get
        return plans.hbt(microscope, sample="example_qd", emitter=session.dot, **how)
    if name == "blinking":
        how = {"duration_s": 400.0, "stop_on_bleach": False}
        return plans.blinking(microscope, sample="example_qd", emitter=session.dot, **how)
    return plans.pl(session.fs5, sample="A", start_nm=420.0, stop_nm=740.0, dwell_ms=1000.0)


def short_plan(session: Any, name: str) -> Any:
    """What must work afterwards."""
    import plans

    if name == "pl":
        return plans.pl(session.fs5, sample="A", start_nm=500.0, stop_nm=506.0, dwell_ms=100.0)
    if name == "flim_raster":
        return plans.flim_raster(session.microscope, sample="A", extent_um=2.0, n_pixels=2, dwell_ms=100.0, n_scans=1)
    return plans.recentre(session.microscope, sample="example_qd", emitter=session.dot)


def prepare(session: Any, name: str):
    """Wiring, response and lamp as the plan needs them."""
    from bluesky import plan_stubs as bps

    from plans import irf, warm_up

    if name in ON_A_DOT:
        mount(session, "example_qd")
    wiring = "hbt" if name in ON_A_DOT else "raster"
    if session.microscope.timeharp.wiring.get() != wiring:
        session.RE(bps.mv(session.microscope.timeharp.wiring, wiring))
    if name == "flim_raster":
        session.RE(irf(session.microscope, min_counts=20_000))
    if name == "pl":
        session.RE(warm_up(session.fs5))


def pid_of(session: Any, part: str) -> int:
    """The process of a part, as it is now."""
    if part == "storage":
        return session.processes.storage.pid
    if part == "supervisor":
        return session.processes.iocs.pid
    return json.loads((session.config.folders.run / f"{part}.json").read_text())["pid"]


def play_all(config: str, scenes: list[Scene], speed: float) -> list[dict[str, Any]]:
    """One session, all scenes one after the other; the last entry tells what is left after it was closed."""
    from lab.session import start

    session = start(config, speed=speed)
    ports = (session.processes.light_port, session.processes.bench_port, *session.processes.storage.ports)
    told = []
    try:
        if ON_A_DOT & {scene.plan for scene in scenes}:
            session.dot = find_dot(session)
        for scene in scenes:
            told.append(play(session, scene))
            session.RE.recovery.recover(BACK_S, threading.Event())
            told[-1]["again"] = again(session, scene)
    finally:
        session.close(stop_processes=True)
    house = Path(config).parents[1]
    wait_for(lambda: not others(house), 20.0)
    return [*told, {"processes": others(house), "ports": taken_ports(ports), "free": lock_is_free(house / "data")}]


def others(house: Path) -> dict[int, str]:
    """Processes of a house, this one left out."""
    return {pid: words for pid, words in processes_of(house).items() if pid != os.getpid()}


def play(session: Any, scene: Scene) -> dict[str, Any]:
    """Run the plan and disturb it; how it ended, when it was dark, and what is wrong with its documents."""
    from devices.iocs.twin.beam import BeamReader

    prepare(session, scene.plan)
    starts: list[str] = []
    struck: list[float] = []
    token = session.RE.subscribe(lambda name, doc: starts.append(doc["uid"]), "start")
    delay_s = random.Random(str(scene)).random() * scene.within_s
    strike = once(session, starts, lambda: threading.Timer(delay_s, hit, (session, scene, struck)).start())
    listening = session.RE.subscribe(strike, "event")
    with LightWatch(BeamReader(session.config.folders.run / "beam.bin")) as watch:
        failure = outcome(session, lambda: session.RE(long_plan(session, scene.plan)), struck, scene)
        ended_s = time.monotonic()
        wait_for(lambda: time.monotonic() - max(watch.last_lit_s, ended_s) > 0.3, 5.0)
    for subscription in (token, listening):
        session.RE.unsubscribe(subscription)
    run = of_run(session.config.folders.journal, starts[0])
    path = session.journal.path_of(starts[0])
    return {
        "scene": str(scene),
        "failure": failure,
        "exit_status": run[-1][1]["exit_status"],
        "lit_for_s": max(0.0, watch.last_lit_s - struck[0]),
        "hung_for_s": ended_s - struck[0],
        "wrong": [*disorders(run), *loose_json(path), *missing_rows(run, session.config.folders.raw), *lies(run)],
    }


def lies(run: list) -> list[str]:
    return false_success(run) if run[0][1].get("plan_name") == "flim_raster" else []


def once(session: Any, starts: list[str], act: Callable[[], None]) -> Callable[[str, dict], None]:
    """A callback that acts at the first Event of what the plan measures."""
    streams: list[str] = []

    def callback(name: str, doc: dict):
        if not streams and "piezo_x" not in doc["data"]:  # which only the baseline has
            streams.append(doc["descriptor"])
            act()

    return callback


def hit(session: Any, scene: Scene, struck: list[float]):
    """Send the signal; what was frozen goes on after a while."""
    pid, number = pid_of(session, scene.part), getattr(signal, scene.signal)
    struck.append(time.monotonic())
    os.kill(pid, number)
    if number == signal.SIGSTOP:
        threading.Timer(FROZEN_S, os.kill, (pid, signal.SIGCONT)).start()
    if scene.part == "storage":
        frozen_s = FROZEN_S if number == signal.SIGSTOP else 0.0
        threading.Timer(frozen_s + GOES_ON_S, session.RE.request_pause, (False,)).start()


def outcome(session: Any, run: Callable[[], Any], struck: list[float], scene: Scene) -> str:
    """The words a plan failed with; what storage cannot stop is stopped by hand."""
    from bluesky.utils import RunEngineInterrupted

    try:
        run()
    except RunEngineInterrupted:
        session.RE.abort("enough")
        return "aborted by hand"
    except Exception as why:
        if not struck:
            raise
        return str(why) or type(why).__name__
    return ""


def again(session: Any, scene: Scene) -> str:
    """The exit status of the same kind of plan, begun anew."""
    prepare(session, scene.plan)
    return session.RE(short_plan(session, scene.plan)).exit_status
