"""Sessions with a slow twin in a process of their own: scans that are paused, killed, or lose their instrument."""

import json
import os
import signal
import subprocess
import sys
import threading
import time

from bluesky import plan_stubs as bps
from bluesky import preprocessors as bpp
from bluesky.utils import RunEngineInterrupted

from devices.iocs.spectrofluorometer import STATES
from plans.flight import fly

N_POINTS = 101
SPEED = 20.0  # at which such a scan takes two seconds


def scan(fs5, n_flights: int = 1):
    """One run with flights over the emission of a film."""
    yield from bps.mv(fs5.scan_kind, "emission", fs5.fixed, 405.0, fs5.step, 1.0, fs5.dwell, 0.3)
    yield from bps.mv(fs5.scan_start, 500.0, fs5.scan_stop, 500.0 + N_POINTS - 1)

    @bpp.run_decorator(md={"plan_name": "flights"})
    def run():
        for repeat in range(n_flights):
            yield from bps.mv(fs5.repeat, repeat + 1)
            yield from fly(fs5)

    yield from run()


class Points:
    """A subscriber that keeps the points of the last run, and how it ended."""

    def __call__(self, name, doc):
        if name == "start":
            self.columns, self.stop = {}, {}
        elif name == "event_page":
            for key, values in {"seq_num": doc["seq_num"], **doc["data"]}.items():
                self.columns.setdefault(key, []).extend(values)
        elif name == "stop":
            self.stop = doc

    def __getitem__(self, key):
        return self.columns.get(key, [])


def in_lab(config: str, work, speed: float = SPEED):
    from lab.session import start

    session = start(config, speed=speed)
    points = Points()
    session.RE.subscribe(points)
    try:
        return work(session, points)
    finally:
        session.close(stop_processes=True)


def undisturbed(config: str) -> dict:
    """One whole scan; then scans whose IOC hangs, and dies."""

    def work(session, points):
        whole = scan_with_pauses(session, points, [])
        return {"whole": whole, **{name: lose_the_ioc(session, points, name) for name in ("SIGSTOP", "SIGKILL")}}

    return in_lab(config, work)


def disturbed(config: str) -> dict:
    """The same scan in parts; then one paused while it counts in the dark, and scans that end early."""

    def work(session, points):
        parts = scan_with_pauses(session, points, [0.5, 0.4, 0.4])
        return {"parts": parts, "dark": pause_in_the_dark(session), "warm": abort_warming(session)} | end_early(
            session, points
        )

    return in_lab(config, work)


def one_after_the_other(first: str, second: str) -> dict:
    """Both in one process, in two sessions: the second connects, although the first has left Channel Access."""
    return undisturbed(first) | disturbed(second)


def pause_behind(session, n_points: int):
    """Pause a scan as soon as it has more points."""
    deadline = time.monotonic() + 30
    while session.fs5.points_done.get() <= n_points and time.monotonic() < deadline:
        time.sleep(0.02)
    session.RE.request_pause(False)


def scan_with_pauses(session, points, pauses_s: list[float]) -> dict:
    """One scan, paused so long after each start; what its documents and the storage hold."""
    at_pauses = []
    go_on = lambda: session.RE(scan(session.fs5))  # noqa: E731
    for pause_s in pauses_s:
        threading.Timer(pause_s, pause_behind, [session, at_pauses[-1][2] if at_pauses else 0]).start()
        try:
            go_on()
        except RunEngineInterrupted:
            fs5 = session.fs5
            at_pauses.append((fs5.state.get(), fs5.shutter.get(), int(fs5.points_done.get())))
        time.sleep(1.7)  # longer than the lease lives without a beat
        go_on = session.RE.resume
    go_on()
    assert session.ingester.flush(30)
    table = session.db[-1].table()
    stored = {"counts": list(table["fs5_counts"]), "transmitted": table["fs5_transmitted"].isna().all()}
    return {"columns": points.columns, "stop": points.stop, "at_pauses": at_pauses, "stored": stored}


def pause_in_the_dark(session) -> dict:
    """A spectrum that is paused as soon as it counts in the dark, and goes on at once."""
    from plans import pl

    seen, RE, fs5 = [], session.RE, session.fs5

    def pause_while_it_counts(message):
        if message.command == "set" and message.obj is fs5.take_dark and not seen:
            seen.append(message)
            threading.Timer(0.1, RE.request_pause, [False]).start()

    events = []
    token = RE.subscribe(lambda name, doc: events.append(doc), "event")
    RE.msg_hook = pause_while_it_counts
    try:
        RE(pl(fs5, sample="A", start_nm=500, stop_nm=510))
    except RunEngineInterrupted:
        result = RE.resume()
        dark = [event["data"]["fs5_dark_time"] for event in events if "fs5_dark_time" in event["data"]]
        return {"dark_s": dark, "status": result.exit_status, "points": int(result.curve.wavelength_nm.size)}
    finally:
        RE.msg_hook = None
        RE.unsubscribe(token)
    return {}


def abort_warming(session) -> str:
    """What an instrument says to the next command, after waiting for the lamp was aborted."""
    from plans import warm_up

    RE, fs5 = session.RE, session.fs5
    RE(bps.mv(fs5.lamp, "off"))
    threading.Timer(0.3, RE.request_pause, [False]).start()
    try:
        RE(warm_up(fs5))
    except RunEngineInterrupted:
        RE.abort()
    RE(bps.mv(fs5.region, 2))
    return fs5.lamp_state.get()


def end_early(session, points) -> dict:
    """How a scan ends when the user aborts, when somebody stops the instrument, and when the plan hangs."""
    fs5, RE, told = session.fs5, session.RE, {}

    def ending(name, act):
        try:
            act()
            failure = ""
        except Exception as why:
            failure = str(why)
        status = points.stop["exit_status"]
        told[name] = (status, failure, points["fs5_point"], fs5.shutter.get())

    def abort():
        threading.Timer(0.7, RE.request_pause, [False]).start()
        try:
            RE(scan(fs5))
        except RunEngineInterrupted:
            RE.abort("enough")

    def by_hand():
        threading.Timer(0.7, fs5.halt.put, [1]).start()
        RE(scan(fs5))

    def hang():
        def stuck(doc_name, doc):
            if doc_name == "event_page":
                time.sleep(1.9)

        token = RE.subscribe(stuck)
        try:
            RE(scan(fs5, 2))
        finally:
            RE.unsubscribe(token)

    ending("abort", abort)
    ending("by hand", by_hand)
    ending("hang", hang)
    ending("again", lambda: RE(scan(fs5)))
    return told


def lose_the_ioc(session, points, name: str) -> dict:
    """Send the bench process a signal in the middle of a scan, then scan again."""
    number = getattr(signal, name)
    pid = json.loads((session.config.folders.run / "iocs.json").read_text())["bench"]["pid"]
    threading.Timer(0.8, os.kill, [pid, number]).start()
    boot_id = session.fs5.boot_id.get()
    failure = ""
    try:
        session.RE(scan(session.fs5))
    except Exception as why:
        failure = str(why)
    told = {"failure": failure, "points": points["fs5_point"], "status": points.stop["exit_status"]}
    told["reason"] = points.stop["reason"]
    if number == signal.SIGSTOP:
        os.kill(pid, signal.SIGCONT)
    else:
        deadline = time.monotonic() + 30
        while not session.fs5.boot_id.connected or session.fs5.boot_id.get() in ("", boot_id):
            assert time.monotonic() < deadline
            time.sleep(0.1)
    session.microscope.wait_for_connection(timeout=30)
    session.RE(scan(session.fs5))
    return told | {"again": points.stop["exit_status"], "points_again": points["fs5_point"]}


def kill_the_session(config: str) -> dict:
    """Kill a session in the middle of a scan, while the instruments live on; what they say of it."""
    from caproto.sync.client import read

    from lab import services
    from lab.config import read as read_config

    lab = services.up(read_config(config), keep=True)
    os.environ.update(services.environment(lab))

    def told(name):
        return read(f"lum:fs5:{name}", repeater=False, data_type="native").data

    def word(name, words):
        return words[told(name)[0]]

    try:
        command = [sys.executable, "-m", "tests.devices.flights", config]
        session = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert session.stdout is not None
        session.stdout.readline()
        before = word("Shutter", ("closed", "open"))
        session.send_signal(signal.SIGKILL)
        killed = time.monotonic()
        while word("Shutter", ("closed", "open")) == "open" and time.monotonic() - killed < 10:
            time.sleep(0.02)
        dark_after_s = time.monotonic() - killed
        session.stdout.close()
        session.wait()
        time.sleep(0.3)
        why = bytes(told("Error")).decode()
        return {"before": before, "dark_after_s": dark_after_s, "state": STATES[told("State")[0]], "why": why}
    finally:
        services.down(lab)


def scan_until_killed(config: str):
    """Print a line at each page of points; never ends by itself in time."""
    from lab.session import start

    session = start(config)

    def tell(name, doc):
        if name == "event_page":
            sys.stdout.write(f"points {doc['data']['fs5_point'][-1]}\n")
            sys.stdout.flush()

    session.RE.subscribe(tell)
    session.RE(scan(session.fs5))


if __name__ == "__main__":
    scan_until_killed(sys.argv[1])
