"""What detectors must not see closes the shutter first; what a measurement stands on does not move under it."""

import asyncio
import math

import numpy as np
import pytest
from ophyd.utils import LimitError

from devices.iocs.backends import Illumination
from devices.iocs.instrument import Refused
from devices.iocs.silence import CERTAIN
from devices.iocs.twin.beam import set_room_light
from plans import find_emitters
from plans.stubs import PlanError
from tests.devices.iocs.fake_bench import FakeBench, quietly, refusal, run
from tests.lab.crashes import wait_for

LIT = Illumination(lit=True, w_cm2=1.0)


async def tell(scanner, **settings):
    facts = {"nx": 3, "ny": 1, "x_extent": 3.0, "y_extent": 1.0, "counting": "counters", "dwell": 0.1}
    for name, value in (facts | settings).items():
        await getattr(scanner, name).write(value)


async def full(*_):
    raise Refused("the disk is full")


@pytest.mark.parametrize(
    "kind, wiring", [("point", "raster"), ("hbt", "hbt"), ("records", "clock"), ("bins", "raster")]
)
def test_the_shutter_comes_before_the_books(tmp_path, kind, wiring):
    """A file that takes nothing does not keep an overload from being seen."""
    bench = FakeBench()
    bench.cps = 1e6

    async def steps(ioc, bench):
        group = ioc.counters if kind == "bins" else ioc.timeharp
        await ioc.spads.trip_cps.write(200)
        await group.arm.write(kind)
        group.store = full
        await quietly(group.acquire.write(0 if kind == "records" else 3))
        assert any(word.startswith("Trip=overload: the ") for word in ioc.told)
        assert ioc.spads.level.value == "overload" and ioc.spads.overload.value.startswith("overload")
        assert "the disk is full" in group.error.value

    run(tmp_path, steps, bench=bench, wiring=wiring)


@pytest.mark.parametrize("stopped", [False, True])
def test_one_bright_pixel_of_a_line_is_an_overload_also_of_a_line_that_was_stopped(tmp_path, stopped):
    async def steps(ioc, bench):
        await tell(ioc.scanner)
        await ioc.spads.trip_cps.write(5050)  # 50 um are 500 counts in 0.1 s, 51 um are 510
        bench.wait_s = 0.2 if stopped else 0.0
        taken = asyncio.create_task(quietly(ioc.scanner.acquire.write(0)))
        await asyncio.sleep(0.05)
        if stopped:
            await ioc.scanner.stop.write(1)
        await taken
        assert ioc.told[-1].startswith("Trip=overload: the perovskite SPAD saw 5.1e+03 cps")

    run(tmp_path, steps)


def test_an_overload_trips_again_after_a_reset_of_the_shutter_alone(tmp_path):
    async def steps(ioc, bench):
        for cps, level in ((1e6, "ok"), (3e6, "high"), (6e6, "overload"), (6e6, "overload"), (1e6, "ok")):
            bench.rates_cps = {"perovskite": 10.0, "qd": cps}
            bench.light = LIT
            await ioc.spads.read()
            assert ioc.spads.level.value == level
        assert [word[:14] for word in ioc.told] == ["Trip=overload:"] * 2
        await ioc.spads.warn_cps.write(5e5)
        await ioc.spads.read()
        assert ioc.spads.level.value == "high"

    run(tmp_path, steps)


def test_light_in_the_dark_is_room_light_if_it_stays(tmp_path):
    async def steps(ioc, bench):
        spads, bright, dark = ioc.spads, {"perovskite": 10.0, "qd": 4000.0}, bench.rates_cps
        for rates, light in ((bright, Illumination()), (dark, Illumination()), (bright, LIT), (bright, LIT)):
            bench.rates_cps, bench.light = rates, light
            await spads.read()
        assert ioc.told == [] and spads.overload.value == ""
        bench.rates_cps, bench.light = bright, Illumination()
        await spads.read()
        await spads.read()
        assert ioc.told[-1].startswith("Trip=room light: 4e+03 cps on the qd SPAD with no laser on the sample")
        assert "darken the room first" in await refusal(spads, spads.reset, 1)
        bench.rates_cps = dark
        await spads.read()
        await spads.reset.write(1)
        assert spads.overload.value == ""

    run(tmp_path, steps)


def test_a_detector_that_counts_nothing_under_light_is_not_trusted(tmp_path):
    async def steps(ioc, bench):
        spads, needed = ioc.spads, math.ceil(CERTAIN / 5.0)  # the qd SPAD has 50 dark counts a second
        bench.rates_cps = {"perovskite": 100.0, "qd": 0.0}
        for _ in range(2 * needed):
            await spads.read()
        assert ioc.told == []  # in the dark it may be off
        bench.light = LIT
        for _ in range(needed):
            assert ioc.told == []
            await spads.read()
        assert ioc.told == ["Trip=silent: the qd SPAD counts nothing under light, it is saturated or off"]

    run(tmp_path, steps)


def test_detectors_that_cannot_be_read_end_the_light_and_are_read_again(tmp_path):
    async def steps(ioc, bench):
        def broken():
            raise OSError("no answer")

        bench.light, bench.spads.rates = LIT, broken
        watching = asyncio.create_task(ioc.spads.pvdb["t:spads:Perovskite:Rate"].server_startup(None))
        try:
            async with asyncio.timeout(5):
                while not ioc.told:
                    await asyncio.sleep(0.05)
                assert ioc.told[0].startswith("Trip=the SPADs cannot be read (no answer)")
                bench.spads.rates = bench.rates
                while ioc.spads.qd_rate.value != 10.0:
                    await asyncio.sleep(0.05)
        finally:
            watching.cancel()

    run(tmp_path, steps)


def test_a_fifo_that_ran_over_goes_dark_and_warns_without_a_latch(tmp_path):
    bench = FakeBench()
    bench.overrun = True

    async def steps(ioc, bench):
        await ioc.timeharp.arm.write("records")
        await ioc.timeharp.acquire.write(0)
        assert ioc.told == ["Command=closed"] and "ran over in row 0" in ioc.spads.warning.value
        assert ioc.spads.overload.value == "" and ioc.timeharp.n_written.value == 1

    run(tmp_path, steps, bench=bench, wiring="clock")


def test_nothing_moves_under_a_measurement_unless_it_is_stopped(tmp_path):
    async def steps(ioc, bench):
        bench.samples, bench.wait_s = ("A", "B"), 5.0
        await tell(ioc.scanner)
        changes = [
            (ioc.piezo, ioc.piezo.x, 12.0),
            (ioc.filters, ioc.filters.perovskite, "FBH650-40+655/15"),
            (ioc.sample, ioc.sample.mounted, "B"),
            (ioc.timeharp, ioc.timeharp.wiring, "hbt"),
        ]
        taken = asyncio.create_task(quietly(ioc.scanner.acquire.write(0)))
        await asyncio.sleep(0.1)
        for group, pv, value in changes:
            assert "while something is being measured" in await refusal(group, pv, value)
        assert ioc.told == [] and bench.at_um == (0.0, 0.0, 0.0)
        await ioc.scanner.stop.write(1)
        for _, pv, value in changes:
            await pv.write(value)
        await taken
        assert bench.at_um[0] == 12.0 and bench.mounted == "B" and bench.card.wiring == "hbt"

    run(tmp_path, steps)


@pytest.mark.parametrize(
    "settings", [{"x_centre": 99.0}, {"y_centre": 0.2, "ny": 3}, {"x_extent": 60.0, "x_centre": 90.0}]
)
def test_a_raster_beyond_the_travel_is_refused_before_anything_moves(tmp_path, settings):
    async def steps(ioc, bench):
        bench.stage.limits_um = [(0.0, 99.5), (0.0, 100.0), (0.0, 20.0)]
        await tell(ioc.scanner, **settings)
        assert "the travel is 0..99.5 um" in await refusal(ioc.scanner, ioc.scanner.acquire, 0) or "ny" in settings
        assert "the travel is 0..100 um" in await refusal(ioc.scanner, ioc.scanner.acquire, 0) or "ny" not in settings
        assert bench.visited == []

    run(tmp_path, steps)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, -0.1, 100.1])
def test_the_stage_refuses_what_is_no_place_on_it(tmp_path, value):
    async def steps(ioc, bench):
        with pytest.raises(Refused, match=r"outside the travel 0\.\.100 um"):
            await ioc.piezo.move("x", value)
        assert bench.at_um == (0.0, 0.0, 0.0)

    run(tmp_path, steps)


@pytest.mark.parametrize("value", [math.nan, math.inf, -0.1, 100.1, True, np.bool_(True)])
def test_so_does_the_device_before_anything_is_sent(session, value):
    with pytest.raises(LimitError):
        session.microscope.piezo.x.set(value)


def test_room_light_latches_and_plans_say_what_to_do(session):
    microscope, beam = session.microscope, session.config.folders.run / "beam.bin"
    set_room_light(beam, 50_000.0)
    try:
        wait_for(lambda: "room light" in str(microscope.spads.overload.get()))
        wait_for(lambda: "room light" in str(microscope.shutter.latch.get()))
        with pytest.raises(Exception, match="darken the room first"):
            microscope.spads.reset()
    finally:
        set_room_light(beam, 0.0)
    microscope.shutter.reset()
    with pytest.raises(PlanError, match=r"room light: .*: darken the room, then microscope.spads.reset"):
        session.RE(find_emitters(microscope, extent_um=1.0, n_pixels=10))
    wait_for(lambda: microscope.spads.qd_rate.get() < 3000)
    microscope.spads.reset()
    assert microscope.spads.overload.get() == "" and microscope.shutter.latch.get() == ""
