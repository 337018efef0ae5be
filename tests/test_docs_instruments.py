"""The pages on real instruments: every option as its driver has it, every table of lab.toml as the lab takes it."""

import dataclasses
import math
import re
import tomllib
import types
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import pytest

from devices.iocs.backing import check_backends, options_for
from devices.iocs.config import read
from devices.iocs.drivers.pi_options import LineOptions
from devices.iocs.drivers.spad_units import SpadUnit
from devices.iocs.drivers.table import DRIVERS
from devices.iocs.drivers.wheel import WheelPort
from devices.iocs.mixes import real
from tests.conftest import HOUSE, house

WAY = HOUSE / "docs/how-to/from-twin-to-bench.md"
PAGES = [*sorted((HOUSE / "docs/reference/instruments").glob("*.md")), HOUSE / "docs/how-to/fluoracle.md", WAY]
CLASSES: dict[str, Any] = {name: driver for drivers in DRIVERS.values() for name, driver in drivers.items()}
OF_TABLES = {"lines": LineOptions, "wheels": WheelPort, "units": SpadUnit}
PLAIN = {str: "text", Path: "path", int: "whole number", float: "number", bool: "true or false"}
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
    words = {"must be given": dataclasses.MISSING, "none": None}
    return words[cell] if cell in words else tomllib.loads(f"x = {cell.strip('`')}")["x"]


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


def tables(page: Path) -> list[str]:
    """The pieces of lab.toml on a page, one for each instrument."""
    blocks = re.findall(r"^```toml\n(.*?)^```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    return [one for block in blocks for one in re.split(r"^(?=\[instruments\.\w+\]$)", block, flags=re.MULTILINE) if one]


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
        for number, piece in enumerate(pieces):
            text += "\n" + re.sub(
                r"^(\w*\s*= *|.*corrections = )'([^']*)'", lambda found: found[1] + given(found[2], number), piece,
                flags=re.MULTILINE,
            )  # fmt: skip
        file.write_text(text)
        return read(file)

    def given(name: str, number: int) -> str:
        there = tmp_path / f"{number} {Path(name.replace(chr(92), '/')).name}"
        there.write_text("measured_cps,factor\n600000,1.03\n")
        return f'"{there}"'

    return put


@pytest.mark.parametrize("page", PAGES[:-1], ids=lambda page: page.stem)
def test_the_examples_are_taken(page, lab):
    pieces = tables(page)
    assert pieces
    for piece in pieces:
        name = told_in(piece)
        assert options_for(lab(piece), name)


def test_the_way_is_a_lab_at_every_step(lab):
    steps = re.split(r"^## ", WAY.read_text(encoding="utf-8"), flags=re.MULTILINE)
    there: dict[str, str] = {}
    seen = []
    for step in steps:
        blocks = re.findall(r"^```toml\n(.*?)^```", step, re.DOTALL | re.MULTILINE)
        if blocks:
            pieces = re.split(r"^(?=\[instruments\.\w+\]$)", "".join(blocks), flags=re.MULTILINE)
            there |= {told_in(piece): piece for piece in pieces if piece.strip()}
            seen.append(set(there))
    assert len(seen) >= 4 and math.inf > len(seen[-1]) == 9
    config = None
    for names in seen:
        config = lab(*(there[name] for name in names))
        check_backends(config)
        assert set(real(config)) == names
