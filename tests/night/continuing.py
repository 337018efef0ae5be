"""Sessions that measure one raster between them, however often they are cut off; each lives in a process of its own."""

import json
import os
import signal
from pathlib import Path

import h5py
import numpy as np
from bluesky import plan_stubs as bps

from tests.conftest import is_line
from tests.lab.crashes import wait_for

RASTER = {"sample": "A", "extent_um": 6.0, "n_pixels": 8, "dwell_ms": 50, "n_scans": 3}
NEXT = {"sample": "A", "extent_um": 4.0, "n_pixels": 4, "dwell_ms": 50, "n_scans": 1}


def measured(config: str, uid: str | None, kills: list[tuple[str, int]]) -> dict:
    """Go on with the raster, lose what `kills` says at these lines, and do the next step in the end."""
    import lab.session
    from plans import flim_raster

    lab.session.is_unfinished = lambda config: True  # go on in the world that was left
    session = lab.session.start(config, speed=50.0)
    try:
        for what, line in [*kills, ("nothing", -1)]:
            begin(session, "n/irf", response(session))
            victim = Victim(session, what, line)
            try:
                begin(session, "n/0", flim_raster(session.microscope, **RASTER, continues=uid))
            except Exception:
                if what == "nothing":
                    raise
            victim.recover()
            uid = victim.uid
        raster = outcome(session, uid)
        nothing_left = session.RE(flim_raster(session.microscope, **RASTER, continues=uid))
        following = begin(session, "n/1", flim_raster(session.microscope, **NEXT))
        return {"raster": raster, "next": outcome(session, following.uid), "nothing_left": nothing_left == uid}
    finally:
        session.close(stop_processes=True)


def response(session):
    """The instrument response, if the card has lost it."""
    from plans import irf

    known = session.microscope.irf_boot_id.get() == session.microscope.timeharp.boot_id.get()
    return bps.null() if known else irf(session.microscope, min_counts=20_000)


def begin(session, step: str, plan):
    """Run a plan as a step."""
    session.RE(bps.mv(session.microscope.sample.step, step))
    try:
        return session.RE(plan)
    finally:
        if session.microscope.sample.step.connected:
            session.RE(bps.mv(session.microscope.sample.step, ""))


class Victim:
    """Kills a process of the lab when a line has become an Event; knows the run that was measured then."""

    def __init__(self, session, what: str, line: int):
        self.session, self.what, self.line, self.uid = session, what, line, ""
        self.tokens = [session.RE.subscribe(self.look)]

    def look(self, name, doc):
        if name == "start":
            self.uid = doc["uid"]
        if name == "event" and is_line(doc) and doc["data"]["scanner_line"] == self.line:
            os.kill(self.pid(), signal.SIGKILL)

    def pid(self) -> int:
        run = self.session.config.folders.run
        if self.what == "session":
            return os.getpid()
        if self.what == "supervisor":
            return self.session.processes.iocs.pid
        self.before = json.loads((run / f"{self.what}.json").read_text())["pid"]
        return self.before

    def recover(self):
        from plans.stubs import recover

        for token in self.tokens:
            self.session.RE.unsubscribe(token)
        if self.what in ("bench", "light"):
            facts = self.session.config.folders.run / f"{self.what}.json"
            wait_for(lambda: facts.exists() and json.loads(facts.read_text())["pid"] != self.before)
        if self.what != "nothing":
            self.session.RE(recover(60.0))


def outcome(session, uid: str) -> dict:
    """Every line as the files hold it, from the runs that took it, and the image of all."""
    start = session.db[uid].start
    uids = [*start.get("earlier_runs", ()), uid]
    rows, counted = {}, []
    for one in uids:
        counted.append(take_rows(session.db.documents(one), rows))
    image = session.analyses.flim.result_of(uid, "success")
    again = session.replay(uid)
    cards = [repr(session.db[one]) for one in uids]
    derived = session.db[image.derived_uid].start["analysis_of"]
    arrays = {key: value for key, (value, _) in arrays_of(image).items()}
    same = all(np.array_equal(value, arrays_of(again)[key][0], equal_nan=True) for key, value in arrays.items())
    return {
        "uids": uids,
        "rows": rows,
        "lines_of": counted,
        "arrays": arrays,
        "replayed": same,
        "analysis_of": list(derived),
        "cards": cards,
        "status": [session.db[one].exit_status for one in uids],
    }


def arrays_of(result) -> dict:
    from lab.flim.results import flim_arrays

    return flim_arrays(result.map)


def take_rows(documents, rows: dict) -> list[int]:
    """The histograms of each line with an Event, read from the file by its row; the lines."""
    from urllib.parse import unquote, urlparse

    lines, path, first = [], "", 0
    for name, doc in documents:
        if name == "start":
            first = doc.get("first_line", 0)
        if name == "stream_resource":
            path = unquote(urlparse(doc["uri"]).path)
        if name == "event" and is_line(doc):
            lines.append(doc["data"]["scanner_line"])
    with h5py.File(path, "r", swmr=True, libver="latest", locking=False) as file:
        for line in lines:
            rows[line] = (file["histograms"][line - first], float(file["started_s"][line - first]))
    return lines


def last_raster(folder: Path) -> str:
    """The raster that began last, by its journal file."""
    from lab.finder import days, files_of, start_of

    starts = [start for day in days(folder) for path in files_of(day) if (start := start_of(path))]
    return max((one for one in starts if one.get("plan_name") == "flim_raster"), key=lambda one: one["time"])["uid"]
