"""The checklist: every instrument is looked at, whatever becomes of the others; what failed is not passed over."""

import io
import json
from types import SimpleNamespace

import pytest

from devices.iocs import checklist
from devices.iocs.__main__ import main
from devices.iocs.config import ConfigError, read
from devices.iocs.drivers.counting.spad_units import SpadUnit
from devices.iocs.drivers.finding import Finding
from devices.iocs.supervisor import only_one
from lab.bench_check import last_check
from tests.conftest import house

UNITS = {"perovskite": SpadUnit(dark_cps=20, dead_time_ns=43), "qd": SpadUnit(dark_cps=50, dead_time_ns=50)}
REAL = {
    "stage": {"driver": "pi_gcs"},
    "shutter": {"driver": "sc10"},
    "pulsed_laser": {"driver": "epl450"},
    "timeharp": {"driver": "timeharp200"},
    "spads": {"driver": "serial_counter"},
}


class Instrument:
    """Says what it is told to say."""

    wiring, counters, sync_hz, is_lit = "raster", None, 2e6, False

    def __init__(self, name: str):
        self.name, self.closed = name, False

    def check(self):
        return [Finding("identity", "ok", f"the {self.name}")]

    def sync_rate_hz(self):
        return self.sync_hz

    def rates(self):
        return {"perovskite": 21.0, "qd": 49.0}

    def is_open(self):
        return self.is_lit

    def close(self):
        self.closed = True


@pytest.fixture
def bench(tmp_path, monkeypatch):
    """A lab of such instruments: `run()` returns the exit code and what was told."""
    made = {name: Instrument(name) for name in REAL}
    config = read(house(tmp_path))
    chosen = {name: SimpleNamespace(backend="driver", options=options) for name, options in REAL.items()}
    instruments = SimpleNamespace(**{**vars(config.instruments), **chosen})
    config = SimpleNamespace(**{**vars(config), "instruments": instruments})
    options = {"pulsed_laser": SimpleNamespace(repetition_hz=2e6), "spads": SimpleNamespace(units=UNITS)}
    monkeypatch.setattr(checklist, "real", lambda config: tuple(REAL))
    monkeypatch.setattr(checklist, "driver_for", lambda config, name, folder, **more: made[name])
    monkeypatch.setattr(checklist, "options_for", lambda config, name: options[name])
    monkeypatch.setattr(checklist, "DARK_S", 0.0)

    def run(known_delay=None):
        told: list[str] = []
        code = checklist.checked(
            SimpleNamespace(folder=config.folders.run, known_delay=known_delay), config, told.append
        )
        return code, "".join(told)

    return SimpleNamespace(made=made, config=config, run=run)


def test_what_is_right_is_told_saved_and_left(bench):
    code, told = bench.run()
    saved = json.loads(next((bench.config.folders.data / "checks").iterdir()).read_text())
    assert code == 0 and "stage              ok         identity: the stage" in told
    assert saved["drivers"] == {name: options["driver"] for name, options in REAL.items()}
    assert saved["ok"] == sum(one["state"] == "ok" for one in saved["findings"]) == 8
    assert "9 ok" not in told and "8 ok, 2 unverified, 0 failed" in told
    assert all(one.closed for one in bench.made.values())


def test_an_instrument_that_is_away_fails_and_the_others_are_looked_at(bench):
    def away():
        raise ConnectionError("COM3: cannot be opened")

    bench.made["stage"].check = away
    code, told = bench.run()
    assert code == 1 and "stage              failed     connection: COM3: cannot be opened" in told
    assert "the timeharp" in told and "1 failed" in told


@pytest.mark.parametrize(
    ("sync_hz", "wiring", "state"),
    [
        (2e6 + 2000, "raster", "ok"),
        (2e6 + 2200, "raster", "failed"),
        (0.0, "raster", "failed"),
        (5e6, "raster", "failed"),
        (900.0, "hbt", "unverified"),
    ],
)
def test_the_sync_rate_judges_the_declared_one(bench, sync_hz, wiring, state):
    card = bench.made["timeharp"]
    card.sync_hz, card.wiring = sync_hz, wiring
    found = checklist.sync(card, SimpleNamespace(repetition_hz=2e6))
    assert found.state == state and bool(found.to_do) == (state != "ok")


def test_which_way_the_card_counts_is_found_with_the_operator_or_by_the_offset(bench, monkeypatch):
    asked = []

    def check_orientation(delay_ns, wait=None):
        asked.append((delay_ns, wait is not None))
        if wait:
            wait("make the cable longer")
        return Finding("orientation", "ok", "blocks run reversed")

    bench.made["timeharp"].check_orientation = check_orientation
    monkeypatch.setattr("sys.stdin", io.StringIO("\n\n"))
    _, told = bench.run(12.0)
    assert "let attenuated laser pulses" in told and "make the cable longer; then press Enter" in told
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    assert "orientation: blocks run reversed" in bench.run(12.0)[1]
    assert asked == [(12.0, True), (12.0, False)]


def test_darkness_is_judged_in_the_dark_only(bench):
    bench.made["shutter"].is_lit = True
    _, told = bench.run()
    assert "dark counts of the qd SPAD: 49 cps under light" in told and "close the shutter and check again" in told


def test_the_ports_are_left_to_running_iocs(bench):
    folder = bench.config.folders.run
    folder.mkdir(parents=True)
    with only_one(folder), pytest.raises(ConfigError, match=r"already run .* stop them, then check"):
        bench.run()
    assert bench.run()[0] == 0


def test_the_last_list_goes_into_the_runs(bench):
    assert last_check(bench.config) == {}
    bench.run()
    bench.made["stage"].check = lambda: [Finding("travel", "failed", "0 um", "look")]
    bench.run()
    (bench.config.folders.data / "checks" / "zzz.json").write_text("{half")
    told = last_check(bench.config)
    assert told["failed"] == 1 and told["unverified"] == 2 and told["file"].endswith("Z.json") and told["time"]


def test_a_simulated_lab_is_ready(tmp_path, capsys):
    assert main(["--config", str(house(tmp_path)), "--check"]) == 0
    assert capsys.readouterr().out == "12 instruments: ready\n"
