"""A bench under light that neither flickers nor expires."""

import math
from dataclasses import dataclass

import numpy as np
import pytest

from devices.iocs.twin import preset as presets
from devices.iocs.twin.beam import BeamState
from devices.iocs.twin.bench import Bench
from devices.iocs.twin.clock import Clock


@dataclass
class SteadyBeam:
    """Stands in for a BeamReader: whatever state the test says."""

    state: BeamState

    def read(self):
        return self.state


def light(**changes):
    """A lit beam, with changes."""
    lit = {
        "shutter_open": True,
        "interlock_closed": True,
        "pulsed_on": True,
        "repetition_hz": 2e6,
        "pulsed_w_cm2": 50.0,
        "hold_until": 1.0,
        "read_s": 0.5,
    }
    return BeamState(**{**lit, **changes})


def continuous(w_cm2=2500.0, **changes):
    """A beam of the continuous laser alone, with changes."""
    return light(**{"pulsed_on": False, "cw_on": True, "cw_w_cm2": w_cm2, **changes})


def share_light(bench):
    """Light of the dots on both counters."""
    bench.filters.set("perovskite", "FBH650-40+655/15")
    bench.filters.set("splitter", "50:50")


def go_to(bench, dot):
    """Bring a dot of the mounted sample into focus, as it lies now."""
    place, train = bench.dots().emitters[dot], bench._train
    aim = train.stage.at_um[:2]
    for _ in range(3):
        seen = train.view(np.array([aim]), np.array([bench.clock.now_s]), np.zeros(1), np.zeros(1)).scene_um[0]
        aim = aim + np.array([place["x_um"], place["y_um"]]) - seen
    bench.stage.place(*aim, 10.0)


@pytest.fixture
def rng():
    return np.random.default_rng(20220414)


@pytest.fixture(scope="session")
def preset_file(tmp_path_factory):
    """Write a preset that differs from a built-in one; returns the loaded preset."""
    folder = tmp_path_factory.mktemp("presets")

    def write(text, name="changed"):
        path = folder / f"{name}.toml"
        path.write_text(text)
        return presets.load(path)

    return write


@pytest.fixture(scope="session")
def make_bench():
    """A bench with a settable beam as `bench.beam`."""

    def make(preset="A", *, seed=1, speed=math.inf, truth=None, memory=None, state=None, **changes):
        preset = presets.load(preset) if isinstance(preset, str) else preset
        beam = SteadyBeam(state or light(**changes))
        bench = Bench(preset, seed=seed, clock=Clock(speed), beam=beam, truth=truth, memory=memory)
        bench.beam = beam
        return bench

    return make
