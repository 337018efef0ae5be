"""`python -m tests.scale.on_hosts LAB`: a session with instruments elsewhere loses its link in a raster."""

import json
import subprocess
import sys
import time

from devices.iocs.twin.beam import BeamReader
from tests.lab.crashes import once_after, wait_for

SMALL = {"sample": "A", "extent_um": 4, "n_pixels": 4, "dwell_ms": 50}
LOST_AFTER_LINES = 4


def link(state: str):
    subprocess.run(["ip", "link", "set", "eth0", state], check=True)


def main(config: str) -> dict:
    from lab.session import start
    from plans import flim_raster, irf
    from plans.stubs import recover

    session = start(config)
    beam = BeamReader(session.config.folders.run / "beam.bin")
    stops, dark_after_s = [], []

    def lose_the_link():
        link("down")
        lost = time.monotonic()
        wait_for(lambda: not beam.read().lit, 10.0)
        dark_after_s.append(time.monotonic() - lost)

    try:
        session.RE(irf(session.microscope, min_counts=20_000))
        whole = session.RE(flim_raster(session.microscope, n_scans=1, **SMALL))
        session.RE.subscribe(once_after(LOST_AFTER_LINES, lose_the_link), "event")
        session.RE.subscribe(lambda name, doc: stops.append(doc), "stop")
        try:
            session.RE(flim_raster(session.microscope, n_scans=500, **SMALL))
            failure = ""
        except Exception as why:
            failure = str(why)
        link("up")
        session.RE(recover(90.0))
        if session.microscope.shutter.latch.get():
            session.microscope.shutter.reset()
        again = session.RE(flim_raster(session.microscope, n_scans=1, **SMALL))
        assert session.ingester.flush(60)
        cut = stops[0]["run_start"]
        return {
            "whole": [whole.exit_status, len(session.db[whole.uid].table())],
            "twin": session.db[whole.uid].start["twin"],
            "failure": failure,
            "dark_after_s": dark_after_s,
            "cut": [stops[0]["exit_status"], len(session.db[cut].table())],
            "again": [again.exit_status, len(session.db[again.uid].table())],
            "started_here": session.processes.pids,
        }
    finally:
        session.close(stop_processes=True)


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(sys.argv[1])))
