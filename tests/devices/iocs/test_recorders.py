"""Card and counters: what can be measured as the card is wired, and what lies in their files."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from devices.iocs.spads import peak_cps
from tests.conftest import HOUSE
from tests.devices.iocs.fake_bench import MAX_RECORDS, N_CHANNELS, FakeBench, quietly, refusal, rows, run, while_running

NEEDS = {"raster": "raster", "point": "raster", "hbt": "hbt", "records": "clock"}


@pytest.mark.parametrize("wiring", ["raster", "hbt", "clock"])
@pytest.mark.parametrize("kind", list(NEEDS))
def test_the_card_does_only_what_it_is_cabled_for(tmp_path, wiring, kind):
    async def steps(ioc, bench):
        if NEEDS[kind] == wiring:
            await ioc.timeharp.arm.write(kind)
            assert ioc.timeharp.file_kind == kind
            assert "while a file is open" in await refusal(ioc.timeharp, ioc.timeharp.wiring, other)
            assert bench.card.wiring == wiring
            await ioc.timeharp.arm.write("closed")
            await ioc.timeharp.wiring.write(other)
            assert bench.card.wiring == other
        else:
            why = await refusal(ioc.timeharp, ioc.timeharp.arm, kind)
            assert f"needs the wiring {NEEDS[kind]!r}" in why and repr(wiring) in why
            assert not list(tmp_path.rglob("*.h5"))

    other = "clock" if wiring == "raster" else "raster"
    run(tmp_path, steps, wiring=wiring)


def test_pairs_lie_in_rows_and_the_counters_count_along(tmp_path):
    async def steps(ioc, bench):
        await ioc.timeharp.arm.write("hbt")
        for index in (0, 1, 2):
            await ioc.timeharp.acquire.write(index)
        card = ioc.timeharp
        assert card.coincidences.value == 2 * N_CHANNELS and len(card.trace.value) == 200
        assert card.counts.value == [1000, 1000] and card.n_written.value == 3
        return card.path.value

    stored = rows(run(tmp_path, steps, wiring="hbt"), "histograms")
    assert stored.row(1).shape == (N_CHANNELS,) and set(stored.row(1)) == {1} and set(stored.row(2)) == {2}


def test_records_of_a_shorter_second_attempt_leave_nothing_of_the_first(tmp_path):
    async def steps(ioc, bench):
        await ioc.timeharp.arm.write("records")
        await ioc.timeharp.acquire.write(1)
        await ioc.timeharp.acquire.write(0)
        file = ioc.timeharp.file
        file.write(0, np.array([5, 6], np.uint32), 8.0)
        return ioc.timeharp.path.value

    path = run(tmp_path, steps, wiring="clock")
    assert [int(rows(path, "n_records").row(index)) for index in (0, 1)] == [2, 10]
    assert rows(path, "records").dataset.dtype == np.uint32 and rows(path, "records").dataset.shape == (2, MAX_RECORDS)
    assert rows(path, "records").row(0).tolist() == [5, 6] + [0] * (MAX_RECORDS - 2)
    assert rows(path, "records").row(1)[:11].tolist() == [*range(1, 11), 0]


def test_a_fifo_that_ran_over_keeps_what_was_recorded_and_says_so(tmp_path):
    bench = FakeBench()
    bench.overrun = True

    async def steps(ioc, bench):
        await ioc.timeharp.arm.write("records")
        await ioc.timeharp.acquire.write(0)
        assert ioc.timeharp.overrun.value == 1 and ioc.timeharp.n_records.value == 900
        assert ioc.timeharp.n_written.value == 1

    run(tmp_path, steps, bench=bench, wiring="clock")


def test_bins_need_no_card(tmp_path):
    async def steps(ioc, bench):
        counters = ioc.counters
        assert "no file is open" in await refusal(counters, counters.acquire, 0)
        await counters.n_bins.write(50)
        await ioc.timeharp.arm.write("hbt")
        await counters.arm.write("bins")
        await counters.acquire.write(3)
        await ioc.timeharp.acquire.write(0)
        assert counters.counts.value == [200, 200] and counters.dead_time.value == [43.0, 50.0]
        assert "while a file is open" in await refusal(counters, counters.n_bins, 51)
        return counters.path.value

    stored = rows(run(tmp_path, steps, wiring="hbt"), "counts")
    assert stored.row(3).shape == (50, 2) and stored.row(3).dtype == np.uint32 and set(stored.row(3).ravel()) == {4}


@pytest.mark.parametrize(("n_bins", "bin_s"), [(1_000_001, 1e-5), (500_000, 1e-3), (0, 1e-3)])
def test_too_many_bins_are_refused(tmp_path, n_bins, bin_s):
    async def steps(ioc, bench):
        await ioc.counters.n_bins.write(n_bins, verify_value=False)
        await ioc.counters.bin_width.write(bin_s, verify_value=False)
        assert "at most 1000000 bins and 400 s" in await refusal(ioc.counters, ioc.counters.arm, "bins")

    run(tmp_path, steps)


@pytest.mark.parametrize("name", ["timeharp", "counters"])
def test_what_is_stopped_is_not_kept(tmp_path, name):
    bench = FakeBench()

    async def steps(ioc, bench):
        group = getattr(ioc, name)
        await group.arm.write("hbt" if name == "timeharp" else "bins")
        bench.wait_s = 20.0
        await while_running(group.acquire.write(0), group.stop.write(1))
        assert "nothing of it is kept" in group.error.value and group.acquire.value == -1
        assert group.n_written.value == 0

    run(tmp_path, steps, bench=bench, wiring="hbt")


def test_one_measurement_at_a_time_and_a_new_file_ends_it(tmp_path):
    async def steps(ioc, bench):
        await ioc.timeharp.arm.write("hbt")
        await ioc.counters.arm.write("bins")
        bench.wait_s = 20.0

        async def second():
            assert "being measured already" in await refusal(ioc.counters, ioc.counters.acquire, 0)
            assert "being measured already" in await refusal(ioc.scanner, ioc.scanner.acquire, 0)
            await ioc.timeharp.arm.write("closed")

        await ioc.scanner.counting.write("counters")
        await while_running(ioc.timeharp.acquire.write(0), second())
        assert ioc.timeharp.acquire.value == -1 and ioc.timeharp.n_written.value == 0
        assert ioc.timeharp.file is None and bench.finished == [1]

    run(tmp_path, steps, wiring="hbt")


def test_long_sums_are_refused_where_counters_would_overflow(tmp_path):
    async def steps(ioc, bench):
        await ioc.timeharp.arm.write("hbt")
        await ioc.timeharp.integration_time.write(1000.0)
        assert "at most 400 s" in await refusal(ioc.timeharp, ioc.timeharp.acquire, 0)

    run(tmp_path, steps, wiring="hbt")


@pytest.mark.parametrize("name", ["timeharp", "counters"])
def test_too_much_light_trips_after_the_first_row(tmp_path, name):
    bench = FakeBench()
    bench.cps = 6e6

    async def steps(ioc, bench):
        group = getattr(ioc, name)
        await group.arm.write("hbt" if name == "timeharp" else "bins")
        await group.acquire.write(0)
        assert ioc.told == ["Trip=overload: the perovskite SPAD saw 6e+06 cps, the limit is 5e+06 cps"]

    run(tmp_path, steps, bench=bench, wiring="hbt")


def test_a_few_clicks_in_a_short_bin_are_no_overload():
    counts = np.zeros((1000, 2), int)
    counts[500, 0] = 60  # in 10 us: 6 Mcps
    assert peak_cps(counts, 1e-5)["perovskite"] == 60 / 0.01
    assert peak_cps(counts[:3], 1.0) == {"perovskite": 0.0, "qd": 0.0}
    assert peak_cps(np.ones((25, 2)), 1e-3)["qd"] == pytest.approx(1000)


def test_a_burst_shorter_than_the_row_is_seen(tmp_path):
    async def steps(ioc, bench):
        trace = np.zeros((100, 2), int)
        trace[40] = 60_000  # in a hundredth of a second
        await ioc.timeharp.judge(trace, 0.01)
        assert ioc.told and "6e+06 cps" in ioc.told[0]

    run(tmp_path, steps)


def test_a_full_disk_is_refused_before_the_row(tmp_path, monkeypatch):
    async def steps(ioc, bench):
        await ioc.timeharp.arm.write("hbt")
        await ioc.timeharp.acquire.write(0)
        monkeypatch.setattr("devices.iocs.writer.RESERVE_BYTES", 10**18)
        assert "make room" in await refusal(ioc.timeharp, ioc.timeharp.acquire, 1)
        assert ioc.timeharp.n_written.value == 1
        await quietly(ioc.timeharp.arm.write("hbt"))
        assert "make room" in ioc.timeharp.error.value and ioc.timeharp.file is None
        assert ioc.timeharp.arm.value == "closed"

    run(tmp_path, steps, wiring="hbt")


def test_rows_can_be_read_while_the_file_grows_and_after_the_writer_was_killed(tmp_path):
    script = (
        "import os, sys, numpy as np\n"
        "from pathlib import Path\n"
        "from devices.iocs.writer import RowFile, RowKind\n"
        "kind = RowKind('records', '<u4', (10**6,), (65536,), units='', packed=False)\n"
        "file = RowFile(Path(sys.argv[1]), kind, ragged=True, attributes={})\n"
        "file.write(0, np.arange(1, 100_001, dtype='u4'), 0.0)\n"
        "print(file.path, flush=True)\n"
        "sys.stdin.readline()\n"
        "file.write(1, np.full(7, 9, dtype='u4'), 1.0)\n"
        "os.kill(os.getpid(), 9)\n"
    )
    command = [sys.executable, "-c", script, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=HOUSE) as writer:
        assert writer.stdin and writer.stdout
        path = writer.stdout.readline().strip()
        growing = rows(path, "records")
        assert growing.row(0)[:100_001].tolist() == [*range(1, 100_001), 0]
        with pytest.raises(IndexError):
            growing.row(1)
        writer.stdin.write("\n")
        writer.stdin.close()
        writer.wait(timeout=20)
    assert growing.row(1)[:8].tolist() == [9] * 7 + [0]
    growing.close()
    assert Path(path).stat().st_size < 1.5e6  # two rows of 4 MB each, mostly empty
