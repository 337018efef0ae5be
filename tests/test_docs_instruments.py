"""The pages on real instruments: every option as its driver has it, every table of lab.toml as the lab takes it.

And the worked example of a new one, as it stands.
"""

import dataclasses
import re
import tomllib
import types
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import pytest

from devices.iocs.backing import check_backends, options_for
from devices.iocs.config import read
from devices.iocs.drivers.counting.spad_units import SpadUnit
from devices.iocs.drivers.options import read_options
from devices.iocs.drivers.piezo.pi_options import LineOptions
from devices.iocs.drivers.table import DRIVERS
from devices.iocs.drivers.wheels.wheel import WheelPort
from devices.iocs.mixes import real
from tests.conftest import HOUSE, house
from tests.test_docs import run

ADD = HOUSE / "docs/how-to/add-an-instrument.md"
WAY = HOUSE / "docs/how-to/from-twin-to-bench.md"
PAGES = [*sorted((HOUSE / "docs/reference/instruments").glob("*.md")), HOUSE / "docs/how-to/fluoracle.md", WAY]
CLASSES: dict[str, Any] = {name: driver for drivers in DRIVERS.values() for name, driver in drivers.items()}
OF_TABLES = {"lines": LineOptions, "wheels": WheelPort, "units": SpadUnit}
PLAIN = {str: "text", Path: "path", int: "whole number", float: "number", bool: "true or false"}
IMPORTS = """
import asyncio
import math
import re
from dataclasses import dataclass
from typing import Any, Protocol

import pytest
from caproto.server import pvproperty

from devices.iocs.drivers.finding import Finding
from devices.iocs.drivers.table import DRIVERS, Driver
from devices.iocs.drivers.wires.wire import BadReplyError, Wire, WireError
from devices.iocs.drivers.wires.wire_log import WireLog
from devices.iocs.instrument import InstrumentIOC, Refused, guarded
from devices.iocs.twin.clock import Clock
from devices.signals import Instrument, reading, setting
from tests.emulators.wires import Emulator, Mischief, on_tcp

DRIVERS = dict(DRIVERS)
ROOM_C, TIME_CONSTANT_S, READOUT_PERIOD_S = 20.0, 60.0, 1.0
"""
ROW = re.compile(r"^\| `(\w+)` \| ([^|]*) \| ([^|]*) \| ([^|]*) \|$", re.MULTILINE)


def documented() -> dict[str, dict[str, tuple[str, str, str]]]:
    """By driver: option, and its type, default and meaning, from all tables below headings that name the driver."""
    found: dict[str, dict[str, tuple[str, str, str]]] = {}
    for page in PAGES:
        for section in re.split(r"^##+ ", page.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]:
            heading, _, text = section.partition("\n")
            rows = {name: (kind, default, meaning) for name, kind, default, meaning in ROW.findall(text)}
            for name in re.findall(r'`"?(\w+)"?`', heading) if rows else []:
                assert not found.setdefault(name, {}).keys() & rows.keys(), f"{name} has an option twice"
                found[name] |= rows
    return found


def kind_of(hint: Any) -> str:
    """The type of an option, as the pages call it."""
    if get_origin(hint) in (Union, types.UnionType):
        return kind_of(next(one for one in get_args(hint) if one is not type(None)))
    if get_origin(hint) is Literal:
        return " or ".join(f'`"{one}"`' for one in get_args(hint))
    if dataclasses.is_dataclass(hint) or get_origin(hint) in (dict, Mapping):
        return "table"
    return PLAIN.get(hint, "list")


def plain(value: Any) -> Any:
    """A default as TOML holds it."""
    if dataclasses.is_dataclass(value):
        return {}
    if isinstance(value, Mapping):
        return dict(value)
    return list(value) if isinstance(value, tuple | list) else value


def default_of(cell: str) -> Any:
    """A cell of the column default, read as TOML."""
    words, bare = {"must be given": dataclasses.MISSING, "none": None}, cell.strip("`")
    return words[bare] if bare in words else tomllib.loads(f"x = {bare}")["x"]


def test_every_driver_has_its_options_on_a_page():
    assert set(documented()) == CLASSES.keys() | OF_TABLES.keys()


@pytest.mark.parametrize("name", [*CLASSES, *OF_TABLES])
def test_the_pages_tell_every_option_as_it_is(name):
    cls = OF_TABLES.get(name) or CLASSES[name].options
    hints, told = get_type_hints(cls), documented()[name]
    assert set(told) == {one.name for one in dataclasses.fields(cls)}
    for one in dataclasses.fields(cls):
        kind, default, meaning = told[one.name]
        factory = one.default_factory
        truth = one.default if factory is dataclasses.MISSING else factory()
        assert (kind, default_of(default)) == (kind_of(hints[one.name]), plain(truth)), one.name
        assert len(meaning) > 10, one.name


def tables(text: str) -> list[str]:
    """The pieces of lab.toml in a text, one for each instrument."""
    blocks = re.findall(r"^```toml\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    pieces = re.split(r"^(?=\[instruments\.\w+\]$)", "".join(blocks), flags=re.MULTILINE)
    return [piece for piece in pieces if piece.startswith("[instruments.")]


def told_in(piece: str) -> str:
    """Which instrument a piece is for."""
    (name,) = tomllib.loads(piece)["instruments"]
    return name


@pytest.fixture
def lab(tmp_path):
    """Writes pieces into a lab.toml of the twin; the files they name are there."""
    file = house(tmp_path)
    twin = file.read_text()

    def put(*pieces: str):
        text = twin
        for piece in pieces:
            text = re.sub(rf"^{told_in(piece)} = .*$", "", text, flags=re.MULTILINE)
            text += "\n" + re.sub(r"'([^'\n]*)'", given, piece)
        file.write_text(text)
        return read(file)

    def given(found: re.Match) -> str:
        there = tmp_path / Path(found[1].replace("\\", "/")).name
        there.write_text("measured_cps,factor\n600000,1.03\n")
        return f'"{there}"'

    return put


@pytest.mark.parametrize("page", [*PAGES[:-1], HOUSE / "docs/reference/configuration.md"], ids=lambda page: page.stem)
def test_the_examples_are_taken(page, lab):
    pieces = tables(page.read_text(encoding="utf-8"))
    assert pieces
    for piece in pieces:
        assert options_for(lab(piece), told_in(piece))


def test_the_way_is_a_lab_at_every_step(lab):
    there: dict[str, str] = {}
    seen = []
    for step in re.split(r"^## ", WAY.read_text(encoding="utf-8"), flags=re.MULTILINE):
        if pieces := tables(step):
            there |= {told_in(piece): piece for piece in pieces}
            config = lab(*there.values())
            check_backends(config)
            assert set(real(config)) == there.keys()
            seen.append(len(there))
    assert seen == [1, 2, 3, 6, 9]


def test_the_worked_example_of_a_new_instrument_works():
    names: dict[str, Any] = {}
    exec(IMPORTS, names)
    found = run(ADD.relative_to(HOUSE / "docs"), names)
    tests = [test for name, test in found.items() if name.startswith("test_")]
    assert len(tests) == 3
    for test in tests:
        test()
    suffixes = {part.suffix for part in found["Thermostat"]._sig_attrs.values()}
    assert {f"t:{suffix}" for suffix in suffixes} <= set(found["ThermostatIOC"]("t:", thermostat=None).pvdb)
    row = found["DRIVERS"]["thermostat"]["tc100"]
    assert {row.options_name, row.class_name} <= found.keys()
    (piece,) = tables(ADD.read_text(encoding="utf-8"))
    table = tomllib.loads(piece)["instruments"]["thermostat"]
    assert table.pop("backend") == "driver" and table.pop("driver") == "tc100"
    assert read_options(found["Tc100Options"], table, key="k", what="tc100", house=HOUSE).port == "COM9"
    with found["on_tcp"](found["Tc100Emulator"](twin=found["TwinThermostat"](found["Clock"]()))) as served:
        driver = found["Tc100"](found["Tc100Options"](served.url))
        assert [finding.state for finding in driver.check()] == ["unverified", "unverified"]
        driver.close()
