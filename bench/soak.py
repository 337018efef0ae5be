"""`python -m bench.soak [--quick] [--part films|dots]`: a night of simulated hours, and what it costs the session.

Two rasters of 10 scans of 100 x 100 pixels, then a campaign over 60 dots, as fast as the machine can. Watched: memory,
threads and open files of the session over the night, and for how long journal and storage hold up the RunEngine, as a
share of a line of 10 s.
"""

import argparse
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from bench.kills import house

MOST_BYTES = 2 * 2**30
MOST_GROWTH_BYTES = 50e6
MOST_SHARE = 0.02
LINE_S = 10.0


def main() -> int:
    """The night, then its numbers; 0 if they are within bounds."""
    parser = argparse.ArgumentParser(prog="python -m bench.soak", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of it")
    parser.add_argument("--part", choices=("films", "dots"), default=None, help="one half of the night")
    parser.add_argument("--folder", type=Path, default=None)
    asked = parser.parse_args()
    folder = house(asked.folder or Path(tempfile.mkdtemp(prefix="soak-")), "", speed="inf")
    return soak(
        folder / "profile" / "lab.toml", quick=asked.quick, parts=[asked.part] if asked.part else ["films", "dots"]
    )


def soak(config: Path, *, quick: bool, parts: Sequence[str]) -> int:
    """Measure the night in this process."""
    from bluesky import plan_stubs as bps

    from lab.journal import Journal
    from lab.session import start
    from lab.storage import Ingester
    from plans import flim_raster, irf, qd_campaign, time_zero

    held, share = Held(), 0.0
    for subscriber in (Journal, Ingester):
        subscriber.__call__ = held.timed(subscriber.__call__)
    session = start(config)
    microscope = session.microscope
    raster: dict[str, Any] = {"n_pixels": 40 if quick else 100, "n_scans": 3 if quick else 10}
    dots: dict[str, Any] = {"extent_um": 10.0 if quick else 14.0, "max_emitters": 6 if quick else 60}
    wanted: dict[str, Any] = {"hbt": {"target_err_ns": 1.0}, "blinking": {"duration_s": 60}}
    try:
        with Watch() as watch:
            if "films" in parts:
                films = [flim_raster(microscope, sample=sample, **raster) for sample in "AB"]
                session.RE(session.night([irf(microscope), *films]))
                share = held.seconds / (2 * raster["n_pixels"] * raster["n_scans"]) / LINE_S
            if "dots" in parts:
                session.RE(bps.mv(microscope.timeharp.wiring, "hbt"))
                campaign = qd_campaign(microscope, sample="single", **dots, **wanted)
                session.RE(session.night([time_zero(microscope), campaign]))
        simulated_h = microscope.scanner.started.get() / 3600
    finally:
        session.close(stop_processes=True)
    print(f"simulated {simulated_h:.1f} h of instrument time")
    return watch.told(share=share)


class Held:
    """How long subscribers held up the RunEngine."""

    def __init__(self):
        self.seconds = 0.0

    def timed(self, call: Callable) -> Callable:
        def measured(*args):
            began = time.perf_counter()
            try:
                return call(*args)
            finally:
                self.seconds += time.perf_counter() - began

        return measured


class Watch:
    """Memory, threads and open files of this process, once a second."""

    def __init__(self):
        self.process, self.rows, self.end = psutil.Process(), [], threading.Event()

    def __enter__(self):
        threading.Thread(target=self.work, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.end.set()

    def work(self):
        while not self.end.wait(1.0):
            self.rows.append((self.process.memory_info().rss, self.process.num_threads(), self.process.num_fds()))

    def told(self, *, share: float) -> int:
        """Print what was seen; 0 if it is within bounds."""
        memory, threads, files = np.array(self.rows, dtype=float).T
        middle, last = (np.median(part) for part in (memory[len(memory) // 2 :][:30], memory[-30:]))
        print(f"memory at most {memory.max() / 2**20:.0f} MiB; {(last - middle) / 1e6:+.0f} MB over the second half")
        print(f"threads {threads.min():.0f}..{threads.max():.0f}, files {files.min():.0f}..{files.max():.0f}")
        print(f"journal and storage held up the RunEngine for {share:.3%} of a line of {LINE_S:g} s")
        within = memory.max() < MOST_BYTES and last - middle < MOST_GROWTH_BYTES and share < MOST_SHARE
        return 0 if within else 1


if __name__ == "__main__":
    sys.exit(main())
