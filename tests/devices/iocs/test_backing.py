"""What lab.toml may say of drivers: every mistake is named with file, key, value and what to do."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest

from devices.iocs.backing import check_backends, driver_for, options_for, twin_facts
from devices.iocs.config import ConfigError, read
from devices.iocs.drivers.options import read_options
from devices.iocs.mixes import ports_of
from tests.conftest import house

UNITS = "units = {perovskite = {dark_cps = 20, dead_time_ns = 43}, qd = {dark_cps = 50, dead_time_ns = 50}}"
DRIVERS = {
    "stage": 'driver = "pi_gcs", port = "COM3", baudrate = 115200',
    "pulsed_laser": 'driver = "epl450", w_cm2 = 50',
    "cw_laser": 'driver = "cobolt", port = "COM4", w_cm2_per_mw = 100, max_mw = 50',
    "shutter": 'driver = "sc10", port = "COM5", open_reads = 1',
    "filters": 'driver = "fw102c", manual = {perovskite = "532/10", qd = "scatter", splitter = "dichroic"}',
    "spads": f'driver = "serial_counter", port = "COM6", {UNITS}',
    "timeharp": 'driver = "timeharp200", library = "%s", block_is = "reversed", cfd_mv = 80, zero_cross_mv = 20, '
    "sync_level_mv = -100",
    "sample": 'driver = "declared"',
}
LIGHT, DETECTION = ("pulsed_laser", "cw_laser", "shutter"), ("spads", "timeharp", "sample")


@pytest.fixture
def lab(tmp_path):
    """The file of a lab with drivers for those instruments; `changed` are other options of some of them."""
    library = tmp_path / "THLib.dll"
    library.write_bytes(b"")

    def written(*names: str, **changed: str):
        file = house(tmp_path)
        text = file.read_text()
        for name in {*names, *changed}:
            options = changed.get(name, DRIVERS.get(name, "")).replace("%s", str(library))
            text = re.sub(rf"^{name} = .*$", f'{name} = {{backend = "driver", {options}}}', text, flags=re.MULTILINE)
        file.write_text(text)
        return read(file)

    return written


@pytest.mark.parametrize(
    "names", [(), ("stage",), ("stage", "filters"), LIGHT, (*DETECTION, "filters"), tuple(DRIVERS)]
)
def test_a_lab_may_be_real_or_mixed_or_simulated(lab, names):
    check_backends(lab(*names))


def test_what_is_simulated_is_told(lab):
    config = lab(*DRIVERS, spectrofluorometer='driver = "fluoracle", folder = "exports"')
    assert twin_facts(config, "A", 1) is False


def test_what_is_still_simulated_is_named(lab):
    assert twin_facts(lab(*DRIVERS), "A", 1) == {"preset": "A", "seed": 1, "instruments": ["spectrofluorometer"]}


def test_a_simulated_lab_is_told_as_ever(lab):
    assert twin_facts(lab(), "A", 1) == {"preset": "A", "seed": 1}


@pytest.mark.parametrize(
    ("names", "changed", "reason"),
    [
        ((), {"stage": 'port = "COM3"'}, r"instruments\.stage\.driver is missing; there is 'pi_gcs'"),
        ((), {"stage": 'driver = "mcl"'}, r"instruments\.stage\.driver = 'mcl'; there is 'pi_gcs'"),
        ((), {"stage": 'driver = ["pi_gcs"]'}, r"driver = \['pi_gcs'\]; there is"),
        ((), {"stage": 'driver = "pi_gcs"'}, r'stage\.port is missing: \'pi_gcs\' needs it, port = "\.\.\."'),
        ((), {"stage": 'driver = "pi_gcs", port = 3'}, r"stage\.port = 3: must be text"),
        (
            (),
            {"stage": 'driver = "pi_gcs", port = "COM3", prot = 1'},
            r"stage\.prot is no option of 'pi_gcs'; it has port",
        ),
        ((), {"stage": 'driver = "pi_gcs", port = "COM3"'}, "baudrate"),
        (LIGHT[:2], {}, r"shutter\.backend = 'twin' while .*all 'twin' or all 'driver', because a simulated shutter"),
        (("timeharp", "filters"), {}, r"spads\.backend = 'twin' while instruments\.timeharp"),
        ((*LIGHT, *DETECTION), {}, r"filters\.backend = 'twin': with real light and real SPADs"),
        (
            ("stage", *LIGHT),
            {"stage": 'driver = "pi_gcs", port = "com5", baudrate = 9600'},
            r"= 'C?O?M?c?o?m?5': .*has it",
        ),
        (
            DETECTION,
            {"spads": f'driver = "card", {UNITS.replace("dark_cps = 20, ", "")}'},
            r"units\.perovskite\.dark_cps is",
        ),
    ],
)
def test_a_mistake_is_one_sentence_that_says_what_to_do(lab, names, changed, reason):
    config = lab(*names, **changed)
    with pytest.raises(ConfigError, match=reason) as caught:
        check_backends(config)
    assert str(config.file) in str(caught.value) and "\n" not in str(caught.value)
    assert "Correct the file" in str(caught.value)


def test_a_driver_gets_its_options_and_writes_down_what_is_said(lab, tmp_path):
    config = lab("stage")
    stage = driver_for(config, "stage", tmp_path / "run")
    assert stage.options.port == "COM3" and stage.options.baudrate == 115200
    stage.wire.log.note("hello")
    assert "hello" in (tmp_path / "run" / "wires" / "stage.jsonl").read_text()
    stage.wire.log.handler.close()


def test_options_of_a_driver_are_what_its_dataclass_says(lab):
    units = options_for(lab(*DETECTION), "spads").units
    assert units["qd"].dark_cps == 50.0 and type(units["qd"].dark_cps) is float


@dataclass(frozen=True)
class Inner:
    port: str
    file: Path = Path("x")


@dataclass(frozen=True)
class Outer:
    word: Literal["a", "b"]
    pair: tuple[float, float] = (0.0, 1.0)
    names: tuple[str, ...] = ()
    inner: dict[str, Inner] = field(default_factory=dict)
    maybe: int | None = None
    on: bool = False


def outer(tmp_path, **table):
    return read_options(Outer, table, key="f: k", what="'d'", house=tmp_path)


def test_nested_tables_lists_and_folders_are_converted(tmp_path):
    told = outer(
        tmp_path, word="b", pair=[1, 2], names=["u"], inner={"q": {"port": "C", "file": "y"}}, maybe=3, on=True
    )
    assert told == Outer("b", (1.0, 2.0), ("u",), {"q": Inner("C", tmp_path / "y")}, 3, True)


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        ({"word": "c"}, r"f: k\.word = 'c': allowed: one of: 'a', 'b'"),
        ({}, r'f: k\.word is missing: \'d\' needs it, word = "a" or "b"'),
        ({"word": "a", "pair": [1]}, r"k\.pair = \[1\]: allowed: a list of 2"),
        ({"word": "a", "pair": [1, "2"]}, r"k\.pair\[1\] = '2': must be a number"),
        ({"word": "a", "pair": [1, float("nan")]}, r"k\.pair\[1\] = nan: must be a number"),
        ({"word": "a", "names": "u"}, r"k\.names = 'u': allowed: a list"),
        ({"word": "a", "inner": {"q": {}}}, r"k\.inner\.q\.port is missing"),
        ({"word": "a", "inner": {"q": 3}}, r"k\.inner\.q = 3: allowed: a table"),
        ({"word": "a", "maybe": 1.5}, r"k\.maybe = 1\.5: must be a whole number"),
        ({"word": "a", "on": 1}, r"k\.on = 1: must be true or false"),
    ],
)
def test_a_wrong_value_is_named(tmp_path, table, reason):
    with pytest.raises(ConfigError, match=reason):
        outer(tmp_path, **table)


def test_ports_are_found_wherever_they_stand():
    table = {"driver": "fw102c", "wheels": {"qd": {"port": "COM7"}, "perovskite": {"port": "COM8", "positions": []}}}
    assert dict(ports_of(table)) == {"wheels.qd.port": "COM7", "wheels.perovskite.port": "COM8"}
