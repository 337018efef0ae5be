"""A bench whose every count is known, and its IOC groups without a network."""

import asyncio
import contextlib
from types import SimpleNamespace

import numpy as np
from caproto import SkipWrite

from analysis.formats.histograms import HistogramRows
from devices.iocs import table
from devices.iocs.backends import Illumination

N_CHANNELS, MAX_RECORDS = 256, 1000


class FakeFilters:
    positions = {  # noqa: RUF012
        "perovskite": ("532/10+OD1", "FBH650-40+655/15"),
        "qd": ("FBH650-40+655/15",),
        "splitter": ("dichroic", "50:50"),
    }

    def __init__(self):
        self.at = {place: names[0] for place, names in self.positions.items()}

    def set(self, place: str, position: str):
        self.at[place] = position

    def get(self, place: str) -> str:
        return self.at[place]


class FakeBench:
    """Each acquisition is told by its index; `wait_s` is how long one takes, `cps` what both SPADs see."""

    samples, mounted, wait_s, cps, overrun = ("A",), "A", 0.0, 1000.0, False
    light, elapsed_s = Illumination(), 1.0

    def __init__(self):
        self.at_um = (0.0, 0.0, 0.0)
        self.stage = SimpleNamespace(limits_um=[(0, 100)] * 3, position_um=lambda: self.at_um, move=self.move)
        self.filters = FakeFilters()
        self.rates_cps = {"perovskite": 10.0, "qd": 10.0}
        self.spads = SimpleNamespace(rates=self.rates, dark_cps={"perovskite": 10.0, "qd": 50.0})
        self.counters = SimpleNamespace(dead_time_ns=(43.0, 50.0), acquire=self.count)
        self.card = SimpleNamespace(
            serial="0815",
            base_resolution_ps=36.0,
            n_channels=N_CHANNELS,
            max_records=MAX_RECORDS,
            range_codes=range(6),
            range_code=2,
            bin_width_ns=0.144,
            wiring="raster",
            configure=lambda code, offset_ns: offset_ns,
            sync_rate_hz=lambda stop: 2e6,
            acquire=self.integrate,
            acquire_hbt=self.pairs,
            acquire_records=self.records,
        )
        self.acquisitions, self.finished, self.visited = 0, [], []

    def next_acquisition(self) -> int:
        self.acquisitions += 1
        return self.acquisitions

    def finish_acquisition(self, acquisition: int):
        self.finished.append(acquisition)

    def mount(self, name: str):
        self.mounted = name

    def illumination(self) -> Illumination:
        return self.light

    def rates(self) -> dict[str, float]:
        return self.rates_cps

    def move(self, x_um, y_um, z_um, stop=None) -> bool:
        self.at_um = (x_um, y_um, z_um)
        return True

    def block(self, stop, **data):
        interrupted = stop.wait(self.wait_s) if stop else False
        facts = {"lit_fraction": 1.0, "started_s": 7.0, "elapsed_s": self.elapsed_s, "interrupted": interrupted}
        return SimpleNamespace(**facts, overflow=np.zeros(2, bool), **data)

    def integrate(self, tacq_s, *, acquisition, index, stop=None):
        return self.block(stop, histograms=np.full((2, N_CHANNELS), index, np.uint16))

    def pairs(self, tacq_s, *, n_bins, acquisition, index, stop=None):
        counts = np.full((n_bins, 2), round(self.cps * tacq_s / n_bins))
        return self.block(stop, histogram=np.full(N_CHANNELS, index, np.uint16), counts=counts)

    def records(self, tacq_s, *, acquisition, index, stop=None):
        found = np.arange(1, 1 + (900 if index == 0 else 10 * index), dtype=np.uint32)
        return self.block(stop, records=found, counts=np.array([len(found), 0]), overrun=self.overrun)

    def count(self, n_bins, bin_s, *, acquisition, index, stop=None):
        return self.block(stop, counts=np.full((n_bins, 2), round(self.cps * bin_s) + index))

    def scan_line(self, x_um, y_um, *, dwell_s, settle_s, acquisition, index, stop=None, on_pixel=None):
        histograms = np.zeros((len(x_um), 2, N_CHANNELS), np.uint16)
        histograms[:, :, 0] = self.seen(x_um, y_um)
        return self.block(stop, histograms=histograms, lit=np.ones(len(x_um)), x_um=x_um, y_um=y_um)

    def scan_counts(self, x_um, y_um, *, dwell_s, settle_s, acquisition, index, stop=None, on_pixel=None):
        return self.block(stop, counts=self.seen(x_um, y_um), lit=np.ones(len(x_um)), x_um=x_um, y_um=y_um)

    def seen(self, x_um, y_um) -> np.ndarray:
        """Counts that tell where the pixel is: 10 an um of x in the first route, of y in the second."""
        self.visited.append(np.column_stack([x_um, y_um]))
        return np.rint(np.column_stack([x_um, y_um]) * 10).astype(int)


def ioc(folder, bench, *, wiring: str = "raster"):
    """The groups by name, started; what they ask of the light is noted in `told`."""
    told: list[str] = []

    async def put(self, name, value):
        if name != "Optics":
            told.append(f"{name}={value}")

    link = type("Link", (table.LightLink,), {"put": put})
    original, table.LightLink = table.LightLink, link
    try:
        groups = table.table_groups("t:", bench, SimpleNamespace(), raw_folder=folder, wiring=wiring, delay_ns=120.0)
    finally:
        table.LightLink = original
    return SimpleNamespace(**{group.prefix[2:-1]: group for group in groups}, told=told)


def run(folder, steps, *, bench=None, wiring: str = "raster"):
    """Run the coroutine function `steps(ioc, bench)` on started groups; what it returns."""
    bench = FakeBench() if bench is None else bench

    async def main():
        groups = ioc(folder, bench, wiring=wiring)
        starts = [getattr(groups, name).pvdb[f"t:{name}:{pv}"].server_startup for name, pv in STARTUPS]
        tasks = [asyncio.create_task(start(None)) for start in starts]
        await asyncio.sleep(0.05)
        try:
            return await steps(groups, bench)
        finally:
            await groups.timeharp.close_file()
            await groups.counters.close_file()
            for task in tasks:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task

    return asyncio.run(main())


STARTUPS = [("timeharp", "Serial"), ("counters", "DeadTime"), ("filters", "Perovskite:Positions")]


async def refusal(group, pv, value) -> str:
    """Why a put is refused; fails if it is not."""
    before = pv.value
    with contextlib.suppress(SkipWrite):
        await pv.write(value)
    assert group.error.value, f"{value!r} was taken"
    assert pv.value == before
    return group.error.value


async def while_running(act, then):
    """Begin `act`, give it a moment, do `then`, wait for both."""
    task = asyncio.create_task(quietly(act))
    await asyncio.sleep(0.1)
    await then
    await task


async def quietly(act):
    with contextlib.suppress(SkipWrite):
        await act


def rows(path: str, dataset: str) -> HistogramRows:
    """A dataset of a file, as the analysis reads it."""
    return HistogramRows({"uri": f"file://localhost{path}", "parameters": {"dataset": dataset}})
