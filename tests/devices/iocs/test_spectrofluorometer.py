"""The spectrofluorometer IOC on a backend whose every point is known: scans grow, stop, go on, and end dark."""

import asyncio
import contextlib
import math
import threading
import time

import pytest
from caproto import SkipWrite

from devices.iocs.backends import Point, Scan
from devices.iocs.backing import check_backends, spectrofluorometer
from devices.iocs.config import ConfigError, read
from devices.iocs.lease import DEAD_MAN_S
from devices.iocs.spectrofluorometer import SpectrofluorometerIOC
from tests.conftest import house

OWNER = "somebody"


class Counter:
    """Point i of a scan has i counts; a shutter that can stick, a lamp, an operator who may have to be asked."""

    name, dead_time_ns, max_points, samples, mounted, instruction = "counter", 25.0, 500, ("A", "glass"), "A", ""
    limits = {  # noqa: RUF012
        "excitation_nm": (230.0, 1000.0),
        "emission_nm": (200.0, 870.0),
        "slit_nm": (0.1, 30.0),
        "step_nm": (0.01, 100.0),
        "dwell_s": (0.001, 200.0),
    }

    def __init__(self, wait_s: float = 0.0):
        self.wait_s, self.open, self.sticks, self.lamp_state, self.warm_up_s = wait_s, False, False, "ready", 0.0
        self.acquisitions, self.finished, self.breaks_at = 0, [], None
        self.lit_at: list[bool] = []

    def mount(self, name: str):
        self.mounted = name

    def switch_lamp(self, on: bool):
        self.lamp_state = "ready" if on else "off"

    def warm_up(self, stop: threading.Event | None = None) -> bool:
        return not (stop and stop.wait(self.wait_s))

    def shutter_is_open(self) -> bool:
        return self.open

    def close_shutter(self):
        self.open = self.open and self.sticks

    def next_acquisition(self) -> int:
        self.acquisitions += 1
        return self.acquisitions

    def finish_acquisition(self, acquisition: int):
        self.finished.append(acquisition)

    def dark(self, seconds, *, acquisition, stop=None):
        return (math.nan, 0.0) if stop.wait(self.wait_s) else (50 * seconds, seconds)

    def check(self, scan: Scan):
        if scan.kind == "emission" and scan.start_nm <= scan.fixed_nm:
            raise ValueError(f"the emission scan starts at {scan.start_nm:g} nm, blue of its excitation")

    def scan(self, scan, *, acquisition, first=0, stop=None, on_point):
        self.open = True
        for index in range(first, scan.n_points):
            if stop.wait(self.wait_s):
                return False
            if index == self.breaks_at:
                raise OSError("the monochromator does not answer")
            self.lit_at.append(self.open)
            on_point(index, Point(scan.wavelength_nm[index], index, 1.0, math.nan, 2.0, 2.0 * index, 0.1 * index))
        return True


def with_ioc(backend, steps, *, owner: str = OWNER):
    """Run `steps(ioc)` while the IOC runs, with a lease that is beaten ten times a second unless `owner` is empty."""

    async def run():
        ioc = SpectrofluorometerIOC("fs5:", backend=backend)
        hooks = [pv.server_startup for pv in ioc.pvdb.values() if hasattr(pv, "server_startup")]
        running = [asyncio.create_task(hook(None)) for hook in hooks]
        await asyncio.sleep(0.1)

        async def beat():
            while True:
                await ioc.beat.write(owner)
                await asyncio.sleep(0.1)

        if owner:
            await ioc.owner.write(owner)
            running.append(asyncio.create_task(beat()))
        try:
            await steps(ioc, running)
        finally:
            for task in running:
                task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.gather(*running)

    asyncio.run(run())


async def set_emission(ioc, **changed):
    settings = {"scan_start": 420.0, "scan_stop": 480.0, "step": 1.0, "fixed": 405.0, "dwell": 0.1} | changed
    for name, value in settings.items():
        await getattr(ioc, name).write(value)
        assert ioc.error.value == ""


def test_a_scan_delivers_each_point_once_and_ends_dark():
    backend = Counter()

    async def steps(ioc, _):
        await set_emission(ioc)
        await ioc.acquire.write(0)
        assert (ioc.state.value, ioc.points.value, ioc.points_done.value) == ("done", 61, 61)
        assert list(ioc.counts.value) == list(range(61))
        assert list(ioc.wavelength.value) == [420.0 + i for i in range(61)]
        assert all(math.isnan(value) for value in ioc.transmitted.value)
        assert ioc.shutter.value == "closed" and backend.finished == [1]

    with_ioc(backend, steps)
    assert all(backend.lit_at) and not backend.open


def test_points_can_be_read_while_it_scans():
    async def steps(ioc, _):
        await set_emission(ioc)
        scan = asyncio.create_task(ioc.acquire.write(0))
        seen = []
        while not scan.done():
            await asyncio.sleep(0.02)
            n_points = ioc.points_done.value
            assert list(ioc.counts.value)[:n_points] == list(range(n_points))
            seen.append(n_points)
        assert len(set(seen)) > 3 and seen == sorted(seen)

    with_ioc(Counter(wait_s=0.01), steps)


def test_a_scan_that_was_stopped_goes_on_at_the_next_point():
    backend = Counter(wait_s=0.01)

    async def steps(ioc, _):
        await set_emission(ioc)
        scan = asyncio.create_task(ioc.acquire.write(0))
        await asyncio.sleep(0.2)
        await ioc.stop.write(1)
        assert scan.done() or not await scan
        stands = ioc.points_done.value
        assert 0 < stands < 61 and ioc.state.value == "stopped" and ioc.acquire.value == -1 and not backend.open
        assert f"the scan stands at point {stands} of 61: stopped by command" in ioc.error.value
        await ioc.acquire.write(stands + 1)
        assert f"no scan with these settings goes on at point {stands + 1}" in ioc.error.value
        await ioc.acquire.write(stands)
        assert ioc.state.value == "done" and list(ioc.counts.value) == list(range(61))
        assert backend.acquisitions == 1 and backend.finished == [1]

    with_ioc(backend, steps)


def test_another_scan_does_not_go_on_with_the_points_of_the_last():
    async def steps(ioc, _):
        await set_emission(ioc)
        scan = asyncio.create_task(ioc.acquire.write(0))
        await asyncio.sleep(0.1)
        await ioc.stop.write(1)
        await scan
        await ioc.dwell.write(0.2)
        await ioc.acquire.write(ioc.points_done.value)
        assert "no scan with these settings goes on" in ioc.error.value

    with_ioc(Counter(wait_s=0.01), steps)


def test_no_light_without_a_lease():
    backend = Counter()

    async def steps(ioc, _):
        await set_emission(ioc)
        await ioc.acquire.write(0)
        assert "nobody holds a live lease" in ioc.error.value and ioc.acquire.value == -1

    with_ioc(backend, steps, owner="")
    assert backend.lit_at == []


def test_silence_ends_the_scan_in_the_dark():
    backend = Counter(wait_s=0.05)

    async def steps(ioc, running):
        await set_emission(ioc, scan_stop=800.0)
        scan = asyncio.create_task(ioc.acquire.write(0))
        await asyncio.sleep(0.2)
        running.pop().cancel()
        began = time.monotonic()
        await scan
        assert DEAD_MAN_S - 0.2 < time.monotonic() - began < 2.0
        assert ioc.state.value == "stopped" and "no sign of a running plan" in ioc.error.value and not backend.open

    with_ioc(backend, steps)


def test_signs_of_life_do_not_wipe_out_a_reason():
    async def steps(ioc, _):
        await set_emission(ioc, scan_start=400.0)
        with contextlib.suppress(SkipWrite):
            await ioc.check.write(1)
        await asyncio.sleep(0.3)  # three beats
        assert "blue of its excitation" in ioc.error.value
        await set_emission(ioc)

    with_ioc(Counter(), steps)


def test_one_session_at_a_time():
    async def steps(ioc, _):
        await ioc.owner.write("a second session")
        assert ioc.owner.value == OWNER and f"driven by {OWNER!r}" in ioc.error.value

    with_ioc(Counter(), steps)


def test_a_failing_instrument_keeps_its_points_and_gives_its_reason():
    backend = Counter()
    backend.breaks_at = 7

    async def steps(ioc, _):
        await set_emission(ioc)
        await ioc.acquire.write(0)
        assert ioc.state.value == "failed" and ioc.points_done.value == 7 and ioc.acquire.value == -1
        assert "the monochromator does not answer" in ioc.error.value and not backend.open

    with_ioc(backend, steps)


def test_a_shutter_that_sticks_costs_the_lamp():
    backend = Counter()
    backend.sticks = True

    async def steps(ioc, _):
        await set_emission(ioc)
        await ioc.acquire.write(0)
        assert "the shutter does not close" in ioc.error.value
        assert backend.lamp_state == "off" and ioc.state.value == "failed"

    with_ioc(backend, steps)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"scan_start": 400.0}, "blue of its excitation"),
        ({"scan_start": 480.0, "scan_stop": 420.0}, "before its start at 480 nm"),
        ({"step": 0.05}, "1201 points: at most 500"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_moves(changed, reason):
    backend = Counter()

    async def steps(ioc, _):
        await set_emission(ioc, **changed)
        for command, value in ((ioc.check, 1), (ioc.acquire, 0)):
            await command.write(value)
            assert reason in ioc.error.value
        assert ioc.state.value == "idle"

    with_ioc(backend, steps)
    assert backend.lit_at == [] and backend.acquisitions == 0


@pytest.mark.parametrize(
    ("name", "value"),
    [("dwell", 0.0), ("dwell", math.nan), ("step", 0.0), ("scan_stop", 1001.0), ("excitation_slit", math.inf)],
)
def test_limits_are_those_of_the_instrument(name, value):
    async def steps(ioc, _):
        pv = getattr(ioc, name)
        before = pv.value
        with pytest.raises(ValueError, match="Limits are set to"):
            await pv.write(value)
        assert pv.value == before

    with_ioc(Counter(), steps)


def test_nothing_changes_under_a_running_scan():
    async def steps(ioc, _):
        await set_emission(ioc)
        scan = asyncio.create_task(ioc.acquire.write(0))
        await asyncio.sleep(0.1)
        for pv, value in ((ioc.dwell, 1.0), (ioc.mounted, "glass"), (ioc.lamp, "off"), (ioc.scan_kind, "excitation")):
            before = pv.value
            await pv.write(value)
            assert pv.value == before and "a measurement is running" in ioc.error.value
        await scan
        assert ioc.state.value == "done"

    with_ioc(Counter(wait_s=0.01), steps)


def test_dark_counts_and_warming_up_can_be_stopped():
    async def steps(ioc, _):
        await ioc.take_dark.write(10.0)
        assert (ioc.dark_counts.value, ioc.dark_time.value) == (500.0, 10.0)
        ioc.backend.wait_s = 5.0
        for command, value, reason in ((ioc.take_dark, 20.0, "in the dark was stopped"), (ioc.warm, 1, "warming up")):
            waiting = asyncio.create_task(command.write(value))
            await asyncio.sleep(0.1)
            await ioc.stop.write(1)
            await waiting
            assert reason in ioc.error.value
        assert ioc.dark_time.value == 10.0

    with_ioc(Counter(), steps)


def test_the_operator_is_asked_and_the_sample_must_be_there():
    backend = Counter(wait_s=0.02)

    async def steps(ioc, _):
        await set_emission(ioc)
        await ioc.mounted.write("Z")
        assert "no sample 'Z' for the chamber; there are A, glass" in ioc.error.value
        backend.instruction = "scan 420 to 480 nm and export it as 1.txt"
        scan = asyncio.create_task(ioc.acquire.write(0))
        await asyncio.sleep(0.3)
        assert ioc.state.value == "waiting" and ioc.instruction.value == backend.instruction
        backend.instruction = ""
        await asyncio.sleep(0.3)
        assert ioc.state.value == "scanning"
        await scan

    with_ioc(backend, steps)


def lab_toml(tmp_path, instrument: str):
    file = house(tmp_path)
    file.write_text(
        file.read_text().replace('spectrofluorometer = {backend = "twin"}', f"spectrofluorometer = {instrument}")
    )
    return read(file)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ("", "driver is missing; there is 'fluoracle'"),
        (', driver = "horiba"', "driver = 'horiba'; there is 'fluoracle'"),
        (', driver = "fluoracle"', "folder is missing"),
        (', driver = "fluoracle", folder = ""', "folder is missing"),
        (', driver = "fluoracle", folder = "x", port = 3', "port is no option of 'fluoracle'"),
        (', driver = "fluoracle", folder = "x", settle_s = "1"', "settle_s = '1': must be a number"),
    ],
)
def test_a_driver_that_is_told_too_little_is_refused_at_the_start(tmp_path, options, reason):
    with pytest.raises(ConfigError, match=reason):
        check_backends(lab_toml(tmp_path, f'{{backend = "driver"{options}}}'))


def test_the_folder_of_exports_starts_at_the_house_and_may_come_later(tmp_path):
    config = lab_toml(tmp_path, '{backend = "driver", driver = "fluoracle", folder = "exports"}')
    check_backends(config)
    backend = spectrofluorometer(config, bench=None)
    assert backend.name == "fluoracle"
    scan = Scan("emission", 420.0, 480.0, 1.0, 405.0, 1.0, 1.0, 0.1)
    with pytest.raises(ValueError, match="exports"):
        backend.check(scan)
    (tmp_path / "exports").mkdir()
    backend.check(scan)


def test_the_twin_needs_no_options(tmp_path):
    config = lab_toml(tmp_path, '{backend = "twin"}')
    check_backends(config)

    class Bench:
        spectrofluorometer = Counter()

    assert spectrofluorometer(config, Bench()) is Bench.spectrofluorometer
