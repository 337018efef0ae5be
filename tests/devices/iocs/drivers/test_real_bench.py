"""A bench of drivers: pixels timed by the computer, light as it is told, and what must be remembered."""

import threading
from types import SimpleNamespace

import numpy as np
import pytest

from devices.iocs.beam import BeamReader
from devices.iocs.drivers.bench import RealBench
from devices.iocs.drivers.bench_blocks import CounterBlock
from devices.iocs.drivers.followed import FollowedStage, followed_by
from devices.iocs.drivers.light.lit import LightPath, LitLog
from devices.iocs.drivers.light.told_light import ToldLight
from devices.iocs.drivers.memory import BenchMemory
from devices.iocs.drivers.sample import DeclaredSample, SampleOptions
from devices.iocs.exposure import lit_seconds
from devices.iocs.twin.blocks import Block

N_CHANNELS = 16


class Stage:
    """At once, with a sensor that is 2 nm off."""

    limits_um = ((0.0, 100.0), (0.0, 100.0), (0.0, 20.0))

    def __init__(self):
        self.at_um, self.moves, self.fails = (50.0, 50.0, 10.0), [], ""

    def move(self, x, y, z, stop=None):
        if self.fails:
            raise ConnectionError(self.fails)
        self.at_um = (x, y, z)
        self.moves.append(self.at_um)
        return not (stop and stop.is_set())

    def position_um(self):
        if self.fails:
            raise ConnectionError(self.fails)
        return tuple(one + 0.002 for one in self.at_um)


class Shine:
    """A light that is told to be on."""

    max_w_cm2 = max_cw_w_cm2 = 1000.0
    interlock, opened, fails = True, False, False

    def open_shutter(self):
        self.opened = True

    def close_shutter(self):
        self.opened = False

    def shutter_is_open(self):
        if self.fails:
            raise ConnectionError("unplugged")
        return self.opened

    def pulsed(self, on, repetition_hz, w_cm2): ...
    def cw(self, on, w_cm2): ...
    def refresh(self): ...


class Table:
    """A bench around fakes: pixel n counts n; `at` is called with the number of each pixel."""

    def __init__(self, folder, **more):
        self.wait_s, self.at = 0.0, lambda pixel: None
        self.light = ToldLight(Shine(), folder / "beam.bin")
        self.stage = Stage()
        card = SimpleNamespace(wiring="raster", n_channels=N_CHANNELS, acquire=self.integrate)
        memory = BenchMemory(folder / "memory.json")
        parts = {"card": card, "counters": SimpleNamespace(acquire=self.count), "spads": object(), "filters": object()}
        self.bench = RealBench(
            stage=FollowedStage(self.stage),
            holder=DeclaredSample(SampleOptions(), memory=memory),
            numbers=memory,
            light=LightPath(BeamReader(folder / "beam.bin"), springs_back=False),
            **parts | more,
        )

    def integrate(self, tacq_s, *, acquisition, index, stop=None):
        self.at(index)
        interrupted = bool(stop and stop.wait(self.wait_s))
        full = np.array([False, index == 2])
        return Block(np.full((2, N_CHANNELS), index, np.uint16), full, 1.0, 0.0, tacq_s, interrupted)

    def count(self, n_bins, bin_s, *, acquisition, index, stop=None):
        return CounterBlock(np.full((n_bins, 2), index), 1.0, 0.0, bin_s, False)

    def scan(self, kind, n=4, index=0, stop=None, dwell_s=0.01):
        x_um = np.linspace(10, 10 + n - 1, n)
        scan = {"acquisition": 7, "index": index, "stop": stop, "on_pixel": self.seen.append}
        return getattr(self.bench, kind)(x_um, np.full(n, 20.0), dwell_s=dwell_s, settle_s=0.0, **scan)

    @property
    def seen(self):
        return self.__dict__.setdefault("_seen", [])


@pytest.fixture
def table(tmp_path):
    made = Table(tmp_path)
    yield made
    made.bench.close()


def test_a_line_is_pixels_in_order_each_with_a_number_of_its_own(table):
    block = table.scan("scan_line", index=3)
    assert block.histograms.shape == (4, 2, N_CHANNELS) and block.histograms.dtype == np.uint16
    assert block.histograms[:, 0, 0].tolist() == [12, 13, 14, 15] and table.seen == [0, 1, 2, 3]
    assert block.x_um == pytest.approx([10.002, 11.002, 12.002, 13.002]) and block.y_um == pytest.approx(20.002)
    assert {z for _, _, z in table.stage.moves} == {10.002} and not block.interrupted
    assert not block.overflow.any() and table.scan("scan_line").overflow.tolist() == [False, True]


def test_the_height_is_where_it_was_told_to_be_and_does_not_wander(table):
    table.bench.stage.move(50, 50, 12.5)
    for _ in range(3):
        table.scan("scan_counts")
    assert {z for _, _, z in table.stage.moves} == {12.5}


def test_counted_pixels(table):
    block = table.scan("scan_counts", index=1)
    assert block.counts.tolist() == [[4, 4], [5, 5], [6, 6], [7, 7]] and block.counts.dtype == np.int64


def test_a_stopped_line_tells_what_it_has(table):
    stop = threading.Event()
    table.at = lambda pixel: stop.set() if pixel == 2 else None
    block = table.scan("scan_line", stop=stop)
    assert block.interrupted and np.isnan(block.x_um).tolist() == [False, False, True, True]
    assert not block.histograms[2:].any() and block.lit[2:].tolist() == [0, 0]


def test_what_cannot_be_scanned_is_refused_before_anything_moves(table):
    with pytest.raises(ValueError, match=r"x goes from 10\.0 to 150\.0 um: the stage goes from 0 to 100"):
        table.scan("scan_line", n=141)
    for bad in (0.0, float("nan")):
        with pytest.raises(ValueError, match="the dwell above 0"):
            table.scan("scan_line", dwell_s=bad)
    table.bench.card.wiring = "hbt"
    with pytest.raises(ValueError, match="cabled for 'hbt'"):
        table.scan("scan_line")
    assert table.stage.moves == []


def test_each_pixel_is_lit_for_as_long_as_it_was(table):
    table.light.cw(True, 30.0)
    table.light.open_shutter()
    assert table.bench.illumination().lit and table.bench.illumination().w_cm2 == 30
    table.wait_s = 0.03
    table.at = lambda pixel: table.light.close_shutter() if pixel == 2 else None
    block = table.scan("scan_line", stop=threading.Event())
    assert block.lit[:2].tolist() == [1, 1] and block.lit[2] < 0.5 and block.lit[3] == 0
    seconds = lit_seconds(block, 0.01, 0.0)
    assert seconds[1] == pytest.approx(block.seconds[1]) and block.seconds[1] >= 0.03


def test_light_that_nobody_can_tell_counts_as_light(tmp_path):
    light = ToldLight(Shine(), tmp_path / "beam.bin")
    path = LightPath(BeamReader(tmp_path / "beam.bin"), springs_back=False)
    light.cw(True, 5.0)
    assert not path.lit()
    light.light.fails = True
    with pytest.raises(ConnectionError):
        light.close_shutter()
    assert path.lit()
    light.light.fails = False
    light.close_shutter()
    assert not path.lit() and LightPath(path.beam, springs_back=True).illumination().w_cm2 == 5


def test_shares_of_light_are_shares_of_time():
    class Path:
        on = True

        def lit(self):
            return self.on

    path = Path()
    with LitLog(path) as log:
        begin_s = log._looks[0][0]
        log._looks[:] = [(begin_s, 1.0), (begin_s + 1, 0.0), (begin_s + 4, 1.0), (begin_s + 9, 1.0)]
        assert log.share(begin_s, begin_s + 4) == pytest.approx(0.25)
        assert log.share(begin_s + 1, begin_s + 2) == pytest.approx(0.0)


def test_a_stage_that_is_unplugged_says_so_and_comes_back(table):
    assert table.bench.stage.position_um()[0] == pytest.approx(50.002)
    table.stage.fails = "COM3: the wire broke"
    with pytest.raises(ConnectionError, match="COM3"):
        table.scan("scan_line")
    table.bench.stage._latest._reading = (0.0, (0.0, 0.0, 0.0))  # long ago
    with pytest.raises(TimeoutError, match="position of the stage could not be read"):
        table.bench.stage.position_um()
    table.stage.fails = ""
    assert not table.scan("scan_line").interrupted and table.bench.stage.position_um()[0] == pytest.approx(13.002)


def test_the_twin_stands_where_the_real_stage_does():
    placed = []
    twin = SimpleNamespace(limits_um=((0, 12.0), (0, 100.0), (0, 20.0)), place=lambda *where: placed.append(where))
    stage = FollowedStage(Stage(), followed_by(twin))
    assert stage.move(30, 40, 5)
    assert placed == [(12.0, pytest.approx(40.002), pytest.approx(5.002))]


def test_acquisitions_samples_and_cables_are_remembered(tmp_path):
    first = BenchMemory(tmp_path / "memory.json")
    sample = DeclaredSample(SampleOptions(), memory=first)
    sample.mount("film 12")
    first.keep("wiring", "hbt")
    assert [first.next_acquisition() for _ in range(3)] == [1, 2, 3]
    again = BenchMemory(tmp_path / "memory.json")
    assert again.next_acquisition() == 4 and again.get("wiring") == "hbt"
    assert DeclaredSample(SampleOptions(), memory=again).mounted == "film 12"
    (tmp_path / "memory.json").write_text('{"acquisitions": "3"}')
    with pytest.raises(ValueError, match="does not hold the memory of a bench"):
        BenchMemory(tmp_path / "memory.json")


def test_samples_are_what_the_operator_says(tmp_path):
    any_name = DeclaredSample(SampleOptions(), memory=BenchMemory(tmp_path / "a.json"))
    with pytest.raises(ValueError, match="without spaces around it"):
        any_name.mount(" film")
    some = DeclaredSample(SampleOptions(names=("A", "B")), memory=BenchMemory(tmp_path / "b.json"))
    with pytest.raises(ValueError, match="there are A, B"):
        some.mount("C")
    assert some.check()[0].found == "nobody has said"
