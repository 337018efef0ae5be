"""Which light may fall on what: the table of lasers, beamsplitter and filters that go together.

A pairing is a permission. What no pairing names does not shine: a laser behind the wrong filter ends in a detector.
"""

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from hmac import compare_digest
from typing import Any

LASERS = ("pulsed", "cw")
PLACES = ("splitter", "perovskite", "qd")
KEYS = f"laser ({' or '.join(LASERS)}), {', '.join(PLACES)} (lists of names), max_w_cm2 (a number above 0)"


@dataclass(frozen=True)
class Optics:
    """What stands in the detection, as the bench tells it; `boot` is new whenever the bench was started."""

    boot: str
    splitter: str
    perovskite: str
    qd: str
    moving: bool = False
    measuring: bool = False

    def __str__(self) -> str:
        return ", ".join(f"{place} {getattr(self, place)!r}" for place in PLACES)

    def as_text(self, **more: str) -> str:
        """One line of JSON."""
        return json.dumps(asdict(self) | more)


@dataclass(frozen=True)
class Pairing:
    """One laser and the positions of splitter and filters behind which it may shine, up to an intensity."""

    laser: str
    splitter: tuple[str, ...]
    perovskite: tuple[str, ...]
    qd: tuple[str, ...]
    max_w_cm2: float = math.inf

    def fits(self, optics: Optics) -> bool:
        return all(getattr(optics, place) in getattr(self, place) for place in PLACES)

    def __str__(self) -> str:
        places = ", ".join(f"{place} {' or '.join(map(repr, getattr(self, place)))}" for place in PLACES)
        return places if math.isinf(self.max_w_cm2) else f"{places} up to {self.max_w_cm2:g} W/cm2"


_BOTH, _GREEN, _RED, _SCATTER = ("dichroic", "50:50"), ("532/10+OD1", "532/10"), ("FBH650-40+655/15",), ("scatter",)

# What the plans of this house use. Laser light itself reaches a SPAD only from the pulsed laser, and only attenuated.
USUAL = (
    Pairing("pulsed", _BOTH, (*_GREEN, *_RED), _RED),
    Pairing("pulsed", _BOTH, _SCATTER, _SCATTER, 1000.0),
    Pairing("cw", _BOTH, (*_GREEN, *_RED), _RED),
)


def objection(table: Iterable[Pairing], optics: Optics, shining: Mapping[str, float]) -> str:
    """Why the shutter must be closed with these lasers on (W/cm2 by name); empty if there is no reason.

    >>> optics = Optics("", "dichroic", "scatter", "scatter")
    >>> objection(USUAL, optics, {"pulsed": 50.0}), objection(USUAL, optics, {})
    ('', 'no laser is on: put the Emission of one to on first')
    >>> objection(USUAL, optics, {"pulsed": 5000.0})
    "pulsed at 5000 W/cm2: at most 1000 with splitter 'dichroic', perovskite 'scatter', qd 'scatter'; take less"
    """
    if not shining:
        return "no laser is on: put the Emission of one to on first"
    if len(shining) > 1:
        return f"{' and '.join(sorted(shining))} are both on: one laser at a time, put the other on standby"
    if optics.moving:
        return "a filter or the splitter moves: wait until it stands"
    (laser, w_cm2), = shining.items()  # fmt: skip
    allowed = [pairing for pairing in table if pairing.laser == laser]
    fitting = [pairing for pairing in allowed if pairing.fits(optics)]
    if not fitting:
        instead = "; or ".join(map(str, allowed)) or "nothing"
        return f"{laser} must not shine with {optics}; allowed: {instead}. Set the filters, or [[pairing]] in lab.toml"
    if w_cm2 > (most := max(pairing.max_w_cm2 for pairing in fitting)):
        return f"{laser} at {w_cm2:g} W/cm2: at most {most:g} with {optics}; take less"
    return ""


def read_optics(told: str, key: str) -> Optics:
    """What the bench told, if it knows the key; ValueError if it does not, or tells anything else.

    key : of this lab's link from the bench; empty: anybody may tell
    """
    try:
        words = json.loads(told)
        given = words.pop("key", "")
        optics = Optics(**words)
        right = all(isinstance(getattr(optics, one.name), one.type) for one in fields(Optics))
    except (ValueError, TypeError, AttributeError):
        raise ValueError("only the bench process tells what stands in the detection") from None
    if not (right and isinstance(given, str) and compare_digest(given.encode(), key.encode())):
        raise ValueError("only the bench process of this lab, with its key, tells what stands in the detection")
    return optics


def read_pairings(tables: Any) -> tuple[Pairing, ...]:
    """The tables [[pairing]] of lab.toml; ValueError naming what no pairing has."""
    if not (isinstance(tables, list) and tables):
        raise ValueError(f"is {tables!r}: write one [[pairing]] or more, or leave it out for the usual ones")
    return tuple(_pairing(number, table) for number, table in enumerate(tables, 1))


def _pairing(number: int, table: Any) -> Pairing:
    known = {one.name for one in fields(Pairing)}
    if not isinstance(table, dict) or set(table) - known or (known - {"max_w_cm2"}) - set(table):
        raise ValueError(f"number {number} is {table!r}: each [[pairing]] has {KEYS}")
    words = {place: table[place] for place in PLACES}
    if table["laser"] not in LASERS:
        raise ValueError(f"number {number}: laser = {table['laser']!r}; allowed: {', '.join(LASERS)}")
    for place, names in words.items():
        if not (isinstance(names, list) and names and all(isinstance(name, str) and name for name in names)):
            raise ValueError(f"number {number}: {place} = {names!r}; allowed: a list of names")
    most = table.get("max_w_cm2", math.inf)
    if isinstance(most, bool) or not isinstance(most, int | float) or not most > 0:
        raise ValueError(f"number {number}: max_w_cm2 = {most!r}; allowed: a number above 0")
    return Pairing(table["laser"], *(tuple(words[place]) for place in PLACES), float(most))  # pyright: ignore[reportCallIssue]
