"""Frozen dataclasses from TOML, refused with the file, the key, the value and what is allowed."""

from __future__ import annotations

import math
import tomllib
from dataclasses import MISSING, Field, field, fields, is_dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar, get_args, get_type_hints

T = TypeVar("T")


class PresetError(ValueError):
    """A preset that cannot be used; the message names file, key, value and what is allowed."""


def number(low: float, high: float) -> Any:
    """A field holding one number in low..high."""
    return field(metadata={"low": low, "high": high})


numbers = number  # a field holding several numbers, each in low..high; the type says how many


def one_of(*choices: str) -> Any:
    """A field holding one of some words."""
    return field(metadata={"choices": choices})


def text() -> Any:
    """A field holding any words."""
    return field(metadata={"choices": ()})


def read_toml(path: Path) -> dict:
    """The tables of a TOML file; PresetError if it is unreadable or half-written."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise PresetError(f"{path}: cannot be read ({error.strerror})") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise PresetError(f"{path}: not complete TOML: {error}") from error


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
    """A dataclass from a table, its nested dataclasses from nested tables."""
    if not isinstance(table, dict):
        raise PresetError(f"{path}: {prefix or 'the file'} = {table!r}: it must be a table")
    hints = get_type_hints(cls)
    known = {item.name: item for item in fields(cls)}  # type: ignore[arg-type]
    for key in table:
        if key not in known:
            nearest = get_close_matches(key, known, n=1, cutoff=0)
            raise PresetError(f"{path}: unknown key {_dotted(prefix, key)}; did you mean {nearest[0]}?")
    values = {}
    for name, item in known.items():
        key = _dotted(prefix, name)
        if name not in table:
            if item.default is not MISSING:
                continue
            raise PresetError(f"{path}: missing key {key}; {_allowed(hints[name], item)}")
        values[name] = _value(hints[name], item, table[name], path, key)
    return cls(**values)


def _value(kind: Any, item: Field, given: Any, path: Path, key: str) -> Any:
    if is_dataclass(kind):
        return build(kind, given, path, key)  # type: ignore[arg-type]
    try:
        return _plain(kind, item, given)
    except (ValueError, TypeError):
        raise PresetError(f"{path}: {key} = {given!r}: {_allowed(kind, item)}") from None


def _plain(kind: Any, item: Field, given: Any) -> Any:
    """`given` as the plain type `kind`; ValueError if it does not fit."""
    if kind is str:
        choices = item.metadata["choices"]
        if not isinstance(given, str) or not given or (choices and given not in choices):
            raise ValueError(given)
        return given
    if kind in (int, float):
        whole = isinstance(given, int) and not isinstance(given, bool)
        if not (whole or (kind is float and isinstance(given, float) and math.isfinite(given))):
            raise ValueError(given)
        if not item.metadata["low"] <= given <= item.metadata["high"]:
            raise ValueError(given)
        return kind(given)
    kinds = get_args(kind)
    if not isinstance(given, list) or (kinds[-1] is not Ellipsis and len(given) != len(kinds)):
        raise ValueError(given)
    return tuple(_plain(kinds[0], item, one) for one in given)


def _allowed(kind: Any, item: Field) -> str:
    if is_dataclass(kind):
        return f"allowed is a table with {', '.join(one.name for one in fields(kind))}"
    if kind is str:
        return f"allowed is {' or '.join(map(repr, item.metadata['choices'])) or 'text'}"
    low, high = item.metadata["low"], item.metadata["high"]
    kinds = get_args(kind)
    if not kinds:
        return f"allowed is {'a whole number' if kind is int else 'a number'} in {low:g}..{high:g}"
    count = "any number of" if kinds[-1] is Ellipsis else str(len(kinds))
    return f"allowed is a list of {count} {'whole ' if kinds[0] is int else ''}numbers in {low:g}..{high:g}"


def _dotted(prefix: str, name: str) -> str:
    return f"{prefix}.{name}" if prefix else name
