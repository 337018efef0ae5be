"""A whole lab of emulated instruments around one twin: its photons come through the wires and the card's library."""

import contextlib
import os
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from devices.iocs.beam import HOLD_S, BeamReader, BeamState
from devices.iocs.twin import preset as presets
from devices.iocs.twin.bench import Bench
from devices.iocs.twin.clock import Clock
from devices.iocs.twin.light import TwinLight
from devices.iocs.twin.preset import ROUTES
from devices.iocs.twin.spads import clicked_cps
from tests.conftest import house
from tests.emulators import gate_counter
from tests.emulators.cobolt import CoboltEmulator
from tests.emulators.cw import shine_of
from tests.emulators.fw102c import Fw102cEmulator
from tests.emulators.gate_counter import GateCounter
from tests.emulators.pi import PiController
from tests.emulators.sc10 import Sc10Emulator
from tests.emulators.thlib.feed import Feed, build
from tests.emulators.wires import TcpEmulator, on_pty, on_tcp

W_CM2_PER_MW, PULSED_W_CM2, COUNTER_SPEED = 500.0, 50.0, 5.0


class Held(BeamReader):
    """A shutter without a spring: it stays open by itself."""

    def read(self) -> BeamState:
        state = super().read()
        return replace(state, hold_until=state.read_s + HOLD_S)


def warm(preset: Any, seed: int, beam: BeamReader):
    """Compile what measures, or the emulators would be silent meanwhile."""
    card = Bench(preset, seed=seed, clock=Clock(), beam=beam).card
    for wiring, acquire in (("raster", card.acquire), ("clock", card.acquire_records)):
        card.wiring = wiring
        acquire(0.01, acquisition=1, index=0)
    card.wiring = "hbt"
    card.acquire_hbt(0.01, n_bins=2, acquisition=1, index=0)


class Sample:
    """The twin's bench and light, one caller at a time."""

    def __init__(self, folder: Path, preset: str, seed: int):
        first, *others = (presets.load(name) for name in preset.split(","))
        self.light = TwinLight(folder / "beam.bin", first.instrument.laser)
        beam = Held(folder / "beam.bin")
        warm(first, seed, beam)
        self.bench = Bench(first, others=others, seed=seed, clock=Clock(), beam=beam, truth=folder / "truth.json")
        self.turn, self.rng, self.cps = threading.RLock(), np.random.default_rng(seed), np.zeros(len(ROUTES))
        self.pulse(on=True)

    def pulse(self, *, on: bool):
        """The key of the pulsed laser."""
        self.light.pulsed(on, 2e6, PULSED_W_CM2)

    def cable(self, wiring: str):
        self.bench.card.wiring = wiring

    def gates(self, n: int, gate_s: float) -> np.ndarray:
        """(n, 2) clicks in gates at the present spot; as before, while the card keeps the twin busy."""
        if self.turn.acquire(blocking=False):
            try:
                self.cps = clicked_cps(self.bench.spads._train)
            finally:
                self.turn.release()
        return self.rng.poisson(self.cps * gate_s, (n, 2))

    def close(self):
        self.bench.close()
        self.light.close()


class Taking:
    """Any of the twin's instruments, one caller at a time."""

    def __init__(self, instrument: Any, turn: threading.RLock):
        self.instrument, self.turn = instrument, turn

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.instrument, name)
        if not callable(found):
            return found

        def in_turn(*what, **how):
            with self.turn:
                return found(*what, **how)

        return in_turn


@dataclass
class WheelOf(Fw102cEmulator):
    """A wheel whose filter stands in the twin's detection."""

    filters: Any = None
    place: str = ""

    def position(self) -> int:
        at = super().position()
        self.filters.set(self.place, self.filters.positions[self.place][at - 1])
        return at


@dataclass
class EmulatedLab:
    """config : the lab.toml that names every port; the rest are the instruments, for mischief and assertions."""

    config: Path
    sample: Sample
    stage: PiController
    stage_cable: TcpEmulator
    laser: CoboltEmulator
    shutter: Sc10Emulator
    wheels: dict[str, WheelOf]
    counter: GateCounter
    feed: Feed


class RatedFeed(Feed):
    """A meter that hears what the SPADs hear."""

    def answer(self, line, link):
        if line == ["rate", "cfd"]:
            heard = clicked_cps(self.card.instrument._train)
            return b"%d\n" % round(heard[0] if self.card.wiring == "hbt" else sum(heard))
        return super().answer(line, link)


@contextlib.contextmanager
def rated(card: Any) -> Iterator[RatedFeed]:
    """A feed, and the variable by which every library that is loaded meanwhile finds it."""
    feed = RatedFeed(card)
    os.environ["EMULATED_FEED"] = str(feed.port)
    try:
        yield feed
    finally:
        del os.environ["EMULATED_FEED"]
        feed.close()


@contextlib.contextmanager
def emulated_lab(folder: Path, *, preset: str = "A", seed: int = 1, prefix: str = "wire:") -> Iterator[EmulatedLab]:
    """Every instrument on a wire of its own, and the file of the lab that uses them."""
    (folder / "sample").mkdir(parents=True)
    with contextlib.ExitStack() as stack:
        sample = Sample(folder / "sample", preset, seed)
        stack.callback(sample.close)
        wheels = {place: wheel(sample, place) for place in (*ROUTES, "splitter")}
        stage = PiController(stage=Taking(sample.bench.stage, sample.turn), servo_on=True)
        laser = CoboltEmulator(shine=shine_of(sample.light, W_CM2_PER_MW))
        shutter = Sc10Emulator(open_shutter=sample.light.open_shutter, close_shutter=sample.light.close_shutter)
        counter = GateCounter(sample.gates, speed=COUNTER_SPEED)
        card = Taking(sample.bench.card, sample.turn)
        ports = {f"{place}_port": stack.enter_context(on_pty(one)) for place, one in wheels.items()}
        ports |= {"laser": stack.enter_context(on_pty(laser)), "shutter": stack.enter_context(on_pty(shutter))}
        cable = stack.enter_context(on_tcp(stage))
        ports |= {"stage": cable.url}
        ports |= {"counter": stack.enter_context(gate_counter.on_tcp(counter)), "library": str(build(folder))}
        feed = stack.enter_context(rated(card))
        ports |= {"exports": str(folder)}
        config = house(folder / "house", prefix=prefix)
        config.write_text(with_drivers(config.read_text(), ports, sample))
        yield EmulatedLab(config, sample, stage, cable, laser, shutter, wheels, counter, feed)


def wheel(sample: Sample, place: str) -> WheelOf:
    return WheelOf(filters=sample.bench.filters, place=place)


def with_drivers(text: str, ports: dict[str, str], sample: Sample) -> str:
    """lab.toml with a driver for each instrument of the microscope."""
    instrument, names = sample.bench.preset.instrument, sample.bench.filters.positions
    units = ", ".join(
        f"{route} = {{dark_cps = {spad.dark_cps}, dead_time_ns = {spad.dead_time_ns}}}"
        for route, spad in zip(ROUTES, sample.bench.spads._train.spads, strict=True)
    )
    wheels = ", ".join(
        f'{place} = {{port = "{ports[f"{place}_port"]}", positions = {list(names[place])}}}' for place in names
    )
    drivers = {
        "stage": f'driver = "pi_gcs", port = "{ports["stage"]}", idn = "E-727"',
        "pulsed_laser": f'driver = "epl450", w_cm2 = {PULSED_W_CM2}, repetition_hz = {instrument.laser.repetition_hz}',
        "cw_laser": f'driver = "cobolt", port = "{ports["laser"]}", w_cm2_per_mw = {W_CM2_PER_MW}, max_mw = 50',
        "shutter": f'driver = "sc10", port = "{ports["shutter"]}", open_reads = 1',
        "filters": f'driver = "fw102c", wheels = {{{wheels}}}',
        "spads": f'driver = "serial_counter", port = "{ports["counter"]}", latency_ms = 6, units = {{{units}}}',
        "timeharp": f'driver = "timeharp200", library = "{ports["library"]}", block_is = "reversed", cfd_mv = 80, '
        "zero_cross_mv = 20, sync_level_mv = -100",
        "sample": 'driver = "declared"',
        "spectrofluorometer": f'driver = "fluoracle", folder = "{ports["exports"]}"',
    }
    for name, options in drivers.items():
        table = f'{name} = {{backend = "driver", {options}}}'.replace("'", '"')
        text = re.sub(rf"^{name} = .*$", table, text, flags=re.MULTILINE)
    return text
