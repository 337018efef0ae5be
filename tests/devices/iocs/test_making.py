"""Benches as lab.toml describes them: the twin's, real ones, and the twin behind real instruments."""

import re
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from devices.iocs.beam import BeamReader
from devices.iocs.config import ConfigError, Microscope, read
from devices.iocs.drivers.memory import BenchMemory
from devices.iocs.drivers.wires.wire_log import WireLog
from devices.iocs.making import BEAM, benches, cabled, make_light
from devices.iocs.twin.bench import Bench
from tests.conftest import house
from tests.emulators.pi import PiController
from tests.emulators.wires import on_tcp


@pytest.fixture(autouse=True)
def nothing_is_written_down(monkeypatch):
    monkeypatch.setattr("devices.iocs.backing.wire_log", lambda folder, name: WireLog(None))


def options(folder):
    told = {"preset": "A", "seed": 3, "speed": float("inf"), "truth": None, "folder": folder / "run", "only": "bench"}
    return SimpleNamespace(**told)


def lab(folder, **drivers: str):
    file = house(folder)
    text = file.read_text()
    for name, driver in drivers.items():
        text = re.sub(rf"^{name} = .*$", f'{name} = {{backend = "driver", {driver}}}', text, flags=re.MULTILINE)
    file.write_text(text)
    return read(file)


def test_a_simulated_lab_has_the_bench_of_the_twin(tmp_path):
    bench, fs5 = benches(options(tmp_path), lab(tmp_path))
    assert isinstance(bench, Bench) and fs5 is bench.spectrofluorometer


def test_the_twin_looks_where_the_real_stage_stands(tmp_path):
    controller = PiController(servo_on=True)
    with on_tcp(controller) as served:
        stage = f'driver = "pi_gcs", port = "{served.url}"'
        bench, _ = benches(options(tmp_path), lab(tmp_path, stage=stage))
        try:
            bench.greet()
            line = {"dwell_s": 0.01, "settle_s": 0.0, "acquisition": bench.next_acquisition(), "index": 0}
            block = bench.scan_line(np.array([20.0, 30.0]), np.array([40.0, 40.0]), **line)
            assert block.x_um == pytest.approx([20, 30]) and not block.interrupted
            assert bench.card._train.stage.at_um[:2] == pytest.approx((30, 40))
            assert block.histograms.shape == (2, 2, 4096) and block.lit.tolist() == [0, 0]
            assert bench.samples and bench.mounted == "A"
        finally:
            bench.close()


def test_an_instrument_that_is_away_is_named_before_anything_is_served(tmp_path):
    bench, _ = benches(options(tmp_path), lab(tmp_path, stage='driver = "pi_gcs", port = "socket://127.0.0.1:9"'))
    with pytest.raises(ConnectionError, match=r"socket://127\.0\.0\.1:9"):
        bench.greet()
    bench.close()


def test_a_real_light_begins_dark_and_with_what_is_declared(tmp_path):
    drivers = {
        "pulsed_laser": 'driver = "epl450", w_cm2 = 40, repetition_hz = 1e6',
        "cw_laser": 'driver = "manual", w_cm2 = 900',
        "shutter": 'driver = "sc10", port = "none", open_reads = 1, interlock = "hardware"',
    }
    _, pulsed, cw = make_light(options(tmp_path), lab(tmp_path, **drivers))
    assert (pulsed.declared_w_cm2, cw.declared_w_cm2, pulsed.boot_rate_hz) == (40, 900, 1e6)
    assert pulsed.highest_w_cm2 == 40 and not BeamReader(tmp_path / "run" / BEAM).read().lit
    drivers["shutter"] = drivers["shutter"].replace(', interlock = "hardware"', "")
    with pytest.raises(ConfigError, match=r"instruments\.shutter\.interlock"):
        make_light(options(tmp_path), lab(tmp_path / "b", **drivers))


def test_cables_are_as_the_operator_said_last_unless_the_file_changed(tmp_path):
    config, memory = lab(tmp_path), BenchMemory(tmp_path / "memory.json")
    assert cabled(memory, config) == "raster"
    memory.keep("wiring", "hbt")
    assert cabled(BenchMemory(tmp_path / "memory.json"), config) == "hbt"
    assert cabled(memory, replace(config, microscope=Microscope(wiring="clock"))) == "clock"
