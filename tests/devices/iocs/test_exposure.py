"""What light each place has seen: counted where it fell, kept through a kill, refused over the budget."""

import asyncio
import sqlite3
import subprocess
import sys
import time

import numpy as np
import pytest
from bluesky import plan_stubs as bps

from devices.iocs.backends import Illumination
from devices.iocs.doses import Doses, by_place, place_of
from devices.iocs.exposure import Booking, lit_seconds
from plans import find_emitters
from plans.exposure import raster_dose
from plans.raster import Raster
from plans.stubs import PlanError, lit, shine
from tests.devices.iocs.fake_bench import FakeBench, refusal, run

BRIGHT = Illumination(lit=True, w_cm2=1000.0)  # 1 kJ/cm2 a second
SQUARE = {"nx": 3, "ny": 1, "x_extent": 3.0, "y_extent": 1.0, "counting": "counters", "dwell": 2.0, "settle": 0.0}


def bright_bench() -> FakeBench:
    bench = FakeBench()
    bench.light = BRIGHT
    return bench


async def tell(scanner, **settings):
    for name, value in (SQUARE | settings).items():
        await getattr(scanner, name).write(value)


def test_a_line_counts_where_it_fell_and_only_there(tmp_path):
    async def steps(ioc, bench):
        await tell(ioc.scanner)
        await ioc.scanner.acquire.write(0)
        doses = ioc.exposure.doses.of("A")
        assert doses == {place_of(x, 50.0): pytest.approx(2.0) for x in (49.0, 50.0, 51.0)}
        assert ioc.exposure.largest.value == pytest.approx(2.0)

    run(tmp_path, steps, bench=bright_bench())


def test_in_the_dark_nothing_counts(tmp_path):
    async def steps(ioc, bench):
        await tell(ioc.scanner)
        await ioc.scanner.acquire.write(0)
        assert ioc.exposure.doses.of("A") == {}

    run(tmp_path, steps)


def test_over_budget_a_line_is_refused_in_the_dark_and_exposes_nothing(tmp_path):
    async def steps(ioc, bench):
        await ioc.exposure.budget.write(3.0)
        await tell(ioc.scanner)
        await ioc.scanner.acquire.write(0)
        before = dict(ioc.exposure.doses.of("A"))
        why = await refusal(ioc.scanner, ioc.scanner.acquire, 0)
        assert "has seen 2 kJ/cm2, 2 more would exceed the budget of 3" in why and "'A'" in why
        assert ioc.told[-1] == "Command=closed" and len(bench.visited) == 1
        assert ioc.exposure.doses.of("A") == before

    run(tmp_path, steps, bench=bright_bench())


@pytest.mark.parametrize("kind, wiring", [("point", "raster"), ("hbt", "hbt"), ("records", "clock")])
def test_integrations_count_at_the_place_where_the_stage_stands(tmp_path, kind, wiring):
    async def steps(ioc, bench):
        bench.at_um = (10.2, 20.2, 5.0)
        await ioc.exposure.budget.write(1.5)
        await ioc.timeharp.arm.write(kind)
        await ioc.timeharp.acquire.write(0)
        assert ioc.exposure.doses.of("A") == {(20, 40): pytest.approx(1.0)}
        assert "would exceed" in await refusal(ioc.timeharp, ioc.timeharp.acquire, 1)
        assert ioc.timeharp.n_written.value == 1
        bench.at_um = (30.0, 30.0, 5.0)
        await ioc.timeharp.acquire.write(1)

    run(tmp_path, steps, bench=bright_bench(), wiring=wiring)


def test_an_open_shutter_without_a_measurement_counts_by_the_second_and_trips_over_budget(tmp_path):
    async def steps(ioc, bench):
        exposure = ioc.exposure
        await exposure.budget.write(9.0)
        for passed_s, seen in ((0.5, 0.0), (5.0, 5.5), (3.0, 8.5)):  # a gap between measurements does not count
            exposure.measuring.ended_s = -np.inf
            exposure.looked_s = time.monotonic() - passed_s
            await exposure.watch()
            assert exposure.doses.largest("A") == pytest.approx(seen, abs=0.4) and ioc.told == []
        exposure.looked_s = time.monotonic() - 1.5
        await exposure.watch()
        assert ioc.told[-1].startswith("Trip=exposure: the place at (0.25, 0.25) um of sample 'A' has seen")

    run(tmp_path, steps, bench=bright_bench())


def test_light_of_a_measurement_is_not_counted_twice(tmp_path):
    async def steps(ioc, bench):
        exposure = ioc.exposure
        bench.wait_s = 0.3
        await tell(ioc.scanner)
        measured = asyncio.create_task(ioc.scanner.acquire.write(0))
        await asyncio.sleep(0.1)
        await exposure.watch()
        await measured
        await exposure.watch()
        standing = exposure.doses.at("A", place_of(*bench.at_um[:2]))
        assert standing == 0

    run(tmp_path, steps, bench=bright_bench())


def test_every_sample_has_an_account_of_its_own_and_a_reset_needs_a_reason(tmp_path):
    async def steps(ioc, bench):
        await tell(ioc.scanner)
        await ioc.scanner.acquire.write(0)
        bench.mounted = "../../B"
        await ioc.exposure.tell()
        assert ioc.exposure.largest.value == 0
        bench.mounted = "A"
        assert "why do the doses" in await refusal(ioc.exposure, ioc.exposure.reset, "  ")
        await ioc.exposure.reset.write("a fresh film")
        assert ioc.exposure.largest.value == 0 and ioc.exposure.doses.of("A") == {}
        noted = ioc.exposure.doses._disk.execute("select sample, largest_kj_cm2, why from reset").fetchall()
        assert noted == [("A", pytest.approx(2.0), "a fresh film")]

    run(tmp_path, steps, bench=bright_bench())


@pytest.mark.parametrize("value", [float("nan"), -1.0, float("inf"), 1e12])
def test_a_budget_is_a_number_that_can_be_kept(tmp_path, value):
    async def steps(ioc, bench):
        try:
            await ioc.exposure.budget.write(value)
        except Exception:
            assert ioc.exposure.budget.value == 0
        assert ioc.exposure.budget.value == 0 and ioc.exposure.doses.budget_kj_cm2 == 0

    run(tmp_path, steps)


KILLED = """
import os, signal, sys
from pathlib import Path
from devices.iocs.doses import Doses
doses = Doses(Path(sys.argv[1]))
doses.budget_kj_cm2 = 7.0
doses.add("../A", {(1, 2): 3.0, (3, 4): 1.0})
doses.add("../A", {(1, 2): -1.0})
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_doses_and_budget_survive_a_kill(tmp_path):
    file = tmp_path / "run" / "doses.sqlite"
    subprocess.run([sys.executable, "-c", KILLED, str(file)], check=False)
    doses = Doses(file)
    assert doses.of("../A") == {(1, 2): 2.0, (3, 4): 1.0} and doses.of("A") == {}
    assert doses.budget_kj_cm2 == 7.0 and doses.largest("../A") == 2.0 and doses.n_over("../A", 1.0) == 1
    assert {path.parent for path in tmp_path.rglob("*") if path.is_file()} == {file.parent}


def test_a_disk_that_takes_nothing_loses_no_dose(tmp_path):
    doses = Doses(tmp_path / "doses.sqlite")
    blocked = sqlite3.connect(tmp_path / "doses.sqlite", isolation_level=None)
    doses._disk.execute("pragma busy_timeout = 10")
    blocked.execute("begin immediate")
    doses.add("A", {(0, 0): 1.0})
    assert doses.at("A", (0, 0)) == 1.0 and Doses(None).of("A") == {}
    blocked.execute("rollback")
    doses.add("A", {(0, 1): 1.0})
    assert Doses(tmp_path / "doses.sqlite").of("A") == {(0, 0): 1.0, (0, 1): 1.0}


class Line:
    """A line of three pixels as a scanner tells it."""

    def __init__(self, lit, x_um, elapsed_s):
        self.lit, self.x_um, self.elapsed_s = np.array(lit, float), np.array(x_um, float), elapsed_s


@pytest.mark.parametrize(
    "line, seconds",
    [
        (Line([1, 1, 1], [1, 2, 3], 3.5), [1.5, 1, 1]),  # the fly-back stands before the first pixel
        (Line([1, 0.5, 0], [1, 2, 3], 3.0), [1, 0.5, 0]),  # the light went out
        (Line([1, 1, 0], [1, 2, np.nan], 2.4), [1, 1, 0.4]),  # stopped in the third pixel
        (Line([0, 0, 0], [1, 2, 3], 3.0), [1, 1, 1]),  # not believed
    ],
)
def test_every_second_of_a_line_is_spent_somewhere(line, seconds):
    assert lit_seconds(line, 0.9, 0.1) == pytest.approx(seconds)


def test_what_did_not_fall_is_taken_back():
    booking = Booking("A", 1000.0, {(0, 0): 2.0, (1, 0): 2.0})
    booking.settle([0.1, 0.6, 0.6], [0.1, 0.1, np.nan], [2.0, 0.5, 9.0])
    assert booking.difference == {(0, 0): 0.0, (1, 0): -1.5}
    assert by_place([0.1], [0.1], 0.0) == {}


@pytest.mark.parametrize("extent_um, n_pixels", [(10.0, 20), (10.0, 100), (3.0, 4)])
def test_a_plan_expects_what_the_stage_will_see(tmp_path, extent_um, n_pixels):
    raster = Raster((50.0, 50.0), extent_um, n_pixels, 100.0, 2, 0.0, False)

    async def steps(ioc, bench):
        await tell(ioc.scanner, nx=n_pixels, ny=n_pixels, x_extent=extent_um, y_extent=extent_um, dwell=0.1, n_scans=2)
        bench.elapsed_s = 0.1 * n_pixels + 0.05
        for index in range(2 * n_pixels):
            await ioc.scanner.acquire.write(index)
        return ioc.exposure.doses.largest("A")

    assert run(tmp_path, steps, bench=bright_bench()) == pytest.approx(raster_dose(raster, 1000.0))


@pytest.fixture
def budget(session):
    """Of the running lab; set aside afterwards, with what was seen."""
    exposure = session.microscope.exposure
    exposure.reset("a test begins")
    yield exposure.budget
    session.RE(bps.mv(exposure.budget, 0.0))
    exposure.reset("a test ended")
    if session.microscope.shutter.latch.get():
        session.microscope.shutter.reset()


SMALL = {"extent_um": 1.0, "n_pixels": 10, "dwell_ms": 10.0, "intensity_w_cm2": 100.0, "settle_ms": 10.0}


def test_a_plan_that_is_known_to_exceed_the_budget_does_not_start(session, budget, documents):
    session.RE(bps.mv(budget, 0.01))
    with pytest.raises(PlanError, match=r"nothing has moved(.|\n)*exposure: it would put up to 0.075 kJ/cm2"):
        session.RE(find_emitters(session.microscope, **SMALL))
    assert documents == [] and session.microscope.exposure.largest.get() == 0


def test_places_that_were_measured_are_refused_when_the_budget_is_spent(session, budget, documents):
    session.RE(bps.mv(budget, 0.1))
    session.RE(find_emitters(session.microscope, **SMALL))
    seen = session.microscope.exposure.largest.get()
    assert 0.03 < seen < 0.1
    baseline = next(doc for name, doc in documents if name == "descriptor" and doc["name"] == "baseline")
    assert {"exposure_largest", "exposure_here", "exposure_over"} <= set(baseline["data_keys"])
    assert baseline["configuration"]["exposure"]["data"]["exposure_budget"] == 0.1
    with pytest.raises(Exception, match=r"exposure: the place at .* would exceed the budget of 0.1"):
        session.RE(find_emitters(session.microscope, **SMALL))
    assert session.microscope.shutter.state.get() == "closed"
    session.RE(find_emitters(session.microscope, **SMALL, centre_um=(30.0, 30.0)))


def test_light_that_only_stands_there_ends_at_the_budget(session, budget):
    session.RE(bps.mv(budget, 0.02))
    microscope = session.microscope

    def stand():
        yield from shine(microscope)
        for _ in range(100):
            yield from bps.sleep(0.05)

    session.RE(lit(microscope, microscope.cw, 50.0, stand))
    assert "exposure: the place at" in microscope.shutter.latch.get()
    assert microscope.exposure.largest.get() < 0.2
