"""A microscope without hardware: its signals, and a bench of one emitter that answers the messages of a plan."""

import math
from dataclasses import dataclass, field

import numpy as np
from bluesky.simulators import RunEngineSimulator
from bluesky.utils import Msg
from ophyd import Component as Cpt
from ophyd import Device, Signal

from devices.estimates import Antibunching, Field, Intermittency, Target


class Limited(Signal):
    """A soft signal with limits."""

    def __init__(self, *args, limits=(0.0, 0.0), **kwargs):
        super().__init__(*args, **kwargs)
        self._limits = limits

    @property
    def limits(self):
        return self._limits


def told(value=0.0, low=0.0, high=0.0):
    return Cpt(Limited, value=value, limits=(low, high))


class Shutter(Device):
    state, interlock, latch, reason = told("closed"), told("closed"), told(""), told("")


class Laser(Device):
    emission, wavelength, repetition = told("standby"), told(561.0), told(2e6)
    intensity = told(2500.0, 0.0, 50_000.0)


class Piezo(Device):
    x, y, z = told(50.0, 0.0, 100.0), told(50.0, 0.0, 100.0), told(10.0, 0.0, 20.0)


class Filters(Device):
    perovskite, qd, splitter = told("532/10+OD1"), told("FBH650-40+655/15"), told("dichroic")
    perovskite_positions = told("532/10+OD1\nFBH650-40+655/15\nscatter")
    qd_positions, splitter_positions = told("FBH650-40+655/15\nscatter"), told("dichroic\n50:50")


class Holder(Device):
    mounted, available = told("single"), told("single\nhalide_qds")


class Spads(Device):
    overload = told("")


class Exposure(Device):
    budget = told(0.0)


class Card(Device):
    mode, wiring, boot_id, delay = told("point"), told("hbt"), told("boot"), told(120.0)
    base_resolution, range_codes, range_code, offset = told(36.0), told("0\n1\n2\n3\n4\n5"), told(2), told(0.0)
    integration_time, overflow, coincidences = told(1.0, 1e-3, 36_000.0), told(0), told(5000)
    read_sync, sync_rate, max_records, lit, overrun, elapsed = (
        told(0),
        told(2e6),
        told(1000),
        told(1.0),
        told(0),
        told(1.0),
    )
    counts = Cpt(Signal, value=[0, 0])


class Counters(Device):
    n_bins, bin_width, dead_time = told(1000, 1, 1_000_000), told(1e-3, 1e-5, 400.0), Cpt(Signal, value=[40.0, 40.0])
    lit, elapsed, most_bins = told(1.0), told(1.0), told("")
    counts = Cpt(Signal, value=[0, 0])


class Scanner(Device):
    counting, pattern, snake, settle, dwell = told("histograms"), told("lines"), told("no"), told(0.0), told(0.005)
    x_centre, y_centre, x_extent, y_extent = told(50.0), told(50.0), told(10.0), told(10.0)
    nx, ny, n_scans, line, lit, started, elapsed = told(9), told(9), told(1), told(0), told(1.0), told(0.0), told(0.5)
    perovskite_counts, qd_counts = Cpt(Signal, value=[0] * 81), Cpt(Signal, value=[0] * 81)


class FakeMicroscope(Device):
    shutter, pulsed, cw, piezo = Cpt(Shutter, ""), Cpt(Laser, ""), Cpt(Laser, ""), Cpt(Piezo, "")
    filters, sample, spads, exposure = Cpt(Filters, ""), Cpt(Holder, ""), Cpt(Spads, ""), Cpt(Exposure, "")
    timeharp, counters, scanner = Cpt(Card, ""), Cpt(Counters, ""), Cpt(Scanner, "")
    g2, blinking, field, target = Cpt(Antibunching, ""), Cpt(Intermittency, ""), Cpt(Field, ""), Cpt(Target, "")
    irf_uid, irf_bin_width_ns, irf_period_ns, irf_boot_id = told("irf"), told(0.144), told(500.0), told("boot")
    time_zero_uid, time_zero_boot_id = told("zero"), told("boot")
    time_zero_ns, time_zero_err_ns, pair_sigma_ns = told(120.1), told(0.01), told(0.4)
    emitters = None
    samples = {"single": {}, "halide_qds": {}}  # noqa: RUF012


AT = (40.0, 60.0)


def microscope_without_hardware() -> FakeMicroscope:
    """With the names that the real one has."""
    device = FakeMicroscope("", name="microscope")
    for _, part in device.walk_subdevices(include_lazy=True):
        part.name = part.name.removeprefix("microscope_")
    for item in device.walk_signals(include_lazy=True):
        item.item.name = item.item.name.removeprefix("microscope_")
    return device


class OneEmitter:
    """A registry that knows one emitter."""

    def __init__(self):
        self.told, self.brightness = [], {}

    def where(self, emitter):
        if emitter != "single-003":
            raise LookupError(f"there is no emitter {emitter!r}")
        return AT

    def __contains__(self, emitter):
        return emitter == "single-003"

    def near(self, sample, at_um, within_um=0.3):
        return "single-003" if math.dist(at_um, AT) < within_um else ""

    def seen(self, emitter, x_um, y_um, err_um, **brightness):
        self.told.append((emitter, x_um, y_um, err_um))
        self.brightness |= brightness


class TwoEmitters(OneEmitter):
    """A registry that knows another one, 0.6 um further along x."""

    def near(self, sample, at_um, within_um=0.3):
        other = math.dist(at_um, (AT[0] + 0.6, AT[1])) < within_um
        return "single-004" if other else super().near(sample, at_um, within_um)


@dataclass
class Bench:
    """One emitter at (x_um, y_um), each number after the light it has had: `lit_s` seconds in the focus.

    bleaches_s : seconds of light; jumps_s, jump_um : when and how far it moves along x
    neighbour_um : how far along y another one is, as bright, that lives for ever; 0: there is none
    estimate : numbers of `microscope.g2` and `.blinking` after so many seconds of light
    """

    microscope: FakeMicroscope
    x_um: float = 40.03
    y_um: float = 60.02
    rate_cps: float = 90_000.0
    background_cps: float = 10_000.0
    bleaches_s: float = math.inf
    jumps_s: float = math.inf
    jump_um: float = 0.0
    neighbour_um: float = 0.0
    estimate: dict = field(default_factory=dict)
    lit_s: float = 0.0
    time_s: float = 0.0
    messages: list[Msg] = field(default_factory=list)

    def run(self, plan):
        """All messages of a plan, answered; what the plan returns."""
        simulator = RunEngineSimulator()
        simulator.add_handler("read", lambda msg: msg.obj.read())
        simulator.add_handler("open_run", lambda msg: "uid")
        simulator.add_handler("set", self.set)
        simulator.add_handler("trigger", self.trigger)
        self.messages = simulator.simulate_plan(plan)
        return simulator.return_value

    def set(self, msg: Msg):
        microscope, value = self.microscope, msg.args[0]
        if msg.obj is microscope.shutter:
            microscope.shutter.state.put(value)
        elif msg.obj is microscope.scanner:
            self.patch()
        elif msg.obj is microscope.timeharp:
            self.count(microscope.timeharp, microscope.timeharp.integration_time.get())
        elif msg.obj is microscope.counters:
            self.count(microscope.counters, microscope.counters.n_bins.get() * microscope.counters.bin_width.get())
        elif isinstance(value, dict):
            msg.obj.set(value)
        else:
            msg.obj.put(value)

    def here_um(self):
        return self.x_um + (self.jump_um if self.lit_s >= self.jumps_s else 0.0), self.y_um

    def signal_cps(self, x_um, y_um):
        away = (np.asarray(x_um) - self.here_um()[0]) ** 2 + (np.asarray(y_um) - self.here_um()[1]) ** 2
        own = (self.lit_s < self.bleaches_s) * self.rate_cps * np.exp(-4 * math.log(2) * away / 0.24**2)
        if not self.neighbour_um:
            return own
        off = (np.asarray(x_um) - self.here_um()[0]) ** 2
        off = off + (np.asarray(y_um) - self.here_um()[1] - self.neighbour_um) ** 2
        return own + self.rate_cps * np.exp(-4 * math.log(2) * off / 0.24**2)

    def patch(self):
        scanner = self.microscope.scanner
        steps = np.arange(9) - 4
        x = scanner.x_centre.get() + steps * scanner.x_extent.get() / 9
        y = scanner.y_centre.get() + steps * scanner.y_extent.get() / 9
        counts = (self.signal_cps(x[None, :], y[:, None]) + self.background_cps) * scanner.dwell.get()
        image = np.rint(np.random.default_rng(int(self.time_s * 1e3)).poisson(counts)).astype(int).ravel()
        scanner.perovskite_counts.put((image // 2).tolist())
        scanner.qd_counts.put((image - image // 2).tolist())
        self.time_s += 0.5
        scanner.started.put(self.time_s)

    def count(self, instrument, seconds):
        piezo = self.microscope.piezo
        signal = float(self.signal_cps(piezo.x.get(), piezo.y.get()))
        total = (signal + self.background_cps) * seconds
        instrument.counts.put([total / 2, total / 2])
        self.lit_s += seconds
        self.time_s += seconds

    def trigger(self, msg: Msg):
        if msg.obj is self.microscope.g2:
            tau_err_ns = 4.0 / math.sqrt(max(self.lit_s, 0.1))
            msg.obj.update(
                {"tau_ns": 17.7, "tau_err_ns": tau_err_ns, "identified": 1, "live_s": self.lit_s, **self.estimate}
            )
        elif msg.obj is self.microscope.blinking:
            msg.obj.update({"live_s": self.lit_s, "on_fraction": 0.98})

    def events(self, stream):
        """How many Events went into a stream."""
        return sum(msg.command == "create" and msg.kwargs["name"] == stream for msg in self.messages)

    @property
    def start(self):
        return next(msg.kwargs for msg in self.messages if msg.command == "open_run")
