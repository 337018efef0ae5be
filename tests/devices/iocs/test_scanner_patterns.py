"""Lines and patches, counted by the card or by the counters: where the pixels lie and what is refused."""

import numpy as np
import pytest

from devices.iocs.pathway import Grid, line_of, patch_of
from tests.devices.iocs.fake_bench import refusal, rows, run, while_running

SQUARE = Grid(30.0, 40.0, 3.0, 2.0, 3, 2)


def test_a_patch_is_walked_in_serpentines_and_told_row_by_row():
    path = patch_of(SQUARE)
    steps = np.hypot(np.diff(path.x_um), np.diff(path.y_um))
    assert steps.max() == pytest.approx(1.0)
    back = np.argsort(path.raster)
    assert path.x_um[back].tolist() == [29, 30, 31] * 2
    assert path.y_um[back].tolist() == [39.5] * 3 + [40.5] * 3


@pytest.mark.parametrize("shape", [(1, 1), (5, 1), (1, 4), (9, 9), (32, 64)])
def test_every_pixel_of_a_patch_is_visited_once(shape):
    path = patch_of(Grid(0, 0, 1, 1, *shape))
    assert sorted(path.raster) == list(range(shape[0] * shape[1]))


def test_a_line_backwards_is_the_same_line():
    forth, back = line_of(SQUARE, 1), line_of(SQUARE, 1, backwards=True)
    assert back.x_um[np.argsort(back.raster)].tolist() == forth.x_um.tolist() == [29, 30, 31]
    assert back.x_um[0] == 31


async def tell(scanner, **settings):
    for name, value in {"nx": 3, "ny": 2, "x_extent": 3.0, "y_extent": 2.0, **settings}.items():
        await getattr(scanner, name).write(value)


@pytest.mark.parametrize("wiring", ["raster", "hbt", "clock"])
def test_counters_take_a_patch_whatever_is_cabled_and_need_no_file(tmp_path, wiring):
    async def steps(ioc, bench):
        scanner = ioc.scanner
        await tell(scanner, counting="counters", pattern="patch", n_scans=3)
        await scanner.acquire.write(2)
        assert scanner.line.value == 2 and list(bench.visited[-1][:, 0]) == [49, 50, 51, 51, 50, 49]
        assert list(scanner.perovskite_counts.value) == [490, 500, 510] * 2
        assert list(scanner.qd_counts.value) == [495] * 3 + [505] * 3
        assert list(scanner.x.value) == [49, 50, 51] * 2
        assert "patch 3 does not exist" in await refusal(scanner, scanner.acquire, 3)
        assert not list(tmp_path.rglob("*.h5"))

    run(tmp_path, steps, wiring=wiring)


def test_a_series_with_the_counters_is_one_acquisition_until_it_ends(tmp_path):
    async def steps(ioc, bench):
        await tell(ioc.scanner, counting="counters")
        await ioc.scanner.begin.write(1)
        for index in (0, 1):
            await ioc.scanner.acquire.write(index)
        assert bench.acquisitions == 1 and bench.finished == []
        await ioc.scanner.begin.write(0)
        assert bench.finished == [1]
        await ioc.scanner.acquire.write(0)  # without being asked for
        await ioc.scanner.begin.write(1)
        assert bench.acquisitions == 3 and bench.finished == [1, 2]

    run(tmp_path, steps)


def test_the_card_takes_a_patch_into_one_row(tmp_path):
    async def steps(ioc, bench):
        await tell(ioc.scanner, pattern="patch")
        assert "no histogram file is open" in await refusal(ioc.scanner, ioc.scanner.acquire, 0)
        await ioc.timeharp.arm.write("raster")
        await ioc.scanner.acquire.write(0)
        await ioc.scanner.nx.write(4)
        assert "rows of 6 pixels, not 8" in await refusal(ioc.scanner, ioc.scanner.acquire, 0)
        return ioc.timeharp.path.value

    stored = rows(run(tmp_path, steps), "histograms")
    assert stored.row(0)[:, 0, 0].tolist() == [490, 500, 510] * 2


def test_a_patch_that_is_too_large_is_refused(tmp_path):
    async def steps(ioc, bench):
        await tell(ioc.scanner, nx=46, ny=46, pattern="patch")
        assert "46 x 46 pixels: at most 2048" in await refusal(ioc.timeharp, ioc.timeharp.arm, "raster")
        await ioc.scanner.counting.write("counters")
        assert "46 x 46 pixels: at most 2048" in await refusal(ioc.scanner, ioc.scanner.acquire, 0)
        await ioc.scanner.pattern.write("lines")
        await ioc.scanner.acquire.write(45)

    run(tmp_path, steps)


def test_a_stopped_patch_is_not_told(tmp_path):
    async def steps(ioc, bench):
        await tell(ioc.scanner, counting="counters", pattern="patch")
        bench.wait_s = 20.0
        await while_running(ioc.scanner.acquire.write(0), ioc.scanner.stop.write(1))
        assert "nothing of it is kept" in ioc.scanner.error.value and ioc.scanner.line.value == -1

    run(tmp_path, steps)


def test_a_bright_pixel_trips_with_the_counters_too(tmp_path):
    async def steps(ioc, bench):
        await tell(ioc.scanner, counting="counters", dwell=1e-3)
        await ioc.spads.trip_cps.write(4e5)
        await ioc.scanner.acquire.write(0)
        assert ioc.told and "overload" in ioc.told[0]  # 510 counts in a millisecond

    run(tmp_path, steps)


def test_the_splitter_moves_only_in_the_dark(tmp_path):
    async def steps(ioc, bench):
        filters = ioc.filters
        assert filters.splitter.value == "dichroic" and filters.splitter_positions.value == "dichroic\n50:50"
        await filters.splitter.write("50:50")
        assert ioc.told == ["Command=closed"] and bench.filters.get("splitter") == "50:50"
        await filters.splitter.write("50:50")
        assert len(ioc.told) == 1
        why = await refusal(filters, filters.splitter, "70:30")
        assert "no beamsplitter '70:30' in the splitter's holder; it holds dichroic, 50:50" in why

    run(tmp_path, steps)
