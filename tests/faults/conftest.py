"""One running lab for the faults that it outlives, and how thoroughly to look for them."""

import os

import pytest
from bluesky import plan_stubs as bps

from tests.conftest import house
from tests.faults.menu import PRESET, find_dot

THOROUGH = os.environ.get("LUMINESCOPE_FAULTS") == "full"


@pytest.fixture(scope="session")
def lab(tmp_path_factory):
    """The lab without waiting: film and dots in the holder, response and time zero recorded."""
    from devices.iocs.twin.beam import BeamReader
    from lab.session import start
    from plans import irf, time_zero

    config = house(tmp_path_factory.mktemp("faults"), preset=PRESET, prefix="flt:")
    running = start(config, speed=float("inf"))
    running.beam = BeamReader(running.config.folders.run / "beam.bin")
    running.RE(irf(running.microscope, min_counts=20_000))
    running.RE(bps.mv(running.microscope.timeharp.wiring, "hbt"))
    running.RE(time_zero(running.microscope, min_counts=2000))
    running.dot = find_dot(running)
    running.ingester.close(
        30.0
    )  # what is asked here is asked of the journal; the faults of storage have their own tests
    running.analyses.storage_problem = lambda: ""
    yield running
    running.close(stop_processes=True)


@pytest.fixture
def healthy(lab):
    """The same lab, idle and without latches before and after the test."""
    if lab.RE.state != "idle":
        lab.RE.abort("the test before left it so")
    if lab.microscope.shutter.latch.get():
        lab.microscope.shutter.reset()
    lab.RE.msg_hook = None
    yield lab
    lab.RE.msg_hook = None
