"""A lab whose every instrument is at the other end of a wire: the plans run unchanged, and what the twin lets happen
there arrives in the files, count by count."""

import json
import subprocess
import sys
from typing import Any
from urllib.parse import urlparse

import h5py
import numpy as np
import pytest
from bluesky import plan_stubs as bps
from bluesky.utils import FailedStatus

from devices.iocs.__main__ import main
from lab.session import start
from plans import blinking, flim_raster, hbt, irf, time_zero
from tests.conftest import HOUSE
from tests.emulators.lab import COUNTER_SPEED, emulated_lab

DOT_UM = (49.33, 50.20)  # an isolated one of the mounted sample
RISE_NS, CONTRAST, ON_CPS = 17.7 / 1.04, 0.77, 100e3  # what the preset says of it, under the light of the plans


@pytest.fixture(scope="module")
def wired(tmp_path_factory):
    with emulated_lab(tmp_path_factory.mktemp("wires"), preset="A,example_qd", seed=5) as lab:
        yield lab


@pytest.fixture(scope="module")
def checked(wired):
    """What the checklist prints, its exit code, and the file it leaves; the counter counts at the pace of its clock."""
    wired.counter.speed = 1.0
    command = [sys.executable, "-m", "devices.iocs", "--config", str(wired.config), "--check"]
    told = subprocess.run(command, check=False, capture_output=True, text=True, cwd=HOUSE)
    wired.counter.speed = COUNTER_SPEED
    return told.returncode, told.stdout, next((wired.config.parent.parent / "data" / "checks").iterdir())


@pytest.fixture(scope="module")
def session(wired, checked):
    lab = start(wired.config)
    lab.RE(bps.mv(lab.microscope.sample.mounted, "A"))
    yield lab
    lab.close(stop_processes=True)


@pytest.fixture(scope="module")
def on_a_dot(wired, session):
    """Cabled for pairs, the time zero calibrated, the pulsed laser off, another sample under the objective."""
    wired.sample.bench.mount("example_qd")
    wired.sample.cable("hbt")
    microscope = session.microscope
    session.RE(bps.mv(microscope.sample.mounted, "example_qd", microscope.timeharp.wiring, "hbt"))
    session.RE(time_zero(microscope, min_counts=3000))
    wired.sample.pulse(on=False)
    return session


def told_by(session, plan):
    """What the plan returned, and its documents."""
    seen = []
    token = session.RE.subscribe(lambda name, doc: seen.append((name, doc)))
    wrong = session.microscope.spads.overload.get()
    try:
        session.RE(plan)
    finally:
        session.RE.unsubscribe(token)
    assert wrong == session.microscope.spads.overload.get() == ""
    return seen


def first(seen, name):
    return next(doc for kind, doc in seen if kind == name)


def in_file(seen) -> Any:
    """Rows of the file of a run."""
    resource = first(seen, "stream_resource")
    with h5py.File(urlparse(resource["uri"]).path) as file:
        return file[resource["parameters"]["dataset"]][:]


def test_the_checklist_talks_to_every_instrument_and_is_saved(wired, checked):
    code, told, file = checked
    assert code == 0, told
    saved = json.loads(file.read_text())
    assert set(saved["drivers"]) == {one["instrument"] for one in saved["findings"]} and len(saved["drivers"]) == 9
    assert saved["failed"] == 0 and f"{saved['unverified']} unverified, 0 failed" in told
    for line in ("E-727", "2000000 Hz at SYNC, declared 2e+06 Hz", "version 6.1", "open_reads = 1", "GC-0042"):
        assert line in told
    assert all(one["to_do"] for one in saved["findings"] if one["state"] == "unverified")
    assert wired.shutter.n_toggles == 0 and not wired.laser.on  # nothing shone


def test_the_ports_belong_to_the_iocs_while_they_run(wired, session, capsys):
    assert main(["--config", str(wired.config), "--check"]) == 2
    assert "they hold the ports of the instruments: stop them, then check" in capsys.readouterr().err


def test_a_raster_brings_every_histogram_of_the_card(wired, session):
    microscope = session.microscope
    session.RE(irf(microscope, min_counts=20_000))
    before = len(wired.feed.blocks)
    seen = told_by(session, flim_raster(microscope, sample="A", extent_um=6, n_pixels=6, n_scans=1))
    assert first(seen, "stop")["exit_status"] == "success" and wired.feed.faults == []
    begun = first(seen, "start")
    assert begun["twin"] is False and begun["bench_check"]["failed"] == 0 and begun["sample_name"] == "A"
    rows = in_file(seen)
    blocks = np.array([block.histograms for block in wired.feed.blocks[before:]])
    assert rows.shape == (6, 6, 2, 4096) and blocks.sum() > 3000
    assert np.array_equal(rows.reshape(blocks.shape), blocks)
    lines = [doc["data"] for name, doc in seen if name == "event" and "scanner_line" in doc["data"]]
    x_um = np.array([line["scanner_x"][:6] for line in lines if "piezo_x" not in line])
    assert np.allclose(x_um, np.linspace(47.5, 52.5, 6), atol=0.05)
    assert wired.shutter.is_open is False


def test_a_stage_that_is_unplugged_ends_the_raster_in_the_dark_and_comes_back(wired, session):
    microscope = session.microscope

    def unplug(name, doc):
        if "scanner_line" in doc.get("data", {}) and "piezo_x" not in doc["data"]:
            wired.stage_cable.unplug()

    token = session.RE.subscribe(unplug, "event")
    try:
        with pytest.raises(FailedStatus, match=r"scanner.*socket://"):
            session.RE(flim_raster(microscope, sample="A", extent_um=6, n_pixels=6, n_scans=3))
    finally:
        session.RE.unsubscribe(token)
        wired.stage_cable.plug()
    assert wired.shutter.is_open is False and microscope.shutter.latch.get() == ""
    session.RE(bps.mv(microscope.piezo.x, 47.0))
    assert wired.sample.bench.stage.at_um[0] == pytest.approx(47.0)


def test_pairs_of_a_dot_tell_its_rise_time(wired, on_a_dot):
    before = len(wired.feed.blocks)
    seen = told_by(on_a_dot, hbt(on_a_dot.microscope, at_um=DOT_UM, target_err_ns=3.0, max_time_s=20))
    rows = in_file(seen)
    blocks = np.array([block.histogram for block in wired.feed.blocks[before:]])
    assert np.array_equal(rows, blocks) and wired.feed.faults == []
    g2 = on_a_dot.microscope.g2
    assert abs(g2.tau_ns.get() - RISE_NS) < 5 * g2.tau_err_ns.get() and g2.tau_err_ns.get() <= 4
    assert abs(g2.contrast.get() - CONTRAST) < 5 * g2.contrast_err.get()
    assert g2.rate_cps.get() == pytest.approx(ON_CPS, rel=0.05) and g2.single.get() == 1
    assert wired.shutter.is_open is False and wired.laser.on is False


def test_photons_of_a_dot_tell_how_it_blinks(wired, on_a_dot):
    microscope, before = on_a_dot.microscope, len(wired.feed.blocks)
    wired.sample.cable("clock")
    on_a_dot.RE(bps.mv(microscope.timeharp.wiring, "clock"))
    seen = told_by(on_a_dot, blinking(microscope, at_um=DOT_UM, duration_s=3, segment_s=1))
    rows = in_file(seen)
    blocks = [block.records for block in wired.feed.blocks[before:]]
    assert len(rows) == len(blocks) == 3
    for row, records in zip(rows, blocks, strict=True):
        assert np.array_equal(row[: len(records)], records) and not row[len(records) :].any()
    assert microscope.blinking.rate_on_cps.get() == pytest.approx(ON_CPS, rel=0.03)
