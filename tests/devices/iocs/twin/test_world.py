"""A step that is begun again gives the photons that it gave first, and the world after it is the same."""

import math
import sqlite3

import numpy as np
import pytest

from devices.iocs.twin import preset as presets
from devices.iocs.twin.bench import Bench
from devices.iocs.twin.clock import Clock

from .conftest import SteadyBeam, continuous, go_to, light, share_light

LINE_UM = 45.0 + 0.5 * np.arange(6)


def bench_in(folder, *, seed=1, cw=False):
    """A bench that remembers; made again in the same folder, it stands for one whose process was killed."""
    clock = Clock(math.inf, folder / "bench.bin")
    beam = SteadyBeam(continuous() if cw else light())
    return Bench(presets.load("A"), seed=seed, clock=clock, beam=beam, memory=folder / "dots")


def line(bench, index, acquisition):
    block = bench.scan_line(
        LINE_UM, np.full(6, 40.0 + index), dwell_s=0.05, settle_s=0.01, acquisition=acquisition, index=index
    )
    return block.histograms, block.started_s


def raster(bench, lines=range(4)):
    """As a plan does it: the sync meter, a file, lines."""
    bench.card.sync_rate_hz()
    acquisition = bench.next_acquisition()
    return [line(bench, index, acquisition) for index in lines]


def same(one, other):
    return len(one) == len(other) and all(
        np.array_equal(a, b) and started == again for (a, started), (b, again) in zip(one, other, strict=True)
    )


@pytest.fixture
def whole(tmp_path):
    """Two rasters of an undisturbed night."""
    bench = bench_in(tmp_path / "undisturbed")
    found = []
    for step in ("n/0", "n/1"):
        bench.begin_step(step)
        found.append(raster(bench))
    return found


def test_a_step_begun_again_gives_the_same_photons(tmp_path, whole):
    bench = bench_in(tmp_path / "disturbed")
    bench.begin_step("n/0")
    raster(bench, range(2))
    bench = bench_in(tmp_path / "disturbed")
    bench.begin_step("n/0")
    assert same(raster(bench), whole[0])
    bench.begin_step("n/1")
    assert same(raster(bench), whole[1])


def test_lines_that_are_there_can_be_left_out(tmp_path, whole):
    bench = bench_in(tmp_path / "disturbed")
    bench.begin_step("n/0")
    first = raster(bench, range(2))
    bench = bench_in(tmp_path / "disturbed")
    bench.begin_step("n/0")
    rest = raster(bench, range(2, 4))
    assert same(first + rest, whole[0])
    bench.begin_step("n/1")
    assert same(raster(bench), whole[1])


def test_a_line_taken_again_is_the_same_line(tmp_path, whole):
    bench = bench_in(tmp_path / "disturbed")
    bench.begin_step("n/0")
    found = raster(bench, (0, 1, 1, 2, 1, 2, 3))
    assert same([found[i] for i in (0, 1, 3, 6)], whole[0]) and same([found[2]], [found[4]])
    bench.begin_step("n/1")
    assert same(raster(bench), whole[1])


def test_a_bench_that_starts_again_stands_in_the_furthest_world(tmp_path):
    bench = bench_in(tmp_path)
    bench.begin_step("n/0")
    raster(bench)
    bench.filters.set("perovskite", "scatter")
    bench.mount("B")
    bench.card.wiring = "hbt"
    bench.spectrofluorometer.switch_lamp(False)
    bench.spectrofluorometer.mount("C")
    bench.stage.move(11, 12, 13)
    furthest = (bench.clock.now_s, bench.clock.acquisitions)
    bench.begin_step("n/0")
    assert (bench.mounted, bench.clock.now_s) == ("A", 0.0)
    again = bench_in(tmp_path)
    assert (again.clock.now_s, again.clock.acquisitions) == furthest
    assert (again.mounted, again.stage.at_um, again.card.wiring) == ("B", (11, 12, 13), "hbt")
    assert (again.spectrofluorometer.mounted, again.spectrofluorometer.lamp_state) == ("C", "off")
    assert again.filters.get("perovskite") == "scatter" and again._train.sample is again._sample("B")


def test_without_steps_nothing_is_kept_but_a_killed_bench_stands_where_it_stood(tmp_path):
    bench = bench_in(tmp_path)
    bench.begin_step("")
    raster(bench)
    bench.filters.set("perovskite", "scatter")
    assert not (tmp_path / "dots" / "moments.sqlite").exists()
    again = bench_in(tmp_path)
    assert (again.filters.get("perovskite"), again.stage.at_um) == ("scatter", bench.stage.at_um)


def test_what_light_did_to_dots_is_undone(tmp_path):
    def watch(bench):
        share_light(bench)
        go_to(bench, 0)
        acquisition = bench.next_acquisition()
        return [
            (block.counts, block.started_s)
            for index in range(3)
            for block in [bench.counters.acquire(100, 0.1, acquisition=acquisition, index=index)]
        ]

    bench = bench_in(tmp_path, cw=True)
    bench.begin_step("n/0")
    fresh = bench.dots().clocks_s
    first = watch(bench)
    lived = bench.dots().clocks_s
    assert (lived != fresh).any()
    bench.begin_step("n/0")
    assert np.array_equal(bench.dots().clocks_s, fresh)
    assert same(watch(bench), first) and np.array_equal(bench.dots().clocks_s, lived)
    bench = bench_in(tmp_path, cw=True)
    bench.begin_step("n/1")
    assert np.array_equal(bench.dots().clocks_s, lived)


def test_a_scan_of_the_lamp_is_the_same_scan(tmp_path):
    from devices.iocs.backends import Scan

    def spectrum(bench):
        backend, points = bench.spectrofluorometer, []
        backend.scan(
            Scan("emission", 500, 520, 5, 405, 2, 2, 0.2),
            acquisition=backend.next_acquisition(),
            on_point=lambda index, point: points.append((np.array([point.counts, point.reference]), point.time_s)),
        )
        return points

    bench = bench_in(tmp_path)
    bench.begin_step("n/0")
    first = spectrum(bench)
    bench = bench_in(tmp_path)
    bench.begin_step("n/0")
    assert same(spectrum(bench), first)


def test_a_world_cut_off_on_its_way_back_is_the_furthest_one(tmp_path):
    """The process dies after the clock was put back, with half of the files."""
    bench = bench_in(tmp_path)
    bench.begin_step("n/0")
    raster(bench)
    furthest = (bench.clock.now_s, bench.stage.at_um)
    bench._world._put_back_file = lambda *args: (_ for _ in ()).throw(KeyboardInterrupt)
    with pytest.raises(KeyboardInterrupt):
        bench.begin_step("n/0")
    again = bench_in(tmp_path)
    assert (again.clock.now_s, again.stage.at_um) == furthest


def test_a_line_costs_little_memory(tmp_path):
    bench = bench_in(tmp_path)
    bench.begin_step("n/0")
    raster(bench, range(40))
    with sqlite3.connect(tmp_path / "dots" / "moments.sqlite") as moments:
        (contents,) = moments.execute("SELECT count(*) FROM contents").fetchone()
        (files,) = moments.execute("SELECT sum(length(files)) FROM moments").fetchone()
    assert contents == 1 and files < 42 * 600


def test_what_happens_aside_does_not_belong_to_the_night(tmp_path, whole):
    bench = bench_in(tmp_path / "disturbed")
    bench.begin_step("n/0")
    first = raster(bench, range(2))
    bench.begin_step("-")
    bench.stage.move(11, 12, 13)
    bench.begin_step("n/0")
    assert same(first + raster(bench, range(2, 4)), whole[0])
    bench = bench_in(tmp_path / "disturbed")  # killed, and somebody moves before the night goes on
    bench.stage.move(21, 22, 13)
    bench.begin_step("n/1")
    assert same(raster(bench), whole[1])


def test_work_by_hand_between_two_nights_is_not_undone(tmp_path):
    bench = bench_in(tmp_path)
    bench.begin_step("n/0")
    raster(bench)
    bench.begin_step("")
    bench.stage.move(11, 12, 13)
    now_s = bench.clock.now_s
    bench.begin_step("m/0")
    assert bench.clock.now_s == now_s and bench.stage.at_um == (11, 12, 13)
