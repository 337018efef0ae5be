"""Frozen dataclasses from TOML, refused with the file, the key, the value and what is allowed."""

from __future__ import annotations

import math
import tomllib
from dataclasses import dataclass, fields, is_dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar, get_args, get_type_hints

T = TypeVar("T")


class PresetError(ValueError):
    """A preset that cannot be used; the message names file, key, value and what is allowed."""


@dataclass(frozen=True)
class Within:
    """The rule of a number, or of each of several numbers."""

    low: float
    high: float

    def __str__(self) -> str:
        return f"in {self.low:g}..{self.high:g}"


@dataclass(frozen=True)
class OneOf:
    """The rule of a word; without choices, any word."""

    choices: tuple[str, ...] = ()

    def __str__(self) -> str:
        return " or ".join(map(repr, self.choices)) or "text"


def read_toml(path: Path) -> dict:
    """The tables of a TOML file; PresetError if it is unreadable or half-written."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise PresetError(f"{path}: cannot be read ({error.strerror})") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise PresetError(f"{path}: not complete TOML: {error}; correct that line") from error


def overlay(base: dict, own: dict) -> dict:
    """The tables of `base` with those of `own` laid over them, key by key.

    >>> overlay({"a": {"b": 1, "c": 2}}, {"a": {"c": 3}})
    {'a': {'b': 1, 'c': 3}}
    """
    merged = dict(base)
    for key, value in own.items():
        both = isinstance(value, dict) and isinstance(base.get(key), dict)
        merged[key] = overlay(base[key], value) if both else value
    return merged


def build(cls: type[T], table: Any, path: Path, prefix: str = "") -> T:
    """A dataclass from a table; fields are nested dataclasses or `Annotated` with their rule."""
    if not isinstance(table, dict):
        raise PresetError(f"{path}: {prefix or 'the file'} = {table!r}: it must be a table")
    hints = get_type_hints(cls, include_extras=True)
    for key in table:
        if key not in hints:
            nearest = get_close_matches(key, hints, n=1, cutoff=0)
            raise PresetError(f"{path}: unknown key {_dotted(prefix, key)}; did you mean {nearest[0]}?")
    values = {}
    for name, hint in hints.items():
        key = _dotted(prefix, name)
        if name not in table:
            raise PresetError(f"{path}: missing key {key}; allowed is {_allowed(hint)}")
        values[name] = _value(hint, table[name], path, key)
    return cls(**values)


def _value(hint: Any, given: Any, path: Path, key: str) -> Any:
    if is_dataclass(hint):
        return build(hint, given, path, key)  # type: ignore[arg-type]
    kind, rule = get_args(hint)
    try:
        return _plain(kind, rule, given)
    except ValueError:
        raise PresetError(f"{path}: {key} = {given!r}: allowed is {_allowed(hint)}") from None


def _plain(kind: Any, rule: Any, given: Any) -> Any:
    """`given` as the plain type `kind`; ValueError if it does not fit."""
    if kind is str:
        if not isinstance(given, str) or not given or (rule.choices and given not in rule.choices):
            raise ValueError(given)
        return given
    if kind in (int, float):
        whole = isinstance(given, int) and not isinstance(given, bool)
        if not (whole or (kind is float and isinstance(given, float) and math.isfinite(given))):
            raise ValueError(given)
        if not rule.low <= given <= rule.high:
            raise ValueError(given)
        return kind(given)
    kinds = get_args(kind)
    if not isinstance(given, list) or (kinds[-1] is not Ellipsis and len(given) != len(kinds)):
        raise ValueError(given)
    return tuple(_plain(kinds[0], rule, one) for one in given)


def _allowed(hint: Any) -> str:
    if is_dataclass(hint):
        return f"a table with {', '.join(one.name for one in fields(hint))}"
    kind, rule = get_args(hint)
    kinds = get_args(kind)
    if kind is str:
        return str(rule)
    if not kinds:
        return f"{'a whole number' if kind is int else 'a number'} {rule}"
    count = "any number of" if kinds[-1] is Ellipsis else str(len(kinds))
    if get_args(kinds[0]):
        return f"a list of {count} lists of {len(get_args(kinds[0]))} numbers {rule}"
    return f"a list of {count} {'whole ' if kinds[0] is int else ''}numbers {rule}"


def _dotted(prefix: str, name: str) -> str:
    return f"{prefix}.{name}" if prefix else name
